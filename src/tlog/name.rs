//! Names of keys in signed notes.

use std::fmt;

use crate::limits;
use crate::path::Escaped;

/// The name of a key in signed notes: not empty, no white space, no plus, no control characters
/// (C2SP signed-note).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NoteName(String);

/// Text that is no [`NoteName`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{}\": a name in a signed note has 1 to {} bytes, no white space and no plus",
    Escaped(.0.as_bytes()),
    limits::KEY_NAME_MAX
)]
pub struct NameError(pub String);

impl NoteName {
    /// Takes a name.
    ///
    /// # Errors
    /// It is empty, too long, or holds what no name may hold.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let refused = |letter: char| letter.is_whitespace() || letter.is_control() || letter == '+';
        if text.is_empty() || text.len() > limits::KEY_NAME_MAX || text.contains(refused) {
            return Err(NameError(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NoteName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
