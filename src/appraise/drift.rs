//! One way in which something is not as signed.

use std::fmt;
use std::sync::Arc;

use super::effect::Effect;
use super::evidence::{Observed, ObservedContent, ObservedMount};
use super::{ObservedKind, capability};
use crate::path::{Escaped, ImagePath};
use crate::tree::{Content, Mode, Origin};

/// One way in which one path is not as signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drift {
    /// The path.
    pub path: ImagePath,
    /// What changed.
    pub change: Change,
    /// How bad that is, at the least.
    pub severity: Severity,
    /// Who owns the path.
    pub owner: Owner,
    /// What the change makes possible; empty where nothing in particular.
    pub effects: Vec<Effect>,
}

/// Who owns a drifted path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// The origin that the manifest gives for it.
    Listed(Arc<Origin>),
    /// The path is not listed: the origin of the nearest directory above it that is.
    Nearest(Arc<Origin>),
    /// A runtime fact: the origin of the expectation.
    Stated(Arc<Origin>),
}

impl Owner {
    /// The origin.
    pub fn origin(&self) -> &Origin {
        match self {
            Self::Listed(origin) | Self::Nearest(origin) | Self::Stated(origin) => origin,
        }
    }
}

/// How bad a drift is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Documentation, or a mode that became stricter.
    Low,
    /// A difference that enables nothing in particular.
    Medium,
    /// Programs, libraries, services, accounts, trust: what an intruder changes to stay.
    High,
    /// Privilege for who should have none.
    Critical,
}

impl Severity {
    /// The name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// What changed at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is there and not listed.
    Added(Box<Observed>),
    /// Its bytes are others.
    Content {
        /// As signed.
        expected: Content,
        /// As observed.
        observed: ObservedContent,
    },
    /// A runtime fact that was observed there does not hold.
    Fact {
        /// Which, such as `sysctl net.ipv4.ip_forward`.
        name: String,
        /// What should be; `None`: nothing.
        expected: Option<String>,
        /// What is; `None`: nothing.
        observed: Option<String>,
    },
    /// Its hard links are others; the names are examples, not all.
    Links {
        /// How many names it has as signed.
        expected: u64,
        /// How many it has.
        observed: u64,
        /// Names that it should share its inode with and does not.
        missing: Vec<ImagePath>,
        /// Names that it shares its inode with and should not.
        extra: Vec<ImagePath>,
        /// How many names lie outside of what was looked at.
        outside: u64,
    },
    /// Its mode is another.
    Mode {
        /// As signed.
        expected: Mode,
        /// As observed.
        observed: Mode,
    },
    /// Something is mounted over it.
    Mount(Box<ObservedMount>),
    /// Its owner or group is another.
    Owner {
        /// User and group as signed.
        expected: (u32, u32),
        /// User and group as observed.
        observed: (u32, u32),
    },
    /// It is listed and not there.
    Removed,
    /// It is a symbolic link to elsewhere.
    Target {
        /// As signed.
        expected: Vec<u8>,
        /// As observed.
        observed: Vec<u8>,
    },
    /// Its type or device number is another.
    Type {
        /// As signed.
        expected: String,
        /// As observed.
        observed: String,
    },
    /// One of its extended attributes is another, gone, or new.
    Xattr {
        /// Full name, such as `security.capability`.
        name: Vec<u8>,
        /// As signed; `None`: there is none.
        expected: Option<Vec<u8>>,
        /// As observed; `None`: there is none.
        observed: Option<Vec<u8>>,
    },
}

impl Change {
    /// The name in reports.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Added(_) => "added",
            Self::Content { .. } => "content",
            Self::Fact { .. } => "fact",
            Self::Links { .. } => "links",
            Self::Mode { .. } => "mode",
            Self::Mount(_) => "mount",
            Self::Owner { .. } => "owner",
            Self::Removed => "removed",
            Self::Target { .. } => "target",
            Self::Type { .. } => "type",
            Self::Xattr { .. } => "xattr",
        }
    }

    /// What was signed and what was observed, as text; `None` where there is nothing.
    pub fn values(&self) -> (Option<String>, Option<String>) {
        match self {
            Self::Added(observed) => (None, Some(describe(observed))),
            Self::Content { expected, observed } => (
                Some(format!(
                    "{} bytes, sha256 {}",
                    expected.size, expected.digest
                )),
                Some(match observed.digest {
                    Some(digest) => format!("{} bytes, sha256 {digest}", observed.size),
                    None => format!("{} bytes", observed.size),
                }),
            ),
            Self::Fact {
                expected, observed, ..
            } => (expected.clone(), observed.clone()),
            Self::Links {
                expected,
                observed,
                missing,
                extra,
                outside,
            } => (
                Some(names(*expected, missing, 0)),
                Some(names(*observed, extra, *outside)),
            ),
            Self::Mode { expected, observed } => {
                (Some(expected.to_string()), Some(observed.to_string()))
            }
            Self::Mount(mount) => (None, Some(mount.to_string())),
            Self::Owner { expected, observed } => (
                Some(format!("{}:{}", expected.0, expected.1)),
                Some(format!("{}:{}", observed.0, observed.1)),
            ),
            Self::Removed => (None, None),
            Self::Target { expected, observed } => (
                Some(Escaped(expected).to_string()),
                Some(Escaped(observed).to_string()),
            ),
            Self::Type { expected, observed } => (Some(expected.clone()), Some(observed.clone())),
            Self::Xattr {
                name,
                expected,
                observed,
            } => {
                let show = |value: &Option<Vec<u8>>| {
                    value
                        .as_ref()
                        .map(|value| capability::describe_xattr(name, value))
                };
                (show(expected), show(observed))
            }
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fact { name, .. } => f.write_str(name)?,
            Self::Xattr { name, .. } => write!(f, "xattr {}", Escaped(name))?,
            _ => f.write_str(self.name())?,
        }
        match self.values() {
            (None, None) => Ok(()),
            (None, Some(observed)) => write!(f, ": {observed}"),
            (Some(expected), None) => write!(f, ": {expected} -> none"),
            (Some(expected), Some(observed)) => write!(f, ": {expected} -> {observed}"),
        }
    }
}

fn describe(observed: &Observed) -> String {
    let kind = observed.kind.describe();
    let (mode, uid, gid) = (observed.mode, observed.uid, observed.gid);
    match &observed.kind {
        ObservedKind::Regular(content) => {
            let size = content.size;
            format!("{kind}, mode {mode}, owner {uid}:{gid}, {size} bytes")
        }
        ObservedKind::Symlink(target) => {
            let target = target.as_deref().unwrap_or(b"?");
            format!("{kind} to {}, owner {uid}:{gid}", Escaped(target))
        }
        _ => format!("{kind}, mode {mode}, owner {uid}:{gid}"),
    }
}

fn names(count: u64, examples: &[ImagePath], outside: u64) -> String {
    let mut text = match count {
        1 => "1 name".to_owned(),
        _ => format!("{count} names"),
    };
    for (index, path) in examples.iter().enumerate() {
        text.push_str(if index == 0 { ", with " } else { " and " });
        text.push_str(&path.to_string());
    }
    if outside > 0 {
        text.push_str(", ");
        text.push_str(&outside.to_string());
        text.push_str(" outside of what was checked");
    }
    text
}
