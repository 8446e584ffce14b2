//! Everything computed again: leaves from entries, tiles from leaves, roots from tiles.

use std::collections::BTreeMap;

use super::read::{check_ours, read_checkpoint};
use super::state::HISTORY;
use super::{Log, LogError, Names, Source};
use crate::digest::Digest;
use crate::path::Escaped;
use crate::sys::fs::ListedKind;
use crate::tlog::{Frontier, NoteKey, Tile, TileKind, TreeHead, encode_bundle, leaf_hash};

/// What checking a whole log found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// The published tree.
    pub head: TreeHead,
    /// How many checkpoints are kept, the published one included.
    pub checkpoints: usize,
    /// What is not as it must be.
    pub faults: Vec<Fault>,
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
}

impl<S: Source> Log<S> {
    /// Checks the log: its checkpoints must be signed by one of `keys`, which are those that it has or
    /// had.
    ///
    /// # Errors
    /// The file system said no. What is wrong with the log is in the result.
    pub fn check(&self, keys: &[NoteKey]) -> Result<Checked, LogError> {
        let mut pass = Pass {
            log: self,
            heads: BTreeMap::new(),
            edge: Frontier::new(),
            bundle: Vec::new(),
            levels: BTreeMap::new(),
            faults: Vec::new(),
            untold: Vec::new(),
        };
        pass.checkpoints(keys)?;
        pass.tree()?;
        let mut checked = Checked {
            head: self.checkpoint.head,
            checkpoints: pass.heads.len(),
            faults: pass.faults,
            leftovers: Vec::new(),
            untold: pass.untold,
        };
        self.leftovers("tile", &mut checked)?;
        Ok(checked)
    }

    /// Names every file below `directory` that is no tile of the published tree.
    fn leftovers(&self, directory: &str, checked: &mut Checked) -> Result<(), LogError> {
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

/// One pass over all entries.
struct Pass<'a, S> {
    log: &'a Log<S>,
    /// The checkpoints that are kept, by size, with their files.
    heads: BTreeMap<u64, Vec<(String, TreeHead)>>,
    edge: Frontier,
    /// The entries and hashes of the tiles that are being filled.
    bundle: Vec<Vec<u8>>,
    levels: BTreeMap<u8, Vec<Digest>>,
    faults: Vec<Fault>,
    untold: Vec<String>,
}

impl<S: Source> Pass<'_, S> {
    fn fault(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.faults.push(Fault {
            path: path.into(),
            message: message.into(),
        });
    }

    fn checkpoints(&mut self, keys: &[NoteKey]) -> Result<(), LogError> {
        let disk = &self.log.disk;
        let mut paths = vec!["checkpoint".to_owned()];
        let names = disk.list(HISTORY)?;
        if names == Names::Untold {
            self.untold.push(HISTORY.to_owned());
            let size = self.log.size();
            paths.push(format!("{HISTORY}/{size}"));
        }
        for listed in names.known() {
            let name = Escaped(&listed.name).to_string();
            paths.push(format!("{HISTORY}/{name}"));
        }
        for path in paths {
            let read = match read_checkpoint(disk, &path) {
                Err(LogError::Io(error)) => return Err(error.into()),
                // Nobody said that it is there.
                Ok(None) if path != "checkpoint" && !self.untold.is_empty() => continue,
                other => other,
            };
            let checked = read.and_then(|read| {
                let (note, checkpoint) = read.ok_or_else(|| LogError::Missing(path.clone()))?;
                let ours = |key| check_ours(key, &note, &checkpoint, &path).is_ok();
                if keys.iter().any(ours) {
                    Ok(checkpoint.head)
                } else {
                    Err(LogError::NotOurs(path.clone()))
                }
            });
            match checked {
                Ok(head) => {
                    let name = path.strip_prefix("checkpoints/");
                    if name.is_some_and(|name| name != head.size.to_string()) {
                        self.fault(&path, format!("it is of {} entries", head.size));
                    }
                    if head.size > self.log.size() {
                        self.fault(&path, "it is larger than the published checkpoint");
                    }
                    self.heads.entry(head.size).or_default().push((path, head));
                }
                Err(error) => self.fault(&path, error.to_string()),
            }
        }
        Ok(())
    }

    fn tree(&mut self) -> Result<(), LogError> {
        let size = self.log.size();
        self.reached()?;
        let mut index = 0;
        while index < size {
            let entries = match self.log.bundle(index) {
                Ok(entries) => entries,
                Err(LogError::Io(error)) => return Err(error.into()),
                Err(error) => {
                    let number = index / u64::from(Tile::FULL);
                    self.fault(format!("tile/entries, number {number}"), error.to_string());
                    // Without these entries nothing after them can be computed.
                    return Ok(());
                }
            };
            for entry in entries {
                let leaf = leaf_hash(&entry);
                self.bundle.push(entry);
                let levels = &mut self.levels;
                self.edge.push(leaf, |node, hash| {
                    if node.level % 8 == 0 {
                        levels.entry(node.level / 8).or_default().push(hash);
                    }
                });
                self.reached()?;
                index = index.saturating_add(1);
            }
        }
        Ok(())
    }

    /// Compares whatever is complete at the size that is reached.
    fn reached(&mut self) -> Result<(), LogError> {
        let size = self.edge.size();
        let head = self.edge.head();
        let kept = self.heads.get(&size).cloned().unwrap_or_default();
        for (path, said) in &kept {
            if *said != head {
                let message = format!("its root is another than that of the first {size} entries");
                self.fault(path, message);
            }
        }
        let full = usize::from(Tile::FULL);
        let is_published = !kept.is_empty();
        if self.bundle.len() == full || is_published && !self.bundle.is_empty() {
            let bytes = encode_bundle(&self.bundle).unwrap_or_default();
            self.compare(TileKind::Entries, self.bundle.len(), &bytes)?;
        }
        let levels: Vec<(u8, usize)> = self
            .levels
            .iter()
            .map(|(level, hashes)| (*level, hashes.len()))
            .collect();
        for (level, width) in levels {
            if width == full || is_published && width > 0 {
                let hashes = self.levels.get(&level).into_iter().flatten();
                let bytes: Vec<u8> = hashes.flat_map(|hash| *hash.as_bytes()).collect();
                self.compare(TileKind::Hashes(level), width, &bytes)?;
            }
            if width == full {
                self.levels.insert(level, Vec::new());
            }
        }
        if self.bundle.len() == full {
            self.bundle.clear();
        }
        Ok(())
    }

    /// Compares the file of the tile that ends here, `width` wide, with what it must hold.
    fn compare(&mut self, kind: TileKind, width: usize, expected: &[u8]) -> Result<(), LogError> {
        let span = match kind {
            TileKind::Entries => 1,
            TileKind::Hashes(level) => 1_u64.checked_shl(u32::from(level) * 8).unwrap_or(u64::MAX),
        };
        let last = (self.edge.size() / span).saturating_sub(1);
        let tile = Tile {
            kind,
            index: last / u64::from(Tile::FULL),
            width: u16::try_from(width).unwrap_or(Tile::FULL),
        };
        let own = self.log.own_bytes(tile);
        // A full file stands for a partial one that is gone.
        let is_there = match own {
            Ok(None) if !tile.is_full() => self
                .log
                .own_bytes(tile.full())
                .map(|full| full.map(|bytes| bytes.starts_with(expected))),
            own => own.map(|own| own.map(|bytes| bytes == expected)),
        };
        match is_there {
            Ok(Some(true)) => {}
            Ok(Some(false)) => self.fault(tile.to_string(), "it is not what its entries make"),
            Ok(None) => self.fault(tile.to_string(), "it is missing"),
            Err(LogError::Io(error)) => return Err(error.into()),
            Err(error) => self.fault(tile.to_string(), error.to_string()),
        }
        Ok(())
    }
}
