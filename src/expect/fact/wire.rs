//! Types that are one string in JSON: written by `Display`; they are read by `FromStr`.

use std::fmt::Display;

use serde::Serializer;

/// Text that breaks the rule of its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct RuleError(pub(super) &'static str);

pub(super) fn write<T: Display, S: Serializer>(value: &T, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(value)
}

/// Gives a type with `Display` and `FromStr` its form in JSON: one string.
macro_rules! one_string {
    ($($type:ty),* $(,)?) => {
        $(impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                $crate::expect::fact::wire::write(self, to)
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
