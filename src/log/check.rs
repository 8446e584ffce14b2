//! Everything computed again, and what is not as it must be.

use super::{Log, LogError, Names, Pass, Source};
use crate::path::Escaped;
use crate::sys::fs::ListedKind;
use crate::tlog::{Note, NoteKey, Tile, TreeHead};

/// What checking a whole log found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// The published tree.
    pub head: TreeHead,
    /// How many entries the tree was computed from: fewer than it has, where some are not there.
    pub computed: u64,
    /// How many checkpoints are kept, the published one included.
    pub checkpoints: usize,
    /// What is not as it must be.
    pub faults: Vec<Fault>,
    /// The one checkpoint, at most, that is kept and not published yet: the tree is there and begins
    /// with the published one. Somebody is adding, or copying, or was interrupted; or put an older
    /// checkpoint back.
    pub unpublished: Vec<String>,
    /// Files that no checkpoint needs: of appends that were interrupted, or put there by somebody.
    pub leftovers: Vec<String>,
    /// Directories whose names the source cannot tell: what else may be in them was not looked at. Of
    /// the checkpoints before, only the published one was.
    pub untold: Vec<String>,
}

/// A file that is not as it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Which file.
    pub path: String,
    /// What is wrong with it.
    pub message: String,
    /// The rule that it breaks.
    pub kind: FaultKind,
}

/// The rule that a file breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// It must be there.
    Missing,
    /// A checkpoint must be one, must be signed by a key of the log, and have the name of its size.
    NotOurs,
    /// A checkpoint must not be larger than the published one: this one is, and the log signed it.
    SetBack(Box<Note>),
    /// A checkpoint must have the root of its entries: this one, which the log signed, has another.
    Root(Option<Box<Note>>),
    /// A tile must be what the entries make.
    Tile,
    /// A bundle must hold the entries that its tile has the hashes of.
    Entries,
}

/// How many bundles are read ahead.
const AHEAD: u64 = 32;

impl<S: Source> Log<S> {
    /// Checks the log: its checkpoints must be signed by one of `keys`, which are those that it has or
    /// had.
    ///
    /// # Errors
    /// The file system said no. What is wrong with the log is in the result.
    pub fn check(&self, keys: &[NoteKey]) -> Result<Checked, LogError> {
        let mut pass = Pass::start(self, keys, |_, _| ())?;
        for number in 0..self.bundles() {
            if number.is_multiple_of(AHEAD) {
                let full = u64::from(Tile::FULL);
                let end = number.saturating_add(AHEAD).saturating_mul(full);
                self.ahead(number.saturating_mul(full)..end);
            }
            match self.read_bundle(number) {
                Ok(bundle) => pass.take(&bundle)?,
                Err(error) => {
                    pass.stop(number, error)?;
                    break;
                }
            }
        }
        pass.finish()
    }

    /// Names every file below `directory` that is no tile of the published tree.
    pub(super) fn leftovers(&self, directory: &str, checked: &mut Checked) -> Result<(), LogError> {
        let mut pending = vec![directory.to_owned()];
        while let Some(directory) = pending.pop() {
            let names = self.disk.list(&directory)?;
            if names == Names::Untold {
                checked.untold.push(directory);
                break;
            }
            for listed in names.known() {
                let name = Escaped(&listed.name).to_string();
                let path = format!("{directory}/{name}");
                let tile = Tile::parse(&path).filter(|_| listed.kind == ListedKind::File);
                match (listed.kind, tile) {
                    (ListedKind::Directory, _) => pending.push(path),
                    (_, Some(tile)) if tile.is_of(self.size()) => {}
                    _ => checked.leftovers.push(path),
                }
            }
        }
        checked.leftovers.sort();
        Ok(())
    }
}
