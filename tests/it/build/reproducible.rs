//! Same lock, same bytes: whoever builds, wherever, whenever, with whatever.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use super::workshop::{Workshop, open, said};
use crate::support::skip;

/// The ordinary user that `.ci/run` makes, with a range of subordinate ids.
const USER: &str = "karat-test";

#[test]
fn another_user_place_and_environment_give_the_same_bytes() {
    let Some(shop) = Workshop::locked("build-reproducible") else {
        return;
    };
    shop.succeed([
        "lock",
        "workspace/templates/small.toml",
        "--vendor",
        "vendor",
    ]);
    // As whoever runs the tests, configured anew, on all processors.
    shop.build("out", &["--no-cache", "--no-sign"]);
    let expected = shop.read("out/small_1.SHA256SUMS");

    // The same from the cache, or into it.
    shop.build("cached", &["--no-sign"]);
    assert_eq!(
        shop.read("cached/small_1.SHA256SUMS"),
        expected,
        "with and without cache"
    );

    // One processor, another place, locale, time zone, umask, host name and home, an empty cache.
    let place = shop.path("another place");
    let mut command = Command::new("sh");
    command
        .args(["-c", "umask 077; exec \"$@\"", "sh"])
        .arg(env!("CARGO_BIN_EXE_karat"));
    strange(&mut command, &shop, &place);
    let (code, text) = said(&command.output().unwrap());
    assert_eq!(code, 0, "{text}");
    assert_eq!(
        fs::read(place.join("out/small_1.SHA256SUMS")).unwrap(),
        expected,
        "elsewhere"
    );
}

#[test]
fn root_and_an_ordinary_user_give_the_same_bytes() {
    let Some(shop) = Workshop::locked("build-users") else {
        return;
    };
    if !rustix::process::geteuid().is_root() {
        return skip("needs root, to be two users in turn");
    }
    if !fs::read_to_string("/etc/subuid").is_ok_and(|text| text.contains(USER)) {
        return skip(
            "needs a user karat-test with subordinate ids (useradd --create-home karat-test)",
        );
    }
    shop.succeed([
        "lock",
        "workspace/templates/small.toml",
        "--vendor",
        "vendor",
    ]);
    shop.build("out", &["--no-sign"]);
    let expected = shop.read("out/small_1.SHA256SUMS");

    // The user cannot reach into the source tree, so the programs and inputs come to him.
    let place = std::env::temp_dir().join(format!("karat-users-{}", std::process::id()));
    fs::create_dir(&place).unwrap();
    open(&place);
    let copy = |from: &Path, to: &str| {
        let status = Command::new("cp")
            .arg("-rL")
            .arg(from)
            .arg(place.join(to))
            .status()
            .unwrap();
        assert!(status.success());
    };
    copy(Path::new(env!("CARGO_BIN_EXE_karat")), "karat");
    copy(Path::new(env!("CARGO_BIN_EXE_karat-agent")), "karat-agent");
    copy(&shop.path("vendor"), "vendor");
    fs::create_dir(place.join("workspace")).unwrap();
    for name in ["templates", "keys"] {
        copy(
            &shop.path("workspace").join(name),
            &format!("workspace/{name}"),
        );
    }
    fs::remove_dir_all(place.join("workspace/keys/private")).unwrap();
    let script = format!(
        "chmod -R a+rX {0} && mkdir {0}/home && chown {USER} {0}/home",
        place.display()
    );
    assert!(
        Command::new("sh")
            .args(["-c", &script])
            .status()
            .unwrap()
            .success()
    );

    let mut command = Command::new("setpriv");
    command.args(["--reuid", USER, "--regid", USER, "--init-groups"]);
    command
        .arg(place.join("karat"))
        .current_dir(place.join("home"))
        .env_clear();
    command
        .env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin")
        .env("HOME", place.join("home"));
    command
        .arg("build")
        .arg(place.join("workspace/templates/small.toml"));
    command
        .args([
            "--locked",
            "--offline",
            "--no-sign",
            "-o",
            "out",
            "--vendor",
        ])
        .arg(place.join("vendor"));
    let result = said(&command.output().unwrap());
    let sums = fs::read(place.join("home/out/small_1.SHA256SUMS"));
    fs::remove_dir_all(&place).unwrap();
    assert_eq!(result.0, 0, "{}", result.1);
    assert_eq!(
        String::from_utf8(sums.unwrap()),
        String::from_utf8(expected)
    );
}

/// Fills in a build in an environment that differs in everything that must not matter.
fn strange(command: &mut Command, shop: &Workshop, place: &Path) {
    let home = place.join("home");
    fs::create_dir_all(&home).unwrap();
    let temporary = place.join("temporary");
    fs::create_dir(&temporary).unwrap();
    fs::set_permissions(&temporary, fs::Permissions::from_mode(0o700)).unwrap();
    command
        .arg("build")
        .arg(shop.path("workspace/templates/small.toml"));
    command.args([
        "--locked",
        "--offline",
        "--no-sign",
        "-o",
        "out",
        "--vendor",
    ]);
    command
        .arg(shop.path("vendor"))
        .current_dir(place)
        .env_clear();
    for (name, value) in [
        ("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
        ("TZ", "Pacific/Kiritimati"),
        ("LC_ALL", "tr_TR.UTF-8"),
        ("LANG", "tr_TR.UTF-8"),
        ("USER", "somebody"),
        ("HOSTNAME", "elsewhere"),
        ("KARAT_JOBS", "1"),
    ] {
        command.env(name, value);
    }
    command
        .env("HOME", &home)
        .env("XDG_CACHE_HOME", home.join("cache"))
        .env("TMPDIR", temporary);
}
