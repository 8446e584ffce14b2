//! Whether a package may take over what another one brought: `Replaces` (Debian Policy 7.6.1), as
//! dpkg's `does_replace` judges it.

use super::error::StageError;
use super::extract::Deb;
use crate::deb::Architecture;
use crate::deb::relation::{self, RelationError};

/// What is needed of a package to judge.
#[derive(Debug)]
pub(super) struct Identity {
    pub(super) name: String,
    version: String,
    /// The field, as written: it is looked at only where two packages have one path.
    replaces: String,
}

impl Identity {
    pub(super) fn of(deb: &Deb) -> Self {
        Self {
            name: deb.name.clone(),
            version: deb.control.field("version").to_owned(),
            replaces: deb.control.field("replaces").to_owned(),
        }
    }

    /// Whether this package replaces `other`, where both are of `native` or `all`.
    ///
    /// Only the name counts, never one that `other` provides; and its version and architecture must
    /// be those that the relation allows.
    ///
    /// # Errors
    /// The field is malformed, or has alternatives: dpkg would not unpack such a package.
    pub(super) fn replaces(&self, other: &Self, native: &str) -> Result<bool, StageError> {
        let fail = |message: String| StageError::Relation {
            package: self.name.clone(),
            field: "Replaces".to_owned(),
            message,
        };
        let malformed = |error: RelationError| fail(error.to_string());
        let mut found = false;
        for relation in relation::parse(&self.replaces).map_err(malformed)? {
            let [one] = relation.alternatives.as_slice() else {
                return Err(fail(format!("'{relation}' has alternatives")));
            };
            // A package for `all` counts as one for the image's architecture.
            let here = one
                .qualifier
                .is_none_or(|qualifier| ["any", Architecture::ALL, native].contains(&qualifier));
            let version = one
                .constraint
                .is_none_or(|constraint| constraint.allows(&other.version));
            found |= one.name == other.name && here && version;
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(replaces: &str) -> Result<bool, StageError> {
        let identity = |name: &str, replaces: &str| Identity {
            name: name.to_owned(),
            version: "1:2-1".to_owned(),
            replaces: replaces.to_owned(),
        };
        identity("new", replaces).replaces(&identity("old", ""), "amd64")
    }

    #[test]
    fn name_version_and_architecture_must_fit() {
        for (field, expected) in [
            ("", false),
            ("old", true),
            ("other, old", true),
            ("older, ol", false),
            ("old (<< 1:2-1)", false),
            ("old (<= 1:2-1)", true),
            ("old (<< 3)", false),
            ("old (<< 1), old (= 1:2-1)", true),
            ("old:any (>= 1:2)", true),
            ("old:amd64", true),
            ("old:all", true),
            ("old:arm64", false),
        ] {
            assert_eq!(judge(field), Ok(expected), "{field}");
        }
    }

    #[test]
    fn a_malformed_field_is_named() {
        for field in [
            "old | older",
            "old (2)",
            "old (<< )",
            "../old",
            "other, OLD",
        ] {
            let error = judge(field).unwrap_err();
            assert!(
                matches!(&error, StageError::Relation { package, field, .. }
                    if package == "new" && field == "Replaces"),
                "{error}"
            );
        }
    }
}
