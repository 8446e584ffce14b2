//! `kill -9` at any moment, and two builds at once: what is there is whole, and nothing is in the way
//! of the next build.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::FileExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

use super::workshop::{Workshop, said, shared_cache};

const SUMS: &str = "small_1.SHA256SUMS";

/// A build that says on its standard output what it is at.
fn loud(shop: &Workshop, out: &str, more: &[&str]) -> Command {
    let karat = shop.karat();
    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", "exec \"$@\" 3>&1 >/dev/null 2>&1", "sh"])
        .arg(karat.get_program())
        .args(["build", "workspace/templates/small.toml", "-o", out])
        .args(["--format", "tar,oci", "--compression", "none"])
        .args(["--progress-fd", "3"])
        .args(more)
        .current_dir(shop.path(""))
        .env_clear()
        .envs(
            karat
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .stdout(Stdio::piped())
        .process_group(0);
    command
}

#[test]
fn kill_9_at_any_moment_leaves_nothing_that_is_taken_for_whole() {
    let Some(shop) = Workshop::locked("build-killed") else {
        return;
    };
    shop.build(
        "whole",
        &["--format", "tar,oci", "--compression", "none", "--no-sign"],
    );
    let expected = shop.read(format!("whole/{SUMS}"));
    // What the line holds that is the last that the build lives to say.
    let moments: [(&[&str], &str); 6] = [
        (&["--no-cache"], r#""started","step":"unpack""#),
        (&["--no-cache"], r#""advanced","step":"configure""#),
        (&["--no-cache"], r#""started","step":"capture""#),
        (&["--no-cache"], r#""finished","step":"capture""#),
        (&[], r#""started","step":"outputs""#),
        (&[], r#""finished","step":"outputs""#),
    ];
    for (more, moment) in moments {
        let mut child = loud(&shop, "out", more).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        while !line.contains(moment) {
            line.clear();
            let read = lines.read_line(&mut line).unwrap();
            assert_ne!(read, 0, "the build never said {moment}");
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // Everybody who could still write has died when this pipe ends.
        lines.read_to_end(&mut Vec::new()).unwrap();

        // A list of digests is there only beside all that it names.
        if shop.path(format!("out/{SUMS}")).exists() {
            let mut check = Command::new("sha256sum");
            check.args(["--check", "--strict", "--quiet", SUMS]);
            let (code, text) = said(&check.current_dir(shop.path("out")).output().unwrap());
            assert_eq!(code, 0, "{moment}: {text}");
        }
    }
    shop.build("out", &["--format", "tar,oci", "--compression", "none"]);
    assert_eq!(shop.read(format!("out/{SUMS}")), expected);
    assert_eq!(hidden(&shop, "out"), Vec::<String>::new());
    let text = shop.succeed([
        "verify",
        "--tar",
        "out/small_1.tar",
        "--trust",
        "workspace/keys/trust.json",
    ]);
    assert!(text.starts_with("MATCH"), "{text}");
}

#[test]
fn two_builds_into_one_place_leave_one_of_them_whole() {
    let Some(shop) = Workshop::locked("build-twice") else {
        return;
    };
    let (first, second) = (
        "workspace/templates/small.toml",
        "workspace/templates/other.toml",
    );
    let text = String::from_utf8(shop.read(first)).unwrap();
    let other = text.replace("a small server", "another server");
    fs::write(shop.path(second), other).unwrap();
    fs::copy(
        shop.path("workspace/templates/small.lock"),
        shop.path("workspace/templates/other.lock"),
    )
    .unwrap();
    let start = |template: &str| {
        let mut command = shop.karat();
        command.args(["build", template, "-o", "out", "--format", "tar,oci"]);
        command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    for _ in 0..3 {
        let builds = [first, second, first].map(start);
        for build in builds {
            let (code, text) = said(&build.wait_with_output().unwrap());
            assert_eq!(code, 0, "{text}");
        }
        // Envelope, neighbours and artefacts are of one build, whichever came last.
        for what in [
            ["--tar", "out/small_1.tar.zst"],
            ["--oci", "out/small_1.oci"],
        ] {
            let text = shop.succeed([
                "verify",
                what[0],
                what[1],
                "--trust",
                "workspace/keys/trust.json",
            ]);
            assert!(text.starts_with("MATCH"), "{text}");
        }
        assert_eq!(hidden(&shop, "out"), Vec::<String>::new());
        fs::remove_dir_all(shop.path("out")).unwrap();
    }
}

/// What a crash of the machine does to files that were not flushed.
#[test]
fn a_kept_tree_that_lost_bytes_is_made_anew() {
    let Some(shop) = Workshop::locked("build-torn") else {
        return;
    };
    let format = ["--format", "tar", "--compression", "none", "--no-sign"];
    shop.build("out", &format);
    let trees = shared_cache().join("karat/trees");
    for entry in fs::read_dir(&trees).unwrap() {
        let pack = entry.unwrap().path().join("pack");
        let Ok(file) = fs::File::options().write(true).open(&pack) else {
            continue;
        };
        let length = file.metadata().unwrap().len();
        for offset in (0..length).step_by(100_000) {
            file.write_all_at(&[0xee; 4], offset).unwrap();
        }
    }
    let text = shop.build("again", &format);
    assert!(text.contains("is damaged, and is made anew"), "{text}");
    assert_eq!(
        shop.read(format!("again/{SUMS}")),
        shop.read(format!("out/{SUMS}"))
    );
    let text = shop.build("from-the-cache", &format);
    assert!(!text.contains("configure  "), "{text}");
}

/// The stage compares digests before it unpacks; what is wrong is fetched again.
#[test]
fn a_package_in_the_cache_with_other_bytes_is_fetched_again() {
    let Some(shop) = Workshop::locked("build-rotten") else {
        return;
    };
    let format = ["--format", "tar", "--compression", "none", "--no-sign"];
    shop.build("out", &format);
    let lock = String::from_utf8(shop.read("workspace/templates/small.lock")).unwrap();
    let (_, packages) = lock.split_once("[[package]]").unwrap();
    let digest = packages
        .lines()
        .find_map(|line| line.strip_prefix("sha256 = \"")?.strip_suffix('"'))
        .unwrap();
    let objects = shared_cache().join("karat/objects/sha256");
    let package = objects.join(&digest[..2]).join(digest);
    let right = fs::read(&package).unwrap();
    let mut wrong = right.clone();
    *wrong.last_mut().unwrap() ^= 1;
    fs::write(&package, wrong).unwrap();
    let text = shop.build("again", &[&format[..], &["--no-cache"]].concat());
    assert!(text.contains(" 1 of them not in the cache"), "{text}");
    assert_eq!(fs::read(&package).unwrap(), right);
    assert_eq!(
        shop.read(format!("again/{SUMS}")),
        shop.read(format!("out/{SUMS}"))
    );
}

#[test]
fn a_configured_tree_in_the_cache_needs_no_package() {
    let Some(shop) = Workshop::locked("build-treeless") else {
        return;
    };
    let format = ["--format", "tar", "--compression", "none", "--no-sign"];
    shop.build("out", &format);
    let mut copy = Command::new("cp");
    copy.arg("-a").arg(shared_cache()).arg(shop.path("cache"));
    assert_eq!(said(&copy.output().unwrap()).0, 0);
    fs::remove_dir_all(shop.path("cache/karat/objects")).unwrap();
    let mut build = shop.karat();
    build
        .args(["build", "workspace/templates/small.toml", "-o", "again"])
        .args(["--offline", "--locked"])
        .args(format)
        .env("XDG_CACHE_HOME", shop.path("cache"));
    let (code, text) = said(&build.output().unwrap());
    assert_eq!(code, 0, "{text}");
    assert_eq!(
        shop.read(format!("again/{SUMS}")),
        shop.read(format!("out/{SUMS}"))
    );
}

/// Names in a directory that nobody is meant to see.
fn hidden(shop: &Workshop, directory: &str) -> Vec<String> {
    fs::read_dir(shop.path(directory))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with('.'))
        .collect()
}
