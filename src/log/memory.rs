//! What a monitor remembers of a log from one run to the next.
//!
//! ```text
//! karat-monitor/1
//! image NAME            each image that was ever signed for, in order
//! key ID                each key id that a signature ever named, in order
//!
//! ORIGIN                the last checkpoint, verbatim: it says itself whether it was changed
//! SIZE
//! ROOT
//!
//! — NAME SIGNATURE
//! ```
//! Images and key ids are what entries say, not what anybody vouches for: whoever changes these lines
//! changes what is told as new.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::{Log, LogError, Source};
use crate::limits;
use crate::path::Escaped;
use crate::tlog::{Frontier, Note, NoteError, Tile, TreeHead, leaf_hash};

/// What a monitor knows of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memory {
    /// The names of the images in it.
    pub images: BTreeSet<String>,
    /// The key ids that its signatures name.
    pub keys: BTreeSet<String>,
    /// The checkpoint up to which that is so.
    pub checkpoint: Note,
}

/// Why bytes are not what a monitor remembers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MemoryError {
    /// Larger than its cap.
    #[error("it is larger than {} bytes", limits::MONITOR_MAX)]
    TooLarge,
    /// Another first line.
    #[error("its first line is not \"{HEADER}\"")]
    Header,
    /// Not in its one spelling.
    #[error("it is not \"{HEADER}\", images and keys in order, an empty line and a checkpoint")]
    Form,
    /// The checkpoint is no signed note.
    #[error(transparent)]
    Note(#[from] NoteError),
}

const HEADER: &str = "karat-monitor/1";
/// How many entries are read ahead: 32 bundles.
const AHEAD: u64 = 32 * 256;

impl Memory {
    /// Reads a file of at most [`limits::MONITOR_MAX`] bytes.
    ///
    /// # Errors
    /// The rule that the bytes break.
    pub fn parse(bytes: &[u8]) -> Result<Self, MemoryError> {
        if u64::try_from(bytes.len()).map_or(true, |length| length > limits::MONITOR_MAX) {
            return Err(MemoryError::TooLarge);
        }
        let text = std::str::from_utf8(bytes).or(Err(NoteError::Text))?;
        let (head, note) = text.split_once("\n\n").ok_or(MemoryError::Form)?;
        let mut lines = head.split('\n');
        if lines.next() != Some(HEADER) {
            return Err(MemoryError::Header);
        }
        let mut memory = Self {
            images: BTreeSet::new(),
            keys: BTreeSet::new(),
            checkpoint: Note::parse(note.as_bytes())?,
        };
        for line in lines {
            match line.split_once(' ') {
                Some(("image", name)) => memory.images.insert(name.to_owned()),
                Some(("key", id)) => memory.keys.insert(id.to_owned()),
                _ => return Err(MemoryError::Form),
            };
        }
        if memory.to_bytes() == bytes {
            Ok(memory)
        } else {
            Err(MemoryError::Form)
        }
    }

    /// The file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut text = format!("{HEADER}\n");
        for (word, values) in [("image", &self.images), ("key", &self.keys)] {
            let lines: BTreeSet<String> = values.iter().map(|value| on_a_line(value)).collect();
            for line in lines {
                // Writing to a string cannot fail.
                let _: std::fmt::Result = writeln!(text, "{word} {line}");
            }
        }
        text.push('\n');
        [text.as_bytes(), &self.checkpoint.to_bytes()].concat()
    }
}

/// What entries hold is hostile: nothing in it may end a line. What was escaped is not once more.
fn on_a_line(value: &str) -> String {
    if value.contains(char::is_control) {
        Escaped(value.as_bytes()).to_string()
    } else {
        value.to_owned()
    }
}

impl<S: Source> Log<S> {
    /// Tells `each` of the entries that came after the tree `old`, each of which is proven to lead from
    /// it to the published one.
    ///
    /// # Errors
    /// The log does not extend `old`, or a file is missing or damaged; what was told before that means
    /// nothing.
    pub fn since(&self, old: TreeHead, mut each: impl FnMut(u64, &[u8])) -> Result<(), LogError> {
        let size = self.size();
        let nodes = Frontier::nodes(old.size);
        let roots: Result<Vec<_>, LogError> =
            nodes.into_iter().map(|it| self.node(it, size)).collect();
        let other = || LogError::Root { size: old.size };
        let edge = Frontier::of(old.size, roots?).filter(|edge| edge.head() == old);
        let mut edge = edge.ok_or_else(other)?;
        while edge.size() < size {
            let index = edge.size();
            if index == old.size || index.is_multiple_of(AHEAD) {
                self.ahead(index..index.saturating_add(AHEAD));
            }
            let skipped = usize::try_from(index % u64::from(Tile::FULL)).unwrap_or(0);
            for entry in self.bundle(index)?.iter().skip(skipped) {
                each(edge.size(), entry);
                edge.push(leaf_hash(entry), |_, _| {});
            }
        }
        if edge.head() == self.checkpoint().head {
            Ok(())
        } else {
            Err(LogError::Root { size })
        }
    }
}
