//! The matrix: all controls, those that come with karat and those that users add.

use std::collections::{BTreeMap, BTreeSet};

use super::parse::{ControlError, parse};
use super::value::Control;
use crate::digest::Digest;
use crate::{json, limits};

/// Each file in `templates/controls/`: its name and its bytes. A test compares the list with the
/// directory.
pub const SHIPPED: &[(&str, &[u8])] = &[
    (
        "application.toml",
        include_bytes!("../../templates/controls/application.toml"),
    ),
    (
        "audit.toml",
        include_bytes!("../../templates/controls/audit.toml"),
    ),
    (
        "change.toml",
        include_bytes!("../../templates/controls/change.toml"),
    ),
    (
        "continuity.toml",
        include_bytes!("../../templates/controls/continuity.toml"),
    ),
    (
        "cryptography.toml",
        include_bytes!("../../templates/controls/cryptography.toml"),
    ),
    (
        "data.toml",
        include_bytes!("../../templates/controls/data.toml"),
    ),
    (
        "datacenter.toml",
        include_bytes!("../../templates/controls/datacenter.toml"),
    ),
    (
        "endpoints.toml",
        include_bytes!("../../templates/controls/endpoints.toml"),
    ),
    (
        "governance.toml",
        include_bytes!("../../templates/controls/governance.toml"),
    ),
    (
        "identity.toml",
        include_bytes!("../../templates/controls/identity.toml"),
    ),
    (
        "incidents.toml",
        include_bytes!("../../templates/controls/incidents.toml"),
    ),
    (
        "infrastructure.toml",
        include_bytes!("../../templates/controls/infrastructure.toml"),
    ),
    (
        "logging.toml",
        include_bytes!("../../templates/controls/logging.toml"),
    ),
    (
        "people.toml",
        include_bytes!("../../templates/controls/people.toml"),
    ),
    (
        "portability.toml",
        include_bytes!("../../templates/controls/portability.toml"),
    ),
    (
        "supply.toml",
        include_bytes!("../../templates/controls/supply.toml"),
    ),
    (
        "vulnerabilities.toml",
        include_bytes!("../../templates/controls/vulnerabilities.toml"),
    ),
];

/// All controls, by id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matrix {
    controls: BTreeMap<String, Control>,
    /// Which of them users added or replaced.
    own: BTreeSet<String>,
}

impl Matrix {
    /// The controls that come with karat.
    ///
    /// # Errors
    /// Never: a test reads them all.
    pub fn shipped() -> Result<Self, ControlError> {
        let mut matrix = Self::default();
        for (file, bytes) in SHIPPED {
            matrix.add(file, bytes)?;
        }
        matrix.own.clear();
        Ok(matrix)
    }

    /// Adds the controls of a user's file called `file`. One with the id of a control that comes with
    /// karat takes its place.
    ///
    /// # Errors
    /// The file breaks a rule, or has a control that a file of the user's had already.
    pub fn add(&mut self, file: &str, bytes: &[u8]) -> Result<(), ControlError> {
        for control in parse(file, bytes)? {
            let id = control.id.clone();
            if !self.own.insert(id.clone()) {
                return Err(ControlError::Control {
                    file: file.to_owned(),
                    control: id,
                    message: "it stands twice in the files that were given".to_owned(),
                });
            }
            self.controls.insert(id, control);
            if self.controls.len() > limits::CONTROLS_MAX {
                let file = file.to_owned();
                return Err(ControlError::TooMany { file });
            }
        }
        Ok(())
    }

    /// All controls, by id.
    pub fn controls(&self) -> impl Iterator<Item = &Control> {
        self.controls.values()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.controls.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.controls.is_empty()
    }

    /// SHA-256 of all controls as canonical JSON: what a report was made by.
    pub fn digest(&self) -> Digest {
        let controls: Vec<&Control> = self.controls().collect();
        // Text and lists of text always have a JSON form.
        Digest::of(&json::canonical(&controls).unwrap_or_default())
    }
}
