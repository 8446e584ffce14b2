//! What Receipts and requests to witnesses have in common: lines, the last of them the hashes of a proof,
//! an empty line, and a signed note.

use std::str::Split;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::checkpoint::digest;
use super::note::Note;
use crate::digest::Digest;

/// The lines and the note; `None` where there is no empty line between them.
pub(crate) fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.windows(2).position(|pair| pair == b"\n\n")?;
    let (head, note) = bytes.split_at_checked(end)?;
    Some((head, note.get(2..)?))
}

/// Reads at most `most` hashes, one a line.
///
/// # Errors
/// The number of the first line, from 0, that is no hash, or one too many.
pub(crate) fn hashes(lines: Split<'_, char>, most: usize) -> Result<Vec<Digest>, usize> {
    let mut hashes = Vec::new();
    for line in lines {
        match digest(line) {
            Some(hash) if hashes.len() < most => hashes.push(hash),
            _ => return Err(hashes.len()),
        }
    }
    Ok(hashes)
}

/// The bytes: `lines`, each with its line feed, the hashes, and the note.
pub(crate) fn bytes(lines: String, hashes: &[Digest], note: &Note) -> Vec<u8> {
    let mut text = lines;
    for hash in hashes {
        text.push_str(&STANDARD.encode(hash.as_bytes()));
        text.push('\n');
    }
    text.push('\n');
    [text.as_bytes(), &note.to_bytes()].concat()
}
