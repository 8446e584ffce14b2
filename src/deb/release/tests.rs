//! Release files, good and hostile.

use super::*;
use crate::deb::control::ControlError;
use crate::tree::Epoch;

const TEXT: &str = "\
Origin: Debian
Suite: stable
Codename: trixie
Date: Sat, 15 Nov 2025 10:00:00 UTC
Valid-Until: Sat, 22 Nov 2025 10:00:00 UTC
Acquire-By-Hash: yes
Architectures: all amd64
Components: main contrib
SHA256:
 0000000000000000000000000000000000000000000000000000000000000001 10 main/binary-amd64/Packages
 0000000000000000000000000000000000000000000000000000000000000002  5 main/binary-amd64/Packages.xz
 0000000000000000000000000000000000000000000000000000000000000003  5 main/binary-all/Packages
";
const DATE: u64 = 1_763_200_800;

fn parse(text: &str) -> Result<Release, ReleaseError> {
    Release::from_text(text, Layout::Suite, Epoch::saturating(DATE + 9))
}

fn parse_flat(text: &str) -> Result<Release, ReleaseError> {
    Release::from_text(text, Layout::Flat, Epoch::saturating(DATE + 9))
}

fn release() -> Release {
    parse(TEXT).unwrap()
}

fn check(change: impl FnOnce(&mut Wanted<'_>)) -> Result<(), ReleaseError> {
    let components = ["main".to_owned()];
    let architecture = "amd64".parse().unwrap();
    let mut wanted = Wanted {
        suite: "trixie",
        components: &components,
        architecture: &architecture,
        now: DATE + 60,
        not_before: None,
    };
    change(&mut wanted);
    release().check(&wanted)
}

#[test]
fn reads_what_debian_writes() {
    let release = release();
    assert_eq!(release.date, Epoch::new(DATE).unwrap());
    assert!(release.by_hash && !release.all_is_everywhere);
    let indexes = release.indexes("main", &"amd64".parse().unwrap()).unwrap();
    assert_eq!(indexes.len(), 2, "all is listed apart");
    assert_eq!(indexes[0].plain.size, 10);
    let forms: Vec<_> = indexes[0].forms.iter().map(|(_, form, _)| *form).collect();
    assert_eq!(forms, [Form::Xz, Form::Plain]);
    assert_eq!(check(|_| ()), Ok(()));
    assert_eq!(check(|wanted| wanted.suite = "stable"), Ok(()));
}

#[test]
fn expired() {
    let week = 7 * 86_400;
    assert_eq!(check(|wanted| wanted.now = DATE + week), Ok(()));
    let result = check(|wanted| wanted.now = DATE + week + 1);
    assert!(
        matches!(result, Err(ReleaseError::Expired { .. })),
        "{result:?}"
    );
}

#[test]
fn from_the_future() {
    assert_eq!(
        check(|wanted| wanted.now = DATE - 7200),
        Err(ReleaseError::FromTheFuture(Epoch::new(DATE).unwrap()))
    );
}

#[test]
fn rolled_back() {
    let date = Epoch::new(DATE).unwrap();
    assert_eq!(check(|wanted| wanted.not_before = Some(date)), Ok(()));
    let before = Epoch::new(DATE + 1).unwrap();
    assert_eq!(
        check(|wanted| wanted.not_before = Some(before)),
        Err(ReleaseError::RolledBack { date, before })
    );
}

#[test]
fn another_suite_component_or_architecture() {
    let result = check(|wanted| wanted.suite = "bookworm");
    assert!(
        matches!(result, Err(ReleaseError::Suite { .. })),
        "{result:?}"
    );
    let components = ["non-free".to_owned()];
    let architecture = "amd64".parse().unwrap();
    let arm = "arm64".parse().unwrap();
    let mut wanted = Wanted {
        suite: "trixie",
        components: &components,
        architecture: &architecture,
        now: DATE,
        not_before: None,
    };
    let result = release().check(&wanted);
    assert!(
        matches!(result, Err(ReleaseError::Component { .. })),
        "{result:?}"
    );
    wanted.components = &[];
    wanted.architecture = &arm;
    let result = release().check(&wanted);
    assert_eq!(result, Err(ReleaseError::NoArchitecture(arm.clone())));
}

#[test]
fn malformed_texts() {
    let file = |path: &str| TEXT.replace("main/binary-all/Packages", path);
    for (text, error) in [
        (String::new(), ReleaseError::Stanzas(0)),
        (format!("{TEXT}\nSuite: x\n"), ReleaseError::Stanzas(2)),
        (
            format!("{TEXT}date: x\n"),
            ControlError::Twice("date".to_owned()).into(),
        ),
        (TEXT.replace("Date:", "Day:"), ReleaseError::Missing("Date")),
        (
            TEXT.replace("SHA256", "MD5Sum"),
            ReleaseError::Missing("SHA256"),
        ),
        (
            TEXT.replace("Nov 2025 10", "Nov 2025 25"),
            ReleaseError::Date("Date", "Sat, 15 Nov 2025 25:00:00 UTC".to_owned()),
        ),
        (
            TEXT.replace("Date: Sat, 15 Nov 2025 10:00:00 UTC", "Date: 2025-11-15"),
            ReleaseError::Date("Date", "2025-11-15".to_owned()),
        ),
        (
            file("main/binary-amd64/Packages"),
            ReleaseError::Twice("main/binary-amd64/Packages".to_owned()),
        ),
    ] {
        assert_eq!(parse(&text).unwrap_err(), error);
    }
    for path in ["/etc/passwd", "../x", "main/../../x", "a//b", "a?b", "a b"] {
        let result = parse(&file(path));
        assert!(matches!(result, Err(ReleaseError::File(_))), "{path}");
    }
}

#[test]
fn a_flat_repository_says_no_more_than_apt_needs() {
    let sums = "SHA256:\n 0000000000000000000000000000000000000000000000000000000000000001 10 Packages\n \
                0000000000000000000000000000000000000000000000000000000000000002 5 Packages.gz\n";
    assert_eq!(parse(sums), Err(ReleaseError::Missing("Date")));
    let flat = parse_flat(sums).unwrap();
    assert_eq!(flat.date.seconds(), DATE + 9, "when it was signed");
    let index = flat.flat_index().unwrap();
    assert_eq!((index.path.as_str(), index.forms.len()), ("Packages", 2));
    let architecture = "amd64".parse().unwrap();
    let mut wanted = Wanted {
        suite: "./",
        components: &[],
        architecture: &architecture,
        now: DATE + 10,
        not_before: None,
    };
    assert_eq!(flat.check(&wanted), Ok(()));
    wanted.not_before = Some(Epoch::saturating(DATE + 10));
    let result = flat.check(&wanted);
    assert!(
        matches!(result, Err(ReleaseError::RolledBack { .. })),
        "{result:?}"
    );

    let odd = parse_flat(&format!(
        "Suite: x\nArchitectures: x86_64\nComponents: /\nDate: Sat, 15 Nov 2025 10:00:00 UTC\n{sums}"
    ));
    let odd = odd.unwrap();
    wanted.not_before = None;
    assert_eq!((odd.date.seconds(), odd.check(&wanted)), (DATE, Ok(())));
}

#[test]
fn what_a_flat_repository_says_must_hold() {
    let sum = " 0000000000000000000000000000000000000000000000000000000000000001 10";
    for (text, error) in [
        (
            format!("Date: yesterday\nSHA256:\n{sum} Packages\n"),
            ReleaseError::Date("Date", "yesterday".to_owned()),
        ),
        (
            format!("Valid-Until: never\nSHA256:\n{sum} Packages\n"),
            ReleaseError::Date("Valid-Until", "never".to_owned()),
        ),
        (
            format!("MD5Sum:\n{sum} Packages\n"),
            ReleaseError::Missing("SHA256"),
        ),
        (
            format!("SHA256:\n{sum} ../Packages\n"),
            ReleaseError::File(format!("{} ../Packages", sum.trim())),
        ),
    ] {
        assert_eq!(parse_flat(&text).unwrap_err(), error);
    }
    let compressed = parse_flat(&format!("SHA256:\n{sum} Packages.gz\n")).unwrap();
    assert_eq!(compressed.flat_index(), Err(ReleaseError::NoFlatIndex));
    let expired = parse_flat(&format!(
        "Valid-Until: Sat, 15 Nov 2025 10:00:00 UTC\nSHA256:\n{sum} Packages\n"
    ));
    let architecture = "amd64".parse().unwrap();
    let wanted = Wanted {
        suite: "./",
        components: &[],
        architecture: &architecture,
        now: DATE + 60,
        not_before: None,
    };
    assert!(matches!(
        expired.unwrap().check(&wanted),
        Err(ReleaseError::Expired { .. })
    ));
}

#[test]
fn oversized_index() {
    let text = TEXT.replace(" 10 main", " 99999999999 main");
    let result = parse(&text)
        .unwrap()
        .indexes("main", &"amd64".parse().unwrap());
    assert_eq!(
        result,
        Err(ReleaseError::IndexTooLarge {
            path: "main/binary-amd64/Packages".to_owned(),
            size: 99_999_999_999
        })
    );
}
