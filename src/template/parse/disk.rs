//! `[disk]`.

use crate::image::disk::Address;
use crate::template::disk::Bytes;
use crate::template::raw::RawDisk;
use crate::template::reader::Reader;

pub(super) fn disk(table: Reader<'_>, is_stated: bool) -> RawDisk {
    let size = |key| table.parsed(key, Bytes::RULE, Bytes::new);
    let raw = RawDisk {
        is_stated,
        size: size("size"),
        esp: size("esp"),
        root: size("root"),
        slots: table.integer("slots", 1, 2).and_then(|at| {
            let value = u8::try_from(at.value).ok()?;
            Some(at.map(|_| value))
        }),
        state: size("state"),
        etc: table.choice("etc"),
        writable: table.pairs("writable"),
        on_failure: table.choice("on_failure"),
        on_corruption: table.choice("on_corruption"),
        updates: table.parsed("updates", Address::RULE, Address::parse),
    };
    table.finish();
    raw
}
