//! Rules on a root, wherever it is.

use std::path::{Path, PathBuf};

use super::{Directory, live};
use crate::expect::{ExpectationsError, FactsError};
use crate::harden::exposure::{Survey, survey};
use crate::harden::{
    self, Catalogue, Profile, Results, ResultsError, Root, Selection, TreeView, ViewError,
};
use crate::limits;
use crate::ops::diff::DiffError;
use crate::ops::diff::image::Image;
use crate::path::{Escaped, ImagePath};
use crate::progress::{Progress, Unit};
use crate::sys;
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
    /// An EROFS image.
    Erofs(PathBuf),
    /// A tar archive.
    Tar(PathBuf),
    /// An OCI image layout.
    Oci(PathBuf),
    /// Results of a build, `.rules.json`.
    Rules(PathBuf),
}

impl Place {
    /// The image that a path names: an OCI layout, another directory, or a tar archive.
    ///
    /// # Errors
    /// There is none, or its name says none of them.
    pub fn of_image(path: &Path) -> Result<Self, CheckError> {
        match Image::named(path, sys::cpu::count())? {
            Some(Image::Erofs(path, _)) => Ok(Self::Erofs(path)),
            Some(Image::Directory(path, _)) => Ok(Self::Root(path)),
            Some(Image::Oci(path)) => Ok(Self::Oci(path)),
            Some(Image::Tar(path)) => Ok(Self::Tar(path)),
            None => Err(CheckError::NoImage(path.to_owned())),
        }
    }
}

/// What a check found.
#[derive(Clone, Debug)]
pub struct Checked {
    /// What came of each rule.
    pub results: Results,
    /// How many values in force were looked at; `None`: it is not the running system.
    pub in_force: Option<u64>,
    /// How exposed its services are; `None` for results of a build, which have no units.
    pub exposure: Option<Survey>,
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
    /// A name that says none of the forms of images.
    #[error(
        "{}: is no image: a directory, an OCI layout, or a name that ends in .tar, .tar.gz or .tar.zst",
        Escaped(.0.as_os_str().as_encoded_bytes())
    )]
    NoImage(PathBuf),
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
    /// What says which services there are cannot be read.
    #[error(transparent)]
    View(#[from] ViewError),
}

/// Checks rules. Nothing is changed, and nothing of what is checked is run.
///
/// # Errors
/// The rule broken; no rule that does not hold is one.
pub fn check(request: &Request, progress: &dyn Progress) -> Result<Checked, CheckError> {
    let watch = Stopwatch::start();
    if let Place::Rules(path) = &request.place {
        let bytes = fs::read(path, limits::RULE_RESULTS_MAX)?;
        return Ok(Checked {
            results: Results::parse(&bytes)?,
            in_force: None,
            exposure: None,
            not_looked_at: Vec::new(),
            seconds: watch.seconds(),
        });
    }
    let selection = selection(request)?;
    progress.started("harden", None, Unit::Items);
    let mut not_looked_at = Vec::new();
    let (results, in_force, exposure) =
        on_root(&request.place, &selection, &mut not_looked_at, |root| {
            let mut results = harden::check(root, &selection)?;
            let in_force = match &request.place {
                Place::Root(path) => live::add(path, root, &selection, &mut results)?,
                _ => None,
            };
            Ok((results, in_force, survey(root, Some(&selection))?))
        })?;
    let seconds = watch.seconds();
    progress.finished(
        "harden",
        format!("{} rules", results.results.len()),
        seconds,
    );
    Ok(Checked {
        results,
        in_force,
        exposure: Some(exposure),
        not_looked_at,
        seconds,
    })
}

/// Measures how exposed the services of a place are. Nothing is changed, and nothing of it is run.
///
/// # Errors
/// The place, the template or its rules cannot be read; results of a build have no units.
pub fn exposure(request: &Request, progress: &dyn Progress) -> Result<Survey, CheckError> {
    let watch = Stopwatch::start();
    let selection = selection(request)?;
    progress.started("exposure", None, Unit::Items);
    let found = on_root(&request.place, &selection, &mut Vec::new(), |root| {
        Ok(survey(root, Some(&selection))?)
    })?;
    let text = format!("{} services", found.services.len());
    progress.finished("exposure", text, watch.seconds());
    Ok(found)
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
            ceilings: template.map_or_else(std::collections::BTreeMap::new, |it| {
                it.segment.exposure.clone()
            }),
        },
    };
    if let Some(profile) = request.profile {
        selection.profile = profile;
    }
    Ok(selection)
}

/// Looks at a root. Of an archive the contents of small files are held: the larger ones are programs
/// that no rule reads. What was not looked into goes into `not_looked_at`.
fn on_root<T>(
    place: &Place,
    selection: &Selection,
    not_looked_at: &mut Vec<(ImagePath, String)>,
    look: impl FnOnce(&Root<'_>) -> Result<T, CheckError>,
) -> Result<T, CheckError> {
    let root = |view| Root::new(view, selection.stated.as_ref()).with_ceilings(&selection.ceilings);
    let image = match place {
        Place::Root(path) => {
            let view = Directory::open(path)?;
            let root = root(&view);
            let found = if is_running(path)? {
                look(&root.of_an_instance())
            } else {
                look(&root)
            };
            *not_looked_at = view.not_entered();
            return found;
        }
        Place::Erofs(path) => Image::Erofs(path.clone(), sys::cpu::count()),
        Place::Tar(path) | Place::Rules(path) => Image::Tar(path.clone()),
        Place::Oci(path) => Image::Oci(path.clone()),
    };
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
    look(&root(&TreeView::of_archive(&read.tree, &read.kept)))
}

/// Largest file outside of `/etc` whose content is held.
const SMALL: u64 = 256 << 10;
