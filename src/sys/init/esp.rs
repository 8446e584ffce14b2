//! What was delivered with the image, from its EFI system partition, which is never mounted.

use std::num::NonZero;
use std::path::Path;

use super::Device;
use crate::appraise::{Expiry, Material, Neighbour, NewerRoot, Terms};
use crate::boot::Plan;
use crate::disk::version_of;
use crate::layout::Source;
use crate::layout::fat::{FatError, Volume};
use crate::layout::gpt::Partition;
use crate::limits;
use crate::path::Escaped;
use crate::sys::clock;
use crate::sys::fs;
use crate::sys::material::{self, ENVELOPE_SUFFIX, RECEIPT_SUFFIX};

/// Where it lies: the Envelope and its Receipt.
const DELIVERED: &str = "karat";
/// Newer trust roots, as `N.json`.
const ROOTS: &str = "karat/trust/";

/// Reads the trust root of the initrd, and what was delivered on the EFI system partition of `disk`:
/// hostile bytes, none of them checked. What cannot be read is said in its place.
pub fn material(plan: &Plan, disk: &Device, esp: &Partition) -> Material {
    let part = esp.of(disk).map_err(|error| error.to_string());
    let volume = part.and_then(|part| {
        let volume = Volume::read(&part).map_err(|error| escaped(&error))?;
        Ok((part, volume))
    });
    let read = |path: &str, cap: u64| match &volume {
        Ok((part, volume)) => found(part, volume, path, cap),
        Err(error) => Neighbour {
            path: path.to_owned(),
            bytes: None,
            unread: Some(format!("the EFI system partition cannot be read: {error}")),
        },
    };
    let stem = format!("{DELIVERED}/{}", plan.stem());
    let mut newer_roots = Vec::new();
    for file in volume.iter().flat_map(|(_, volume)| &volume.files) {
        let start = file.path.get(..ROOTS.len());
        let is_root = start.is_some_and(|start| start.eq_ignore_ascii_case(ROOTS));
        let name = file.path.get(ROOTS.len()..).filter(|_| is_root);
        let name = name.and_then(|name| name.strip_suffix(".json"));
        let Some(version) = name.and_then(version_of) else {
            continue;
        };
        if newer_roots.len() < limits::NEWER_ROOTS_MAX {
            let file = read(&file.path, limits::TRUST_ROOT_MAX);
            newer_roots.push(NewerRoot { version, file });
        }
    }
    crate::order::sort_by(&mut newer_roots, |a, b| a.version.cmp(&b.version));
    Material {
        trust: material::delivered(Path::new(Plan::TRUST), limits::TRUST_ROOT_MAX),
        newer_roots,
        envelope: read(&format!("{stem}{ENVELOPE_SUFFIX}"), limits::ENVELOPE_MAX),
        receipt: read(&format!("{stem}{RECEIPT_SUFFIX}"), limits::RECEIPT_MAX),
        // The root as a whole is what is compared here; the running system compares its files.
        manifest: nothing(),
        expectations: nothing(),
        terms: Terms {
            image: Some(plan.name.clone()),
            expiry: Expiry::Warn,
            now: clock::now(),
        },
        threads: NonZero::<usize>::MIN,
    }
}

/// Puts what was delivered where the running system looks for it: below `directory`.
///
/// # Errors
/// It cannot be written.
pub(super) fn hand_over(material: &Material, directory: &Path) -> Result<(), fs::IoError> {
    fs::make_dirs(directory.join("trust"), 0o755)?;
    for file in [&material.envelope, &material.receipt] {
        let name = Path::new(&file.path).file_name();
        if let (Some(name), Some(bytes)) = (name, &file.bytes) {
            fs::write_atomic(directory.join(name), bytes, 0o644)?;
        }
    }
    for root in &material.newer_roots {
        let name = format!("trust/{}.json", root.version);
        if let Some(bytes) = &root.file.bytes {
            fs::write_atomic(directory.join(name), bytes, 0o644)?;
        }
    }
    Ok(())
}

fn found(part: &dyn Source, volume: &Volume, path: &str, cap: u64) -> Neighbour {
    let read = volume.file(path).map(|file| file.read(part, cap));
    let (bytes, unread) = match read {
        None => (None, None),
        Some(Ok(bytes)) => (Some(bytes), None),
        Some(Err(error)) => (None, Some(escaped(&error))),
    };
    Neighbour {
        path: Escaped(path.as_bytes()).to_string(),
        bytes,
        unread,
    }
}

/// An error may name files as they are.
fn escaped(error: &FatError) -> String {
    Escaped(error.to_string().as_bytes()).to_string()
}

fn nothing<Bytes>() -> Neighbour<Bytes> {
    Neighbour {
        path: String::new(),
        bytes: None,
        unread: None,
    }
}
