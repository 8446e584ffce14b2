//! A resolved template: every field valid, every file's bytes at hand.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::appraise::Expiry;
use crate::baseline::{ImageName, ImageVersion};
use crate::expect::{self, Class, Facts};
use crate::image::disk::Container;
use crate::instance::OnFailure;
use crate::path::{Glob, ImagePath};
pub use crate::segment::{Category, DataClass, Lifecycle, Segment};
use crate::segment::{Member, Statement};
use crate::tree::{Epoch, Mode, Origin};

use super::disk::Disk;
use super::harden::Harden;
use super::names::{AccountName, PackageName, SshKey, SysctlKey, UnitName, VersionText, Word};
use super::reader::Span;
use super::source::{Body, Source, SourceFile};

/// What to build: the template and all that it extends, merged and checked.
///
/// Only [`super::load`] makes one, so a value of this type keeps every rule of
/// `docs/formats/template.md`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Template {
    /// `[image]`.
    pub image: Image,
    /// `[source]`.
    pub source: Source,
    /// `packages`, sorted by name; at most one entry for a name.
    pub packages: Vec<PackageSpec>,
    /// `[[files]]`, sorted by path; at most one entry for a path.
    pub files: Vec<FileEntry>,
    /// `[[groups]]`, in the order stated, inherited ones first.
    pub groups: Vec<Group>,
    /// `[[users]]`, in the order stated, inherited ones first.
    pub users: Vec<User>,
    /// `[services]`.
    pub services: Services,
    /// `[kernel]`.
    pub kernel: Kernel,
    /// `[disk]`; `None` where no template states it: then it has the defaults.
    pub disk: Option<Disk>,
    /// `[harden]`; `None` where no template states it.
    pub harden: Option<Harden>,
    /// `[segment]`.
    pub segment: Segment,
    /// `[verify]`.
    pub verify: Verify,
    /// `[outputs]`.
    pub outputs: Outputs,
    /// The template file itself and those that it extends, nearest first.
    pub chain: Vec<PathBuf>,
    /// Which template file stated what; for people, not part of any digest.
    pub(super) provenance: BTreeMap<String, usize>,
    /// Where what the fleet's checks look at is stated; for people, not part of any digest.
    pub(super) places: BTreeMap<Statement, Span>,
}

/// `[image]`: what the image is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// The first half of each output's name, `NAME_VERSION`.
    pub name: ImageName,
    /// The second half.
    pub version: ImageVersion,
    /// One line for people.
    pub description: Option<String>,
    /// The build's clock, where `SOURCE_DATE_EPOCH` does not say it.
    pub epoch: Option<Epoch>,
    /// Debian's name of the architecture (`amd64`); `None` means that of the machine that locks.
    pub architecture: Option<Word>,
}

/// An item of `packages`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageSpec {
    /// The package.
    pub name: PackageName,
    /// The exact version, where the template states one.
    pub version: Option<VersionText>,
}

/// `[[files]]`: a path of the image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileEntry {
    /// Where.
    pub path: ImagePath,
    /// What.
    pub kind: FileKind,
    /// Mode; for symbolic links always 0777.
    pub mode: Mode,
    /// Owner.
    pub owner: Owner,
    /// Group.
    pub group: Owner,
}

/// What stands at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// Nothing: what packages put there is removed.
    Absent,
    /// A directory.
    Directory,
    /// A regular file.
    Regular(Body),
    /// A symbolic link with this target.
    Symlink(String),
}

/// An owner or group: by name in the image's own `/etc/passwd` or `/etc/group`, or by number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// By number.
    Id(u32),
    /// By name.
    Name(AccountName),
}

/// `[[groups]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its name.
    pub name: AccountName,
    /// Its number; `None` is the first free one.
    pub gid: Option<u32>,
    /// Whether its number comes from the system's range.
    pub system: bool,
}

/// `[[users]]`: an account to add, or to change where packages have added it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Its name.
    pub name: AccountName,
    /// Its number; `None` is the first free one.
    pub uid: Option<u32>,
    /// Its primary group; `None` is a group of its own name.
    pub group: Option<Owner>,
    /// Further groups.
    pub groups: Vec<AccountName>,
    /// The comment field of passwd(5).
    pub comment: Option<String>,
    /// Its shell; `None` is `/bin/bash`, or `/usr/sbin/nologin` for a system account.
    pub shell: Option<ImagePath>,
    /// Its home; `None` is `/home/NAME`, or `/nonexistent` for a system account.
    pub home: Option<ImagePath>,
    /// Its `authorized_keys`.
    pub ssh_keys: Vec<SshKey>,
    /// Whether the account's password is locked (`!`) rather than only unset (`*`).
    pub locked: bool,
    /// Whether it is a system account.
    pub system: bool,
}

/// `[services]`: systemd units.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Services {
    /// Units to enable.
    pub enable: Vec<UnitName>,
    /// Units to disable.
    pub disable: Vec<UnitName>,
    /// Units to mask.
    pub mask: Vec<UnitName>,
}

/// `[kernel]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kernel {
    /// Words of the command line, in order.
    pub cmdline: Vec<String>,
    /// Modules to load at boot.
    pub modules: Vec<Word>,
    /// Kernel parameters.
    pub sysctl: BTreeMap<SysctlKey, String>,
    /// Who makes the initrd.
    pub initrd: Initrd,
    /// Which kernel goes into images that boot; `None`: only what the template names as a package.
    pub flavour: Option<Flavour>,
}

/// A kernel of the distribution, and what firmware needs to start it.
///
/// Only images of a format that boots have it: others run under a kernel of their host's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Flavour {
    /// For any machine: `linux-image-ARCH`.
    Generic,
    /// For machines of clouds, with fewer drivers: `linux-image-cloud-ARCH`.
    Cloud,
}

/// What a template says of it: a word may take away what is inherited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum StatedFlavour {
    Generic,
    Cloud,
    None,
}

impl StatedFlavour {
    pub(super) const fn flavour(self) -> Option<Flavour> {
        match self {
            Self::Generic => Some(Flavour::Generic),
            Self::Cloud => Some(Flavour::Cloud),
            Self::None => None,
        }
    }
}

/// Who makes the initrd.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Initrd {
    /// The package that the distribution's kernel asks for.
    Distribution,
    /// karat, which provides `linux-initramfs-tool` itself.
    Karat,
}

/// `[verify]`: what instances are checked with, and what may differ on them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verify {
    /// The agent to install.
    pub agent: Agent,
    /// What happens once a trust root or a statement has expired.
    pub expiry: Expiry,
    /// What happens at boot where the instance is not what was signed.
    pub on_failure: OnFailure,
    /// Paths that may differ, sorted by pattern; a pattern stands there once.
    pub mutable: Vec<Mutable>,
    /// What must hold on the running system, in the order in which it is written. What `[kernel]`
    /// states is added by [`Template::facts`].
    pub facts: Facts,
}

/// Which `karat-agent` goes into the image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Agent {
    /// The one beside `karat`, or the one named on the command line.
    Beside,
    /// This file.
    File(SourceFile),
    /// None.
    None,
}

/// Paths that may differ from the manifest, and how far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mutable {
    /// Which paths.
    pub path: Glob,
    /// How far they may differ.
    pub class: Class,
    /// The exact mode of a generated-once file; other classes have none.
    pub mode: Option<Mode>,
}

/// `[outputs]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outputs {
    /// Formats to write; never empty.
    pub formats: Vec<Format>,
    /// How tar files and layers are compressed.
    pub compression: Compression,
}

/// A format of outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// A GPT disk that boots.
    Disk,
    /// An EROFS image.
    Erofs,
    /// The disk as Google takes it.
    Gcp,
    /// An OCI image layout.
    Oci,
    /// The disk as QEMU and `OpenStack` take it.
    Qcow2,
    /// What a disk is made of, each piece by itself: an update.
    Split,
    /// A tar file.
    Tar,
    /// The disk as Azure takes it.
    Vhd,
    /// The disk as AWS and `VMware` take it.
    Vmdk,
}

impl Format {
    /// Whether machines boot it, so that it needs a kernel of its own.
    pub const fn boots(self) -> bool {
        match self {
            Self::Disk | Self::Gcp | Self::Qcow2 | Self::Split | Self::Vhd | Self::Vmdk => true,
            Self::Erofs | Self::Oci | Self::Tar => false,
        }
    }

    /// What the disk is put into; `None` for what is no container of a disk.
    pub const fn container(self) -> Option<Container> {
        match self {
            Self::Gcp => Some(Container::Gcp),
            Self::Qcow2 => Some(Container::Qcow2),
            Self::Vhd => Some(Container::Vhd),
            Self::Vmdk => Some(Container::Vmdk),
            Self::Disk | Self::Erofs | Self::Oci | Self::Split | Self::Tar => None,
        }
    }
}

/// A compression of outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Compression {
    /// RFC 1952.
    Gzip,
    /// None.
    None,
    /// RFC 8878.
    Zstd,
}

impl Template {
    /// Whether machines that run the image fetch newer versions of it.
    pub fn updates(&self) -> bool {
        self.disk
            .as_ref()
            .is_some_and(|disk| disk.updates.is_some())
    }

    /// What a fleet's checks look at of it.
    pub fn member(&self) -> Member {
        let names = |units: &[UnitName]| units.iter().map(ToString::to_string).collect::<Vec<_>>();
        let mut disabled = names(&self.services.disable);
        disabled.extend(names(&self.services.mask));
        let listen = self.verify.facts.listen.as_ref();
        Member {
            image: self.image.name.to_string(),
            segment: self.segment.clone(),
            packages: self.packages.iter().map(|it| it.name.to_string()).collect(),
            enabled: names(&self.services.enable),
            disabled,
            listen: listen.map(|it| it.allow.clone()),
        }
    }

    /// What `[[verify.mutable]]` states, as expectations take it; with an agent also what the
    /// instance is given and remembers, unless the template says otherwise about that.
    pub fn expectations(&self) -> Vec<expect::Mutable> {
        let mutable = |path: &Glob, class, mode| expect::Mutable {
            class,
            mode,
            origin: Origin::Template("verify".to_owned()),
            path: path.clone(),
        };
        let entries = self.verify.mutable.iter();
        let mut all: Vec<expect::Mutable> = entries
            .map(|entry| mutable(&entry.path, entry.class, entry.mode))
            .collect();
        if self.verify.agent != Agent::None {
            for (path, class) in [
                ("/run/karat/**", Class::Volatile),
                ("/var/lib/karat/**", Class::State),
            ] {
                if let Ok(path) = Glob::parse(path)
                    && all.iter().all(|entry| entry.path != path)
                {
                    all.push(mutable(&path, class, None));
                }
            }
        }
        all
    }
}
