//! `[disk]`: what a disk of the image looks like, and where a machine that runs it may write.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::choice::Choice as _;
use super::diagnostic::Code;
use super::raw::RawDisk;
use super::reader::Sink;
use crate::boot::{Etc, OnCorruption, OnFailure, Place, PlaceKind, Places};
use crate::image::disk::Address;
use crate::path::ImagePath;

/// What a disk looks like, and where a machine that runs it may write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disk {
    /// Its size; `None`: what it needs.
    pub size: Option<Bytes>,
    /// The size of the EFI system partition.
    pub esp: Bytes,
    /// The room for a root's file system in each slot; `None`: half as much again as the first one needs.
    pub root: Option<Bytes>,
    /// How many versions it has room for: 1 or 2.
    pub slots: u8,
    /// The size of the state partition at least, where anything is kept.
    pub state: Bytes,
    /// Whether the running system may write to `/etc`.
    pub etc: Etc,
    /// Where else it may write.
    pub writable: Places,
    /// What happens where the machine is not what was signed.
    pub on_failure: OnFailure,
    /// What the kernel does where a block of the root is not what was signed.
    pub on_corruption: OnCorruption,
    /// Where a machine looks for newer versions.
    pub updates: Option<Address>,
}

/// A number of bytes, as templates write it: `512M`, `2G`; powers of 1024.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(u64);

/// Where what is written goes: the words of `[disk] writable`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Writable {
    /// Nowhere: an inherited place is taken away.
    No,
    /// To the state partition.
    State,
    /// Into memory.
    Tmpfs,
}

/// Letters behind a number of bytes, and what each is a power of 1024 of.
const UNITS: [(char, u32); 4] = [('K', 1), ('M', 2), ('G', 3), ('T', 4)];
/// Where servers keep things, and where they put things aside.
const WRITABLE: [(&str, Writable); 5] = [
    ("/home", Writable::State),
    ("/root", Writable::State),
    ("/srv", Writable::State),
    ("/tmp", Writable::Tmpfs),
    ("/var", Writable::State),
];
const ESP: Bytes = Bytes(128 << 20);
/// With room for the records that auditd keeps, and what it wants to be left.
const STATE: Bytes = Bytes(256 << 20);

impl Bytes {
    /// What a text must be.
    pub(super) const RULE: &'static str =
        "a size is a whole number with K, M, G or T behind it, as in 512M";

    /// Reads a size.
    pub fn new(text: &str) -> Option<Self> {
        let unit = text.chars().next_back()?;
        let (_, power) = UNITS.iter().find(|(letter, _)| *letter == unit)?;
        let digits = text.strip_suffix(unit)?;
        if digits.is_empty()
            || digits.starts_with('0')
            || !digits.bytes().all(|it| it.is_ascii_digit())
        {
            return None;
        }
        let number: u64 = digits.parse().ok()?;
        let bytes = number.checked_mul(1024_u64.checked_pow(*power)?)?;
        (bytes <= 1 << 50).then_some(Self(bytes))
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl Default for Disk {
    fn default() -> Self {
        Self {
            size: None,
            esp: ESP,
            root: None,
            slots: 2,
            state: STATE,
            etc: Etc::default(),
            writable: places(&defaults()).unwrap_or_default(),
            on_failure: OnFailure::default(),
            on_corruption: OnCorruption::default(),
            updates: None,
        }
    }
}

impl Disk {
    /// Whether anything that is written is kept: then there is a state partition.
    pub fn keeps(&self) -> bool {
        self.writable.keep() || self.etc == Etc::OverlayState
    }
}

/// What the merged statements come to; `None` where no template has any.
pub(super) fn finish(raw: RawDisk, sink: &Sink) -> Option<Disk> {
    if !raw.is_stated {
        return None;
    }
    let mut wanted = defaults();
    let mut first = None;
    for (path, word) in raw.writable {
        let Ok(parsed) = ImagePath::parse(&path.value) else {
            let message = format!(
                "{:?} is not allowed: a place is an absolute path",
                path.value
            );
            sink.report(Code::T006, &path.span, message, None);
            continue;
        };
        let words: Vec<&str> = Writable::WORDS.iter().map(|(word, _)| *word).collect();
        let Some((_, kind)) = Writable::WORDS.iter().find(|(it, _)| *it == word.value) else {
            let message = format!("{:?} is not allowed", word.value);
            let help = format!("it is one of {}", words.join(", "));
            sink.report(Code::T006, &word.span, message, Some(help));
            continue;
        };
        first.get_or_insert(path.span);
        wanted.insert(parsed, *kind);
    }
    let writable = match (places(&wanted), first) {
        (Err(error), Some(span)) => {
            sink.report(Code::T006, &span, format!("[disk] writable: {error}"), None);
            Places::default()
        }
        (places, _) => places.unwrap_or_default(),
    };
    let other = Disk::default();
    let slots = raw.slots.map_or(other.slots, |at| at.value);
    if let (Some(updates), 1) = (&raw.updates, slots) {
        let message = "an update goes into the second slot, and slots = 1 makes one";
        sink.report(Code::T006, &updates.span, message.to_owned(), None);
    }
    Some(Disk {
        size: raw.size.map(|at| at.value),
        esp: raw.esp.map_or(other.esp, |at| at.value),
        root: raw.root.map(|at| at.value),
        slots,
        state: raw.state.map_or(other.state, |at| at.value),
        etc: raw.etc.map_or(other.etc, |at| at.value),
        writable,
        on_failure: raw.on_failure.map_or(other.on_failure, |at| at.value),
        on_corruption: raw.on_corruption.map_or(other.on_corruption, |at| at.value),
        updates: raw.updates.map(|at| at.value),
    })
}

/// The canonical form, with the defaults filled in.
pub(super) fn json(disk: &Disk) -> Value {
    let places = disk.writable.iter().map(|place| {
        let word = match place.kind {
            PlaceKind::State => Writable::State,
            PlaceKind::Tmpfs { .. } => Writable::Tmpfs,
        };
        (place.path.to_string(), json!(word.word()))
    });
    let mut value = json!({
        "size": disk.size.map(Bytes::get),
        "esp": disk.esp.get(),
        "root": disk.root.map(Bytes::get),
        "slots": disk.slots,
        "state": disk.state.get(),
        "etc": disk.etc.word(),
        "writable": Value::Object(places.collect()),
        "on_failure": disk.on_failure.word(),
        "on_corruption": disk.on_corruption.word(),
    });
    // Absent where no template states it: templates without it keep their digests.
    if let (Value::Object(map), Some(updates)) = (&mut value, &disk.updates) {
        map.insert("updates".to_owned(), json!(updates.as_str()));
    }
    value
}

fn defaults() -> BTreeMap<ImagePath, Writable> {
    let paths = WRITABLE.iter();
    let parsed = paths.filter_map(|(path, kind)| Some((ImagePath::parse(path).ok()?, *kind)));
    parsed.collect()
}

fn places(wanted: &BTreeMap<ImagePath, Writable>) -> Result<Places, crate::boot::PlaceError> {
    let places = wanted.iter().filter_map(|(path, kind)| {
        let kind = match kind {
            Writable::No => return None,
            Writable::State => PlaceKind::State,
            Writable::Tmpfs => PlaceKind::Tmpfs { size: None },
        };
        Some(Place {
            path: path.clone(),
            kind,
        })
    });
    Places::new(places.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_whole_numbers_with_a_letter() {
        assert_eq!(Bytes::new("1K").unwrap().get(), 1024);
        assert_eq!(Bytes::new("512M").unwrap().get(), 512 << 20);
        assert_eq!(Bytes::new("2G").unwrap().get(), 2 << 30);
        assert_eq!(Bytes::new("1024T").unwrap().get(), 1 << 50);
        for wrong in [
            "",
            "M",
            "0M",
            "01M",
            "1",
            "1.5G",
            "-1G",
            "+1G",
            "1 G",
            "1g",
            "1GB",
            "1025T",
            "99999999999999999999G",
        ] {
            assert_eq!(Bytes::new(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_is_kept_needs_a_partition() {
        let mut disk = Disk::default();
        assert!(disk.keeps());
        disk.writable = Places::default();
        assert!(!disk.keeps());
        disk.etc = Etc::OverlayState;
        assert!(disk.keeps());
    }
}
