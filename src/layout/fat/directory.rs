//! The entries of one directory.

use super::FatError;
use super::name::{is_long, is_short, short_sum, short_text};
use crate::layout::fields::Fields;

/// A file or a directory in its directory.
pub(super) struct Entry {
    pub(super) name: String,
    /// What a reader without long names calls it.
    pub(super) short: String,
    pub(super) is_directory: bool,
    /// Its first cluster; 0 where it has none.
    pub(super) cluster: u32,
    pub(super) size: u32,
}

/// What a directory holds.
#[derive(Default)]
pub(super) struct Listing {
    pub(super) entries: Vec<Entry>,
    /// The volume's label; only the root directory has one.
    pub(super) label: Option<String>,
}

/// Which directory it is: only those below the root name themselves and what is above.
#[derive(Clone, Copy)]
pub(super) enum Place {
    Root,
    Below { own: u32, parent: u32 },
}

/// Bytes of an entry.
const ENTRY: usize = 32;
/// How an entry that was removed begins.
const REMOVED: u8 = 0xe5;
/// Attributes (section 6).
const LABEL: u8 = 0x08;
const DIRECTORY: u8 = 0x10;
const LONG_NAME: u8 = 0x0f;

/// Takes a directory's bytes apart.
pub(super) fn parse(path: &str, place: Place, bytes: &[u8]) -> Result<Listing, FatError> {
    let fault = |rule| FatError::entry(path, rule);
    let mut entries = bytes.as_chunks::<ENTRY>().0.iter();
    if let Place::Below { own, parent } = place {
        for (name, cluster) in [(b".          ", own), (b"..         ", parent)] {
            let entry = entries.next().map_or(Fields(&[]), |entry| Fields(entry));
            let [kind] = entry.array(11);
            let right = entry.array(0) == *name
                && kind & (DIRECTORY | LABEL) == DIRECTORY
                && first_cluster(entry) == cluster;
            if !right {
                return Err(fault(
                    "it does not say itself what it is and what is above it",
                ));
            }
        }
    }
    let mut listing = Listing::default();
    let mut long = Long::default();
    for entry in entries.by_ref() {
        let fields = Fields(entry);
        let ([start], [kind, lower]) = (fields.array(0), fields.array(11));
        match start {
            0 => {
                // What is free behind the end stays free: some readers look on, some do not.
                let ends = entries.all(|entry| entry.starts_with(&[0])) && long.is_none();
                return if ends {
                    Ok(listing)
                } else {
                    Err(fault("it goes on behind its end"))
                };
            }
            REMOVED if long.is_none() => continue,
            REMOVED => return Err(fault("it has a part of a name that belongs to nothing")),
            _ => {}
        }
        if kind & 0x3f == LONG_NAME {
            long.add(fields).map_err(fault)?;
            continue;
        }
        let short = fields.array(0);
        let cluster = first_cluster(fields);
        if kind & LABEL != 0 {
            let first = listing.label.is_none() && matches!(place, Place::Root);
            if !first || !long.is_none() || cluster != 0 || fields.u32(28) != 0 {
                return Err(fault("it has a label that is none"));
            }
            listing.label = Some(short.trim_ascii_end().escape_ascii().to_string());
            continue;
        }
        if !is_short(&short) || lower & !0x18 != 0 || kind & 0xc0 != 0 {
            return Err(fault("it has a name or an attribute that nobody writes"));
        }
        let name = match long.take(short_sum(&short)).map_err(fault)? {
            Some(name) => name,
            None => short_text(&short, lower),
        };
        listing.entries.push(Entry {
            name,
            short: short_text(&short, 0),
            is_directory: kind & DIRECTORY != 0,
            cluster,
            size: fields.u32(28),
        });
    }
    if long.is_none() {
        Ok(listing)
    } else {
        Err(fault("it has a part of a name that belongs to nothing"))
    }
}

/// What a directory of these bytes holds before its end, as firmware and kernel see it: what is no entry is
/// passed over, and a name of which a part is missing is only the short one.
pub(super) fn scan(bytes: &[u8]) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut long = Long::default();
    for entry in bytes.as_chunks::<ENTRY>().0 {
        let fields = Fields(entry);
        let ([start], [kind, lower]) = (fields.array(0), fields.array(11));
        if start == 0 {
            break;
        }
        if start != REMOVED && kind & 0x3f == LONG_NAME {
            // What does not go on with the name before it may begin the next one.
            if long.add(fields).is_err() {
                long = Long::default();
                if long.add(fields).is_err() {
                    long = Long::default();
                }
            }
            continue;
        }
        let mut before = std::mem::take(&mut long);
        if start == REMOVED || kind & LABEL != 0 {
            continue;
        }
        let short = fields.array(0);
        let name = before.take(short_sum(&short)).ok().flatten();
        entries.push(Entry {
            name: name.unwrap_or_else(|| short_text(&short, lower)),
            short: short_text(&short, 0),
            is_directory: kind & DIRECTORY != 0,
            cluster: first_cluster(fields),
            size: fields.u32(28),
        });
    }
    entries
}

fn first_cluster(entry: Fields<'_>) -> u32 {
    u32::from(entry.u16(20)) << 16 | u32::from(entry.u16(26))
}

/// The parts of a long name that were read so far: they come last part first.
#[derive(Default)]
struct Long {
    /// How many are still to come.
    missing: u8,
    sum: u8,
    /// The letters, in front of them those that come next.
    letters: Vec<u8>,
}

/// Where a part keeps its letters, in units of UTF-16.
const PLACES: [(usize, usize); 3] = [(1, 10), (14, 12), (28, 4)];
/// Letters of a part.
const PART: usize = 13;

impl Long {
    fn is_none(&self) -> bool {
        self.missing == 0 && self.letters.is_empty()
    }

    fn add(&mut self, part: Fields<'_>) -> Result<(), &'static str> {
        let ([order], [kind, sum]) = (part.array(0), part.array(12));
        let is_last = order & 0x40 != 0;
        let number = order & 0x3f;
        if kind != 0 || part.u16(26) != 0 || number == 0 || order & 0x80 != 0 {
            return Err("it has a part of a name that nobody writes");
        }
        if is_last && self.is_none() {
            (self.missing, self.sum) = (number, sum);
        } else if is_last || number != self.missing || sum != self.sum {
            return Err("it has a part of a name that belongs to nothing");
        }
        let mut units = PLACES
            .into_iter()
            .flat_map(|(at, length)| part.bytes(at, length).as_chunks().0)
            .map(|unit| u16::from_le_bytes(*unit));
        let mut letters = Vec::with_capacity(PART);
        for unit in units.by_ref().take_while(|unit| *unit != 0) {
            match u8::try_from(unit) {
                Ok(letter) if letter.is_ascii() => letters.push(letter),
                _ => return Err("it has a name that is not ASCII"),
            }
        }
        // Only the last part may end early, and is then filled up with ones.
        let filled = units.all(|unit| unit == 0xffff);
        if !filled || letters.is_empty() || letters.len() < PART && !is_last {
            return Err("it has a part of a name that nobody writes");
        }
        letters.append(&mut self.letters);
        self.letters = letters;
        self.missing = self.missing.saturating_sub(1);
        Ok(())
    }

    /// The name, if there is one for the entry with that sum.
    fn take(&mut self, sum: u8) -> Result<Option<String>, &'static str> {
        if self.is_none() {
            return Ok(None);
        }
        let Self {
            missing,
            sum: own,
            letters,
        } = std::mem::take(self);
        if missing != 0 || own != sum {
            return Err("it has a part of a name that belongs to nothing");
        }
        let name = String::from_utf8(letters).unwrap_or_default();
        if is_long(&name) {
            Ok(Some(name))
        } else {
            Err("it has a name that readers understand differently")
        }
    }
}
