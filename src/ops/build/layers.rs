//! Which compressed layer a configured tree gave: so that it is compressed once.
//!
//! The layer itself is an object of the cache; `trees/KEY/layer.json` says which. Both can go at any
//! time: then the layer is compressed again.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::archive::Cache;
use crate::digest::Digest;
use crate::image::oci::Layer;
use crate::sys::fs::{self, IoError};

/// Largest note: it says where something is, not what it is.
const NOTE_MAX: u64 = 4096;
/// Raised whenever the same tree would give another layer.
const VERSION: u32 = 1;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Note {
    created_by: String,
    diff_id: Digest,
    digest: Digest,
    size: u64,
    version: u32,
}

/// The layer that the configured tree `key` gave, if that is remembered. A note that cannot be
/// read is as good as none.
pub(super) fn find(cache: &Cache, key: &Digest) -> Option<Layer> {
    let bytes = fs::read(path(cache, key), NOTE_MAX).ok()?;
    let Note {
        created_by,
        diff_id,
        digest,
        size,
        version,
    } = serde_json::from_slice(&bytes).ok()?;
    (version == VERSION).then_some(Layer {
        digest,
        size,
        diff_id,
        created_by,
    })
}

/// Remembers it, if the tree itself is kept.
pub(super) fn keep(cache: &Cache, key: &Digest, layer: &Layer) -> Result<(), IoError> {
    let path = path(cache, key);
    let Layer {
        digest,
        size,
        diff_id,
        created_by,
    } = layer.clone();
    let note = Note {
        created_by,
        diff_id,
        digest,
        size,
        version: VERSION,
    };
    if !path
        .parent()
        .is_some_and(|tree| fs::exists(tree).unwrap_or(false))
    {
        return Ok(());
    }
    match serde_json::to_vec(&note) {
        Ok(bytes) => fs::write_atomic(path, &bytes, 0o600),
        // A note that cannot be written down costs time, not correctness.
        Err(_) => Ok(()),
    }
}

fn path(cache: &Cache, key: &Digest) -> PathBuf {
    cache.trees().join(key.to_string()).join("layer.json")
}
