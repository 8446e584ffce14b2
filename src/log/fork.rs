//! Evidence that a log shows more than one history.
//!
//! ```text
//! karat-fork/1                          karat-fork/1
//!                                       root BASE64
//! ORIGIN                                HASH
//! SIZE                                  …
//! ROOT
//!                                       ORIGIN
//! — NAME SIGNATURE                      SIZE …
//!
//! ORIGIN …                              (two checkpoints as on the left, the smaller first)
//! ```
//! Two checkpoints of one size with different roots are proof enough (left). Where one is smaller,
//! `root` is what the larger tree has at the smaller one's size, the hashes are the consistency proof
//! from there to the larger tree (RFC 6962, section 2.1.2), and the log signed another root for that
//! size (right). Whoever has the log's keys can check it; nothing else has to be believed or
//! fetched. The format with an example: `docs/formats/log.md`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Log, LogError, Source};
use crate::digest::Digest;
use crate::limits;
use crate::path::Escaped;
use crate::tlog::{
    Checkpoint, ConsistencyProof, Extends, Frontier, Node, Note, NoteError, NoteKey, ProofError,
    SignedCheckpoint, TreeHead, UntrustedCheckpoint, body, parse_hash, root_of,
};

/// What claims to prove that a log was forked; none of it checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForkEvidence {
    smaller: Note,
    larger: Note,
    prefix: Option<Prefix>,
}

/// What the larger tree has at the smaller one's size.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Prefix {
    root: Digest,
    proof: ConsistencyProof,
}

/// A log that was forked: its own keys signed two trees that no one log can have. Only
/// [`ForkEvidence::check`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fork {
    origin: String,
    smaller: TreeHead,
    larger: TreeHead,
}

/// What a checkpoint of somebody else says about a log that is at hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum View {
    /// It is of the same tree.
    Same,
    /// The log extends it.
    Behind(Extends),
    /// It is of more entries than the log at hand has: only who has those can compare.
    Ahead(u64),
    /// It is of another history.
    Forked(Box<ForkEvidence>),
    /// It is of another log.
    OtherLog(String),
}

/// Why something is no evidence of a fork.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ForkError {
    /// Larger than its cap.
    #[error("fork evidence: it is larger than {} bytes", limits::FORK_MAX)]
    TooLarge,
    /// Another first line.
    #[error("fork evidence: its first line is not \"{HEADER}\"")]
    Header,
    /// Not the blocks of lines that it must have.
    #[error(
        "fork evidence: it is not \"{HEADER}\", perhaps a root and its proof, an empty line, a \
         checkpoint, an empty line and another checkpoint, the smaller one first"
    )]
    Form,
    /// A line of the proof that is no hash, or one too many.
    #[error("fork evidence: hash {0} of its proof is not the base64 of 32 bytes, or one too many")]
    Hash(usize),
    /// One of the two is no signed note.
    #[error("fork evidence: {0}")]
    Note(#[from] NoteError),
    /// Two logs may have two histories.
    #[error(
        "fork evidence: the checkpoints are of two logs, \"{}\" and \"{}\"",
        Escaped(.0.as_bytes()),
        Escaped(.1.as_bytes())
    )]
    Origins(String, String),
    /// A given key of the log must have signed either.
    #[error("fork evidence: {0}")]
    NotSigned(#[from] UntrustedCheckpoint),
    /// The proof does not lead to the larger tree.
    #[error("fork evidence: {0}")]
    Proof(#[from] ProofError),
    /// An honest log can have signed both.
    #[error("fork evidence: the two checkpoints agree, so they prove nothing against the log")]
    Agree,
}

const HEADER: &str = "karat-fork/1";
const ROOT: &str = "root ";

impl ForkEvidence {
    /// How the files end.
    pub const SUFFIX: &str = ".fork";

    /// Reads a file of at most [`limits::FORK_MAX`] bytes, in its one spelling.
    ///
    /// # Errors
    /// The rule that the bytes break.
    pub fn parse(bytes: &[u8]) -> Result<Self, ForkError> {
        if u64::try_from(bytes.len()).map_or(true, |length| length > limits::FORK_MAX) {
            return Err(ForkError::TooLarge);
        }
        let text = std::str::from_utf8(bytes).or(Err(NoteError::Text))?;
        let blocks: Vec<&str> = text.split("\n\n").collect();
        let mut lines = blocks.first().copied().unwrap_or_default().split('\n');
        if lines.next() != Some(HEADER) {
            return Err(ForkError::Header);
        }
        let [_, text_1, lines_1, text_2, lines_2] = blocks.as_slice() else {
            return Err(ForkError::Form);
        };
        let note = |text: &str, lines: &str| Note::parse(format!("{text}\n\n{lines}").as_bytes());
        let evidence = Self {
            smaller: note(text_1, &format!("{lines_1}\n"))?,
            larger: note(text_2, lines_2)?,
            prefix: prefix(lines)?,
        };
        if evidence.to_bytes() == bytes {
            Ok(evidence)
        } else {
            Err(ForkError::Form)
        }
    }

    /// The evidence as a file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut text = format!("{HEADER}\n");
        if let Some(prefix) = &self.prefix {
            text.push_str(ROOT);
            for hash in [&prefix.root].into_iter().chain(&prefix.proof.hashes) {
                text.push_str(&STANDARD.encode(hash.as_bytes()));
                text.push('\n');
            }
        }
        let (smaller, larger) = (self.smaller.to_bytes(), self.larger.to_bytes());
        [text.as_bytes(), b"\n", &smaller, b"\n", &larger].concat()
    }

    /// Checks that the log with these keys signed two trees that no one log can have. Either key will
    /// do for either checkpoint: a log may have changed its key in between.
    ///
    /// # Errors
    /// It proves nothing of the kind.
    pub fn check(&self, keys: &[NoteKey]) -> Result<Fork, ForkError> {
        let open = |note| SignedCheckpoint::by(keys.iter().cloned(), note);
        let smaller = open(&self.smaller)?.checkpoint().clone();
        let larger = open(&self.larger)?.checkpoint().clone();
        if smaller.origin != larger.origin {
            return Err(ForkError::Origins(smaller.origin, larger.origin));
        }
        let (origin, smaller, larger) = (smaller.origin, smaller.head, larger.head);
        let differs = match &self.prefix {
            None if smaller.size == larger.size => smaller.root != larger.root,
            Some(prefix) if smaller.size < larger.size => {
                let size = smaller.size;
                let root = prefix.root;
                let extends: Extends = prefix.proof.check(TreeHead { size, root }, larger)?;
                extends.old().root != smaller.root
            }
            _ => return Err(ForkError::Form),
        };
        if !differs {
            return Err(ForkError::Agree);
        }
        Ok(Fork {
            origin,
            smaller,
            larger,
        })
    }

    /// A name for the file that two people give to the same evidence.
    pub fn file_name(&self) -> String {
        let digest = Digest::of(&self.to_bytes()).to_string();
        let short = digest.get(..16).unwrap_or(&digest);
        format!("{short}{}", Self::SUFFIX)
    }

    /// Two checkpoints of one size.
    pub(super) fn of_same_size(one: &Note, other: &Note) -> Self {
        // The order of the texts, so that two finders write the same file.
        let (smaller, larger) = if one.text() <= other.text() {
            (one, other)
        } else {
            (other, one)
        };
        Self {
            smaller: smaller.clone(),
            larger: larger.clone(),
            prefix: None,
        }
    }
}

impl Fork {
    /// The log.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The one tree; where they have different sizes, the smaller.
    pub fn smaller(&self) -> TreeHead {
        self.smaller
    }

    /// The other one.
    pub fn larger(&self) -> TreeHead {
        self.larger
    }
}

impl<S: Source> Log<S> {
    /// Compares the log at hand with `other`, a checkpoint of it that somebody else has. Who signed
    /// either is not looked at: [`ForkEvidence::check`] does.
    ///
    /// # Errors
    /// `other` is no checkpoint, or a tile is missing or damaged.
    pub fn compare(&self, other: &Note) -> Result<View, LogError> {
        let theirs = Checkpoint::parse(other.text()).map_err(|source| LogError::Checkpoint {
            path: "the checkpoint to compare with".to_owned(),
            source,
        })?;
        let (ours, old) = (self.checkpoint.head, theirs.head);
        if theirs.origin != self.checkpoint.origin {
            return Ok(View::OtherLog(theirs.origin));
        }
        if old.size > ours.size {
            return Ok(View::Ahead(old.size));
        }
        if old.size == ours.size {
            return Ok(if old.root == ours.root {
                View::Same
            } else {
                View::Forked(Box::new(ForkEvidence::of_same_size(other, &self.note)))
            });
        }
        let mut node = |node| self.node(node, ours.size);
        let root = root_of(old.size, &mut node)?;
        let proof = ConsistencyProof::make(old.size, ours.size, &mut node)?;
        let size = ours.size;
        let proof = proof.ok_or(LogError::Root { size })?;
        let there = TreeHead {
            size: old.size,
            root,
        };
        // Whatever the tiles say must lead to what was signed, or they prove nothing.
        let extends = proof.check(there, ours).or(Err(LogError::Root { size }))?;
        Ok(if root == old.root {
            View::Behind(extends)
        } else {
            View::Forked(Box::new(ForkEvidence {
                smaller: other.clone(),
                larger: self.note.clone(),
                prefix: Some(Prefix { root, proof }),
            }))
        })
    }

    /// The first entry that is another one in `other`, as far as both logs go; `None` where the one
    /// is the beginning of the other. Subtrees that are alike are not looked into: some 60 hashes of
    /// each are read, however large they are.
    ///
    /// # Errors
    /// A tile is missing or damaged.
    pub fn first_difference<E: Source>(&self, other: &Log<E>) -> Result<Option<u64>, LogError> {
        let size = self.size().min(other.size());
        let differs = |node| {
            Ok::<_, LogError>(self.node(node, self.size())? != other.node(node, other.size())?)
        };
        for mut node in Frontier::nodes(size) {
            if !differs(node)? {
                continue;
            }
            while let Some(level) = node.level.checked_sub(1) {
                let left = Node {
                    level,
                    index: node.index.saturating_mul(2),
                };
                node = if differs(left)? {
                    left
                } else {
                    Node {
                        index: left.index.saturating_add(1),
                        ..left
                    }
                };
            }
            return Ok(Some(node.index));
        }
        Ok(None)
    }
}

/// The lines after the first: `root` with its hash, then the proof's.
fn prefix(mut lines: std::str::Split<'_, char>) -> Result<Option<Prefix>, ForkError> {
    let Some(first) = lines.next() else {
        return Ok(None);
    };
    let root = first.strip_prefix(ROOT).and_then(parse_hash);
    let root = root.ok_or(ForkError::Form)?;
    let hashes = body::hashes(lines, limits::PROOF_HASHES_MAX).map_err(ForkError::Hash)?;
    Ok(Some(Prefix {
        root,
        proof: ConsistencyProof { hashes },
    }))
}
