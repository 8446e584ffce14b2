//! Whether what a machine records of itself has room where it is kept.
//!
//! auditd(8) may be told to stop the machine where little is left for records (the rule `lg.audisize` tells it
//! so). On a file system that is hardly larger than that, it would stop the machine as it starts.

use super::DiskImageError;
use crate::boot::PlaceKind;
use crate::path::ImagePath;
use crate::template::Disk;
use crate::tree::{Blobs, Open, Tree};

const CONF: &str = "/etc/audit/auditd.conf";
const RECORDS: &str = "/var/log/audit";
/// Numbers of MiB, and what happens where less is left (auditd.conf(5)).
const LIMITS: [(&str, &str); 2] = [
    ("admin_space_left", "admin_space_left_action"),
    ("space_left", "space_left_action"),
];
/// Actions that stop the machine, or leave one user on it.
const STOPS: [&str; 2] = ["halt", "single"];
/// What a file system takes for itself, and what is written before anybody looks.
const BESIDE: u64 = 64 << 20;

/// Refuses an image whose auditd would stop the machine at its first boot.
///
/// # Errors
/// Where records go is too small for what auditd demands, or its settings cannot be read.
pub(in crate::ops::build) fn have_room(
    disk: &Disk,
    tree: &Tree<Open>,
    blobs: &dyn Blobs,
) -> Result<(), DiskImageError> {
    let Some(room) = room(disk)? else {
        return Ok(());
    };
    let path = ImagePath::parse(CONF)?;
    let Some(content) = tree.content(&path) else {
        return Ok(());
    };
    let bytes = blobs.read(&content).map_err(|error| DiskImageError::Read {
        path: path.clone(),
        error,
    })?;
    match demanded(&String::from_utf8_lossy(&bytes)) {
        Some((limit, left)) if room < left.saturating_add(BESIDE) => Err(DiskImageError::Records {
            room: room >> 20,
            limit,
            left: left >> 20,
            wanted: left.saturating_add(BESIDE).next_power_of_two() >> 20,
        }),
        _ => Ok(()),
    }
}

/// How many bytes the file system of the records has at least; `None` where nobody stated it.
fn room(disk: &Disk) -> Result<Option<u64>, DiskImageError> {
    let records = ImagePath::parse(RECORDS)?;
    // The last one is the innermost.
    let around = |place: &&crate::boot::Place| records.is_within(&place.path);
    Ok(match disk.writable.iter().filter(around).last() {
        Some(place) => match place.kind {
            PlaceKind::State if disk.size.is_none() => Some(disk.state.get()),
            PlaceKind::State => None,
            PlaceKind::Tmpfs { size } => size,
        },
        None => None,
    })
}

/// The most that `text` demands to be left, in bytes, and by which of its keys.
fn demanded(text: &str) -> Option<(&'static str, u64)> {
    // The last line of a key counts, as for auditd.
    let value = |wanted: &str| {
        let lines = text.lines().filter_map(|line| line.split_once('='));
        let mut of_key = lines.filter(|(key, _)| key.trim().eq_ignore_ascii_case(wanted));
        of_key.next_back().map(|(_, value)| value.trim())
    };
    let demands = LIMITS.iter().filter_map(|(limit, action)| {
        let action = value(action)?;
        let stops = STOPS.iter().any(|stop| action.eq_ignore_ascii_case(stop));
        // A share of the file system is less than all of it, whatever its size.
        let left: u64 = value(limit)?.parse().ok().filter(|_| stops)?;
        Some((*limit, left.saturating_mul(1 << 20)))
    });
    demands.max_by_key(|(_, left)| *left)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::Bytes;
    use crate::tree::{Epoch, Inode, Kind, MemoryBlobs, Mode, Origin, Stat, Xattrs};

    #[test]
    fn what_stops_the_machine_is_demanded() {
        let text = |action: &str| {
            format!(
                "# comment\nspace_left = 75\nspace_left_action = SYSLOG\nadmin_space_left = 9\n\
                 admin_space_left = 50\nadmin_space_left_action = {action}\n"
            )
        };
        let demand = Some(("admin_space_left", 50 << 20));
        assert_eq!(demanded(&text("HALT")), demand);
        assert_eq!(demanded(&text("single")), demand);
        assert_eq!(demanded(&text("suspend")), None);
        let both = text("halt").replace("SYSLOG", "halt");
        assert_eq!(demanded(&both), Some(("space_left", 75 << 20)));
        assert_eq!(demanded(&text("halt").replace("50", "5%")), None);
        assert_eq!(demanded(""), None);
    }

    #[test]
    fn the_default_has_room_and_a_smaller_one_has_not() {
        let mut tree = Tree::new(Epoch::saturating(0));
        let mut blobs = MemoryBlobs::new();
        let text = "admin_space_left = 50\nadmin_space_left_action = halt\n";
        let origin = Origin::Template("x".to_owned());
        let path = ImagePath::parse(CONF).unwrap();
        tree.make_dirs(&path.parent().unwrap(), &origin).unwrap();
        let inode = Inode {
            stat: Stat::root(Mode::FILE),
            kind: Kind::Regular(blobs.add(text.as_bytes().to_vec())),
            xattrs: Xattrs::new(),
            origin,
        };
        tree.insert(path, inode).unwrap();
        let disk = Disk::default();
        assert!(have_room(&disk, &tree, &blobs).is_ok());
        let small = Disk {
            state: Bytes::new("64M").unwrap(),
            ..disk
        };
        let error = have_room(&small, &tree, &blobs).unwrap_err().to_string();
        assert!(error.contains("state = \"128M\""), "{error}");
        // What is left of a disk whose size was stated is not known yet.
        let sized = Disk {
            size: Bytes::new("8G"),
            ..small
        };
        assert!(have_room(&sized, &tree, &blobs).is_ok());
    }
}
