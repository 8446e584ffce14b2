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
fn the_sbom_has_what_dpkg_has_and_is_covered_by_the_signature() {
    let Some(shop) = Workshop::locked("build-sbom") else {
        return;
    };
    shop.build("out", &["--format", "tar", "--compression", "none"]);
    let bytes = shop.read("out/small_1.spdx.json");
    let document: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    let packages = document["packages"].as_array().unwrap();
    let text = |package: &serde_json::Value, key: &str| package[key].as_str().unwrap().to_owned();
    // The first is the image.
    let listed: std::collections::BTreeSet<String> = packages[1..]
        .iter()
        .map(|it| format!("{} {}", text(it, "name"), text(it, "versionInfo")))
        .collect();
    let root = shop.path("root");
    unpack(&shop.path("out/small_1.tar"), &root);
    let status = fs::read_to_string(root.join("var/lib/dpkg/status")).unwrap();
    let field = |stanza: &str, name: &str| {
        let line = stanza.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap().trim().to_owned()
    };
    let installed: std::collections::BTreeSet<String> = status
        .split("\n\n")
        .filter(|stanza| stanza.contains("Package: "))
        .map(|stanza| {
            format!(
                "{} {}",
                field(stanza, "Package:"),
                field(stanza, "Version:")
            )
        })
        .collect();
    assert_eq!(listed, installed);
    let glibc = packages.iter().find(|it| it["name"] == "libc6").unwrap();
    let purl = text(&glibc["externalRefs"][0], "referenceLocator");
    assert!(purl.contains("&distro=debian-13&upstream=glibc"), "{purl}");
    if let Some(tools) = judge("pyspdxtools") {
        let mut run = tools.command();
        run.arg("-i").arg(shop.path("out/small_1.spdx.json"));
        let (code, said) = said(&run.output().unwrap());
        assert_eq!(code, 0, "{said}");
    }
    // The statement names the list, the list names the SBOM.
    let list = String::from_utf8(shop.read("out/small_1.outputs.json")).unwrap();
    let digest = karat::digest::Digest::of(&bytes).to_string();
    assert!(
        list.contains("\"small_1.spdx.json\"") && list.contains(&digest),
        "{list}"
    );
    let sums = String::from_utf8(shop.read("out/small_1.SHA256SUMS")).unwrap();
    assert!(
        sums.contains(&format!("{digest}  small_1.spdx.json\n")),
        "{sums}"
    );
    let verify = [
        "verify",
        "--tar",
        "out/small_1.tar",
        "--trust",
        "workspace/keys/trust.json",
    ];
    shop.succeed(verify);
    let mut other = bytes;
    let last = other.len() - 2;
    other[last] = b' ';
    fs::write(shop.path("out/small_1.spdx.json"), other).unwrap();
    let (code, text) = shop.run(verify);
    assert_eq!(code, 11, "{text}");
    assert!(
        text.contains("small_1.spdx.json is not what the signed"),
        "{text}"
    );
    // The next build sees that it is not whole.
    let text = shop.build("out", &["--format", "tar", "--compression", "none"]);
    assert!(!text.contains("up to date"), "{text}");
    shop.succeed(verify);
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

/// The file system of a build, its tree and its signed root hash are what veritysetup says of them.
#[test]
fn veritysetup_agrees_with_the_statement() {
    let Some(shop) = Workshop::locked("build-verity") else {
        return;
    };
    let Some(veritysetup) = judge("veritysetup") else {
        return;
    };
    shop.build("out", &["--format", "erofs", "--compression", "none"]);
    let statement = shop.read("out/small_1.statement.json");
    let draft = karat::baseline::Draft::parse(&statement).unwrap();
    let verity = draft.baseline().verity.unwrap();
    let mut command = veritysetup.command();
    command
        .arg("verify")
        .arg(shop.path("out/small_1.erofs"))
        .arg(shop.path("out/small_1.verity"))
        .arg(verity.root().to_string());
    let (code, text) = said(&command.output().unwrap());
    assert_eq!(code, 0, "{text}");
    let trust = "workspace/keys/trust.json";
    let (code, text) = shop.run(["verify", "--erofs", "out/small_1.erofs", "--trust", trust]);
    assert_eq!(code, 0, "{text}");
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
