//! A root as rules see it: links resolved inside of it, files by name, accounts, packages.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

use super::systemd::UnitFiles;
use super::{Node, NodeKind, Stated, View, ViewError};
use crate::limits;
use crate::path::{Glob, ImagePath, name_matches};
use crate::segment::{Exposure, UnitName};

/// A view, with what many rules ask for read once.
pub struct Root<'a> {
    view: &'a dyn View,
    stated: Option<&'a Stated>,
    /// How exposed units may be, by what the template states.
    ceilings: BTreeMap<UnitName, Exposure>,
    packages: OnceCell<Result<BTreeMap<String, InstalledPackage>, ViewError>>,
    /// Files that were read; rules ask for the same few again and again.
    files: RefCell<BTreeMap<ImagePath, Option<Vec<u8>>>>,
    /// What the unit directories have, by the type of units; `systemd` fills it.
    pub(super) units: RefCell<BTreeMap<String, Rc<UnitFiles>>>,
    /// What a look over the whole root found.
    survey: OnceCell<Result<Vec<(ImagePath, Node)>, ViewError>>,
    is_instance: bool,
}

impl fmt::Debug for Root<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Root")
            .field("stated", &self.stated)
            .finish_non_exhaustive()
    }
}

/// A package that is installed (`install ok installed`, dpkg(1)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstalledPackage {
    /// Its version.
    pub version: String,
    /// What it was built for; empty where that is not said.
    pub architecture: String,
}

/// Most bytes of one file that is kept for the next rule.
const KEPT_FILE_MAX: usize = 256 << 10;

/// Directories of the root whose content the kernel makes up, or that last for one boot: nothing of
/// an image, and nothing that a look over the whole root descends into.
const PASSING: [&[u8]; 4] = [b"/dev", b"/proc", b"/run", b"/sys"];

impl<'a> Root<'a> {
    /// Looks at `view`; `stated` is what the image's template says of it, where that is at hand.
    pub fn new(view: &'a dyn View, stated: Option<&'a Stated>) -> Self {
        Self {
            view,
            stated,
            ceilings: BTreeMap::new(),
            packages: OnceCell::new(),
            files: RefCell::default(),
            units: RefCell::default(),
            survey: OnceCell::new(),
            is_instance: false,
        }
    }

    /// The same, where the template states ceilings: `[segment] exposure`.
    #[must_use]
    pub fn with_ceilings(self, ceilings: &BTreeMap<UnitName, Exposure>) -> Self {
        Self {
            ceilings: ceilings.clone(),
            ..self
        }
    }

    /// The root of a running system: it has made keys, seeds and histories of its own by now.
    #[must_use]
    pub fn of_an_instance(self) -> Self {
        Self {
            is_instance: true,
            ..self
        }
    }

    /// How exposed units may be, by what the template states.
    pub const fn ceilings(&self) -> &BTreeMap<UnitName, Exposure> {
        &self.ceilings
    }

    /// Whether it is the root of a running system.
    pub fn is_instance(&self) -> bool {
        self.is_instance
    }

    /// The service category of the image.
    pub fn category(&self) -> Option<&str> {
        self.stated?.category.as_deref()
    }

    /// What the image's template says of it; `None` where there is no template at hand.
    pub fn stated(&self) -> Option<&Stated> {
        self.stated
    }

    /// What stands at `path` itself.
    ///
    /// # Errors
    /// It cannot be looked at.
    pub fn look(&self, path: &ImagePath) -> Result<Option<Node>, ViewError> {
        self.view.look(path)
    }

    /// Where `path` leads once links are followed as a process inside the root would, `..` stopping
    /// at `/`; `None` where it leads nowhere, or through more than 40 links (Linux' own limit).
    ///
    /// # Errors
    /// A path on the way cannot be looked at.
    pub fn resolve(&self, path: &ImagePath) -> Result<Option<(ImagePath, Node)>, ViewError> {
        let mut pending: Vec<Vec<u8>> = path.components().rev().map(<[u8]>::to_vec).collect();
        let mut at = ImagePath::root();
        let mut links = 0_u32;
        while let Some(component) = pending.pop() {
            match component.as_slice() {
                b"" | b"." => continue,
                b".." => {
                    at = at.parent().unwrap_or_else(ImagePath::root);
                    continue;
                }
                _ => {}
            }
            let Ok(next) = at.join(&component) else {
                return Ok(None);
            };
            match self.view.look(&next)? {
                None => return Ok(None),
                Some(Node {
                    kind: NodeKind::Symlink(target),
                    ..
                }) => {
                    links = links.saturating_add(1);
                    if links > 40 {
                        return Ok(None);
                    }
                    if target.first() == Some(&b'/') {
                        at = ImagePath::root();
                    }
                    pending.extend(target.split(|byte| *byte == b'/').rev().map(<[u8]>::to_vec));
                }
                Some(_) => at = next,
            }
        }
        Ok(self.view.look(&at)?.map(|node| (at, node)))
    }

    /// What `path` leads to, links followed.
    ///
    /// # Errors
    /// As [`Root::resolve`].
    pub fn get(&self, path: &ImagePath) -> Result<Option<Node>, ViewError> {
        Ok(self.resolve(path)?.map(|(_, node)| node))
    }

    /// The bytes of the regular file that `path` leads to; `None` where there is none.
    ///
    /// # Errors
    /// It is larger than [`limits::OVERLAY_EDIT_MAX`], or cannot be read.
    pub fn read(&self, path: &ImagePath) -> Result<Option<Vec<u8>>, ViewError> {
        if let Some(known) = self.files.borrow().get(path) {
            return Ok(known.clone());
        }
        let bytes = self.read_up_to(path, limits::OVERLAY_EDIT_MAX)?;
        if bytes
            .as_ref()
            .is_none_or(|bytes| bytes.len() <= KEPT_FILE_MAX)
        {
            self.files.borrow_mut().insert(path.clone(), bytes.clone());
        }
        Ok(bytes)
    }

    /// As [`Root::read`], as text; bytes that are no UTF-8 are replaced.
    ///
    /// # Errors
    /// As [`Root::read`].
    pub fn text(&self, path: &ImagePath) -> Result<Option<String>, ViewError> {
        let bytes = self.read(path)?;
        Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// As [`Root::read`], with a cap of its own, and not kept.
    ///
    /// # Errors
    /// The file is larger than `cap`, or cannot be read.
    pub fn read_up_to(&self, path: &ImagePath, cap: u64) -> Result<Option<Vec<u8>>, ViewError> {
        match self.resolve(path)? {
            Some((place, node)) if matches!(node.kind, NodeKind::Regular(_)) => {
                self.view.bytes(&place, cap).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// The names in the directory that `path` leads to, sorted bytewise; none where there is none.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn names(&self, path: &ImagePath) -> Result<Vec<Vec<u8>>, ViewError> {
        match self.resolve(path)? {
            Some((place, node)) if node.kind == NodeKind::Directory => self.view.names(&place),
            _ => Ok(Vec::new()),
        }
    }

    /// All paths that fit `glob`, in bytewise order, with what stands there itself. Directories on
    /// the way may be links; what `**` passes through is never one.
    ///
    /// # Errors
    /// A directory on the way cannot be read.
    pub fn glob(&self, glob: &Glob) -> Result<Vec<(ImagePath, Node)>, ViewError> {
        let parts: Vec<&[u8]> = glob
            .as_str()
            .as_bytes()
            .split(|byte| *byte == b'/')
            .filter(|part| !part.is_empty())
            .collect();
        let mut at = vec![ImagePath::root()];
        let mut found = BTreeMap::new();
        for (index, part) in parts.iter().enumerate() {
            if *part == b"**" {
                // The rest is left to the pattern itself.
                for top in &at {
                    self.walk(top, &mut |path, node| {
                        if glob.matches(path) {
                            found.insert(path.clone(), node.clone());
                        }
                        Ok(())
                    })?;
                }
                return Ok(found.into_iter().collect());
            }
            let is_plain = !part.contains(&b'*') && !part.contains(&b'?');
            let is_last = index.saturating_add(1) == parts.len();
            let mut next = Vec::new();
            for directory in &at {
                let names = if is_plain {
                    vec![part.to_vec()]
                } else {
                    self.names(directory)?
                };
                for name in names.iter().filter(|name| name_matches(part, name)) {
                    let Ok(path) = directory.join(name) else {
                        continue;
                    };
                    if !is_last {
                        next.push(path);
                    } else if let Some((place, _)) = self.resolve(directory)?
                        && let Ok(place) = place.join(name)
                        && let Some(node) = self.look(&place)?
                    {
                        found.insert(path, node);
                    }
                }
            }
            at = next;
        }
        if parts.is_empty()
            && let Some(node) = self.look(&ImagePath::root())?
        {
            found.insert(ImagePath::root(), node);
        }
        Ok(found.into_iter().collect())
    }

    /// Shows `visit` the path `top` and all below it, no links followed, `/dev`, `/proc`, `/run` and
    /// `/sys` left out, and what the view does not enter. A directory comes before what it holds.
    ///
    /// # Errors
    /// A directory cannot be read, there are more paths than [`limits::TREE_ENTRIES_MAX`], or what
    /// `visit` gives.
    pub fn walk(
        &self,
        top: &ImagePath,
        visit: &mut dyn FnMut(&ImagePath, &Node) -> Result<(), ViewError>,
    ) -> Result<(), ViewError> {
        let mut pending = Vec::new();
        pending.extend(self.look(top)?.map(|node| (top.clone(), node)));
        let mut count = 0_usize;
        while let Some((path, node)) = pending.pop() {
            count = count.saturating_add(1);
            if count > limits::TREE_ENTRIES_MAX {
                let max = limits::TREE_ENTRIES_MAX;
                return Err(ViewError::new(&path, format!("more than {max} paths")));
            }
            visit(&path, &node)?;
            if node.kind == NodeKind::Directory && !PASSING.contains(&path.as_bytes()) {
                for (name, node) in self.view.children(&path)?.into_iter().rev() {
                    if let Ok(path) = path.join(name) {
                        pending.push((path, node));
                    }
                }
            }
        }
        Ok(())
    }

    /// Every path that rules about modes and owners could name, once for all of them.
    ///
    /// # Errors
    /// As [`Root::walk`].
    pub(super) fn survey(&self) -> Result<&[(ImagePath, Node)], ViewError> {
        let survey = self.survey.get_or_init(|| super::survey::survey(self));
        survey.as_deref().map_err(Clone::clone)
    }

    /// The installed packages by name, from `/var/lib/dpkg/status`; none where there is no such
    /// file.
    ///
    /// # Errors
    /// It is too large or cannot be read.
    pub fn packages(&self) -> Result<&BTreeMap<String, InstalledPackage>, ViewError> {
        let packages = self.packages.get_or_init(|| {
            let path = fixed("/var/lib/dpkg/status");
            let bytes = self.read_up_to(&path, limits::DPKG_STATUS_MAX)?;
            Ok(installed(&String::from_utf8_lossy(
                &bytes.unwrap_or_default(),
            )))
        });
        packages.as_ref().map_err(Clone::clone)
    }

    /// The suite by code name: `VERSION_CODENAME` of os-release(5).
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn suite(&self) -> Result<Option<String>, ViewError> {
        let text = match self.text(&fixed("/etc/os-release"))? {
            Some(text) => text,
            None => self
                .text(&fixed("/usr/lib/os-release"))?
                .unwrap_or_default(),
        };
        let mut values = text
            .lines()
            .filter_map(|line| line.trim().strip_prefix("VERSION_CODENAME="));
        Ok(values
            .next()
            .map(|value| value.trim_matches('"').to_owned()))
    }

    /// The newest kernel that a package of the image brings (`linux-image-6.12…`), as major and
    /// minor number; `None` where it has none.
    ///
    /// # Errors
    /// As [`Root::packages`].
    pub fn kernel(&self) -> Result<Option<(u32, u32)>, ViewError> {
        let names = self.packages()?.keys();
        let versions = names.filter_map(|name| {
            let mut parts = name.strip_prefix("linux-image-")?.split(['.', '-', '+']);
            Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
        });
        Ok(versions.max())
    }

    /// The number of a user, from `/etc/passwd`.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn uid(&self, name: &str) -> Result<Option<u32>, ViewError> {
        self.number(&fixed("/etc/passwd"), name)
    }

    /// The number of a group, from `/etc/group`.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn gid(&self, name: &str) -> Result<Option<u32>, ViewError> {
        self.number(&fixed("/etc/group"), name)
    }

    fn number(&self, path: &ImagePath, name: &str) -> Result<Option<u32>, ViewError> {
        let text = self.text(path)?.unwrap_or_default();
        let mut lines = text.lines().filter_map(|line| {
            let mut fields = line.split(':');
            (fields.next()? == name).then_some(())?;
            fields.nth(1)?.parse().ok()
        });
        Ok(lines.next())
    }
}

/// A path that this module writes out itself.
pub(super) fn fixed(path: &str) -> ImagePath {
    ImagePath::parse(path).unwrap_or_else(|_| ImagePath::root())
}

/// The packages of a status file that are installed.
fn installed(status: &str) -> BTreeMap<String, InstalledPackage> {
    let mut packages = BTreeMap::new();
    for stanza in status.split("\n\n") {
        let field = |name: &str| {
            let mut lines = stanza.lines();
            lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(str::trim))
        };
        let is_installed = field("Status").is_some_and(|status| status.ends_with(" installed"));
        if let (true, Some(name)) = (is_installed, field("Package")) {
            let version = field("Version").unwrap_or_default().to_owned();
            let architecture = field("Architecture").unwrap_or_default().to_owned();
            let package = InstalledPackage {
                version,
                architecture,
            };
            packages.insert(name.to_owned(), package);
        }
    }
    packages
}
