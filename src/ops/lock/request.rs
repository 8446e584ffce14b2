//! What a template asks of the resolver, and which versions of an existing lock stay.

use super::{LockFailure, Update, basis};
use crate::deb::resolve::{Pin, PinError, Provided};
use crate::deb::{Architecture, PackageName, Request, Version};
use crate::lock::Lockfile;
use crate::template::{Flavour, Initrd, PinTarget, Template};

/// What comes with each kernel.
const ALWAYS: [&str; 3] = ["systemd-boot-efi", "systemd-boot", "e2fsprogs"];
/// What comes with `[disk] updates`.
const UPDATES: [&str; 3] = ["systemd-container", "ca-certificates", "dosfstools"];

/// What an image of this flavour boots with, besides what the template names: the kernel, the programs
/// for firmware that start it, what takes a new version's counter away, and what makes the file system
/// of a state partition. With `updates`, what fetches them, whom it believes to be a web server, and what mends
/// the EFI system partition where the power failed while one came.
pub(super) fn boot(flavour: Flavour, architecture: &Architecture, updates: bool) -> Vec<String> {
    let kernel = match flavour {
        Flavour::Generic => "linux-image",
        Flavour::Cloud => "linux-image-cloud",
    };
    let mut packages = vec![format!("{kernel}-{architecture}")];
    packages.extend(ALWAYS.map(str::to_owned));
    if updates {
        packages.extend(UPDATES.map(str::to_owned));
    }
    packages
}

pub(super) fn request(
    template: &Template,
    architecture: &Architecture,
) -> Result<Request, LockFailure> {
    let mut request = Request::new(architecture.clone());
    request.recommends = template.source.recommends;
    for wanted in basis(template).packages {
        request.roots.push(wanted.parse()?);
    }
    for pin in &template.source.pins {
        let rule = match &pin.target {
            PinTarget::Version(version) => format!("version {version}"),
            PinTarget::Suite(suite) => format!("release {}", suite.as_str()),
        };
        let priority = i16::try_from(pin.priority).or(Err(PinError::Priority))?;
        request.pins.push(Pin::new(&pin.package, &rule, priority)?);
    }
    if template.kernel.initrd == Initrd::Karat {
        request.provided.push(Provided {
            name: "karat-initramfs".parse()?,
            version: "1".parse::<Version>()?,
            provides: vec!["linux-initramfs-tool".parse()?],
        });
    }
    Ok(request)
}

/// Pins to the versions of the existing lock, as far as they shall be kept.
pub(super) fn kept(
    existing: Option<&Lockfile>,
    template: &Template,
    update: &Update,
) -> Result<Vec<Pin>, LockFailure> {
    let (Some(lock), false) = (existing, *update == Update::All) else {
        return Ok(Vec::new());
    };
    if lock.suite != template.source.suite.as_str() {
        return Ok(Vec::new());
    }
    let free: &[PackageName] = match update {
        Update::Packages(names) => names,
        Update::AsNeeded | Update::All => &[],
    };
    if let Some(unknown) = free.iter().find(|name| lock.package(name).is_none()) {
        return Err(LockFailure::NotLocked(unknown.clone()));
    }
    let kept = lock.packages.iter().filter(|one| !free.contains(&one.name));
    kept.map(|one| {
        let rule = format!("version {}", one.version);
        Ok(Pin::new(one.name.as_str(), &rule, KEEP_PRIORITY)?)
    })
    .collect()
}

/// Above 1000: also where that is a downgrade (see `apt_preferences(5)`).
const KEEP_PRIORITY: i16 = 1001;
