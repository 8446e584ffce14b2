//! The rules of the packet filter, as `nft` of the image lists them.

use std::os::unix::ffi::OsStrExt as _;

use crate::appraise::fact::{Seen, source};
use crate::appraise::program::Program;
use crate::expect::fact::ruleset;
use crate::limits;
use crate::manifest::Manifest;
use crate::path::ImagePath;
use crate::sys::{fs, program};

/// Numbers alone (`-n`): names would be looked up by modules that nobody has compared.
const ARGUMENTS: [&str; 4] = ["-j", "-n", "list", "ruleset"];

/// The ruleset. It is listed by a program of the image, which is run only where it, its loader and
/// its libraries are as signed.
pub(super) fn observe(manifest: &Manifest) -> Seen<Vec<String>> {
    match nft(manifest, &ARGUMENTS) {
        Ok(bytes) => Seen::Value(bytes).parse(|bytes| {
            ruleset(&bytes).map_err(|error| format!("what {} printed: {error}", source::FIREWALL))
        }),
        Err(why) => Seen::Unreadable(why),
    }
}

/// Runs nft(8) of the image, as it was signed, with these arguments; gives what it printed.
///
/// # Errors
/// Why there is no answer, in words.
pub fn nft(manifest: &Manifest, arguments: &[&str]) -> Result<Vec<u8>, String> {
    let path = ImagePath::parse(source::FIREWALL).map_err(|error| error.to_string())?;
    let mut read = |path: &ImagePath, cap: u64| {
        let place = std::ffi::OsStr::from_bytes(path.as_bytes());
        fs::read(place, cap).map_err(|error| error.source.to_string())
    };
    let nft = Program::verify(manifest, &path, &mut read)
        .map_err(|error| format!("it was not run: {error}"))?;
    program::run(&nft, arguments, limits::RULESET_MAX)
}
