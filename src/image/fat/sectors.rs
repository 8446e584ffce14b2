//! The reserved sectors (sections 3 and 5).

use super::geometry::Geometry;
use super::image::Settings;

/// Where copies lie.
const COPY: usize = 6;
/// Bytes of a sector.
const SECTOR: usize = 512;

/// Boot sector, free space, zeros, and copies of both.
pub(super) fn reserved(settings: &Settings, geometry: &Geometry, used: u32) -> Vec<u8> {
    let (boot, info) = (boot(settings, geometry), info(geometry, used));
    let mut bytes = [boot.as_slice(), &info].concat();
    bytes.resize(COPY * SECTOR, 0);
    bytes.extend(boot);
    bytes.extend(info);
    bytes
}

fn boot(settings: &Settings, geometry: &Geometry) -> Vec<u8> {
    let mut label = settings.label.clone().into_bytes();
    label.resize(11, b' ');
    let parts: [&[u8]; 26] = [
        &[0xeb, 0x58, 0x90],
        b"karat   ",
        &512_u16.to_le_bytes(),
        &[geometry.per_cluster],
        &geometry.reserved.to_le_bytes(),
        &[2],
        // No root directory of a fixed size, no number of sectors in 16 bits, a disk, no table in 16 bits.
        &[0, 0],
        &[0, 0],
        &[0xf8],
        &[0, 0],
        // Sectors of a track, heads: nobody knows of any.
        &63_u16.to_le_bytes(),
        &255_u16.to_le_bytes(),
        &[0; 4],
        &geometry.sectors.to_le_bytes(),
        &geometry.table.to_le_bytes(),
        &[0, 0],
        &[0, 0],
        // The root directory's first cluster, free space, the copies.
        &2_u32.to_le_bytes(),
        &1_u16.to_le_bytes(),
        &6_u16.to_le_bytes(),
        &[0; 12],
        &[0x80, 0, 0x29],
        &settings.id.to_le_bytes(),
        &label,
        b"FAT32   ",
        &[],
    ];
    signed(parts.concat(), &[0x55, 0xaa])
}

fn info(geometry: &Geometry, used: u32) -> Vec<u8> {
    let free = geometry.clusters.saturating_sub(used);
    let next = if free == 0 {
        u32::MAX
    } else {
        used.saturating_add(2)
    };
    let mut bytes = b"RRaA".to_vec();
    bytes.resize(484, 0);
    bytes.extend(b"rrAa");
    bytes.extend(free.to_le_bytes());
    bytes.extend(next.to_le_bytes());
    signed(bytes, &[0x55, 0xaa])
}

fn signed(mut bytes: Vec<u8>, signature: &[u8]) -> Vec<u8> {
    bytes.resize(SECTOR.saturating_sub(signature.len()), 0);
    bytes.extend(signature);
    bytes
}
