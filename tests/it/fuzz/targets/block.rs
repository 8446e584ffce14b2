//! What lies on disks: hash trees, partition tables, FAT32.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::num::NonZero;

use karat::digest::Digest;
use karat::image::fat::{self, Settings};
use karat::image::gpt::{Plan, Wanted};
use karat::image::pieces::Pieces;
use karat::image::verity::{Tree, Writer};
use karat::layout::fat::{Lookup, Volume};
use karat::layout::gpt::{Attributes, Disk, Kind, Machine, Partition};
use karat::layout::verity::{Checked, Superblock};
use karat::layout::{Source, SourceError, Uuid};
use karat::tree::Epoch;

/// Bytes of the tables at the start of a disk and at its end.
const HEAD: usize = 34 * 512;
const TAIL: usize = 33 * 512;

/// Tables as they come, and with checksums made right: partitions lie within, none over another, and
/// each byte of the disk is in one of them, in the tables or in a gap.
pub fn gpt(bytes: &[u8]) {
    let mut bytes = bytes.to_vec();
    bytes.resize(bytes.len().max(HEAD + TAIL).next_multiple_of(512), 0);
    disk(&bytes);
    let end = bytes.len() - TAIL;
    let table = bytes[1024..HEAD].to_vec();
    bytes[end..end + table.len()].copy_from_slice(&table);
    let size = bytes.len();
    for header in [512, size - 512] {
        let header = &mut bytes[header..header + 512];
        header[88..92].copy_from_slice(&crc(&table).to_le_bytes());
        header[16..20].fill(0);
        let sum = crc(&header[..92]);
        header[16..20].copy_from_slice(&sum.to_le_bytes());
    }
    disk(&bytes);
}

fn disk(bytes: &[u8]) {
    // What is mended says what was meant, and is whole.
    if let Some(meant) = Disk::cut_off(&bytes) {
        let mut mended = bytes.to_vec();
        let head = meant.head();
        mended[..head.len()].copy_from_slice(&head);
        assert_eq!(Disk::read(&mended).unwrap(), meant);
    }
    let Ok(disk) = Disk::read(&bytes) else {
        return;
    };
    let mut spans: Vec<(u64, u64)> = disk
        .partitions
        .iter()
        .map(|it| (it.start, it.end()))
        .chain(disk.gaps().into_iter().map(|gap| (gap.start, gap.end)))
        .chain([(0, HEAD as u64), (disk.known - TAIL as u64, disk.known)])
        .collect();
    spans.sort_unstable();
    let mut at = 0;
    for (start, end) in spans {
        assert!(
            start == at && start < end,
            "nothing twice, nothing left out"
        );
        at = end;
    }
    assert_eq!(at, bytes.len() as u64);
    // On a larger disk, one partition ends farther behind, and none over another.
    let mut larger = disk.clone();
    larger.size += 64 << 20;
    for partition in &disk.partitions {
        let Ok(Some(grown)) = larger.grown(partition.id) else {
            continue;
        };
        let end = |disk: &Disk| disk.partitions.iter().map(Partition::end).max();
        assert!(end(&grown) > end(&disk) && end(&grown) <= Some(grown.size - TAIL as u64));
        assert_eq!(grown.head().len(), HEAD);
        assert_eq!(grown.grown(partition.id), Ok(None));
    }
}

fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            crc >> 1 ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 }
        })
    })
}

pub fn gpt_seeds() -> Vec<Vec<u8>> {
    // Two partitions that need no bytes of their own here: the tables are put together.
    let wanted = [1, 2].map(|number| Wanted {
        kind: Kind::Root(Machine::Arm64),
        id: Uuid::from_bytes([number; 16]),
        name: "web_1.0".to_owned(),
        size: 1,
        attributes: Attributes::READ_ONLY,
    });
    let id = Uuid::from_bytes([9; 16]);
    let plan = Plan::new(id, wanted.to_vec(), None, false).unwrap();
    let small = move |first: u64, last: u64| {
        let mut bytes = [plan.head(), vec![0; 16 * 512], plan.tail()].concat();
        let sectors = (bytes.len() / 512) as u64;
        for (header, own, other, table) in [
            (512, 1, sectors - 1, 2),
            (bytes.len() - 512, sectors - 1, 1, sectors - 33),
        ] {
            for (at, number) in [
                (24, own),
                (32, other),
                (40, 34),
                (48, sectors - 34),
                (72, table),
            ] {
                bytes[header + at..][..8].copy_from_slice(&number.to_le_bytes());
            }
        }
        bytes[458..462].copy_from_slice(&u32::try_from(sectors - 1).unwrap().to_le_bytes());
        for (entry, first, last) in [(0, 40_u64, 41_u64), (128, first, last)] {
            bytes[1024 + entry + 32..][..8].copy_from_slice(&first.to_le_bytes());
            bytes[1024 + entry + 40..][..8].copy_from_slice(&last.to_le_bytes());
        }
        bytes
    };
    vec![small(48, 49), small(40, 48), small(34, 0)]
}

/// Blocks of data, then superblock and tree: what is read is what was hashed.
pub fn verity(bytes: &[u8]) {
    let mut bytes = bytes.to_vec();
    bytes.resize(bytes.len().next_multiple_of(4096), 0);
    for block in bytes.as_chunks::<{ Superblock::SIZE }>().0 {
        if let Ok(superblock) = Superblock::parse(block) {
            assert_eq!(superblock.encode(), *block, "one spelling");
        }
    }
    let (tree, good) = hashed();
    let at = good.len().min(bytes.len());
    let (data, hashes) = (bytes[..at].to_vec(), bytes[at..].to_vec());
    let Ok(checked) = Checked::new(tree.verity(), &data, &hashes) else {
        return;
    };
    let mut read = vec![0; good.len()];
    let whole = checked.read_at(0, &mut read);
    let all = checked.check(NonZero::<usize>::MIN);
    assert_eq!(whole.is_ok(), all.is_ok());
    assert!(whole.is_err() || read == good);
    for (number, good) in (0..).zip(good.chunks(4096)) {
        if let Ok(block) = checked.block(number) {
            assert!(block == good);
        }
    }
}

/// Three blocks, and the tree over them.
fn hashed() -> (Tree, Vec<u8>) {
    let data = b"karat ".repeat(2048);
    let salt = Digest::of(b"salt");
    let mut writer = Writer::new(salt, NonZero::<usize>::MIN, Vec::new()).unwrap();
    writer.write_all(&data).unwrap();
    let (data, tree) = writer.finish().unwrap();
    (tree, data)
}

pub fn verity_seeds() -> Vec<Vec<u8>> {
    let (tree, mut bytes) = hashed();
    tree.write(Uuid::from_bytes([7; 16]), &mut bytes).unwrap();
    let other = [&bytes[3 * 4096..], &bytes[..3 * 4096]].concat();
    vec![bytes, other]
}

/// The size of the file system of which inputs hold the places that matter.
const SIZE: u64 = 33 << 20;
/// Those places: the first sectors, the start of each table, the first clusters.
const PLACES: [usize; 4] = [8 * 512, 512, 512, 4096];

/// Where they lie in a file system of [`SIZE`].
fn places(whole: &Pieces<'_>) -> [u64; 4] {
    let mut boot = [0; 512];
    whole.read_at(0, &mut boot).unwrap();
    let reserved = u64::from(u16::from_le_bytes([boot[14], boot[15]]));
    let table = u64::from(u16::from_le_bytes([boot[36], boot[37]]));
    [0, reserved, reserved + table, reserved + 2 * table].map(|sector| sector * 512)
}

fn small() -> BTreeMap<String, Vec<u8>> {
    BTreeMap::from(
        [
            ("EFI/BOOT/BOOTX64.EFI", 1000),
            ("karat/web_1.0.dsse.json", 10),
            ("a name that takes two entries", 0),
            ("x.y", 513),
        ]
        .map(|(path, length)| (path.to_owned(), vec![b'x'; length])),
    )
}

fn volume(files: &BTreeMap<String, Vec<u8>>) -> Pieces<'_> {
    let settings = Settings {
        id: 1,
        label: "ESP".to_owned(),
        epoch: Epoch::new(1_700_000_000).unwrap(),
        size: SIZE,
    };
    let boxed = files.iter().map(|(path, bytes)| {
        let source: Box<dyn Source + '_> = Box::new(bytes);
        (path.clone(), source)
    });
    fat::image(&settings, boxed.collect()).unwrap()
}

/// Every file can be read, and every cluster belongs to one of them or to none; what is looked up alone is
/// the same, and ends also where the whole is refused.
pub fn fat(bytes: &[u8]) {
    let none = BTreeMap::new();
    let empty = volume(&none);
    let mut whole = Pieces::new(SIZE);
    let mut rest = bytes;
    for (start, length) in places(&empty).into_iter().zip(PLACES) {
        let (part, others) = rest.split_at(length.min(rest.len()));
        whole.put(start, part.to_vec()).unwrap();
        rest = others;
    }
    // The second table is the first one, unless they say something.
    let whole = Mirrored(&whole, bytes.len() % 2 == 1, places(&empty));
    let volume = Volume::read(&whole);
    let lookup = Lookup::open(&whole);
    if let Ok(lookup) = &lookup {
        for path in small().keys() {
            if let Ok(Some(content)) = lookup.read(path, 2000) {
                assert!(content.len() <= 2000);
            }
        }
        for directory in ["", "EFI/BOOT", "KARAT"] {
            let names = lookup.names(directory).unwrap_or_default();
            assert!(names.len() <= (2 << 20) / 32);
        }
    }
    let Ok(volume) = volume else {
        return;
    };
    let lookup = lookup.unwrap();
    let mut clusters = u64::from(volume.free);
    let mut paths = Vec::new();
    for file in &volume.files {
        let content = file.read(&whole, SIZE).unwrap();
        assert_eq!(content.len() as u64, file.size);
        assert!(lookup.read(&file.path, SIZE).unwrap().as_ref() == Some(&content));
        clusters += file.size.div_ceil(volume.cluster);
        paths.push(file.path.to_ascii_lowercase());
        assert!(volume.file(&file.path.to_ascii_uppercase()).is_some());
    }
    assert!(clusters * volume.cluster <= volume.size);
    paths.extend(
        volume
            .directories
            .iter()
            .map(|path| path.to_ascii_lowercase()),
    );
    paths.sort();
    let count = paths.len();
    paths.dedup();
    assert_eq!(paths.len(), count, "each name once");
}

/// A file system whose second table is read from the first one, where that is wanted.
struct Mirrored<'a>(&'a Pieces<'a>, bool, [u64; 4]);

impl Source for Mirrored<'_> {
    fn size(&self) -> u64 {
        self.0.size()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), SourceError> {
        let [_, first, second, data] = self.2;
        if self.1 && (second..data).contains(&offset) {
            return self.0.read_at(offset - second + first, buffer);
        }
        self.0.read_at(offset, buffer)
    }
}

pub fn fat_seeds() -> Vec<Vec<u8>> {
    let files = small();
    let whole = volume(&files);
    let mut bytes = Vec::new();
    for (start, length) in places(&whole).into_iter().zip(PLACES) {
        let mut part = vec![0; length];
        whole.read_at(start, &mut part).unwrap();
        bytes.extend(part);
    }
    let odd = [bytes.as_slice(), b"x"].concat();
    vec![bytes, odd]
}
