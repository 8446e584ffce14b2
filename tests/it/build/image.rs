//! What is in an image, by karat's own word and by everybody else's.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::workshop::{Workshop, said};
use crate::support::{judge, skip};

#[test]
fn a_build_verifies_and_a_tampered_copy_is_refused() {
    let Some(shop) = Workshop::locked("build-verify") else {
        return;
    };
    shop.build("out", &["--compression", "none"]);
    let trust = "workspace/keys/trust.json";
    for what in [["--tar", "out/small_1.tar"], ["--oci", "out/small_1.oci"]] {
        let text = shop.succeed(["verify", what[0], what[1], "--trust", trust]);
        assert!(text.starts_with("MATCH"), "{text}");
    }

    let mut tar = shop.read("out/small_1.tar");
    replace(
        &mut tar,
        b"account    required     pam_nologin.so",
        b"account    optional     pam_nologin.so",
    );
    fs::write(shop.path("out/small_1.tar"), tar).unwrap();
    let (code, text) = shop.run(["verify", "--tar", "out/small_1.tar", "--trust", trust]);
    assert_eq!(code, 10, "{text}");
    for word in ["/etc/pam.d/sshd", "content", "openssh-server"] {
        assert!(text.contains(word), "no {word} in {text}");
    }

    fs::remove_file(shop.path("out/small_1.mtree")).unwrap();
    let (code, text) = shop.run(["verify", "--oci", "out/small_1.oci", "--trust", trust]);
    assert_eq!(code, 13, "{text}");
    shop.succeed(["init", "other", "--no-passphrase"]);
    let other = "other/keys/trust.json";
    let (code, text) = shop.run(["verify", "--oci", "out/small_1.oci", "--trust", other]);
    assert_eq!(code, 11, "{text}");
}

#[test]
fn the_system_in_the_image_is_content_with_itself() {
    let Some(shop) = Workshop::new("build-chroot") else {
        return;
    };
    if !rustix::process::geteuid().is_root() {
        return skip("needs root to unpack the image with its owners and to enter it");
    }
    let template = "workspace/templates/web-frontend.toml";
    shop.succeed([
        "build",
        template,
        "-o",
        "out",
        "--format",
        "tar",
        "--compression",
        "none",
    ]);
    let root = shop.path("root");
    unpack(&shop.path("out/web-frontend_1.tar"), &root);
    let text = shop.succeed([
        "verify",
        "--root",
        "root",
        "--baseline",
        "out/web-frontend_1.dsse.json",
        "--trust",
        "workspace/keys/trust.json",
    ]);
    assert!(text.starts_with("MATCH"), "{text}");

    let enter = |program: &str| -> (i32, String) {
        let mut command = Command::new("chroot");
        command
            .arg(&root)
            .args(["/bin/sh", "-c", program])
            .env_clear();
        command
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("LC_ALL", "C.UTF-8");
        said(&command.output().unwrap())
    };
    for silent in ["dpkg --audit", "dpkg -V"] {
        assert_eq!(enter(silent), (0, String::new()), "{silent}");
    }
    let units = "systemd-analyze verify --man=no \
        $(cd /etc/systemd/system && ls -d *.wants/* | xargs -n1 basename | sort -u)";
    for program in [
        "apt-get check",
        "nginx -t",
        "ssh-keygen -A && mkdir -p /run/sshd && sshd -t",
        units,
        "visudo -c",
        "nft -c -f /etc/nftables.conf",
    ] {
        let (code, text) = enter(program);
        assert_eq!(code, 0, "{program}: {text}");
    }
}

#[test]
fn mtree_and_bsdtar_agree_with_the_manifest() {
    let Some(shop) = Workshop::locked("build-mtree") else {
        return;
    };
    let (Some(mtree), Some(bsdtar)) = (judge("mtree"), judge("bsdtar")) else {
        return;
    };
    if !rustix::process::geteuid().is_root() {
        return skip("needs root to unpack the image with its owners");
    }
    shop.build("out", &["--format", "tar", "--compression", "none"]);
    let root = shop.path("root");
    unpack(&shop.path("out/small_1.tar"), &root);
    let compare = || {
        let mut command = mtree.command();
        command.arg("-f").arg(shop.path("out/small_1.mtree"));
        said(&command.arg("-p").arg(&root).output().unwrap())
    };
    let (code, text) = compare();
    // The two files that no manifest can list are only there where an agent is installed.
    assert_eq!((code, text.as_str()), (0, ""));
    fs::write(root.join("etc/motd"), "changed\n").unwrap();
    let (code, text) = compare();
    assert!(code != 0 && text.contains("etc/motd"), "{code} {text}");

    let mut list = bsdtar.command();
    list.arg("-tf").arg(shop.path("out/small_1.mtree"));
    let (code, text) = said(&list.output().unwrap());
    assert_eq!(code, 0, "{text}");
    let lines = String::from_utf8(shop.read("out/small_1.mtree"))
        .unwrap()
        .lines()
        .count();
    assert_eq!(text.lines().count(), lines);
}

#[test]
fn oci_tools_read_the_layout() {
    let Some(shop) = Workshop::locked("build-oci") else {
        return;
    };
    let (Some(skopeo), Some(umoci)) = (judge("skopeo"), judge("umoci")) else {
        return;
    };
    if !rustix::process::geteuid().is_root() {
        return skip("needs root to unpack the layers with their owners");
    }
    shop.build("out", &["--format", "oci"]);
    let layout = shop.path("out/small_1.oci");
    let reference = format!("oci:{}:1", layout.display());
    let (code, text) = said(
        &skopeo
            .command()
            .args(["inspect", &reference])
            .output()
            .unwrap(),
    );
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("\"Architecture\""), "{text}");
    let bundle = shop.path("bundle");
    let image = format!("{}:1", layout.display());
    let mut unpack = umoci.command();
    unpack.args(["unpack", "--image", &image]).arg(&bundle);
    let (code, text) = said(&unpack.output().unwrap());
    assert_eq!(code, 0, "{text}");
    let text = shop.succeed([
        "verify",
        "--root",
        "bundle/rootfs",
        "--baseline",
        "out/small_1.dsse.json",
        "--trust",
        "workspace/keys/trust.json",
    ]);
    assert!(text.starts_with("MATCH"), "{text}");
}

/// Unpacks an archive as root would, attributes and owners included.
fn unpack(archive: &Path, root: &Path) {
    fs::create_dir(root).unwrap();
    let mut tar = Command::new("tar");
    tar.args(["--numeric-owner", "--xattrs", "--xattrs-include=*", "-xpf"]);
    let (code, text) = said(&tar.arg(archive).arg("-C").arg(root).output().unwrap());
    assert_eq!(code, 0, "{text}");
}

fn replace(bytes: &mut [u8], from: &[u8], to: &[u8]) {
    assert_eq!(from.len(), to.len());
    let at = bytes
        .windows(from.len())
        .position(|window| window == from)
        .expect("it is there");
    bytes[at..at + to.len()].copy_from_slice(to);
}
