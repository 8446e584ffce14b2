//! Rules on a root, wherever it is.

use std::path::PathBuf;

use super::{Directory, live};
use crate::expect::{ExpectationsError, FactsError};
use crate::harden::{
    self, Catalogue, Profile, Results, ResultsError, Root, Selection, TreeView, View,
};
use crate::limits;
use crate::ops::diff::DiffError;
use crate::ops::diff::image::Image;
use crate::path::ImagePath;
use crate::progress::{Progress, Unit};
use crate::sys;
use crate::sys::clock::Stopwatch;
use crate::sys::fs::{self, IoError};
use crate::template::{self, Diagnostics};
use crate::tree::TreeError;

/// What to check, and by which rules.
#[derive(Clone, Debug)]
pub struct Request {
    /// Where it is.
    pub place: Place,
    /// A template whose `[harden]` says which rules, and which exceptions.
    pub template: Option<PathBuf>,
    /// The profile, in the place of the template's.
    pub profile: Option<Profile>,
}

/// Where a root is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A directory; `/` is the running system.
    Root(PathBuf),
    /// An EROFS image.
    Erofs(PathBuf),
    /// A tar archive.
    Tar(PathBuf),
    /// An OCI image layout.
    Oci(PathBuf),
    /// Results of a build, `.rules.json`.
    Rules(PathBuf),
}

/// What a check found.
#[derive(Clone, Debug)]
pub struct Checked {
    /// What came of each rule.
    pub results: Results,
    /// How many values in force were looked at; `None`: it is not the running system.
    pub in_force: Option<u64>,
    /// Seconds that it took.
    pub seconds: f64,
}

/// Why nothing was checked.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// What must hold on the running system contradicts itself.
    #[error(transparent)]
    Expectations(#[from] ExpectationsError),
    /// As above, for one rule.
    #[error(transparent)]
    Facts(#[from] FactsError),
    /// An image cannot be read.
    #[error(transparent)]
    Image(#[from] DiffError),
    /// A directory or file cannot be read.
    #[error(transparent)]
    Io(#[from] IoError),
    /// The results break a rule, or there are none.
    #[error(transparent)]
    Results(#[from] ResultsError),
    /// The template, or a file of rules, breaks rules.
    #[error(transparent)]
    Template(#[from] Diagnostics),
    /// A tree cannot be.
    #[error(transparent)]
    Tree(#[from] TreeError),
}

/// Checks rules. Nothing is changed, and nothing of what is checked is run.
///
/// # Errors
/// The rule broken; no rule that does not hold is one.
pub fn check(request: &Request, progress: &dyn Progress) -> Result<Checked, CheckError> {
    let watch = Stopwatch::start();
    let (results, in_force) = match &request.place {
        Place::Rules(path) => {
            let bytes = fs::read(path, limits::RULE_RESULTS_MAX)?;
            (Results::parse(&bytes)?, None)
        }
        Place::Root(path) => {
            let selection = selection(request)?;
            progress.started("harden", None, Unit::Items);
            let view = Directory::open(path)?;
            let root = Root::new(&view, selection.category.as_deref());
            let mut results = harden::check(&root, &selection)?;
            let in_force = live::add(path, &root, &selection, &mut results)?;
            (results, in_force)
        }
        Place::Erofs(path) => {
            let subject = Image::Erofs(path.clone(), sys::cpu::count());
            (image(request, &subject, progress)?, None)
        }
        Place::Tar(path) => (image(request, &Image::Tar(path.clone()), progress)?, None),
        Place::Oci(path) => (image(request, &Image::Oci(path.clone()), progress)?, None),
    };
    let seconds = watch.seconds();
    if !matches!(request.place, Place::Rules(_)) {
        let text = format!("{} rules", results.results.len());
        progress.finished("harden", text, seconds);
    }
    Ok(Checked {
        results,
        in_force,
        seconds,
    })
}

/// Which rules: the template's, the profile that was named, or the mildest.
fn selection(request: &Request) -> Result<Selection, CheckError> {
    let stated = match &request.template {
        Some(path) => template::load(path, &crate::ops::template::Disk)?.selection(),
        None => None,
    };
    let mut selection = match stated {
        Some(selection) => selection,
        None => Selection {
            catalogue: Catalogue::shipped()?,
            profile: Profile::ServerL1,
            except: std::collections::BTreeMap::new(),
            category: None,
        },
    };
    if let Some(profile) = request.profile {
        selection.profile = profile;
    }
    Ok(selection)
}

/// Rules on an archive. The contents of small files are held, the larger ones of an image are
/// programs that no rule reads.
fn image(request: &Request, image: &Image, progress: &dyn Progress) -> Result<Results, CheckError> {
    let selection = selection(request)?;
    progress.started("harden", None, Unit::Items);
    let mut left = limits::DIFF_DATABASE_MAX;
    let mut keep = |path: &ImagePath, size: u64| {
        let path = path.as_bytes();
        let always = path.starts_with(b"/etc/") || path.starts_with(b"/var/lib/dpkg/");
        let kept = (always || size <= SMALL) && size <= left;
        if kept {
            left = left.saturating_sub(size);
        }
        kept
    };
    let read = image.read(&mut keep)?;
    let view = TreeView::of_archive(&read.tree, &read.kept);
    let view: &dyn View = &view;
    let root = Root::new(view, selection.category.as_deref());
    Ok(harden::check(&root, &selection)?)
}

/// Largest file outside of `/etc` whose content is held.
const SMALL: u64 = 256 << 10;
