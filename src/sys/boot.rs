//! This boot of the machine.

use super::fs::{self, IoError};
use crate::appraise::BootId;

/// Where Linux says which boot this is (random(4)).
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// This boot.
///
/// # Errors
/// `/proc` is not mounted, or says something else.
pub fn id() -> Result<BootId, IoError> {
    let text = fs::read_text(BOOT_ID, 64)?;
    let id = text.trim_end_matches('\n').parse();
    id.map_err(|error| IoError::new("read", BOOT_ID, std::io::Error::other(error)))
}
