//! Owners and groups of files, by name or number.

use crate::harden::{Root, ViewError};
use crate::tree::Mode;
use crate::written::diagnostic::Code;
use crate::written::reader::{At, Reader};

/// A user or a group: a name of the image's own `/etc/passwd` or `/etc/group`, or a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Owner(String);

const RULE: &str = "it is a name of a-z 0-9 _ - or a number";

impl Owner {
    fn new(text: &str) -> Option<Self> {
        let plain = |byte: u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'-'
        };
        let fits = !text.is_empty() && text.len() <= 32 && text.bytes().all(plain);
        fits.then(|| Self(text.to_owned()))
    }

    /// Root.
    pub(super) fn root() -> Self {
        Self("root".to_owned())
    }

    pub(super) fn name(&self) -> &str {
        &self.0
    }

    /// The number of this user; `None` where the image has no such user.
    pub(super) fn uid(&self, root: &Root<'_>) -> Result<Option<u32>, ViewError> {
        self.number(|name| root.uid(name))
    }

    /// The number of this group; `None` where the image has no such group.
    pub(super) fn gid(&self, root: &Root<'_>) -> Result<Option<u32>, ViewError> {
        self.number(|name| root.gid(name))
    }

    fn number(
        &self,
        look: impl Fn(&str) -> Result<Option<u32>, ViewError>,
    ) -> Result<Option<u32>, ViewError> {
        // An image without accounts has root all the same.
        if self.0 == "root" {
            return Ok(Some(0));
        }
        match self.0.parse() {
            Ok(number) => Ok(Some(number)),
            Err(_) => look(&self.0),
        }
    }
}

/// Reads a user or group.
pub(super) fn owner(table: &Reader<'_>, key: &'static str) -> Option<Owner> {
    table.parsed(key, RULE, Owner::new).map(|at| at.value)
}

/// Reads a list of users or groups, any of which will do.
pub(super) fn owners(table: &Reader<'_>, key: &'static str) -> Vec<Owner> {
    let owners = table.strings(key).into_iter().filter_map(|at| {
        let owner = Owner::new(&at.value);
        if owner.is_none() {
            let message = format!("{:?} is not allowed: {RULE}", at.value);
            table.sink().report(Code::T006, &at.span, message, None);
        }
        owner
    });
    owners.collect()
}

/// Reads a mode: three or four octal digits in a string.
pub(super) fn mode(table: &Reader<'_>) -> Option<At<Mode>> {
    table.parsed(
        "mode",
        "a mode is three or four octal digits, as in \"0644\"",
        |text| {
            let digits = (3..=4).contains(&text.len())
                && text.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
            let bits = digits
                .then(|| u32::from_str_radix(text, 8).ok())
                .flatten()?;
            Mode::new(bits).ok()
        },
    )
}
