//! How far a path may differ.

use serde::{Deserialize, Serialize};

/// How far a path may differ from the manifest.
///
/// Common to all classes: a listed directory stays a directory with its mode, owner and extended
/// attributes, and what a class lets pass is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// A regular file that only grows: a listed one keeps type, mode, owner and attributes, and
    /// still starts with the listed bytes; new regular files and directories may appear.
    AppendOnly,
    /// A regular file that an instance makes once and an image never holds: host keys, machine-id.
    /// Absent in an image; on an instance a regular file of root's that nobody else may write, with
    /// the expected mode where one is given. A listed one (an empty machine-id) keeps mode, owner.
    GeneratedOnce,
    /// What a service keeps: files may come, change and go, but none with a set-id bit or a
    /// capability, and no device.
    State,
    /// Anything may appear, change and go.
    Volatile,
}

impl Class {
    /// All classes.
    pub const ALL: [Self; 4] = [
        Self::AppendOnly,
        Self::GeneratedOnce,
        Self::State,
        Self::Volatile,
    ];

    /// The name in templates, expectations and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AppendOnly => "append-only",
            Self::GeneratedOnce => "generated-once",
            Self::State => "state",
            Self::Volatile => "volatile",
        }
    }
}

impl std::fmt::Display for Class {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// Text that names no class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a class is append-only, generated-once, state or volatile")]
pub struct ClassError;

impl std::str::FromStr for Class {
    type Err = ClassError;

    fn from_str(text: &str) -> Result<Self, ClassError> {
        Self::ALL
            .into_iter()
            .find(|class| class.name() == text)
            .ok_or(ClassError)
    }
}
