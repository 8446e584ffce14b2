//! The systemd units that make an instance verify itself.

use super::BuildError;
use crate::instance::OnFailure;
use crate::manifest::Manifest;
use crate::path::ImagePath;
use crate::tree::{Content, Kind, Open, Origin, Tree};

/// Who states what the verifier needs, as templates do in `[verify]`.
pub(super) const ORIGIN: &str = "verify";

/// Where packages' units are; only an image with systemd has it.
const SYSTEM: &str = "/usr/lib/systemd/system";

const UNITS: [(&str, &str); 6] = [
    (
        "karat-bless.service",
        include_str!("units/karat-bless.service"),
    ),
    (
        "karat-isolated.target",
        include_str!("units/karat-isolated.target"),
    ),
    (
        "karat-peers.service",
        include_str!("units/karat-peers.service"),
    ),
    (
        "karat-verify-again.service",
        include_str!("units/karat-verify-again.service"),
    ),
    (
        "karat-verify.service",
        include_str!("units/karat-verify.service"),
    ),
    (
        "karat-verify.timer",
        include_str!("units/karat-verify.timer"),
    ),
];

/// What starts them. They are the image's, not the administrator's, so that no preset undoes it; a
/// template can still mask them.
const STARTED_BY: [(&str, &str); 5] = [
    ("boot-complete.target.requires", "karat-verify.service"),
    ("multi-user.target.wants", "karat-bless.service"),
    ("sysinit.target.wants", "karat-peers.service"),
    ("sysinit.target.wants", "karat-verify.service"),
    ("timers.target.wants", "karat-verify.timer"),
];

/// What a failure of either of these does is in a file beside them.
const JUDGES: [&str; 2] = ["karat-verify.service", "karat-verify-again.service"];

/// Something to put into an image: a path and what stands there.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// A regular file of these bytes.
    File(ImagePath, &'static str),
    /// A symbolic link to this target.
    Link(ImagePath, String),
}

impl Part {
    /// Where it stands.
    pub(super) fn path(&self) -> &ImagePath {
        match self {
            Self::File(path, _) | Self::Link(path, _) => path,
        }
    }
}

/// All units, and the links that start them; nothing for an image without systemd.
pub(super) fn parts(tree: &Tree<Open>, on_failure: OnFailure) -> Result<Vec<Part>, BuildError> {
    let system = ImagePath::parse(SYSTEM)?;
    if tree.get(&system).is_none() {
        return Ok(Vec::new());
    }
    all(&system, on_failure)
}

/// Whether the image of `manifest` has the units of this very karat, byte for byte, and no others.
pub(super) fn are_in(manifest: &Manifest, on_failure: OnFailure) -> Result<bool, BuildError> {
    let system = ImagePath::parse(SYSTEM)?;
    let parts = if manifest.get(&system).is_some() {
        all(&system, on_failure)?
    } else {
        Vec::new()
    };
    let has = |part: &Part| {
        let kind = match part {
            Part::File(_, text) => Kind::Regular(Content::of(text.as_bytes())),
            Part::Link(_, target) => Kind::Symlink(target.clone().into_bytes()),
        };
        manifest
            .get(part.path())
            .is_some_and(|entry| entry.kind == kind)
    };
    let origin = Origin::Template(ORIGIN.to_owned());
    let ours = manifest.entries().iter().filter(|entry| {
        *entry.origin == origin && entry.kind != Kind::Directory && entry.path.is_within(&system)
    });
    Ok(parts.iter().all(has) && ours.count() == parts.len())
}

fn all(system: &ImagePath, on_failure: OnFailure) -> Result<Vec<Part>, BuildError> {
    let mut parts = Vec::new();
    for (name, text) in UNITS {
        parts.push(Part::File(system.join(name)?, text));
    }
    for (target, unit) in STARTED_BY {
        parts.push(Part::Link(
            system.join(target)?.join(unit)?,
            format!("../{unit}"),
        ));
    }
    let drop_in = match on_failure {
        OnFailure::Isolate => Some(include_str!("units/on-failure-isolate.conf")),
        OnFailure::Poweroff => Some(include_str!("units/on-failure-poweroff.conf")),
        OnFailure::Report => None,
    };
    if let Some(text) = drop_in {
        for unit in JUDGES {
            let path = system
                .join(format!("{unit}.d"))?
                .join("10-on-failure.conf")?;
            parts.push(Part::File(path, text));
        }
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_started_is_there_and_what_judges_can_fail() {
        for (_, unit) in STARTED_BY {
            assert!(UNITS.iter().any(|(name, _)| *name == unit), "{unit}");
        }
        for unit in JUDGES {
            let (_, text) = UNITS.iter().find(|(name, _)| *name == unit).unwrap();
            assert!(text.contains("karat-agent verify --journal"), "{unit}");
            // A mount over what is scanned would be a gap in each report; RestrictSUIDSGID= makes the
            // kernel answer that it has no openat2(2), and nothing can be listed.
            for option in [
                "ProtectHome=",
                "PrivateTmp=",
                "ProtectKernelModules=",
                "ProtectSystem=",
                "RestrictSUIDSGID=",
                "RootImage=",
            ] {
                assert!(
                    !text.lines().any(|line| line.starts_with(option)),
                    "{unit}: {option}"
                );
            }
        }
    }

    #[test]
    fn both_judges_are_confined_alike() {
        let confined = |unit: &str| {
            let (_, text) = UNITS.iter().find(|(name, _)| *name == unit).unwrap();
            let start = text.find("\nCapabilityBoundingSet=").unwrap();
            text[start..].to_owned()
        };
        let [boot, again] = JUDGES;
        assert_eq!(confined(boot), confined(again));
    }

    /// A manifest with these units, in an image with systemd.
    fn image_with(parts: &[Part]) -> Manifest {
        let mut tree: Tree<Open> = Tree::new(crate::tree::Epoch::new(0).unwrap());
        let origin = Origin::Template(ORIGIN.to_owned());
        let system = ImagePath::parse(SYSTEM).unwrap();
        tree.make_dirs(&system, &origin).unwrap();
        for part in parts {
            let above = part.path().parent().unwrap();
            tree.make_dirs(&above, &origin).unwrap();
            let (mode, kind) = match part {
                Part::File(_, text) => {
                    let content = Content::of(text.as_bytes());
                    (crate::tree::Mode::FILE, Kind::Regular(content))
                }
                Part::Link(_, target) => {
                    let target = target.clone().into_bytes();
                    (crate::tree::Mode::SYMLINK, Kind::Symlink(target))
                }
            };
            let inode = crate::tree::Inode {
                stat: crate::tree::Stat::root(mode),
                kind,
                xattrs: crate::tree::Xattrs::new(),
                origin: origin.clone(),
            };
            tree.insert(part.path().clone(), inode).unwrap();
        }
        Manifest::of(&tree.seal().unwrap())
    }

    #[test]
    fn units_of_another_karat_are_told_from_ones_of_this() {
        let system = ImagePath::parse(SYSTEM).unwrap();
        let of_this = |on_failure| all(&system, on_failure).unwrap();
        let are_in = |parts: &[Part], on_failure| are_in(&image_with(parts), on_failure).unwrap();
        for on_failure in [OnFailure::Report, OnFailure::Isolate, OnFailure::Poweroff] {
            assert!(are_in(&of_this(on_failure), on_failure));
        }
        // Another text, another target, one fewer, one more, what another policy asks for.
        let here = OnFailure::Report;
        for at in 0..of_this(here).len() {
            let mut parts = of_this(here);
            parts[at] = match &parts[at] {
                Part::File(path, _) => Part::File(path.clone(), "[Unit]\n"),
                Part::Link(path, _) => Part::Link(path.clone(), "../other.service".to_owned()),
            };
            assert!(!are_in(&parts, here));
            parts.remove(at);
            assert!(!are_in(&parts, here));
        }
        let mut parts = of_this(here);
        parts.push(Part::File(system.join("karat-old.service").unwrap(), ""));
        assert!(!are_in(&parts, here));
        assert!(!are_in(&of_this(OnFailure::Poweroff), here));
        assert!(!are_in(&of_this(here), OnFailure::Poweroff));
        assert!(!are_in(&[], here));
    }
}
