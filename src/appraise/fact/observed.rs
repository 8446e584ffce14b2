//! What was observed of a running system.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::expect::fact::{Lockdown, Protocol, SysctlName};
use crate::path::ImagePath;

/// Whether there was a running system to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scene {
    /// What was checked is the root of the running system.
    Running(Box<Observations>),
    /// An image, a snapshot, another root: facts do not apply to it.
    Snapshot,
}

/// The answer of one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen<T> {
    /// What stands there.
    Value(T),
    /// There is no such place: this kernel does not have it.
    Absent,
    /// It is there and would not be read or understood; why.
    Unreadable(String),
}

/// What was observed of the running system; each field from the place that [`source`] names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observations {
    /// Names of accounts with the number 0.
    pub accounts_root: Seen<Vec<Vec<u8>>>,
    /// Accounts with a password.
    pub accounts_password: Seen<Vec<PasswordOf>>,
    /// Words of the command line.
    pub cmdline: Seen<Vec<Vec<u8>>>,
    /// Names of credentials from outside, with the place of each.
    pub credentials: Seen<Vec<Entry>>,
    /// The normalised ruleset of the packet filter; `None`: nobody asked for it.
    pub firewall: Option<Seen<Vec<String>>>,
    /// Lockdown, as far as it is in force.
    pub lockdown: Seen<Lockdown>,
    /// Names of loaded modules, in order.
    pub modules: Seen<Vec<String>>,
    /// Mounts, in the order in which they were made.
    pub mounts: Seen<Vec<MountPoint>>,
    /// Packet sockets.
    pub packet: Seen<Vec<PacketSocket>>,
    /// How the ruleset lists sets that a verified document of peers fills, each by how it lists the set
    /// while it is empty.
    pub peers: Vec<(String, String)>,
    /// What programs are loaded with.
    pub preload: Preloads,
    /// The release of the running kernel, as in `/lib/modules/RELEASE`.
    pub release: Seen<String>,
    /// Listening sockets, by the place that was read: `/proc/net/tcp` …
    pub sockets: BTreeMap<&'static str, Seen<Vec<Listening>>>,
    /// What makes programs run, or lets somebody in, from places that may be written.
    pub startup: Seen<Vec<Entry>>,
    /// The settings that were asked for.
    pub sysctl: BTreeMap<SysctlName, Seen<String>>,
    /// The taint bits.
    pub taint: Seen<u64>,
    /// Records of users and groups that systemd reads.
    pub userdb: Seen<Vec<Entry>>,
    /// What stands where systemd looks for units and generators.
    pub units: Seen<Vec<Entry>>,
    /// Names of Unix sockets that listen.
    pub unix: Seen<Vec<Vec<u8>>>,
}

/// Something with a name at a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Where it stands.
    pub path: ImagePath,
    /// What it is called, where that is not the path itself.
    pub name: Vec<u8>,
}

/// An account that a password opens.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PasswordOf {
    /// Its name.
    pub name: Vec<u8>,
    /// Whether the empty password does.
    pub is_empty: bool,
}

/// A socket that takes what comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listening {
    /// Its protocol.
    pub protocol: Protocol,
    /// The address that it is bound to.
    pub address: IpAddr,
    /// The port; of a raw socket the number of the IP protocol.
    pub port: u16,
    /// Who opened it.
    pub uid: u32,
}

/// A packet socket (packet(7)).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PacketSocket {
    /// The protocol of the link that it gets.
    pub protocol: u16,
    /// The account that opened it; its number, where it has no name.
    pub user: Vec<u8>,
}

/// A line of `/proc/self/mountinfo` (`proc_pid_mountinfo(5)`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MountPoint {
    /// Where.
    pub point: ImagePath,
    /// The type of the file system.
    pub fstype: Vec<u8>,
    /// Options of the mount and of the file system.
    pub options: Vec<Vec<u8>>,
}

/// What programs are loaded with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preloads {
    /// Whether there is an `/etc/ld.so.preload`.
    pub file: Seen<()>,
    /// Variables of the first process that the dynamic linker obeys.
    pub variables: Seen<Vec<Variable>>,
}

/// An environment variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: Vec<u8>,
    /// Its value.
    pub value: Vec<u8>,
}

/// Where each fact is observed.
pub mod source {
    /// Accounts and their numbers.
    pub const PASSWD: &str = "/etc/passwd";
    /// Passwords.
    pub const SHADOW: &str = "/etc/shadow";
    /// Records of users and groups (nss-systemd(8)).
    pub const USERDB: &str = "/run/userdb";
    /// The kernel's command line.
    pub const CMDLINE: &str = "/proc/cmdline";
    /// Credentials that systemd took over from outside, in plain and encrypted.
    pub const CREDENTIALS: [&str; 2] = ["/run/credentials/@system", "/run/credentials/@encrypted"];
    /// Strings of firmware (SMBIOS type 11), in which a hypervisor passes credentials.
    pub const SMBIOS: &str = "/sys/firmware/dmi/entries";
    /// What the first process was started with.
    pub const ENVIRON: &str = "/proc/1/environ";
    /// The program of the image that lists the rules of the packet filter.
    pub const FIREWALL: &str = "/usr/sbin/nft";
    /// Lockdown.
    pub const LOCKDOWN: &str = "/sys/kernel/security/lockdown";
    /// Loaded modules.
    pub const MODULES: &str = "/proc/modules";
    /// Mounts.
    pub const MOUNTS: &str = "/proc/self/mountinfo";
    /// Packet sockets.
    pub const PACKET: &str = "/proc/net/packet";
    /// Libraries that the dynamic linker loads into every program.
    pub const PRELOAD: &str = "/etc/ld.so.preload";
    /// The release of the running kernel.
    pub const RELEASE: &str = "/proc/sys/kernel/osrelease";
    /// What starts by itself, or lets somebody in: homes are by that file, too.
    pub const STARTUP: &str = "/etc/passwd";
    /// Taint bits.
    pub const TAINT: &str = "/proc/sys/kernel/tainted";
    /// Kernel settings.
    pub const SYSCTL: &str = "/proc/sys";
    /// Units.
    pub const UNITS: &str = "/run/systemd";
    /// Unix sockets.
    pub const UNIX: &str = "/proc/net/unix";
}

impl<T> Seen<T> {
    /// As `self`, with the value put through `f`; what `f` cannot understand is unreadable.
    pub fn parse<U>(self, f: impl FnOnce(T) -> Result<U, String>) -> Seen<U> {
        match self {
            Self::Value(value) => match f(value) {
                Ok(value) => Seen::Value(value),
                Err(why) => Seen::Unreadable(why),
            },
            Self::Absent => Seen::Absent,
            Self::Unreadable(why) => Seen::Unreadable(why),
        }
    }

    /// As `self`, by reference.
    pub fn as_ref(&self) -> Seen<&T> {
        match self {
            Self::Value(value) => Seen::Value(value),
            Self::Absent => Seen::Absent,
            Self::Unreadable(why) => Seen::Unreadable(why.clone()),
        }
    }
}
