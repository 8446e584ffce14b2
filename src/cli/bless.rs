//! `karat-agent bless`: remembers what this boot was verified as.

use std::path::{Path, PathBuf};

use super::agent::Options;
use super::instance::STATE;
use crate::instance::{Blessing, BlessingError, State};
use crate::limits;
use crate::path::Escaped;
use crate::sys::fs::{self, IoError};
use crate::sys::{boot, state};

/// Where the units of an image keep the report of this boot.
pub(super) const VERDICT: &str = "/run/karat/verdict.json";

/// Why a boot is not blessed.
#[derive(Debug, thiserror::Error)]
pub(super) enum BlessError {
    /// Something cannot be read or written, or is not to be believed.
    #[error("{0}")]
    Io(#[from] IoError),
    /// The report says that nothing may be remembered.
    #[error("{}: {source}; nothing is remembered", Escaped(path.as_os_str().as_encoded_bytes()))]
    Refused {
        /// The report.
        path: PathBuf,
        /// Why.
        source: BlessingError,
    },
}

/// Raises what is remembered to what the report of this boot proved; gives what to say.
pub(super) fn bless(options: &Options) -> Result<String, BlessError> {
    let verdict = options
        .verdict
        .as_deref()
        .unwrap_or_else(|| Path::new(VERDICT));
    let directory = options.state.as_deref().unwrap_or_else(|| Path::new(STATE));
    let report = fs::read_ours(verdict, limits::REPORT_MAX)?;
    let blessing = Blessing::of(&report, &boot::id()?).map_err(|source| BlessError::Refused {
        path: verdict.to_owned(),
        source,
    })?;
    let (name, serial, root) = (blessing.name(), blessing.serial(), blessing.trust_root());
    let written = state::raise(directory, |slots| {
        State::recall(slots)
            .state
            .raised(name, serial, root, blessing.log())
    })?;
    Ok(if written {
        format!(
            "blessed: nothing below serial {serial} of {name}, nor below trust root {root}, is accepted from now on"
        )
    } else {
        format!("blessed before: serial {serial} of {name}, trust root {root}, or newer")
    })
}
