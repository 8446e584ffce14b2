//! What is in an image, by karat's own word and by everybody else's.

use std::fs;

use super::workshop::{Workshop, said, unpack};
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
fn an_erofs_image_verifies_and_a_tampered_copy_is_refused() {
    let Some(shop) = Workshop::locked("build-erofs") else {
        return;
    };
    shop.build("out", &["--format", "erofs,tar", "--compression", "none"]);
    let trust = "workspace/keys/trust.json";
    let verify = ["verify", "--erofs", "out/small_1.erofs", "--trust", trust];
    let text = shop.succeed(verify);
    assert!(text.starts_with("MATCH"), "{text}");
    shop.succeed([
        "diff",
        "--exit-code",
        "out/small_1.tar",
        "out/small_1.erofs",
    ]);
    let (code, text) = shop.run(["harden", "check", "--erofs", "out/small_1.erofs"]);
    assert!(matches!(code, 0 | 10 | 13), "{text}");

    let plain = shop.read("out/small_1.erofs");
    let mut tampered = plain.clone();
    replace(
        &mut tampered,
        b"account    required     pam_nologin.so",
        b"account    optional     pam_nologin.so",
    );
    fs::write(shop.path("out/small_1.erofs"), tampered).unwrap();
    let (code, text) = shop.run(verify);
    assert_eq!(code, 10, "{text}");
    for word in ["/etc/pam.d/sshd", "content", "openssh-server"] {
        assert!(text.contains(word), "no {word} in {text}");
    }

    // The same inputs, compressed: another file under the same name.
    shop.build("out", &["--format", "erofs"]);
    let packed = shop.read("out/small_1.erofs");
    assert!(packed.len() < plain.len());
    let text = shop.succeed(verify);
    assert!(text.starts_with("MATCH"), "{text}");
    fs::write(shop.path("out/small_1.erofs"), &packed[..packed.len() / 2]).unwrap();
    let (code, text) = shop.run(verify);
    assert_eq!(code, 10, "{text}");
    assert!(text.contains("more blocks than are there"), "{text}");
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

fn replace(bytes: &mut [u8], from: &[u8], to: &[u8]) {
    assert_eq!(from.len(), to.len());
    let at = bytes
        .windows(from.len())
        .position(|window| window == from)
        .expect("it is there");
    bytes[at..at + to.len()].copy_from_slice(to);
}
