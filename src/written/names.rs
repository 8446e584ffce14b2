//! Names that people write: text types that only a rule lets through.

/// A text type that only a rule lets through.
macro_rules! names {
    ($($(#[$doc:meta])* $type:ident: $check:expr, $rule:literal;)*) => {
        $($(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
        pub struct $type(String);

        impl $type {
            /// The rule, for people.
            pub const RULE: &'static str = $rule;

            /// Takes a text that keeps the rule; `None` otherwise.
            pub fn new(text: &str) -> Option<Self> {
                let check: fn(&str) -> bool = $check;
                check(text).then(|| Self(text.to_owned()))
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::fmt::Debug for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{}({:?})", stringify!($type), self.0)
            }
        })*
    };
}

pub(crate) use names;

/// At most `max` bytes, of which the first and the others are as these say.
pub(crate) fn is_word(text: &str, max: usize, first: fn(u8) -> bool, rest: fn(u8) -> bool) -> bool {
    text.len() <= max
        && text
            .as_bytes()
            .split_first()
            .is_some_and(|(head, tail)| first(*head) && tail.iter().all(|byte| rest(*byte)))
}

pub(crate) fn is_lower_or_digit(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}
