//! Single files of a FAT32 that is not in order: what leads to them counts, and nothing else does.

use std::collections::BTreeMap;

use karat::appraise::{Neighbour, Verdict};
use karat::disk::Delivered;
use karat::layout::Source;
use karat::layout::fat::{FatError, Lookup, Volume};

use super::fat_hostile::{LAST, ONE, ONE_LONG, Patched, TWO, TWO_LONG, patched, small};
use super::fixture::{esp, files, noise};

const ONE_PATH: &str = "DIR/one.long";
const TWO_PATH: &str = "dir/TWO.LONG";

/// What reading one file gives: its bytes, `None`, or the rule that is broken.
fn read(source: &dyn Source, path: &str) -> Result<Option<Vec<u8>>, String> {
    let lookup = Lookup::open(source).map_err(|error| error.to_string())?;
    let read = lookup.read(path, 2000);
    read.map_err(|error| error.to_string())
}

/// The whole volume is refused, and the first file is read all the same.
#[track_caller]
fn one_is_read(it: &Patched<'_>) {
    assert!(
        Volume::read(it).is_err(),
        "the strict reader has a reason to refuse it"
    );
    assert_eq!(read(it, ONE_PATH), Ok(Some(vec![1; 1000])));
}

#[test]
fn what_the_strict_reader_finds_is_found() {
    let files = files();
    let whole = esp(&files);
    let lookup = Lookup::open(&whole).unwrap();
    for (path, bytes) in &files {
        let read = lookup.read(&path.to_ascii_uppercase(), 1 << 20).unwrap();
        assert!(read.as_ref() == Some(bytes), "{path}");
    }
    for path in [
        "",
        "EFI",
        "no",
        "no/no",
        "EFI/no",
        "readme.txt/no",
        "EFI//BOOT",
    ] {
        let read = lookup.read(path, 1 << 20);
        assert!(!matches!(read, Ok(Some(_))), "{path}");
    }
    let names = lookup.names("MANY").unwrap();
    assert_eq!(names.len(), 40);
    assert_eq!(names[0], "file number 0");
    assert_eq!(lookup.names("no").unwrap(), [""; 0]);
    assert_eq!(lookup.names("readme.txt").unwrap(), [""; 0]);
    // By its short name, too, as firmware and kernel do.
    let short = lookup.read("KARAT/WEB_10~1.JSO", 1 << 20).unwrap();
    assert!(short.is_some());
    let large = lookup.read("EFI/Linux/web_1.0+3.efi", 1000).unwrap_err();
    assert!(
        matches!(
            large,
            FatError::Large {
                size: 300_001,
                max: 1000,
                ..
            }
        ),
        "{large}"
    );
}

#[test]
fn what_is_odd_elsewhere_keeps_no_file_from_being_read() {
    let files = small();
    let base = esp(&files);
    let it = || patched(&base);
    // The second table is another one; the upper bits mean nothing.
    one_is_read(&it().put(it().table(1) + 16, &[9, 0, 0, 0]));
    one_is_read(&it().put(it().table(1) + 16, &[0; 512]));
    one_is_read(&it().put(it().table(0) + 19, &[0xf0]));
    // Clusters of no file, and marks of an unclean unmount.
    one_is_read(&it().follow(9, LAST).put(65, &[1]).follow(1, 0x07ff_ffff));
    // Copies and hints in other sectors.
    one_is_read(&it().put(6 * 512, &[0; 512]));
    one_is_read(&it().put(512, &[0; 512]));
    // The other file: its chain is cut, too long, too short, a circle, this one's.
    for next in [0, 1, 8, 6, 4, 0x0fff_fff7] {
        one_is_read(&it().follow(6, next));
    }
    let place = it().cluster(3);
    one_is_read(&it().put(place + TWO + 26, &[4, 0]));
    one_is_read(&it().put(place + TWO + 28, &[0xff; 4]));
    // Half a name, a name without what it names, one that is not ASCII, entries behind the end.
    one_is_read(&it().put(place + TWO_LONG, &[0xe5]).put(place + TWO, &[1]));
    one_is_read(&it().put(place + TWO, &[0xe5]));
    one_is_read(&it().put(place + TWO_LONG + 1, &[0xe9, 0]));
    one_is_read(&it().put(place + 288, b"X"));
    // What the directory says of itself.
    one_is_read(&it().put(place + 26, &[9]));
}

#[test]
fn a_half_written_name_is_none_and_a_whole_one_beside_it_is() {
    let files = small();
    let base = esp(&files);
    let place = patched(&base).cluster(3);
    // A part of another name stands before the one that counts.
    let mut part = [0; 32];
    patched(&base).read_at(place + TWO_LONG, &mut part).unwrap();
    let it = patched(&base).put(place + TWO, &part);
    assert_eq!(read(&it, ONE_PATH), Ok(Some(vec![1; 1000])));
    assert_eq!(read(&it, TWO_PATH), Ok(None));
    let mut entry = [0; 32];
    patched(&base).read_at(place + TWO, &mut entry).unwrap();
    let it = it.put(place + TWO + 32, &entry);
    assert_eq!(read(&it, TWO_PATH), Ok(Some(vec![2; 1000])));
    // Without its long name it has the short one.
    let it = patched(&base).put(place + ONE_LONG, &[0xe5]);
    assert_eq!(read(&it, ONE_PATH), Ok(None));
    assert_eq!(read(&it, "DIR/ONE~1.LON"), Ok(Some(vec![1; 1000])));
}

#[test]
fn what_is_odd_about_one_file_is_an_error_for_that_file() {
    let files = small();
    let base = esp(&files);
    let place = patched(&base).cluster(3);
    let two = |it: Patched<'_>, rule: &str| {
        let said = read(&it, TWO_PATH).unwrap_err();
        assert!(said.contains(rule), "{rule}: {said}");
        assert_eq!(read(&it, ONE_PATH), Ok(Some(vec![1; 1000])));
    };
    two(
        patched(&base).follow(6, 0),
        "it goes on in a cluster that is free",
    );
    two(
        patched(&base).follow(7, 0),
        "it goes on in a cluster that is free",
    );
    two(patched(&base).follow(6, 1), "bad or reserved");
    two(patched(&base).follow(6, 0x0100_0000), "not there");
    two(patched(&base).follow(6, 6), "it runs in a circle");
    two(patched(&base).follow(6, LAST), "fewer clusters than bytes");
    two(patched(&base).put(place + TWO + 26, &[0, 0]), "not there");
    two(
        patched(&base).put(place + TWO + 28, &[0xff; 4]),
        "more than 2000",
    );
    two(patched(&base).put(place + TWO + 11, &[0x10]), "a directory");
    // Behind its last byte nobody looks.
    let it = patched(&base).follow(7, 7);
    assert_eq!(read(&it, TWO_PATH), Ok(Some(vec![2; 1000])));
    // An empty one has no clusters, whatever stands there.
    let it = patched(&base).put(place + TWO + 28, &[0; 4]);
    assert_eq!(read(&it, TWO_PATH), Ok(Some(Vec::new())));
}

#[test]
fn the_same_name_twice_is_an_error_unless_it_is_the_same_file() {
    let files = small();
    let base = esp(&files);
    let place = patched(&base).cluster(3);
    let twice = patched(&base).put(place + ONE_LONG + 1, b"T\0W\0O\0");
    let said = read(&twice, TWO_PATH).unwrap_err();
    assert_eq!(
        said,
        "FAT: /dir/TWO.LONG: its directory has this name twice"
    );
    assert_eq!(read(&twice, ONE_PATH), Ok(None));
    let same = twice.put(place + ONE + 26, &[6, 0]);
    assert!(Volume::read(&same).is_err());
    assert_eq!(read(&same, TWO_PATH), Ok(Some(vec![2; 1000])));
}

#[test]
fn directories_that_break_off_end_there() {
    let files = files();
    let base = esp(&files);
    let volume = Volume::read(&base).unwrap();
    assert!(volume.directories.iter().any(|path| path == "many"));
    let entry = entry_of(&base, "MANY");
    let first = patched(&base).number(entry + 26, 2);
    // Its second cluster.
    for next in [0, 1, u32::try_from(first).unwrap(), 0x0fff_fff7, LAST] {
        let it = patched(&base).follow(first + 1, next);
        assert!(Volume::read(&it).is_err());
        assert_eq!(read(&it, "many/file number 0"), Ok(Some(vec![0; 10])));
        assert_eq!(read(&it, "many/file number 39"), Ok(None));
        assert!(Lookup::open(&it).unwrap().names("many").unwrap().len() < 16);
    }
    // One without any.
    let gone = patched(&base).put(entry + 26, &[0, 0]);
    let said = read(&gone, "many/file number 0").unwrap_err();
    assert!(said.starts_with("FAT: /many: "), "{said}");
    assert_eq!(
        read(&gone, "readme.txt"),
        Ok(Some(files["readme.txt"].clone()))
    );
}

/// Where the entry of a name of four letters stands in the root directory.
fn entry_of(base: &karat::image::pieces::Pieces<'_>, name: &str) -> u64 {
    let it = patched(base);
    let root = it.cluster(2);
    let wanted = u64::from(u32::from_le_bytes(name.as_bytes().try_into().unwrap()));
    let mut places = (0..16).map(|at| root + at * 32);
    places.find(|at| it.number(*at, 4) == wanted).unwrap()
}

#[test]
fn a_boot_sector_that_says_nothing_is_an_error() {
    let files = small();
    let base = esp(&files);
    for (at, bytes) in [(510_u64, [0_u8, 0]), (11, [0, 4]), (14, [1, 0])] {
        assert!(Lookup::open(&patched(&base).put(at, &bytes)).is_err());
    }
    assert!(matches!(
        Lookup::open(&vec![0; 100]),
        Err(FatError::Source(_))
    ));
    let nothing = delivered(&vec![0; 100]);
    assert!(nothing.warnings.is_empty() && nothing.newer_roots.is_empty());
    for file in [nothing.envelope, nothing.receipt] {
        let reason = file.unread.unwrap();
        assert!(reason.starts_with("the EFI system partition cannot be read: "));
    }
}

/// What an initrd without a trust root of its own reads.
fn delivered(part: &dyn Source) -> Delivered {
    let none = Neighbour {
        path: "trust.json".to_owned(),
        bytes: None,
        unread: None,
    };
    Delivered::read(part, "web_1", &none)
}

/// Nothing that anybody vouches for, but whole.
const ROOT: &[u8] = b"{\"payload\":\"\"}\n";

#[test]
fn trust_roots_count_up_to_the_first_that_is_not_whole() {
    let mut files: BTreeMap<String, Vec<u8>> = [3, 2, 10, 4]
        .map(|number| (format!("karat/trust/{number}.json"), ROOT.to_vec()))
        .into();
    files.insert("karat/web_1.dsse.json".to_owned(), noise(1, 700));
    files.insert("karat/trust/x.json".to_owned(), noise(2, 10));
    files.insert("karat/trust/05.json".to_owned(), noise(2, 10));
    let versions = |files: &BTreeMap<String, Vec<u8>>| {
        let delivered = delivered(&esp(files));
        assert_eq!(
            delivered.envelope.bytes.as_ref(),
            Some(&files["karat/web_1.dsse.json"])
        );
        assert!(delivered.receipt.is_absent());
        let warnings = delivered.warnings.into_iter().map(|it| it.message);
        let roots = delivered.newer_roots.iter().map(|it| it.version);
        (roots.collect::<Vec<_>>(), warnings.collect::<Vec<_>>())
    };
    assert_eq!(versions(&files), (vec![2, 3, 4, 10], Vec::new()));
    // Torn: what was never written, in part or as a whole.
    for torn in [vec![0; 80], ROOT[..9].to_vec(), Vec::new()] {
        files.insert("karat/trust/4.json".to_owned(), torn);
        let (roots, warnings) = versions(&files);
        assert_eq!(roots, [2, 3]);
        assert_eq!(warnings.len(), 1);
        let said = "karat/trust/4.json is passed over: ";
        assert!(warnings[0].starts_with(said), "{warnings:?}");
    }
    let large = usize::try_from(karat::limits::TRUST_ROOT_MAX).unwrap() + 1;
    files.insert("karat/trust/2.json".to_owned(), vec![b' '; large]);
    assert_eq!(versions(&files).0, [0; 0]);
}

#[test]
fn a_partition_that_is_not_in_order_is_a_warning() {
    let files = BTreeMap::from([("karat/web_1.dsse.json".to_owned(), noise(1, 700))]);
    let base = esp(&files);
    let fine = delivered(&base);
    assert!(fine.warnings.is_empty());
    let it = patched(&base);
    let at = it.table(1) + 400;
    let untidy = delivered(&it.put(at, b"X"));
    assert_eq!(untidy.envelope, fine.envelope);
    let [warning] = untidy.warnings.as_slice() else {
        panic!("{untidy:?}");
    };
    assert_eq!(warning.verdict, Verdict::Match);
    assert_eq!(
        warning.message,
        "the EFI system partition is not in order, and was read as far as this boot needs it: \
         FAT: its two tables differ"
    );
    assert!(warning.hint.as_ref().unwrap().contains("fsck.fat -a"));
}
