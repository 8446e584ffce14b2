//! `[harden]`.

use super::rules::source_item;
use crate::harden::Profile;
use crate::template::raw::RawHarden;
use crate::template::reader::Reader;

pub(super) fn harden(table: Reader<'_>) -> RawHarden {
    let raw = RawHarden {
        profile: table.choice::<Profile>("profile"),
        except: table.pairs("except"),
        rules: table.list(
            "rules",
            "a file of rules is below the template's own directory",
            |text| source_item(text).then(|| text.to_owned()),
        ),
    };
    table.finish();
    raw
}
