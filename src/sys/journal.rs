//! Sending entries to systemd's journal: its native protocol
//! (<https://systemd.io/JOURNAL_NATIVE_PROTOCOL/>), one datagram for each entry.

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::Duration;

use super::fs::{IoContext as _, IoError};

/// Where journald listens.
pub const SOCKET: &str = "/run/systemd/journal/socket";

/// How long a full queue may hold up a verification: journald empties it in milliseconds.
const PATIENCE: Duration = Duration::from_secs(5);

/// Sends each entry as one datagram, in order.
///
/// # Errors
/// Nobody listens at `socket`, or an entry was not taken within five seconds; entries
/// before it were.
pub fn send(socket: &Path, entries: &[Vec<u8>]) -> Result<(), IoError> {
    let ours = UnixDatagram::unbound().at("make a socket for", socket)?;
    ours.set_write_timeout(Some(PATIENCE))
        .at("make a socket for", socket)?;
    ours.connect(socket).at("connect to", socket)?;
    for entry in entries {
        ours.send(entry).at("send to", socket)?;
    }
    Ok(())
}
