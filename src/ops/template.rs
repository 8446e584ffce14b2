//! `karat template`, without printing.

use std::io;
use std::path::Path;

use crate::sys::fs;
use crate::template::{Diagnostics, Files, Template};

/// Templates and their files on this machine's disk.
#[derive(Clone, Copy, Debug)]
pub struct Disk;

impl Files for Disk {
    fn template(&self, path: &Path, cap: u64) -> io::Result<Vec<u8>> {
        fs::read(path, cap).map_err(|error| error.source)
    }

    fn beneath(&self, directory: &Path, relative: &Path, cap: u64) -> io::Result<Vec<u8>> {
        fs::read_beneath(directory, relative, cap).map_err(|error| error.source)
    }
}

/// Loads the template at `path` from disk.
///
/// # Errors
/// Everything that is wrong with it, or with what it extends.
pub fn load(path: &Path) -> Result<Template, Diagnostics> {
    crate::template::load(path, &Disk)
}
