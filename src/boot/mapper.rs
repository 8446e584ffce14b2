//! What the kernel's device mapper is told, as bytes (`linux/dm-ioctl.h`, and the kernel's
//! documentation of dm-verity).
//!
//! A message is a `struct dm_ioctl` of 312 bytes and what follows it; the same bytes take the
//! kernel's answer. All numbers are those of the machine.

use super::OnCorruption;
use crate::layout::verity::Verity;

/// Bytes of a `struct dm_ioctl`.
pub const HEAD: usize = 312;

/// Where `dev` stands in it.
const DEVICE_AT: usize = 40;
/// The version of the interface that is spoken: any kernel that knows 4 takes it.
const VERSION: [u32; 3] = [4, 0, 0];
/// `DM_READONLY_FLAG`.
const READ_ONLY: u32 = 1;
/// Longest name (`DM_NAME_LEN`) and id (`DM_UUID_LEN`), each with a NUL.
const LENGTHS: [usize; 2] = [128, 129];
/// Bytes of a sector, to the kernel.
const SECTOR: u64 = 512;

/// A block device by its number, as the device mapper takes it: `MAJOR:MINOR`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceNumber {
    /// The driver's number.
    pub major: u32,
    /// The device's number.
    pub minor: u32,
}

/// The message that makes a device of this name, without a table; also the one that starts it once
/// it has its table.
pub fn named(name: &str, id: &str) -> Vec<u8> {
    message(name, id, 0, &[])
}

/// The message that gives a device its table: one dm-verity target over all of it, read-only.
pub fn verity_table(
    name: &str,
    verity: &Verity,
    [data, tree]: [DeviceNumber; 2],
    on_corruption: OnCorruption,
) -> Vec<u8> {
    let option = match on_corruption {
        OnCorruption::Panic => "panic_on_corruption",
        OnCorruption::Restart => "restart_on_corruption",
    };
    let [data, tree] = [data, tree].map(|it| format!("{}:{}", it.major, it.minor));
    // The first block of the hash partition is veritysetup's superblock; the tree begins after it.
    let parameters = format!(
        "1 {data} {tree} {block} {block} {blocks} 1 sha256 {root} {salt} 1 {option}\0",
        block = Verity::BLOCK,
        blocks = verity.blocks(),
        root = verity.root(),
        salt = verity.salt(),
    );
    // A struct dm_target_spec: first sector, sectors, status, where the next one is (none), type.
    let sectors = verity.data_size() / SECTOR;
    let mut target = [0_u64.to_ne_bytes(), sectors.to_ne_bytes(), [0; 8]].concat();
    target.extend(*b"verity\0\0\0\0\0\0\0\0\0\0");
    target.extend(parameters.as_bytes());
    while !target.len().is_multiple_of(8) {
        target.push(0);
    }
    message(name, "", READ_ONLY, &target)
}

/// The device that the kernel's answer names.
pub fn device(answer: &[u8]) -> Option<DeviceNumber> {
    let bytes = answer.get(DEVICE_AT..)?.first_chunk::<8>()?;
    // The kernel's own packing (`huge_encode_dev`): 8 low bits of the minor number, 12 of the major,
    // then the rest of the minor number.
    let packed = u32::try_from(u64::from_ne_bytes(*bytes)).ok()?;
    Some(DeviceNumber {
        major: packed >> 8 & 0xfff,
        minor: packed & 0xff | packed >> 12 & 0xf_ff00,
    })
}

fn message(name: &str, id: &str, flags: u32, target: &[u8]) -> Vec<u8> {
    let size = HEAD.saturating_add(target.len());
    let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
    let targets = u32::from(!target.is_empty());
    let [major, minor, patch] = VERSION;
    let mut bytes = Vec::with_capacity(size);
    // version, data_size, data_start, target_count, open_count, flags, event_nr, padding
    for field in [
        major,
        minor,
        patch,
        number(size),
        number(HEAD),
        targets,
        0,
        flags,
        0,
        0,
    ] {
        bytes.extend(field.to_ne_bytes());
    }
    bytes.extend([0; 8]);
    for (text, length) in [name, id].into_iter().zip(LENGTHS) {
        let text = text.bytes().take(length.saturating_sub(1));
        let end = bytes.len().saturating_add(length);
        bytes.extend(text);
        bytes.resize(end, 0);
    }
    bytes.resize(HEAD, 0);
    bytes.extend(target);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;

    fn word(bytes: &[u8], at: usize) -> u32 {
        u32::from_ne_bytes(*bytes[at..].first_chunk().unwrap())
    }

    #[test]
    fn a_table_as_veritysetup_gives_it() {
        let digest = |byte| Digest::from_bytes([byte; 32]);
        let verity = Verity::new(digest(0xab), digest(0xcd), 25).unwrap();
        let number = |minor| DeviceNumber { major: 254, minor };
        let devices = [number(2), number(3)];
        let bytes = verity_table("root", &verity, devices, OnCorruption::Panic);
        assert_eq!(
            (word(&bytes, 0), word(&bytes, 12)),
            (4, bytes.len().try_into().unwrap())
        );
        assert_eq!(
            (word(&bytes, 16), word(&bytes, 20), word(&bytes, 28)),
            (312, 1, 1)
        );
        assert_eq!(&bytes[48..53], b"root\0");
        let target = &bytes[HEAD..];
        assert_eq!(target[..8], [0; 8]);
        assert_eq!(target[8..16], 200_u64.to_ne_bytes());
        assert_eq!(&target[24..31], b"verity\0");
        let text = std::str::from_utf8(&target[40..]).unwrap();
        let expected = format!(
            "1 254:2 254:3 4096 4096 25 1 sha256 {} {} 1 panic_on_corruption",
            "ab".repeat(32),
            "cd".repeat(32)
        );
        assert_eq!(text.trim_end_matches('\0'), expected);
        assert!(text.ends_with('\0') && bytes.len().is_multiple_of(8));
        let restart = verity_table("root", &verity, devices, OnCorruption::Restart);
        assert!(String::from_utf8_lossy(&restart).contains(" 1 restart_on_corruption\0"));
    }

    #[test]
    fn an_answer_names_its_device() {
        let mut bytes = named("root", "CRYPT-VERITY-x");
        assert_eq!(bytes.len(), HEAD);
        assert_eq!(&bytes[48 + 128..48 + 128 + 15], b"CRYPT-VERITY-x\0");
        assert_eq!(word(&bytes, 20), 0);
        let packed = u64::from(0x1_u32 << 20 | 253 << 8 | 7);
        bytes[40..48].copy_from_slice(&packed.to_ne_bytes());
        let expected = DeviceNumber {
            major: 253,
            minor: 0x107,
        };
        assert_eq!(device(&bytes), Some(expected));
        assert_eq!(device(&bytes[..44]), None);
        assert_eq!(device(&[0xff; HEAD]), None);
        // A name that is too long is cut, and its NUL stays.
        let long = named(&"n".repeat(300), &"i".repeat(300));
        assert_eq!(
            (long[48 + 127], long[48 + 128 + 128], long.len()),
            (0, 0, HEAD)
        );
    }
}
