//! The bytes of protective MBR, headers and tables (UEFI 2.10, sections 5.2 and 5.3).

use flate2::Crc;

use super::{ALIGNMENT, Plan};
use crate::layout::gpt::{ENTRIES, ENTRY, SECTOR, TABLE_SECTORS, TAIL_SECTORS};

/// Protective MBR, header, table.
pub(super) fn head(plan: &Plan) -> Vec<u8> {
    let table = table(plan);
    let mut bytes = protective(plan);
    bytes.extend(header(plan, &table, Place::First));
    bytes.extend(table);
    bytes
}

/// Table, header.
pub(super) fn tail(plan: &Plan) -> Vec<u8> {
    let mut bytes = table(plan);
    let header = header(plan, &bytes, Place::Second);
    bytes.extend(header);
    bytes
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    First,
    Second,
}

/// Bytes of a header, without the zeros behind it.
const HEADER: usize = 92;

fn last_sector(plan: &Plan) -> u64 {
    (plan.size() / SECTOR).saturating_sub(1)
}

fn protective(plan: &Plan) -> Vec<u8> {
    let span = u32::try_from(last_sector(plan)).unwrap_or(u32::MAX);
    let mut bytes = vec![0; 446];
    // Not to be booted from; cylinder 0, head 0, sector 2; GPT; what no cylinder reaches.
    bytes.extend([0, 0, 2, 0, 0xee, 0xff, 0xff, 0xff]);
    bytes.extend(1_u32.to_le_bytes());
    bytes.extend(span.to_le_bytes());
    bytes.resize(510, 0);
    bytes.extend([0x55, 0xaa]);
    bytes
}

fn header(plan: &Plan, table: &[u8], place: Place) -> Vec<u8> {
    let last = last_sector(plan);
    let (own, other, entries) = match place {
        Place::First => (1, last, 2),
        Place::Second => (last, 1, last.saturating_sub(TABLE_SECTORS)),
    };
    let usable = (ALIGNMENT / SECTOR, last.saturating_sub(TAIL_SECTORS));
    let header = |crc: u32| -> Vec<u8> {
        let parts: [&[u8]; 14] = [
            b"EFI PART",
            &0x0001_0000_u32.to_le_bytes(),
            &92_u32.to_le_bytes(),
            &crc.to_le_bytes(),
            &[0; 4],
            &u64::to_le_bytes(own),
            &u64::to_le_bytes(other),
            &u64::to_le_bytes(usable.0),
            &u64::to_le_bytes(usable.1),
            &plan.id().to_guid(),
            &u64::to_le_bytes(entries),
            &128_u32.to_le_bytes(),
            &128_u32.to_le_bytes(),
            &crc32(table).to_le_bytes(),
        ];
        parts.concat()
    };
    let mut bytes = header(crc32(&header(0)));
    debug_assert_eq!(bytes.len(), HEADER);
    bytes.resize(512, 0);
    bytes
}

fn table(plan: &Plan) -> Vec<u8> {
    let mut bytes = Vec::new();
    for partition in plan.partitions() {
        let last = (partition.end() / SECTOR).saturating_sub(1);
        let mut name: Vec<u8> = partition
            .name
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        name.resize(72, 0);
        bytes.extend(partition.kind.uuid().to_guid());
        bytes.extend(partition.id.to_guid());
        bytes.extend((partition.start / SECTOR).to_le_bytes());
        bytes.extend(last.to_le_bytes());
        bytes.extend(partition.attributes.0.to_le_bytes());
        bytes.extend(name);
    }
    bytes.resize(ENTRIES.saturating_mul(ENTRY), 0);
    bytes
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}
