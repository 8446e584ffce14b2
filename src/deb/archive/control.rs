//! `control.tar`: what a package says about itself, its scripts, its lists.

use std::collections::BTreeMap;
use std::io::Read;

use super::DebError;
use super::tar::{Entries, EntryKind};
use crate::path::ImagePath;

/// Most members that a `control.tar` may have; real ones have at most 20.
const MEMBERS_MAX: usize = 256;

/// The control part of a package.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Control {
    /// The `control` file as written.
    text: String,
    /// Fields by lower-case name, continuation lines kept with their line ends.
    fields: BTreeMap<String, String>,
    /// All other members by name.
    members: BTreeMap<String, ControlMember>,
}

/// A file of `control.tar`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlMember {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Its mode bits.
    pub mode: u32,
}

impl Control {
    pub(super) fn read(mut entries: Entries<impl Read>) -> Result<Self, DebError> {
        let mut control = Self::default();
        let mut found = false;
        while let Some(entry) = entries.next()? {
            if entry.path.is_root() {
                continue;
            }
            let name = member_name(entry.path.relative())?;
            if !matches!(entry.kind, EntryKind::Regular(_)) {
                return Err(DebError::ControlMember(name));
            }
            let mut bytes = Vec::new();
            entries
                .content()
                .read_to_end(&mut bytes)
                .map_err(|error| DebError::Compression {
                    member: "control.tar".to_owned(),
                    message: error.to_string(),
                })?;
            let mode = entry.mode;
            let repeated = if name == "control" {
                control.text = String::from_utf8(bytes)
                    .map_err(|_error| DebError::Field("it is not UTF-8".to_owned()))?;
                std::mem::replace(&mut found, true)
            } else {
                let member = ControlMember { bytes, mode };
                control.members.insert(name.clone(), member).is_some()
            };
            if repeated || control.members.len() > MEMBERS_MAX {
                return Err(DebError::ControlMember(name));
            }
        }
        if !found {
            return Err(DebError::Field("there is none".to_owned()));
        }
        control.fields = parse(&control.text)?;
        Ok(control)
    }

    /// Takes a `control` file alone.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub fn parse(text: &str) -> Result<Self, DebError> {
        Ok(Self {
            text: text.to_owned(),
            fields: parse(text)?,
            members: BTreeMap::new(),
        })
    }

    /// A field by its lower-case name; empty where there is none.
    pub fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }

    /// The `control` file as written: one stanza.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// A file of `control.tar`: `postinst`, `conffiles` …
    pub fn member(&self, name: &str) -> Option<&ControlMember> {
        self.members.get(name)
    }

    /// The paths of `conffiles` in its order, each with its flag: deb-conffiles(5).
    pub fn conffiles(&self) -> Vec<(ImagePath, Option<&str>)> {
        let bytes = self
            .member("conffiles")
            .map_or(&[][..], |member| &member.bytes);
        let text = std::str::from_utf8(bytes).unwrap_or_default();
        text.lines()
            .filter_map(|line| {
                let line = line.trim_end();
                let (flag, path) = match line.split_once(' ') {
                    Some((flag, path)) if !flag.starts_with('/') => (Some(flag), path),
                    _ => (None, line),
                };
                Some((ImagePath::parse(path).ok()?, flag))
            })
            .collect()
    }

    /// All files of `control.tar` but `control`, by name.
    pub fn members(&self) -> impl Iterator<Item = (&str, &ControlMember)> {
        self.members
            .iter()
            .map(|(name, member)| (name.as_str(), member))
    }
}

/// Names become file names in dpkg's database: letters, digits and `-` alone.
fn member_name(bytes: &[u8]) -> Result<String, DebError> {
    let name = String::from_utf8_lossy(bytes).into_owned();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    // "list" is dpkg's own: a package that brings one would say what it owns.
    if name.is_empty() || name.len() > 64 || !name.bytes().all(plain) || name == "list" {
        return Err(DebError::ControlMember(name));
    }
    Ok(name)
}

/// deb-control(5): one stanza of `Name: value` with continuation lines.
fn parse(text: &str) -> Result<BTreeMap<String, String>, DebError> {
    let mut fields: BTreeMap<String, String> = BTreeMap::new();
    let mut last: Option<String> = None;
    let mut ended = false;
    for line in text.lines() {
        if line.trim().is_empty() {
            ended = last.is_some();
            continue;
        }
        if ended {
            return Err(DebError::Field("it has more than one stanza".to_owned()));
        }
        if line.starts_with([' ', '\t']) {
            let value = last.as_ref().and_then(|name| fields.get_mut(name));
            let Some(value) = value else {
                return Err(DebError::Field(
                    "its first line continues nothing".to_owned(),
                ));
            };
            value.push('\n');
            value.push_str(line);
            continue;
        }
        let Some((name, value)) = line.split_once(':') else {
            return Err(DebError::Field(format!(
                "'{}' is no field",
                line.escape_debug()
            )));
        };
        let plain = |byte: u8| byte.is_ascii_graphic();
        if name.is_empty() || !name.bytes().all(plain) || name.starts_with(['-', '#']) {
            return Err(DebError::Field(format!(
                "'{}' is no field",
                line.escape_debug()
            )));
        }
        let name = name.to_ascii_lowercase();
        if fields
            .insert(name.clone(), value.trim().to_owned())
            .is_some()
        {
            return Err(DebError::Field(format!("'{name}' occurs twice")));
        }
        last = Some(name);
    }
    for name in ["package", "version", "architecture"] {
        if fields.get(name).is_none_or(String::is_empty) {
            return Err(DebError::Field(format!("'{name}' is missing")));
        }
    }
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_and_continuations() {
        let text = "Package: a\nVersion: 1\nArchitecture: all\nDescription: x\n y\n .\n";
        let fields = parse(text).unwrap();
        assert_eq!(fields["description"], "x\n y\n .");
    }

    #[test]
    fn malformed_stanzas_are_refused() {
        let good = "Package: a\nVersion: 1\nArchitecture: all\n";
        for text in [
            String::new(),
            format!(" x\n{good}"),
            format!("{good}\nPackage: b\n"),
            format!("{good}package: b\n"),
            format!("{good}nonsense\n"),
            format!("{good}#x: y\n"),
        ] {
            assert!(matches!(parse(&text), Err(DebError::Field(_))), "{text}");
        }
    }

    #[test]
    fn member_names_are_plain() {
        for name in ["a/b", "..", "list", "", "a.b", "a\n"] {
            assert!(member_name(name.as_bytes()).is_err(), "{name}");
        }
        assert_eq!(member_name(b"postinst"), Ok("postinst".to_owned()));
    }
}
