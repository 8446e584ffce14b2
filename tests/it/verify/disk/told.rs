//! What the report tells of a root that drifted: as much as of any other image.

use std::fs;
use std::path::Path;
use std::process::Command;

use karat::appraise::{Lines, Verdict};
use karat::ops::verify::{VerifyError, verify};
use serde_json::Value;

use super::fixture::{Disk, ROOT, SPARE, says};
use crate::support::judge;
use crate::support::root::image;
use crate::support::schema::published;

const ALLOWED: [&[u8]; 2] = [b"allow nobody", b"allow anyone"];
const UPGRADED: [&[u8]; 2] = [b"Version: 7.1-3", b"Version: 7.1-4"];
const HUNK: &str = "
             | @@ -1,4 +1,4 @@
             |  # who may come in
             |  listen 443
             | -allow nobody
             | +allow anyone
             |  verbose no
";

/// The exit code and what was said of the disk at `path`, which lies among the files of `disk`.
fn karat(disk: &Disk, path: &Path, more: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_karat"))
        .args(["verify", "--trust", "trust.json", "--disk"])
        .arg(path)
        .args(more)
        .current_dir(disk.scratch.path())
        .env("NO_COLOR", "1")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    (output.status.code(), text)
}

/// A disk with an app that was changed in the root of `slots`, and the same disk as it was: `golden.raw`.
fn changed(name: &str, slots: &[usize]) -> Disk {
    let mut disk = Disk::new(name);
    if slots.contains(&SPARE) {
        disk.update();
    }
    fs::rename(disk.write(|_| {}), disk.scratch.join("golden.raw")).unwrap();
    disk.write(|bytes| {
        for slot in slots {
            disk.replace(bytes, *slot, ALLOWED);
            disk.replace(bytes, *slot, UPGRADED);
        }
    });
    disk
}

#[test]
fn lines_owners_and_versions_are_told() {
    let disk = changed("vdisk-told", &[ROOT]);
    let path = disk.scratch.join("demo_1.raw");
    fs::write(disk.scratch.join("golden.erofs"), &disk.made[0].root).unwrap();
    // Any image that holds the signed bytes: the file system alone, or the disk.
    for against in ["golden.erofs", "golden.raw"] {
        let (code, text) = karat(&disk, &path, &["--against", against, "--verbose"]);
        assert_eq!(code, Some(10), "{text}");
        let head = "package:app 7.1-3 -> 7.1-4: 1 changed, at worst ";
        assert!(text.contains(head), "{text}");
        assert!(text.contains("/etc/app.conf"), "{text}");
        assert!(text.contains(HUNK), "{text}");
    }
    // Without one: what is known of any image without its original.
    let (code, text) = karat(&disk, &path, &[]);
    assert_eq!(code, Some(10), "{text}");
    assert!(text.contains("package:app: 1 path\n"), "{text}");
    assert!(!text.contains("allow"), "{text}");

    // One path: an image beside the disk is found by name.
    let explain = ["--explain", "/etc/app.conf"];
    assert!(!karat(&disk, &path, &explain).1.contains("allow"));
    fs::copy(
        disk.scratch.join("golden.raw"),
        disk.scratch.join("demo_1.qcow2"),
    )
    .unwrap();
    let (code, text) = karat(&disk, &path, &explain);
    assert_eq!(code, Some(10), "{text}");
    assert!(text.contains(HUNK), "{text}");
}

#[test]
fn only_signed_bytes_are_shown_as_such() {
    let disk = changed("vdisk-stale-lines", &[ROOT]);
    let mut request = disk.request(disk.scratch.join("demo_1.raw"));
    // The disk itself has no signed bytes of what was changed on it.
    request.against = Some(disk.scratch.join("demo_1.raw"));
    let found = verify(&request).unwrap();
    assert_eq!(found.lines[&image("/etc/app.conf")], Lines::Stale);
    assert_eq!(found.groups[0].signed, None);
    request.against = Some(disk.scratch.join("golden.raw"));
    let found = verify(&request).unwrap();
    let lines = &found.lines[&image("/etc/app.conf")];
    assert!(matches!(lines, Lines::Unified(it) if (it.added, it.removed) == (1, 1)));
    // What is no image, or not there, is an error even where nothing drifted.
    request.subject = karat::ops::verify::Checked::Disk(disk.scratch.join("golden.raw"));
    for name in ["none.raw", "trust.json", "empty.raw"] {
        if name == "empty.raw" {
            // It is looked into only where there is something to look for.
            request.subject = karat::ops::verify::Checked::Disk(disk.scratch.join("demo_1.raw"));
            fs::write(disk.scratch.join(name), vec![0; 1 << 16]).unwrap();
        }
        request.against = Some(disk.scratch.join(name));
        let error = verify(&request).unwrap_err();
        assert!(matches!(error, VerifyError::Against(_)), "{name}: {error}");
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[test]
fn each_slot_is_told_path_by_path() {
    let disk = changed("vdisk-slots", &[ROOT, SPARE]);
    let path = disk.scratch.join("demo_1.raw");
    let against = ["--against", "golden.raw"];
    let (code, text) = karat(&disk, &path, &[&against[..], &["--verbose"]].concat());
    assert_eq!(code, Some(10), "{text}");
    // What to do is said once.
    let next = "next: write the image to the disk again, or fetch it again\n";
    assert_eq!(text.matches(next).count(), 1, "{text}");
    let newer = text.find("\nslot demo_2, partitions 4 and 5:\n").unwrap();
    let older = text.find("\nslot demo_1, partitions 2 and 3:\n").unwrap();
    assert!(newer < older, "{text}");
    for slot in [&text[newer..older], &text[older..]] {
        assert!(slot.contains("package:app 7.1-3 -> 7.1-4: "), "{text}");
        assert!(slot.contains(HUNK), "{text}");
    }

    let (_, text) = karat(&disk, &path, &[&against[..], &["--json"]].concat());
    let report = published("verify-report").holds(&text);
    let [older, newer] = report["disk"]["slots"].as_array().unwrap().as_slice() else {
        panic!("{report}")
    };
    assert_eq!(newer["comparison"], Value::Null);
    for comparison in [&report["comparison"], &older["comparison"]] {
        let drifts = comparison["drifts"].as_array().unwrap();
        assert_eq!(drifts[0]["path"], "/etc/app.conf");
        assert_eq!(drifts[0]["diff"]["unified"][3], "-allow nobody");
        assert_eq!(comparison["groups"][0]["package"], "app");
        assert_eq!(comparison["groups"][0]["signed"], "7.1-3");
    }
    assert_eq!(older["comparison"]["drifts"].as_array().unwrap().len(), 2);

    // One path in both; reports for CI name the slot.
    let one = ["--explain", "/etc/app.conf"];
    let (_, text) = karat(&disk, &path, &[&against[..], &one].concat());
    assert_eq!(text.matches(HUNK).count(), 2, "{text}");
    let json = [&one[..], &["--json"]].concat();
    let report = published("verify-report").holds(&karat(&disk, &path, &json).1);
    let explained = &report["disk"]["slots"][0]["explanation"];
    assert_eq!(explained["drifts"][0]["change"], "content");
    let (_, text) = karat(&disk, &path, &["--report", "junit=-"]);
    if let Some(xmllint) = judge("xmllint") {
        fs::write(disk.scratch.join("r.xml"), &text).unwrap();
        let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/formats/report.junit.xsd");
        let mut judged = xmllint.command();
        judged.args(["--nonet", "--noout", "--schema", schema]);
        let judged = judged.arg(disk.scratch.join("r.xml")).output().unwrap();
        assert!(judged.status.success(), "{judged:?}");
    }
    assert!(text.contains(" name=\"paths of demo_1\""), "{text}");
    assert_eq!(text.matches("/etc/app.conf content").count(), 2, "{text}");
    let (_, text) = karat(&disk, &path, &["--report", "sarif=-"]);
    let report = published("sarif-report").holds(&text);
    let results = report["runs"][0]["results"].as_array().unwrap();
    let of_path = |it: &&Value| {
        it["message"]["text"]
            .as_str()
            .unwrap()
            .contains("/etc/app.conf: ")
    };
    let of_path: Vec<&Value> = results.iter().filter(of_path).collect();
    let slots: Vec<&Value> = of_path.iter().map(|it| &it["properties"]["slot"]).collect();
    assert_eq!(slots, [&Value::Null, &Value::from("demo_1")]);
    let same = "partialFingerprints";
    assert_ne!(of_path[0][same], of_path[1][same]);
}

#[test]
fn an_older_slot_alone() {
    let mut disk = Disk::new("vdisk-older");
    disk.update();
    let path = disk.write(|bytes| disk.replace(bytes, ROOT, ALLOWED));
    let (code, text) = karat(&disk, &path, &[]);
    assert_eq!(code, Some(10), "{text}");
    assert!(!text.contains("slot demo_2, partitions"), "{text}");
    let told = text.find("\nslot demo_1, partitions 2 and 3:\n").unwrap();
    assert!(text[told..].contains("package:app: 1 path\n"), "{text}");
    // An instance's own program says it, too.
    let output = Command::new(env!("CARGO_BIN_EXE_karat-agent"))
        .args(["verify", "--trust", "trust.json", "--json", "--disk"])
        .arg(&path)
        .current_dir(disk.scratch.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(10));
    let report = published("verify-report").holds(&String::from_utf8(output.stdout).unwrap());
    let slot = &report["disk"]["slots"][0]["comparison"];
    assert_eq!(slot["groups"][0]["package"], "app");
    assert_eq!(report["comparison"]["groups"], serde_json::json!([]));
    let found = disk.verified(|bytes| disk.replace(bytes, ROOT, ALLOWED));
    let text = "demo_1: 1 difference in its root: /etc/app.conf";
    says(&found, Verdict::Drift, text);
}
