//! `karat harden`, without printing.
//!
//! | file | what |
//! |---|---|
//! | `check` | rules, or how exposed services are, on a root, an image, or results of a build |
//! | `disk` | a directory as what rules see |
//! | `live` | the values in force, where the root is the one that runs |
//! | `scap` | which rule answers a SCAP scanner's, or why none does |

mod check;
mod disk;
mod live;
mod scap;

use std::path::Path;
use std::sync::Arc;

pub use check::{CheckError, Checked, Place, Request, check, exposure};
pub use disk::Directory;
pub use scap::{Answer, Reason, Scap, ScapError};

use crate::harden::Catalogue;
use crate::template::{self, Diagnostics};

/// The rules that there are: the shipped ones, and those of a template that is named.
///
/// # Errors
/// Everything that is wrong with the template or its files of rules.
pub fn catalogue(template: Option<&Path>) -> Result<Arc<Catalogue>, Diagnostics> {
    if let Some(path) = template {
        let template = template::load(path, &super::template::Disk)?;
        if let Some(harden) = &template.harden {
            return Ok(Arc::clone(&harden.catalogue));
        }
    }
    Catalogue::shipped()
}
