//! `[kernel] initrd = "karat"`: nobody else's initrd, and apt's choice of packages otherwise.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::workshop::{Workshop, said, unpack};
use karat::lock::Lockfile;

use crate::oracle_apt::{Apt, Mirror, difference};
use crate::support::deb::Deb;
use crate::support::pgp::Key;
use crate::support::repository::{Repository, uri};
use crate::support::{Scratch, judge, root, skip};

const PACKAGES: &str = "linux-image-cloud-amd64 systemd-sysv openssh-server apt";

#[test]
fn a_template_with_karats_initrd_has_the_packages_that_apt_takes_beside_a_dummy() {
    let Some(shop) = Workshop::new("initrd") else {
        return;
    };
    if judge("apt-get").is_none() {
        return;
    }
    let Some(mirror) = Mirror::find() else {
        return skip("apt's sources name no Debian archive");
    };
    let names: Vec<String> = PACKAGES
        .split_whitespace()
        .map(|name| format!("{name:?}"))
        .collect();
    let template = format!(
        "packages = [{}]\n[image]\nname = \"kernel\"\nversion = \"1\"\n\
         [source]\nsuite = \"trixie\"\n[kernel]\ninitrd = \"karat\"\n",
        names.join(", ")
    );
    fs::write(shop.path("workspace/templates/kernel.toml"), template).unwrap();
    shop.succeed(["lock", "workspace/templates/kernel.toml"]);
    let ours = locked(&shop.path("workspace/templates/kernel.lock"));

    // A repository of one package, which provides what karat provides and nothing else.
    let scratch = Scratch::new("initrd-dummy");
    let dummy = Deb::new("dummy-initrd", "1").field("Provides", "linux-initramfs-tool");
    let key = Key::new(9);
    Repository::new("dummy")
        .package(dummy)
        .write(scratch.path(), &key);
    let line = format!("deb [trusted=yes] {} dummy main\n", uri(scratch.path()));
    let apt = Apt::new("trixie-with-a-dummy", "trixie", &mirror, &line);
    let options = ["APT::Install-Recommends=false".to_owned()];
    let wanted = format!("dummy-initrd {PACKAGES}");
    let mut theirs = apt.simulate(&options, &wanted).unwrap();
    assert!(theirs.remove("dummy-initrd").is_some());
    assert_eq!(difference(&theirs, &ours), None);
    // Without the dummy apt brings a generator: there is something to be seen.
    let without = apt.simulate(&options, PACKAGES).unwrap();
    assert!(without.contains_key("initramfs-tools"), "{without:?}");
    assert!(
        !ours
            .keys()
            .any(|name| name.contains("initramfs") || name.contains("dracut"))
    );

    // Stated as a flavour, it is only in images that boot.
    let flavoured = format!(
        "packages = [{}]\n[image]\nname = \"flavoured\"\nversion = \"1\"\n\
         [source]\nsuite = \"trixie\"\n[kernel]\nflavour = \"cloud\"\n",
        names[1..].join(", ")
    );
    fs::write(shop.path("workspace/templates/flavoured.toml"), flavoured).unwrap();
    shop.succeed(["lock", "workspace/templates/flavoured.toml"]);
    let path = shop.path("workspace/templates/flavoured.lock");
    let lock = Lockfile::parse(&fs::read_to_string(&path).unwrap()).unwrap();
    let mut only: Vec<_> = lock.packages.iter().filter(|one| one.boot).collect();
    only.retain(|one| !one.name.as_str().starts_with("linux-image-"));
    assert!(
        only.iter()
            .any(|one| one.name.as_str() == "systemd-boot-efi")
    );
    assert!(only.iter().any(|one| one.name.as_str() == "linux-base"));
    let boots = format!("dummy-initrd {PACKAGES} systemd-boot-efi systemd-boot e2fsprogs");
    let mut theirs = apt.simulate(&options, &boots).unwrap();
    assert!(theirs.remove("dummy-initrd").is_some());
    assert_eq!(difference(&theirs, &locked(&path)), None);
    let (_, without) = PACKAGES.split_once(' ').unwrap();
    let theirs = apt.simulate(&options, without).unwrap();
    let without = lock.for_image(false);
    let ours = without.packages.iter();
    let ours = ours.map(|one| (one.name.to_string(), one.version.to_string()));
    assert_eq!(difference(&theirs, &ours.collect()), None);

    if !rustix::process::geteuid().is_root() {
        return skip("needs root to unpack the image with its owners and to enter it");
    }
    let options = ["-o", "out", "--format", "tar", "--compression", "none"];
    let build = ["build", "workspace/templates/kernel.toml", "--no-sign"];
    shop.succeed(build.iter().chain(&options));
    let root = shop.path("root");
    unpack(&shop.path("out/kernel_1.tar"), &root);
    root::has_a_kernel_and_no_initrd(&root);
    for (program, expected) in [
        ("dpkg --audit", ""),
        ("dpkg -V", ""),
        (
            "dpkg-query -W -f '${Provides}\\n' karat-initramfs",
            "linux-initramfs-tool\n",
        ),
        ("apt-get -qq check", ""),
        // What is installed has all it depends on, and nothing that apt would remove again.
        (
            "apt-get -s -qq -o Debug::NoLocking=1 dist-upgrade | grep -E '^(Inst|Remv)' || :",
            "",
        ),
    ] {
        let mut command = std::process::Command::new("chroot");
        command
            .arg(&root)
            .args(["/bin/sh", "-c", program])
            .env_clear();
        command
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("LC_ALL", "C.UTF-8");
        let answer = said(&command.output().unwrap());
        assert_eq!(answer, (0, expected.to_owned()), "{program}");
    }
}

/// Names and versions of a lock file.
fn locked(path: &Path) -> BTreeMap<String, String> {
    let lock: toml::Value = toml::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let packages = lock["package"].as_array().unwrap();
    let text = |package: &toml::Value, key: &str| package[key].as_str().unwrap().to_owned();
    packages
        .iter()
        .map(|package| (text(package, "name"), text(package, "version")))
        .collect()
}
