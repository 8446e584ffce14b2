//! What was delivered with the image, from its EFI system partition, which is never mounted.

use std::num::NonZero;
use std::path::Path;

use super::Device;
use crate::appraise::{Expiry, Finding, Material, Neighbour, Terms};
use crate::boot::Plan;
use crate::disk::Delivered;
use crate::layout::gpt::Partition;
use crate::limits;
use crate::sys::clock;
use crate::sys::fs;
use crate::sys::material;

/// Reads the trust root of the initrd, and what was delivered on the EFI system partition of `disk`:
/// hostile bytes, none of them checked. What cannot be read is said in its place; what is odd about the
/// partition, and keeps nothing from being read, is given besides.
pub fn material(plan: &Plan, disk: &Device, esp: &Partition) -> (Material, Vec<Finding>) {
    let trust = material::delivered(Path::new(Plan::TRUST), limits::TRUST_ROOT_MAX);
    let delivered = match esp.of(disk) {
        Ok(part) => Delivered::read(&part, &plan.stem(), &trust),
        Err(error) => Delivered::unread(&plan.stem(), &error.to_string()),
    };
    let material = Material {
        trust,
        newer_roots: delivered.newer_roots,
        envelope: delivered.envelope,
        receipt: delivered.receipt,
        // The root as a whole is what is compared here; the running system compares its files.
        manifest: nothing(),
        expectations: nothing(),
        terms: Terms {
            image: Some(plan.name.clone()),
            expiry: Expiry::Warn,
            now: clock::now(),
        },
        threads: NonZero::<usize>::MIN,
    };
    (material, delivered.warnings)
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

fn nothing<Bytes>() -> Neighbour<Bytes> {
    Neighbour {
        path: String::new(),
        bytes: None,
        unread: None,
    }
}
