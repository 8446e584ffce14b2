//! From files and directories to a fleet.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::found::Found;
use crate::limits;
use crate::ops::template::Disk;
use crate::segment::{Fleet, Spot, check};
use crate::sys::fs::{self, IoError};
use crate::template::{self, Chartered, Diagnostics, Files, Location};

/// What a directory's demands are called.
pub const FLEET_FILE: &str = "fleet.toml";

/// A fleet, and the texts that it was read from.
#[derive(Debug)]
pub struct Loaded {
    /// The fleet.
    pub fleet: Fleet,
    templates: template::Loaded,
    charter: Chartered,
}

/// Why there is no fleet.
#[derive(Debug, thiserror::Error)]
pub enum SegmentError {
    /// A directory cannot be read.
    #[error(transparent)]
    Io(#[from] IoError),
    /// Templates, or `fleet.toml`, break rules of their own.
    #[error(transparent)]
    Template(#[from] Diagnostics),
    /// No template has a category: nothing would be checked.
    #[error("no template here has a [segment] with a category")]
    Nobody,
    /// Two directories bring demands, or more templates than the cap.
    #[error("{0}")]
    TooMuch(String),
}

/// Reads templates and the demands on them: `paths` are templates, or directories of which all
/// `*.toml` are read that state a category. Without `charter` it is the `fleet.toml` of the directory.
///
/// # Errors
/// What cannot be read, or breaks rules; no template has a category.
pub fn load(paths: &[PathBuf], charter: Option<&Path>) -> Result<Loaded, SegmentError> {
    let mut named: Vec<PathBuf> = Vec::new();
    let mut listed: Vec<PathBuf> = Vec::new();
    let mut demands: Vec<PathBuf> = Vec::new();
    for path in paths {
        if !fs::is_dir(path)? {
            named.push(path.clone());
            continue;
        }
        for name in fs::list_up_to(path, limits::FLEET_MAX)? {
            let file = path.join(&name);
            if name == FLEET_FILE {
                demands.push(file);
            } else if file.extension().is_some_and(|it| it == "toml") && !fs::is_dir(&file)? {
                listed.push(file);
            }
        }
    }
    listed.sort();
    listed.retain(|file| !named.contains(file));
    let wanted =
        |path: &Path, has_category: bool| has_category || named.iter().any(|it| it == path);
    let mut all = named.clone();
    all.extend(listed);
    if all.len() > limits::FLEET_MAX {
        let message = format!("{} templates, more than {}", all.len(), limits::FLEET_MAX);
        return Err(SegmentError::TooMuch(message));
    }
    let charter = match (charter, demands.as_slice()) {
        (Some(path), _) => Some(path),
        (None, []) => None,
        (None, [one]) => Some(one.as_path()),
        (None, [..]) => {
            let message = format!("several directories have a {FLEET_FILE}: name one by --fleet");
            return Err(SegmentError::TooMuch(message));
        }
    };
    let files = Kept::default();
    let charter = match charter {
        Some(path) => template::load_charter(path, &files)?,
        None => Chartered::default(),
    };
    let templates = template::load_all(&all, &files, &wanted)?;
    let members: Vec<_> = templates
        .templates
        .iter()
        .map(template::Template::member)
        .collect();
    if members.iter().all(|it| it.segment.category.is_none()) {
        return Err(SegmentError::Nobody);
    }
    Ok(Loaded {
        fleet: Fleet::new(members, charter.charter.clone()),
        templates,
        charter,
    })
}

impl Loaded {
    /// Everything that breaks a rule of fleets, each with its line; `day` is today.
    pub fn check(&self, day: &str) -> Vec<Found> {
        check(&self.fleet, day)
            .into_iter()
            .map(|finding| Found {
                location: self.location(&finding.spot),
                rule: finding.rule,
                message: finding.message,
                help: finding.help,
            })
            .collect()
    }

    fn location(&self, spot: &Spot) -> Location {
        match spot {
            Spot::Charter(demand, index) => self.charter.location(*demand, *index),
            Spot::Member(index, statement) => match self.templates.templates.get(*index) {
                Some(template) => self.templates.location(template, statement),
                None => Location::file(""),
            },
        }
    }
}

/// The disk, of which files that many templates bring along are read once.
#[derive(Default)]
struct Kept(RefCell<BTreeMap<(PathBuf, PathBuf), Vec<u8>>>);

impl Files for Kept {
    fn template(&self, path: &Path, cap: u64) -> io::Result<Vec<u8>> {
        Disk.template(path, cap)
    }

    fn beneath(&self, directory: &Path, relative: &Path, cap: u64) -> io::Result<Vec<u8>> {
        let key = (directory.to_owned(), relative.to_owned());
        if let Some(bytes) = self.0.borrow().get(&key)
            && u64::try_from(bytes.len()).is_ok_and(|length| length <= cap)
        {
            return Ok(bytes.clone());
        }
        let bytes = Disk.beneath(directory, relative, cap)?;
        self.0.borrow_mut().insert(key, bytes.clone());
        Ok(bytes)
    }
}
