//! Types that are one string in JSON: written by `Display`, read by `FromStr`.

use std::fmt::Display;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serializer};

/// Text that breaks the rule of its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct RuleError(pub(super) &'static str);

pub(super) fn write<T: Display, S: Serializer>(value: &T, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(value)
}

pub(super) fn read<'de, T, D>(from: D) -> Result<T, D::Error>
where
    T: FromStr,
    T::Err: Display,
    D: Deserializer<'de>,
{
    String::deserialize(from)?
        .parse()
        .map_err(serde::de::Error::custom)
}

/// A list of such types: all kinds of lists share the code that takes JSON apart.
pub(super) fn read_list<'de, T, D>(from: D) -> Result<Vec<T>, D::Error>
where
    T: FromStr,
    T::Err: Display,
    D: Deserializer<'de>,
{
    parsed(&Vec::deserialize(from)?).map_err(serde::de::Error::custom)
}

/// The same, of a list that may be missing.
pub(super) fn read_maybe<'de, T, D>(from: D) -> Result<Option<Vec<T>>, D::Error>
where
    T: FromStr,
    T::Err: Display,
    D: Deserializer<'de>,
{
    let texts: Option<Vec<String>> = Option::deserialize(from)?;
    texts
        .map(|texts| parsed(&texts))
        .transpose()
        .map_err(serde::de::Error::custom)
}

/// All of them, or the rule that one breaks.
pub(super) fn parsed<T: FromStr>(texts: &[String]) -> Result<Vec<T>, T::Err> {
    texts.iter().map(|text| text.parse()).collect()
}

/// Gives a type with `Display` and `FromStr` its form in JSON: one string.
macro_rules! one_string {
    ($($type:ty),* $(,)?) => {
        $(impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                $crate::expect::fact::wire::write(self, to)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                $crate::expect::fact::wire::read(from)
            }
        })*
    };
}

/// A closed set of words, or a text that a rule lets through.
macro_rules! checked_text {
    ($($(#[$doc:meta])* $type:ident: $check:expr, $rule:literal;)*) => {
        $($(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub struct $type(String);

        impl $type {
            /// The rule, for people.
            pub const RULE: &'static str = $rule;

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $type {
            type Err = $crate::expect::fact::wire::RuleError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let check: fn(&str) -> bool = $check;
                check(text)
                    .then(|| Self(text.to_owned()))
                    .ok_or($crate::expect::fact::wire::RuleError(Self::RULE))
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        one_string!($type);)*
    };
}

pub(super) use {checked_text, one_string};
