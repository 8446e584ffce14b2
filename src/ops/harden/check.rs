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
use crate::sys::clock::Stopwatch;
use crate::sys::facts::is_running;
use crate::sys::fs::{self, IoError};
use crate::template::{self, Diagnostics, Template};
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
    /// Directories that rules about the whole root did not look into, and why, sorted.
    pub not_looked_at: Vec<(ImagePath, String)>,
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
    let mut not_looked_at = Vec::new();
    let (results, in_force) = match &request.place {
        Place::Rules(path) => {
            let bytes = fs::read(path, limits::RULE_RESULTS_MAX)?;
            (Results::parse(&bytes)?, None)
        }
        Place::Root(path) => {
            let selection = selection(request)?;
            progress.started("harden", None, Unit::Items);
            let view = Directory::open(path)?;
            let mut root = Root::new(&view, selection.stated.as_ref());
            if is_running(path)? {
                root = root.of_an_instance();
            }
            let mut results = harden::check(&root, &selection)?;
            let in_force = live::add(path, &root, &selection, &mut results)?;
            not_looked_at = view.not_entered();
            (results, in_force)
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
        not_looked_at,
        seconds,
    })
}

/// Which rules: the template's, the profile that was named, or the mildest.
fn selection(request: &Request) -> Result<Selection, CheckError> {
    let template = match &request.template {
        Some(path) => Some(template::load(path, &crate::ops::template::Disk)?),
        None => None,
    };
    let template = template.as_ref();
    let mut selection = match template.and_then(Template::selection) {
        Some(selection) => selection,
        None => Selection {
            catalogue: Catalogue::shipped()?,
            profile: Profile::ServerL1,
            except: std::collections::BTreeMap::new(),
            stated: template.map(Template::stated),
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
    let root = Root::new(view, selection.stated.as_ref());
    Ok(harden::check(&root, &selection)?)
}

/// Largest file outside of `/etc` whose content is held.
const SMALL: u64 = 256 << 10;
