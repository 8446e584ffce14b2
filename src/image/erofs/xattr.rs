//! Extended attributes: those that several inodes have, or that are large, stand in one place.

use std::collections::{BTreeMap, BTreeSet};

use super::{ErofsError, wide};
use crate::layout::erofs::format::{XATTR_ENTRY_LEN, XATTR_HEAD_LEN, XATTR_NAMES};
use crate::path::ImagePath;
use crate::tree::{Sealed, Tree, Xattrs};

/// Longest attribute that an inode keeps to itself: with 64 of them, its attributes stay far below
/// the 64 KiB that Linux 6.1 counts.
const OWN_MAX: usize = 256;

/// Longest value: its length has two bytes.
const VALUE_MAX: usize = 65_535;

/// The attributes that stand in one place, by name and value, and where.
#[derive(Debug, Default)]
pub(super) struct Shared<'a> {
    places: BTreeMap<(&'a [u8], &'a [u8]), u32>,
    length: u64,
}

impl<'a> Shared<'a> {
    /// Chooses what is shared.
    ///
    /// # Errors
    /// An attribute that EROFS cannot hold.
    pub(super) fn of(tree: &'a Tree<Sealed>) -> Result<Self, ErofsError> {
        // How many inodes have it; the root, which has little room, keeps none to itself.
        let mut counts: BTreeMap<(&[u8], &[u8]), u32> = BTreeMap::new();
        let mut seen = BTreeSet::new();
        for entry in tree.iter().filter(|entry| !entry.inode.xattrs.is_empty()) {
            if !seen.insert(entry.id) {
                continue;
            }
            for (name, value) in &entry.inode.xattrs {
                let length = encoded_len(entry.path, name, value)?;
                let weight = if entry.path.is_root() || length > OWN_MAX {
                    2
                } else {
                    1
                };
                let count = counts.entry((name, value)).or_default();
                *count = count.saturating_add(weight);
            }
        }
        let mut shared = Self::default();
        for ((name, value), count) in counts {
            if count > 1 {
                let place = u32::try_from(shared.length / 4).map_err(|_large| ErofsError::Size)?;
                shared.places.insert((name, value), place);
                let length = encoded_len(&ImagePath::root(), name, value)?;
                shared.length += wide(length);
            }
        }
        Ok(shared)
    }

    /// How many bytes they have, all together.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// The bytes of each, in the order of their places.
    pub(super) fn encode(&self) -> impl Iterator<Item = Vec<u8>> {
        self.places.keys().map(|(name, value)| {
            let mut bytes = Vec::new();
            encode(name, value, &mut bytes);
            bytes
        })
    }

    /// What stands behind an inode that has these attributes: nothing where there are none.
    pub(super) fn body(&self, xattrs: &Xattrs) -> Vec<u8> {
        if xattrs.is_empty() {
            return Vec::new();
        }
        let place = |(name, value): (&'_ Vec<u8>, &'_ Vec<u8>)| {
            self.places
                .get(&(name.as_slice(), value.as_slice()))
                .copied()
        };
        let mut body = vec![0; XATTR_HEAD_LEN];
        let mut count = 0_u8;
        for id in xattrs.iter().filter_map(place) {
            body.extend_from_slice(&id.to_le_bytes());
            count = count.saturating_add(1);
        }
        if let Some(field) = body.get_mut(4) {
            *field = count;
        }
        for (name, value) in xattrs {
            if place((name, value)).is_none() {
                encode(name, value, &mut body);
            }
        }
        body
    }
}

/// The number and the rest of a name.
fn split(name: &[u8]) -> Option<(u8, &[u8])> {
    XATTR_NAMES.iter().find_map(|(index, prefix)| {
        let rest = name.strip_prefix(*prefix)?;
        // A namespace needs a name in it; an ACL is its whole name.
        (rest.is_empty() != prefix.ends_with(b".")).then_some((*index, rest))
    })
}

fn encoded_len(path: &ImagePath, name: &[u8], value: &[u8]) -> Result<usize, ErofsError> {
    let refused = |rule| ErofsError::Xattr {
        path: path.clone(),
        name: name.to_vec(),
        rule,
    };
    let (_, rest) = split(name)
        .ok_or_else(|| refused("it is neither a POSIX ACL nor of user, trusted or security"))?;
    if rest.len() > 255 {
        return Err(refused("its name has more than 255 bytes"));
    }
    if value.len() > VALUE_MAX {
        return Err(refused("its value has more than 65,535 bytes"));
    }
    Ok((XATTR_ENTRY_LEN + rest.len() + value.len()).next_multiple_of(4))
}

fn encode(name: &[u8], value: &[u8], bytes: &mut Vec<u8>) {
    // Both were checked by `Shared::of`.
    let (index, rest) = split(name).unwrap_or((0, name));
    bytes.push(u8::try_from(rest.len()).unwrap_or(0));
    bytes.push(index);
    bytes.extend_from_slice(&u16::try_from(value.len()).unwrap_or(0).to_le_bytes());
    bytes.extend_from_slice(rest);
    bytes.extend_from_slice(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}
