//! Two packages with one path: `Replaces` decides for karat as it does for dpkg.

use std::path::Path;
use std::process::Command;

use karat::stage::StageError;

use super::{Bench, text};
use crate::support::deb::Deb;
use crate::support::root::is_root;
use crate::support::{Scratch, judge};

/// Who has the path in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Winner {
    /// The first package keeps it.
    First,
    /// The second package takes it over.
    Second,
    /// The second package cannot be unpacked.
    Neither,
}
use Winner::{First, Neither, Second};

/// `Replaces` of the first package (`aa` 1:2) and of the second (`bb` 2); both provide `thing`.
const CASES: &[(&str, &str, Winner)] = &[
    ("", "", Neither),
    ("", "aa", Second),
    ("", "aa (<< 1:3)", Second),
    ("", "aa (<< 1:2)", Neither),
    ("", "aa (<< 3)", Neither),
    ("", "aa (= 1:2)", Second),
    ("", "aa (<< 1:1), cc, aa (>= 1:2)", Second),
    ("", "aa (<< 1:1), cc, aa (>> 1:2)", Neither),
    ("", "aa:any", Second),
    ("", "aa:amd64 (>= 1:0)", Second),
    ("", "aa:arm64", Neither),
    // Whatever it provides.
    ("", "thing", Neither),
    ("", "thing (= 5)", Neither),
    ("", "thing (<< 9)", Neither),
    ("bb", "", First),
    ("bb (<< 3)", "", First),
    ("bb (<< 2)", "", Neither),
    ("thing", "", Neither),
    // The one unpacked later comes first.
    ("bb", "aa", Second),
    ("bb", "aa (<< 1:2)", First),
];

/// `aa` and `bb` of case `number`, which have one path.
fn packages(number: usize, first: &str, second: &str) -> [Deb; 2] {
    let numbered = |text: &str| {
        let names = ["aa", "bb", "thing"];
        names.iter().fold(text.to_owned(), |text, name| {
            text.replace(name, &format!("{name}{number}"))
        })
    };
    let package = |name: &str, version: &str, replaces: &str| {
        let deb = Deb::new(&numbered(name), version)
            .field("Provides", &numbered("thing (= 5)"))
            .directory("/usr", 0o755)
            .directory("/usr/share", 0o755)
            .file(&place(number), 0o644, name.as_bytes());
        if replaces.is_empty() {
            deb
        } else {
            deb.field("Replaces", &numbered(replaces))
        }
    };
    [package("aa", "1:2", first), package("bb", "2", second)]
}

fn place(number: usize) -> String {
    format!("/usr/share/x{number}")
}

#[test]
fn as_dpkg_judges() {
    let mut accepted = Vec::new();
    for (number, (first, second, winner)) in CASES.iter().enumerate() {
        let debs = packages(number, first, second);
        if let Some(judged) = dpkg(number, &debs) {
            assert_eq!(judged, *winner, "dpkg: {first:?} {second:?}");
        }
        if *winner != Neither {
            accepted.extend(debs);
            continue;
        }
        let Some(bench) = Bench::new("replaces", &debs) else {
            return;
        };
        let error = bench.error();
        assert!(
            matches!(&error, StageError::Conflict { path, .. } if *path == place(number)),
            "{first:?} {second:?}: {error}"
        );
    }
    let Some(bench) = Bench::new("replaces", &accepted) else {
        return;
    };
    let made = bench.tree();
    for (number, (first, second, winner)) in CASES.iter().enumerate() {
        let expected = match winner {
            First => "aa",
            Second => "bb",
            Neither => continue,
        };
        assert_eq!(
            text(&made, &place(number)),
            expected,
            "{first:?} {second:?}"
        );
    }
}

#[test]
fn a_field_that_dpkg_cannot_read() {
    for field in ["aa | cc", "aa (~ 2)"] {
        let debs = packages(0, "", field);
        let Some(bench) = Bench::new("replaces", &debs) else {
            return;
        };
        assert!(
            matches!(bench.error(), StageError::Relation { package, .. } if package == "bb0"),
            "{field}"
        );
        if let Some(judged) = dpkg(0, &debs) {
            assert_eq!(judged, Neither, "dpkg: {field}");
        }
    }
}

/// What `dpkg --unpack` makes of the two; `None` where it cannot judge here.
fn dpkg(number: usize, debs: &[Deb; 2]) -> Option<Winner> {
    let dpkg = judge("dpkg")?;
    let scratch = Scratch::new("dpkg-replaces");
    let root = scratch.join("root");
    for directory in ["info", "updates", "triggers"] {
        std::fs::create_dir_all(root.join("var/lib/dpkg").join(directory)).unwrap();
    }
    for file in ["status", "available", "diversions", "statoverride"] {
        std::fs::write(root.join("var/lib/dpkg").join(file), "").unwrap();
    }
    let mut command = as_root(dpkg.command())?;
    command
        .arg(format!("--root={}", root.display()))
        .args(["--force-script-chrootless", "--force-architecture"])
        .args(["--force-not-root", "--force-bad-path", "--log=/dev/null"])
        .arg("--unpack");
    for deb in debs {
        let path = scratch.join(deb.file_name());
        std::fs::write(&path, deb.build()).unwrap();
        command.arg(path);
    }
    let output = command.env("LC_ALL", "C").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let content = std::fs::read(root.join(&place(number)[1..])).expect(&said);
    match (output.status.success(), content.as_slice()) {
        (true, b"aa") => Some(First),
        (true, b"bb") => Some(Second),
        (false, b"aa") if said.contains("trying to overwrite") || said.contains("parsing file") => {
            Some(Neither)
        }
        _ => panic!("{said}"),
    }
}

/// dpkg gives files to root: an ordinary user is root in a namespace.
fn as_root(command: Command) -> Option<Command> {
    if is_root() {
        return Some(command);
    }
    let unshare = judge("unshare")?;
    let mut wrapped = unshare.command();
    wrapped.args(["--user", "--map-root-user", "--"]);
    wrapped.arg(Path::new(command.get_program()));
    Some(wrapped)
}
