//! One template file as written: values parsed, nothing merged yet.

use crate::appraise::Expiry;
use crate::baseline::{ImageName, ImageVersion};
use crate::boot::{self, Etc, OnCorruption};
use crate::expect::Class;
use crate::expect::fact;
use crate::harden::Profile;
use crate::image::disk::Address;
use crate::instance::OnFailure;
use crate::path::{Glob, ImagePath};
use crate::segment::{Audience, Exposure, PackageGlob, Peer, Port, Proto, ServiceName};
use crate::tree::{Epoch, Mode};

use super::disk::Bytes;
use super::model::{
    Category, Compression, DataClass, Format, Initrd, Lifecycle, Owner, PackageSpec, StatedFlavour,
};
use super::names::{
    AccountName, ComponentName, Date, RepositoryName, SegmentName, Snapshot, SshKey, SuiteName,
    SysctlKey, UnitName, Uri, Word,
};
use super::reader::{At, Item, Span};
use super::source::{Distribution, Pin, Pocket};

/// A list as written in one file.
pub(super) type Items<T> = Vec<At<Item<T>>>;

#[derive(Clone, Debug)]
pub(super) struct Raw {
    pub(super) extends: Option<At<String>>,
    pub(super) packages: Items<PackageSpec>,
    pub(super) image: RawImage,
    pub(super) source: RawSource,
    pub(super) files: Vec<RawFile>,
    pub(super) groups: Vec<RawGroup>,
    pub(super) users: Vec<RawUser>,
    pub(super) services: RawServices,
    pub(super) kernel: RawKernel,
    pub(super) disk: RawDisk,
    pub(super) harden: RawHarden,
    pub(super) segment: RawSegment,
    pub(super) verify: RawVerify,
    pub(super) outputs: RawOutputs,
}

#[derive(Clone, Debug)]
pub(super) struct RawImage {
    pub(super) span: Span,
    pub(super) name: Option<At<ImageName>>,
    pub(super) version: Option<At<ImageVersion>>,
    pub(super) description: Option<At<String>>,
    pub(super) epoch: Option<At<Epoch>>,
    pub(super) architecture: Option<At<Word>>,
}

#[derive(Clone, Debug)]
pub(super) struct RawSource {
    pub(super) span: Span,
    pub(super) distribution: Option<At<Distribution>>,
    pub(super) suite: Option<At<SuiteName>>,
    pub(super) components: Items<ComponentName>,
    /// `None`: the key is absent; an empty list says that no pockets are wanted.
    pub(super) pockets: Option<Items<Pocket>>,
    pub(super) snapshot: Option<At<Snapshot>>,
    pub(super) mirror: Option<At<Uri>>,
    pub(super) security_mirror: Option<At<Uri>>,
    pub(super) keyring: Option<At<String>>,
    pub(super) recommends: Option<At<bool>>,
    pub(super) pins: Vec<At<Pin>>,
    pub(super) extra: Vec<RawRepository>,
}

#[derive(Clone, Debug)]
pub(super) struct RawRepository {
    pub(super) name: At<RepositoryName>,
    pub(super) uri: Option<At<Uri>>,
    pub(super) suite: Option<At<SuiteName>>,
    pub(super) components: Items<ComponentName>,
    pub(super) key: Option<At<String>>,
    pub(super) priority: Option<At<i32>>,
    pub(super) span: Span,
}

#[derive(Clone, Debug)]
pub(super) struct RawFile {
    pub(super) path: At<ImagePath>,
    pub(super) kind: Option<At<RawKind>>,
    pub(super) mode: Option<At<Mode>>,
    pub(super) owner: Option<At<Owner>>,
    pub(super) group: Option<At<Owner>>,
    pub(super) span: Span,
}

#[derive(Clone, Debug)]
pub(super) enum RawKind {
    Absent,
    Content(String),
    Directory,
    Link(String),
    Source(String),
}

#[derive(Clone, Debug)]
pub(super) struct RawGroup {
    pub(super) name: At<AccountName>,
    pub(super) gid: Option<At<u32>>,
    pub(super) system: Option<At<bool>>,
}

#[derive(Clone, Debug)]
pub(super) struct RawUser {
    pub(super) name: At<AccountName>,
    pub(super) uid: Option<At<u32>>,
    pub(super) group: Option<At<Owner>>,
    pub(super) groups: Items<AccountName>,
    pub(super) comment: Option<At<String>>,
    pub(super) shell: Option<At<ImagePath>>,
    pub(super) home: Option<At<ImagePath>>,
    pub(super) ssh_keys: Items<SshKey>,
    pub(super) locked: Option<At<bool>>,
    pub(super) system: Option<At<bool>>,
}

#[derive(Clone, Debug)]
pub(super) struct RawServices {
    pub(super) enable: Items<UnitName>,
    pub(super) disable: Items<UnitName>,
    pub(super) mask: Items<UnitName>,
}

#[derive(Clone, Debug)]
pub(super) struct RawDisk {
    /// Whether the table is there at all.
    pub(super) is_stated: bool,
    pub(super) size: Option<At<Bytes>>,
    pub(super) esp: Option<At<Bytes>>,
    pub(super) root: Option<At<Bytes>>,
    pub(super) slots: Option<At<u8>>,
    pub(super) state: Option<At<Bytes>>,
    pub(super) etc: Option<At<Etc>>,
    pub(super) writable: Vec<(At<String>, At<String>)>,
    pub(super) on_failure: Option<At<boot::OnFailure>>,
    pub(super) on_corruption: Option<At<OnCorruption>>,
    pub(super) updates: Option<At<Address>>,
}

#[derive(Clone, Debug)]
pub(super) struct RawHarden {
    pub(super) profile: Option<At<Profile>>,
    pub(super) except: Vec<(At<String>, At<String>)>,
    pub(super) rules: Items<String>,
}

#[derive(Clone, Debug)]
pub(super) struct RawKernel {
    pub(super) cmdline: Items<String>,
    pub(super) modules: Items<Word>,
    pub(super) sysctl: Vec<(SysctlKey, At<String>)>,
    pub(super) initrd: Option<At<Initrd>>,
    pub(super) flavour: Option<At<StatedFlavour>>,
}

#[derive(Clone, Debug)]
pub(super) struct RawSegment {
    pub(super) span: Span,
    pub(super) category: Option<At<Category>>,
    pub(super) name: Option<At<SegmentName>>,
    pub(super) lifecycle: Option<At<Lifecycle>>,
    pub(super) eol: Option<At<Date>>,
    pub(super) data_class: Option<At<DataClass>>,
    /// `None`: the key is absent; an empty list says that nobody comes.
    pub(super) admin_from: Option<Items<SegmentName>>,
    /// The list's own place.
    pub(super) admin_span: Option<Span>,
    pub(super) gateway: Option<At<SegmentName>>,
    pub(super) forbid_packages: Items<PackageGlob>,
    pub(super) exposure: Vec<(At<UnitName>, Exposure)>,
    pub(super) provides: Vec<RawProvides>,
    pub(super) consumes: Vec<RawConsumes>,
    pub(super) egress: Vec<RawEgress>,
}

#[derive(Clone, Debug)]
pub(super) struct RawProvides {
    pub(super) name: At<ServiceName>,
    pub(super) port: Option<At<Port>>,
    pub(super) proto: Option<At<Proto>>,
    pub(super) audience: Option<At<Audience>>,
    pub(super) unit: Option<At<UnitName>>,
    pub(super) span: Span,
}

#[derive(Clone, Debug)]
pub(super) struct RawConsumes {
    pub(super) service: At<ServiceName>,
    pub(super) segment: At<SegmentName>,
    pub(super) port: Option<At<Port>>,
    pub(super) proto: Option<At<Proto>>,
    pub(super) unit: Option<At<UnitName>>,
    pub(super) span: Span,
}

#[derive(Clone, Debug)]
pub(super) struct RawEgress {
    pub(super) to: At<Peer>,
    pub(super) port: Option<At<Port>>,
    pub(super) proto: Option<At<Proto>>,
    pub(super) reason: Option<At<String>>,
    pub(super) unit: Option<At<UnitName>>,
    pub(super) span: Span,
}

#[derive(Clone, Debug)]
pub(super) struct RawVerify {
    pub(super) agent: Option<At<RawAgent>>,
    pub(super) expiry: Option<At<Expiry>>,
    pub(super) on_failure: Option<At<OnFailure>>,
    pub(super) mutable: Vec<RawMutable>,
    pub(super) facts: RawFacts,
}

/// Lists of which the mere presence says that nothing else is allowed are options.
#[derive(Clone, Debug)]
pub(super) struct RawFacts {
    pub(super) accounts_password: Option<Items<fact::Account>>,
    pub(super) accounts_root: Option<Items<fact::Account>>,
    pub(super) cmdline_absent: Items<fact::Word>,
    pub(super) cmdline_present: Items<fact::Word>,
    pub(super) credentials: Option<Items<fact::CredentialName>>,
    /// A file below the template's directory.
    pub(super) firewall: Option<At<String>>,
    pub(super) listen: Option<Items<fact::Listener>>,
    pub(super) lockdown: Option<At<fact::Lockdown>>,
    pub(super) modules: Option<At<bool>>,
    pub(super) modules_allow: Items<fact::ModuleName>,
    pub(super) modules_deny: Items<fact::ModuleName>,
    pub(super) mounts: Vec<RawMount>,
    pub(super) no_preload: Option<At<bool>>,
    pub(super) packet: Option<Items<fact::Packet>>,
    pub(super) startup: Option<Items<Glob>>,
    pub(super) sysctl: Vec<(fact::SysctlName, At<String>)>,
    pub(super) taint: Option<At<u64>>,
    pub(super) units: Option<Items<Glob>>,
    pub(super) unix: Option<Items<fact::SocketName>>,
}

#[derive(Clone, Debug)]
pub(super) struct RawMount {
    pub(super) point: At<ImagePath>,
    pub(super) fstype: Option<At<fact::Name>>,
    pub(super) options: Items<fact::Name>,
}

#[derive(Clone, Debug)]
pub(super) enum RawAgent {
    Beside,
    File(String),
    None,
}

#[derive(Clone, Debug)]
pub(super) struct RawMutable {
    pub(super) path: At<Glob>,
    pub(super) class: Option<At<Class>>,
    pub(super) mode: Option<At<Mode>>,
    pub(super) span: Span,
}

#[derive(Clone, Debug)]
pub(super) struct RawOutputs {
    pub(super) formats: Items<Format>,
    pub(super) compression: Option<At<Compression>>,
}
