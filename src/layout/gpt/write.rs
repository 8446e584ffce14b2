//! The bytes of protective MBR, headers and tables (UEFI 2.10, sections 5.2 and 5.3).

use super::crc::crc32;
use super::read::{HEADER, SECTOR_BYTES};
use super::{Copy, Disk, ENTRIES, ENTRY, Partition, SECTOR, TABLE_SECTORS, TAIL_SECTORS};

impl Disk {
    /// What lies at the start of a disk with these tables: protective MBR, header, table.
    pub fn head(&self) -> Vec<u8> {
        let table = table(&self.partitions);
        [self.protective(), self.header(&table, Copy::First), table].concat()
    }

    /// What lies at the end of what these tables know: table, header.
    pub fn tail(&self) -> Vec<u8> {
        let table = table(&self.partitions);
        let header = self.header(&table, Copy::Second);
        [table, header].concat()
    }

    fn last_sector(&self) -> u64 {
        (self.known / SECTOR).saturating_sub(1)
    }

    fn protective(&self) -> Vec<u8> {
        let span = u32::try_from(self.last_sector()).unwrap_or(u32::MAX);
        let mut bytes = vec![0; 446];
        // Not to be booted from; cylinder 0, head 0, sector 2; GPT; what no cylinder reaches.
        bytes.extend([0, 0, 2, 0, 0xee, 0xff, 0xff, 0xff]);
        bytes.extend(1_u32.to_le_bytes());
        bytes.extend(span.to_le_bytes());
        bytes.resize(510, 0);
        bytes.extend([0x55, 0xaa]);
        bytes
    }

    fn header(&self, table: &[u8], copy: Copy) -> Vec<u8> {
        let last = self.last_sector();
        let (own, other, entries) = match copy {
            Copy::First => (1, last, 2),
            Copy::Second => (last, 1, last.saturating_sub(TABLE_SECTORS)),
        };
        let usable = (self.first / SECTOR, last.saturating_sub(TAIL_SECTORS));
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
                &self.id.to_guid(),
                &u64::to_le_bytes(entries),
                &128_u32.to_le_bytes(),
                &128_u32.to_le_bytes(),
                &crc32(&[table]).to_le_bytes(),
            ];
            parts.concat()
        };
        let mut bytes = header(crc32(&[&header(0)]));
        debug_assert_eq!(bytes.len(), HEADER);
        bytes.resize(SECTOR_BYTES, 0);
        bytes
    }
}

fn table(partitions: &[Partition]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for number in 1..=ENTRIES {
        if let Some(partition) = partitions.iter().find(|it| it.number == number) {
            let last = (partition.end() / SECTOR).saturating_sub(1);
            let name = partition.name.encode_utf16().flat_map(u16::to_le_bytes);
            bytes.extend(partition.kind.uuid().to_guid());
            bytes.extend(partition.id.to_guid());
            bytes.extend((partition.start / SECTOR).to_le_bytes());
            bytes.extend(last.to_le_bytes());
            bytes.extend(partition.attributes.0.to_le_bytes());
            bytes.extend(name);
        }
        // What is too long for a name ends with its entry.
        bytes.resize(number.saturating_mul(ENTRY), 0);
    }
    bytes
}
