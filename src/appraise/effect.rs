//! What a change makes possible, and how bad that is.

use std::fmt;

use super::capability::CAPABILITY;
use super::evidence::{Observed, ObservedKind};
use super::{Change, Severity};
use crate::manifest::Entry;
use crate::path::ImagePath;
use crate::tree::{Kind, Mode};

/// What a change makes possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// Who may log in, and who may become whom.
    Accounts,
    /// A program gains privileges of the kernel without being root.
    Capability,
    /// A device file: raw access to what its driver drives.
    Device,
    /// The kernel, its modules or their options, or what runs before the root is mounted.
    Kernel,
    /// Code that is loaded into other programs.
    Library,
    /// Loaded into, or decides what is loaded into, every program.
    LoadedEverywhere,
    /// What was signed is there and nobody sees it.
    Hidden,
    /// What a file system lets programs on it do.
    Mount,
    /// Names, addresses, packet filter: whom the machine talks to.
    Network,
    /// Somebody other than root, or than before, may replace a program, a library or their
    /// configuration: as its owner or by an access control list.
    OtherOwner,
    /// A name outside of what was checked leads to the same bytes.
    OutsideName,
    /// A program that people and services run.
    Program,
    /// Remote login.
    RemoteLogin,
    /// Started without anybody asking: units, timers, cron, hooks.
    Service,
    /// Runs with its group's rights, whoever starts it.
    SetGid,
    /// Runs as its owner, whoever starts it.
    SetUid,
    /// Which keys and certificates are trusted, the verifier's own among them.
    Trust,
    /// Every user may change it.
    WorldWritable,
}

impl Effect {
    /// The name in JSON reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accounts => "accounts",
            Self::Capability => "capability",
            Self::Device => "device",
            Self::Hidden => "hidden",
            Self::Kernel => "kernel",
            Self::Library => "library",
            Self::LoadedEverywhere => "loaded-everywhere",
            Self::Mount => "mount",
            Self::Network => "network",
            Self::OtherOwner => "other-owner",
            Self::OutsideName => "outside-name",
            Self::Program => "program",
            Self::RemoteLogin => "remote-login",
            Self::Service => "service",
            Self::SetGid => "setgid",
            Self::SetUid => "setuid",
            Self::Trust => "trust",
            Self::WorldWritable => "world-writable",
        }
    }

    /// How bad a drift with this effect is, at the least.
    const fn severity(self) -> Severity {
        match self {
            Self::Capability
            | Self::Device
            | Self::LoadedEverywhere
            | Self::SetUid
            | Self::SetGid => Severity::Critical,
            Self::Accounts
            | Self::Hidden
            | Self::Kernel
            | Self::Library
            | Self::OtherOwner
            | Self::OutsideName
            | Self::Program
            | Self::RemoteLogin
            | Self::Service
            | Self::Trust
            | Self::WorldWritable => Severity::High,
            Self::Mount | Self::Network => Severity::Medium,
        }
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Accounts => "decides who may log in and who may become whom",
            Self::Capability => "gains kernel privileges, whoever starts it",
            Self::Device => "raw access to a device",
            Self::Hidden => "hides what was signed: programs see other bytes than those checked",
            Self::Kernel => "part of the kernel or of what it loads and obeys",
            Self::Library => "code that other programs load",
            Self::LoadedEverywhere => "loaded into every program",
            Self::Mount => "decides what files there may do",
            Self::Network => "decides whom the machine talks to",
            Self::OtherOwner => "somebody other than before may change it",
            Self::OutsideName => "can be changed under a name outside of what was checked",
            Self::Program => "a program that people and services run",
            Self::RemoteLogin => "decides about remote login",
            Self::Service => "started without anybody asking",
            Self::SetGid => "setgid: runs with its group's rights, whoever starts it",
            Self::SetUid => "setuid: runs as its owner, whoever starts it",
            Self::Trust => "decides which keys and certificates are trusted",
            Self::WorldWritable => "every user may change it",
        })
    }
}

/// What is known about a path that drifted.
#[derive(Clone, Copy)]
pub(super) struct Subject<'a> {
    pub(super) path: &'a ImagePath,
    pub(super) expected: Option<&'a Entry>,
    pub(super) observed: Option<&'a Observed>,
}

/// What `change` at `subject` makes possible, and how bad that is.
pub(super) fn judge(subject: Subject<'_>, change: &Change) -> (Vec<Effect>, Severity) {
    let mut effects = gained(subject, change);
    if changes_what_runs(change)
        && let Some(effect) = place(subject)
        && !effects.contains(&effect)
    {
        effects.push(effect);
    }
    crate::order::sort(&mut effects);
    let least = match change {
        Change::Mode { expected, observed } if observed.bits() & !expected.bits() == 0 => {
            Severity::Low
        }
        _ if is_documentation(subject.path) => Severity::Low,
        _ => Severity::Medium,
    };
    let severity = effects
        .iter()
        .map(|effect| effect.severity())
        .max()
        .unwrap_or(least);
    (effects, severity)
}

/// Privilege that the change itself brings.
fn gained(subject: Subject<'_>, change: &Change) -> Vec<Effect> {
    let mut effects = Vec::new();
    if matches!(change, Change::Mount(_)) {
        effects.push(Effect::Hidden);
    }
    let Some(observed) = subject.observed else {
        return effects;
    };
    let is_file = matches!(observed.kind, ObservedKind::Regular(_));
    let expected_mode = subject.expected.map_or(0, |entry| entry.mode.bits());
    let new_bits = match change {
        // What was privileged before is so still, with other bytes, another owner or another type.
        Change::Added(_) | Change::Content { .. } | Change::Type { .. } | Change::Owner { .. } => {
            observed.mode.bits()
        }
        Change::Mode { .. } => observed.mode.bits() & !expected_mode,
        _ => 0,
    };
    let may_run = observed.mode.bits() & 0o111 != 0;
    if is_file && may_run && new_bits & 0o4000 != 0 {
        effects.push(Effect::SetUid);
    }
    if is_file && may_run && new_bits & 0o2000 != 0 {
        effects.push(Effect::SetGid);
    }
    let gained_write = match change {
        Change::Added(_) | Change::Type { .. } | Change::Mode { .. } => {
            observed.mode.bits() & 0o002 != 0 && expected_mode & 0o002 == 0
        }
        _ => false,
    };
    let lost_sticky = matches!(change, Change::Mode { .. })
        && observed.mode.bits() & 0o1002 == 0o002
        && expected_mode & 0o1002 == 0o1002;
    let is_link = matches!(observed.kind, ObservedKind::Symlink(_));
    let is_sticky = observed.mode.bits() & 0o1000 != 0;
    if !is_link && (lost_sticky || gained_write && !is_sticky) {
        effects.push(Effect::WorldWritable);
    }
    let is_device = matches!(
        observed.kind,
        ObservedKind::BlockDevice(_) | ObservedKind::CharDevice(_)
    );
    match change {
        // Overlays write "this name was deleted" as device 0:0, which no driver has.
        Change::Added(_) | Change::Type { .. } if is_device && !is_whiteout(&observed.kind) => {
            effects.push(Effect::Device);
        }
        Change::Xattr {
            name,
            observed: Some(_),
            ..
        } if name == CAPABILITY => effects.push(Effect::Capability),
        Change::Xattr {
            name,
            expected,
            observed: Some(value),
        } if is_acl(name) && lets_more_write(expected.as_deref().unwrap_or_default(), value) => {
            effects.push(Effect::OtherOwner);
        }
        Change::Links { outside, .. } if *outside > 0 => effects.push(Effect::OutsideName),
        Change::Owner { expected, observed } if observed.0 != expected.0 && expected.0 == 0 => {
            effects.push(Effect::OtherOwner);
        }
        _ => {}
    }
    let has_capability = observed
        .xattrs
        .as_ref()
        .is_some_and(|xattrs| xattrs.contains_key(CAPABILITY));
    if has_capability && matches!(change, Change::Added(_) | Change::Content { .. }) {
        effects.push(Effect::Capability);
    }
    effects
}

fn is_acl(name: &[u8]) -> bool {
    name == b"system.posix_acl_access" || name == b"system.posix_acl_default"
}

/// Whether an access control list names a user or group that may write and that the other does not.
fn lets_more_write(expected: &[u8], observed: &[u8]) -> bool {
    let before = writers(expected);
    writers(observed)
        .iter()
        .any(|writer| !before.contains(writer))
}

/// Tag and id of each entry for a named user or group that grants writing: `struct
/// posix_acl_xattr_entry` behind a header of four bytes (`linux/posix_acl_xattr.h`).
fn writers(list: &[u8]) -> Vec<(u16, u32)> {
    const USER: u16 = 0x02;
    const GROUP: u16 = 0x08;
    const WRITE: u16 = 0x02;
    let (entries, _) = list.get(4..).unwrap_or_default().as_chunks::<8>();
    entries
        .iter()
        .filter_map(|[tag_low, tag_high, rights_low, rights_high, a, b, c, d]| {
            let tag = u16::from_le_bytes([*tag_low, *tag_high]);
            let rights = u16::from_le_bytes([*rights_low, *rights_high]);
            let may_write = matches!(tag, USER | GROUP) && rights & WRITE != 0;
            may_write.then(|| (tag, u32::from_le_bytes([*a, *b, *c, *d])))
        })
        .collect()
}

fn is_whiteout(kind: &ObservedKind) -> bool {
    matches!(kind, ObservedKind::CharDevice(device) if (device.major, device.minor) == (0, 0))
}

/// Whether the change is about what the path is or holds, rather than about who may read it.
fn changes_what_runs(change: &Change) -> bool {
    match change {
        Change::Added(_)
        | Change::Content { .. }
        | Change::Mount(_)
        | Change::Removed
        | Change::Target { .. }
        | Change::Type { .. } => true,
        Change::Fact { .. }
        | Change::Links { .. }
        | Change::Mode { .. }
        | Change::Owner { .. }
        | Change::Xattr { .. } => false,
    }
}

/// What the place of a path means.
fn place(subject: Subject<'_>) -> Option<Effect> {
    let path = subject.path.as_bytes();
    // Since the usr-merge, /bin, /lib and /sbin are links into /usr; both spellings mean the same.
    let path = path.strip_prefix(b"/usr").unwrap_or(path);
    let within = |directory: &str| {
        path.strip_prefix(directory.as_bytes())
            .is_some_and(|rest| rest.is_empty() || rest.first() == Some(&b'/'))
    };
    if let Some((_, effect)) = PLACES.iter().find(|(place, _)| within(place)) {
        return Some(*effect);
    }
    if path.ends_with(b"/authorized_keys") || path.ends_with(b"/.ssh") {
        return Some(Effect::RemoteLogin);
    }
    let name = subject.path.name().unwrap_or_default();
    let runs = |mode: Mode| mode.bits() & 0o111 != 0;
    let is_program = match (subject.observed, subject.expected) {
        (Some(observed), _) if matches!(observed.kind, ObservedKind::Regular(_)) => {
            runs(observed.mode)
        }
        (_, Some(expected)) if matches!(expected.kind, Kind::Regular(_)) => runs(expected.mode),
        _ => false,
    };
    let is_shared_object = name.ends_with(b".so") || name.windows(4).any(|part| part == b".so.");
    if ["/lib", "/lib32", "/lib64", "/local/lib"]
        .iter()
        .any(|directory| within(directory))
        && is_shared_object
    {
        return Some(Effect::Library);
    }
    let in_path = PROGRAM_DIRECTORIES
        .iter()
        .any(|directory| within(directory));
    (is_program || in_path).then_some(Effect::Program)
}

/// Directories that the search path of users and services names, less a leading `/usr`.
const PROGRAM_DIRECTORIES: [&str; 4] = ["/bin", "/sbin", "/local/bin", "/local/sbin"];

/// Places with a meaning, less a leading `/usr`; the first that fits decides.
const PLACES: [(&str, Effect); 61] = [
    ("/etc/ld.so.preload", Effect::LoadedEverywhere),
    ("/etc/ld.so.cache", Effect::LoadedEverywhere),
    ("/etc/ld.so.conf", Effect::LoadedEverywhere),
    ("/etc/ld.so.conf.d", Effect::LoadedEverywhere),
    ("/etc/environment", Effect::LoadedEverywhere),
    ("/etc/passwd", Effect::Accounts),
    ("/etc/shadow", Effect::Accounts),
    ("/etc/group", Effect::Accounts),
    ("/etc/gshadow", Effect::Accounts),
    ("/etc/subuid", Effect::Accounts),
    ("/etc/subgid", Effect::Accounts),
    ("/etc/shells", Effect::Accounts),
    ("/etc/sudoers", Effect::Accounts),
    ("/etc/sudoers.d", Effect::Accounts),
    ("/etc/doas.conf", Effect::Accounts),
    ("/etc/polkit-1", Effect::Accounts),
    ("/etc/pam.conf", Effect::Accounts),
    ("/etc/pam.d", Effect::Accounts),
    ("/etc/security", Effect::Accounts),
    ("/etc/login.defs", Effect::Accounts),
    ("/etc/nsswitch.conf", Effect::Accounts),
    ("/lib/pam.d", Effect::Accounts),
    ("/etc/ssh", Effect::RemoteLogin),
    ("/root/.ssh", Effect::RemoteLogin),
    ("/etc/systemd", Effect::Service),
    ("/lib/systemd", Effect::Service),
    ("/local/lib/systemd", Effect::Service),
    ("/run/systemd", Effect::Service),
    ("/etc/init.d", Effect::Service),
    ("/etc/rc.local", Effect::Service),
    ("/etc/inittab", Effect::Service),
    ("/etc/crontab", Effect::Service),
    ("/etc/cron.d", Effect::Service),
    ("/etc/cron.hourly", Effect::Service),
    ("/etc/cron.daily", Effect::Service),
    ("/etc/cron.weekly", Effect::Service),
    ("/etc/cron.monthly", Effect::Service),
    ("/etc/profile", Effect::Service),
    ("/etc/profile.d", Effect::Service),
    ("/etc/bash.bashrc", Effect::Service),
    ("/etc/apt/apt.conf.d", Effect::Service),
    ("/etc/dbus-1", Effect::Service),
    ("/share/dbus-1", Effect::Service),
    ("/var/spool/cron", Effect::Service),
    ("/boot", Effect::Kernel),
    ("/efi", Effect::Kernel),
    ("/lib/modules", Effect::Kernel),
    ("/lib/firmware", Effect::Kernel),
    ("/etc/modprobe.d", Effect::Kernel),
    ("/etc/modules-load.d", Effect::Kernel),
    ("/etc/sysctl.d", Effect::Kernel),
    ("/etc/sysctl.conf", Effect::Kernel),
    ("/etc/udev", Effect::Kernel),
    ("/lib/karat", Effect::Trust),
    ("/etc/apt", Effect::Trust),
    ("/share/keyrings", Effect::Trust),
    ("/etc/ssl", Effect::Trust),
    ("/share/ca-certificates", Effect::Trust),
    ("/etc/nftables.conf", Effect::Network),
    ("/etc/hosts", Effect::Network),
    ("/etc/resolv.conf", Effect::Network),
];

fn is_documentation(path: &ImagePath) -> bool {
    ["/usr/share/doc/", "/usr/share/man/", "/usr/share/locale/"]
        .iter()
        .any(|directory| path.as_bytes().starts_with(directory.as_bytes()))
}
