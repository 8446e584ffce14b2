//! Lists of what may be there, where everything else is drift.
//!
//! ```text
//! "listen":{"allow":["tcp *:22"],"origin":"template:verify"}
//! ```

use serde::Serialize;

use super::wire;
use super::{CredentialName, Listener, Packet, SocketName};
use crate::path::Glob;
use crate::tree::Origin;

/// What may be there; any other is drift.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Allowed<T> {
    /// Which may.
    pub allow: Vec<T>,
    /// Who asked for it.
    #[serde(serialize_with = "wire::write")]
    pub origin: Origin,
}

/// The credentials that firmware or boot loader may hand to systemd (systemd.exec(5)); any other is
/// drift, for credentials set passwords, keys and units.
pub type Credentials = Allowed<CredentialName>;
/// The sockets that may listen; any other is drift.
pub type Listen = Allowed<Listener>;
/// The packet sockets that there may be (packet(7)); any other is drift, for it sees what comes in
/// before the packet filter does.
pub type PacketSockets = Allowed<Packet>;
/// Where cron, at, remote logins, users' service managers, udev and polkit look in places that an
/// instance may write, there is nothing that the manifest does not list but these.
pub type Startup = Allowed<Glob>;
/// The Unix sockets that may listen under abstract names, or under paths that are strict; any other
/// is drift.
pub type UnixSockets = Allowed<SocketName>;
/// Where systemd looks for units and generators, there is nothing that the manifest does not list
/// but these: what generators write, scopes of sessions.
pub type Units = Allowed<Glob>;
