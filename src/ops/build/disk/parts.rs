//! What an image has only because it boots from a disk: how its versions follow each other.
//!
//! The boot loader counts how often a new version was tried. One that came up as it was signed has its
//! counter taken away by systemd-bless-boot(8), and is what nothing older may follow (`karat-agent bless`).
//! Both, and systemd-sysupdate(8), have the EFI system partition mounted for as long as they run; before
//! that, what a power failure left there is mended (fsck.fat(8)).

use std::borrow::Cow;

use crate::harden::NEEDED_BY_DISK;
use crate::image::disk::Split;
use crate::manifest::Manifest;
use crate::path::{ImagePath, PathError};
use crate::tree::{Content, Kind, Origin};

/// Something to put into an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// Where.
    pub(super) path: ImagePath,
    /// What stands there.
    pub(super) body: Body,
}

/// What stands at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Body {
    /// A regular file with this text.
    Text(Cow<'static, str>),
    /// A link to `/dev/null`: of a unit or generator, that it is not started.
    Masked,
}

/// Who states it, as templates do in `[disk]`.
pub(super) const ORIGIN: &str = "disk";
/// Where the EFI system partition is mounted while something needs it.
pub(super) const EFI: &str = "/efi";
/// What takes counters away; of the package `systemd-boot`.
const BLESS: &str = "/usr/lib/systemd/system/systemd-bless-boot.service";
/// What fetches updates; of the package `systemd-container` of Debian 13.
pub(super) const UPDATER: &str = "/usr/lib/systemd/systemd-sysupdate";

/// What would mount partitions by itself: it knows nothing of what the initrd found.
const ALWAYS: [&str; 1] = ["/etc/systemd/system-generators/systemd-gpt-auto-generator"];
/// What the places that may be written are made with: no rule denies a module that stands there.
const PLACES: (&str, &str) = (NEEDED_BY_DISK, include_str!("../units/disk/places.conf"));
/// What else the package `systemd-boot` starts: writing random seeds and newer boot loaders to the EFI
/// system partition, and answering whoever asks about it.
const LOADER: [&str; 3] = [
    "systemd-boot-random-seed.service",
    "systemd-boot-update.service",
    "systemd-bootctl.socket",
];
/// What else the package `systemd-container` starts: containers and images of other systems.
const CONTAINERS: [&str; 7] = [
    "machines.target",
    "systemd-importd.service",
    "systemd-importd.socket",
    "systemd-machined.service",
    "systemd-mountfsd.socket",
    "systemd-nsresourced.socket",
    "systemd-portabled.service",
];
const FILES: [(&str, &str); 5] = [
    (
        "/usr/lib/modules-load.d/karat-efi.conf",
        include_str!("../units/disk/modules.conf"),
    ),
    (
        "/usr/lib/systemd/system/efi.mount",
        include_str!("../units/disk/efi.mount"),
    ),
    (
        "/usr/lib/systemd/system/karat-esp-check.service",
        include_str!("../units/disk/esp-check.service"),
    ),
    (
        "/usr/lib/systemd/system/karat-bless.service.d/20-counted.conf",
        include_str!("../units/disk/bless.conf"),
    ),
    (
        "/usr/lib/systemd/system/systemd-bless-boot.service.d/10-karat.conf",
        include_str!("../units/disk/bless-boot.conf"),
    ),
];
const UPDATE: (&str, &str) = (
    "/usr/lib/systemd/system/systemd-sysupdate.service.d/10-karat.conf",
    include_str!("../units/disk/sysupdate.conf"),
);

/// All parts of an image whose packages brought what `has` says is there; with `updates` also what
/// fetches newer versions.
///
/// # Errors
/// Never: the paths are stated here.
pub(super) fn parts(
    has: impl Fn(&ImagePath) -> bool,
    updates: Option<&Split>,
) -> Result<Vec<Part>, PathError> {
    let mut parts = Vec::new();
    let mut put = |path: &str, body| {
        let path = ImagePath::parse(path)?;
        parts.push(Part { path, body });
        Ok::<(), PathError>(())
    };
    for path in ALWAYS {
        put(path, Body::Masked)?;
    }
    put(PLACES.0, Body::Text(PLACES.1.into()))?;
    // A disk whose loader is somebody else's matter has nothing that counts.
    if has(&ImagePath::parse(BLESS)?) {
        for (path, text) in FILES {
            put(path, Body::Text(text.into()))?;
        }
        for unit in LOADER {
            put(&mask(unit), Body::Masked)?;
        }
    }
    if let Some(split) = updates {
        put(UPDATE.0, Body::Text(UPDATE.1.into()))?;
        for transfer in split.transfers() {
            let path = format!("{}/{}", Split::DIRECTORY, transfer.name);
            put(&path, Body::Text(transfer.text.into()))?;
        }
        for unit in CONTAINERS {
            put(&mask(unit), Body::Masked)?;
        }
    }
    Ok(parts)
}

/// Whether the image of `manifest` has the parts of this very karat, but for those that a template has
/// in their place.
pub(super) fn are_in(manifest: &Manifest, updates: Option<&Split>) -> Result<bool, PathError> {
    let origin = Origin::Template(ORIGIN.to_owned());
    let has = |path: &ImagePath| manifest.get(path).is_some();
    Ok(parts(has, updates)?.iter().all(|part| {
        let entry = manifest.get(&part.path);
        entry.is_some_and(|entry| entry.kind == part.body.kind() || *entry.origin != origin)
    }))
}

impl Body {
    /// What the manifest says of it.
    fn kind(&self) -> Kind {
        match self {
            Self::Text(text) => Kind::Regular(Content::of(text.as_bytes())),
            Self::Masked => Kind::Symlink(b"/dev/null".to_vec()),
        }
    }
}

fn mask(unit: &str) -> String {
    format!("/etc/systemd/system/{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::baseline::ImageName;
    use crate::image::disk::Address;

    #[test]
    fn what_is_not_there_is_not_arranged() {
        let paths = |has: bool, updates: Option<&Split>| {
            let parts = parts(|_| has, updates).unwrap();
            let paths = parts.iter().map(|part| part.path.to_string());
            paths.collect::<Vec<_>>()
        };
        assert_eq!(paths(false, None), [ALWAYS[0], NEEDED_BY_DISK]);
        let counted = paths(true, None);
        assert!(counted.contains(&"/usr/lib/systemd/system/efi.mount".to_owned()));
        assert!(counted.contains(&"/etc/systemd/system/systemd-bootctl.socket".to_owned()));
        let split = Split {
            name: ImageName::parse("web").unwrap(),
            address: Address::parse("https://images.example").unwrap(),
            receipt: true,
        };
        let updated = paths(true, Some(&split));
        assert_eq!(
            updated.len(),
            counted.len() + 1 + CONTAINERS.len() + split.transfers().len()
        );
        assert!(updated.contains(&"/usr/lib/sysupdate.d/50-kernel.transfer".to_owned()));
    }

    #[test]
    fn the_partition_is_mounted_for_those_who_need_it_and_gives_no_rights() {
        let text = |name: &str| {
            let found = FILES.iter().chain([&UPDATE]);
            let found = found.filter(|(path, _)| path.contains(name));
            found.map(|(_, text)| *text).collect::<Vec<_>>().concat()
        };
        let mount = text("efi.mount");
        assert!(mount.contains(&format!("\nWhere={EFI}\n")));
        for option in ["nodev", "noexec", "nosuid"] {
            assert!(mount.contains(option), "{option}");
        }
        assert!(mount.contains("\nStopWhenUnneeded=yes\n"));
        // It is mended first, in each boot once, and never while it is mounted.
        let check = text("karat-esp-check.service");
        assert!(mount.contains("\nWants=karat-esp-check.service\n"));
        assert!(check.contains("\nBefore=efi.mount"));
        assert!(check.contains(&format!("\nConditionPathIsMountPoint=!{EFI}\n")));
        assert!(check.contains("\nRemainAfterExit=yes\n"));
        for unit in ["systemd-bless-boot", "systemd-sysupdate"] {
            assert!(
                text(unit).contains(&format!("\nRequiresMountsFor={EFI}\n")),
                "{unit}"
            );
        }
    }
}
