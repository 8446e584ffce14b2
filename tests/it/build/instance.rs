//! What `[verify] agent = true` puts into an image, and what an instance does with it.

use std::fs;
use std::path::Path;

use super::workshop::{Workshop, said, unpack};
use crate::support::{Scratch, judge, skip};

/// The small template with an agent. What the kernel mounts on an instance is declared.
fn guarded(on_failure: &str) -> String {
    let mut text = format!(
        "extends = \"small\"\n[image]\nname = \"guarded\"\n[verify]\nagent = true\n\
         expiry = \"enforce\"\non_failure = \"{on_failure}\"\n"
    );
    for path in ["/dev/**", "/proc/**", "/run/**", "/sys/**"] {
        text += &format!("[[verify.mutable]]\npath = \"{path}\"\nclass = \"volatile\"\n");
    }
    text
}

/// Builds and unpacks it.
fn built(shop: &Workshop, on_failure: &str) -> std::path::PathBuf {
    let template = "workspace/templates/guarded.toml";
    fs::write(shop.path(template), guarded(on_failure)).unwrap();
    let out = format!("out-{on_failure}");
    let options = ["-o", &out, "--format", "tar", "--compression", "none"];
    shop.succeed(["build", template].iter().chain(&options));
    let root = shop.path(format!("root-{on_failure}"));
    unpack(&shop.path(format!("{out}/guarded_1.tar")), &root);
    root
}

const UNITS: [&str; 6] = [
    "karat-bless.service",
    "karat-isolated.target",
    "karat-peers.service",
    "karat-verify-again.service",
    "karat-verify.service",
    "karat-verify.timer",
];

#[test]
fn systemd_finds_nothing_wrong_with_the_units() {
    let Some(analyse) = judge("systemd-analyze") else {
        return;
    };
    let scratch = Scratch::new("units");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/ops/build/units");
    for unit in UNITS {
        let text = fs::read_to_string(source.join(unit)).unwrap();
        // The agent is not installed on this machine.
        let text = text.replace("/usr/lib/karat/karat-agent", "/bin/true");
        fs::write(scratch.join(unit), text).unwrap();
    }
    for policy in ["isolate", "poweroff"] {
        for unit in ["karat-verify.service", "karat-verify-again.service"] {
            let directory = scratch.join(format!("{unit}.d"));
            fs::create_dir_all(&directory).unwrap();
            let text = fs::read(source.join(format!("on-failure-{policy}.conf")));
            fs::write(directory.join("10-on-failure.conf"), text.unwrap()).unwrap();
        }
        let mut command = analyse.command();
        command.args(["verify", "--man=no"]);
        let output = command.args(UNITS.map(|unit| scratch.join(unit))).output();
        assert_eq!(said(&output.unwrap()), (0, String::new()), "{policy}");
    }
}

#[test]
fn an_image_with_an_agent_verifies_each_boot_by_itself() {
    let Some(shop) = Workshop::locked("build-instance") else {
        return;
    };
    if !rustix::process::geteuid().is_root() {
        return skip("needs root to unpack the image with its owners and to enter it");
    }
    let Some(unshare) = judge("unshare") else {
        return;
    };
    let enter = |root: &Path, program: &str| {
        let mut command = unshare.command();
        command.args(["--mount", "--net", "--pid", "--fork", "--kill-child"]);
        command
            .args(["sh", "-ec", INSIDE, "sh"])
            .arg(root)
            .arg(program);
        said(
            &command
                .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
                .output()
                .unwrap(),
        )
    };
    let analyse = format!("systemd-analyze verify --man=no {}", UNITS.join(" "));

    let root = built(&shop, "isolate");
    let manifest = String::from_utf8(shop.read("out-isolate/guarded_1.mtree")).unwrap();
    let system = "usr/lib/systemd/system";
    for path in [
        "usr/lib/karat/karat-agent",
        "usr/lib/karat/policy.json",
        "usr/lib/karat/trust.json",
        &format!("{system}/boot-complete.target.requires/karat-verify.service"),
        &format!("{system}/multi-user.target.wants/karat-bless.service"),
        &format!("{system}/sysinit.target.wants/karat-peers.service"),
        &format!("{system}/sysinit.target.wants/karat-verify.service"),
        &format!("{system}/timers.target.wants/karat-verify.timer"),
        &format!("{system}/karat-verify.service.d/10-on-failure.conf"),
        &format!("{system}/karat-verify-again.service.d/10-on-failure.conf"),
    ]
    .map(str::to_owned)
    .into_iter()
    .chain(UNITS.map(|unit| format!("{system}/{unit}")))
    {
        let line = manifest
            .lines()
            .find(|line| line.starts_with(&format!("./{path} ")))
            .unwrap_or_else(|| panic!("no {path}"));
        assert!(line.contains("template:verify"), "{line}");
    }
    assert_eq!(
        fs::read_to_string(root.join("usr/lib/karat/policy.json")).unwrap(),
        "{\"expiry\":\"enforce\",\"image\":\"guarded\",\"on_failure\":\"isolate\",\"version\":1}\n"
    );
    assert_eq!(enter(&root, &analyse), (0, String::new()));

    // A boot without a network: first without the envelope, then as it should be.
    let boot = "karat-agent verify --journal --verdict /run/karat/verdict.json";
    let (code, text) = enter(&root, boot);
    assert_eq!(code, 13, "{text}");
    assert!(
        text.contains("there is no envelope in /var/lib/karat"),
        "{text}"
    );
    let delivered = root.join("var/lib/karat/baseline");
    fs::create_dir_all(&delivered).unwrap();
    let envelope = "guarded_1.dsse.json";
    fs::copy(
        shop.path("out-isolate").join(envelope),
        delivered.join(envelope),
    )
    .unwrap();
    let (code, text) = enter(&root, &format!("{boot} && karat-agent bless"));
    assert_eq!(code, 0, "{text}");
    assert!(
        text.contains("blessed: nothing below serial 1 of guarded"),
        "{text}"
    );
    let (code, text) = enter(&root, "karat-agent verify --json");
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("\"serial_floor\": 1"), "{text}");

    units_of_another_karat(&shop);

    // The other policies make other images of the same packages.
    let root = built(&shop, "poweroff");
    let text = fs::read(
        root.join(system)
            .join("karat-verify.service.d/10-on-failure.conf"),
    );
    assert!(
        String::from_utf8(text.unwrap())
            .unwrap()
            .contains("\nFailureAction=poweroff\n")
    );
    assert_eq!(enter(&root, &analyse), (0, String::new()));
    let root = built(&shop, "report");
    assert!(!root.join(system).join("karat-verify.service.d").exists());
    assert_eq!(enter(&root, &analyse), (0, String::new()));
}

/// An output whose units are not those that this karat would install is built again, though it is
/// whole and made from the same inputs.
fn units_of_another_karat(shop: &Workshop) {
    let build = || {
        let options = [
            "-o",
            "out-isolate",
            "--format",
            "tar",
            "--compression",
            "none",
        ];
        let what = ["build", "workspace/templates/guarded.toml"];
        shop.succeed(what.iter().chain(&options))
    };
    let text = build();
    assert!(text.contains("up to date"), "{text}");
    let (manifest, sums) = (
        "out-isolate/guarded_1.mtree",
        "out-isolate/guarded_1.SHA256SUMS",
    );
    let good = shop.read(manifest);
    let unit = include_bytes!("../../../src/ops/build/units/karat-verify.service");
    let unit = karat::digest::Digest::of(unit).to_string();
    let other = karat::digest::Digest::of(b"[Unit]\n").to_string();
    let bad = String::from_utf8(good.clone())
        .unwrap()
        .replace(&unit, &other);
    assert_ne!(bad.as_bytes(), good);
    let digest = |bytes: &[u8]| karat::digest::Digest::of(bytes).to_string();
    let list = String::from_utf8(shop.read(sums)).unwrap();
    let list = list.replace(&digest(&good), &digest(bad.as_bytes()));
    assert!(list.contains(&digest(bad.as_bytes())));
    fs::write(shop.path(manifest), bad).unwrap();
    fs::write(shop.path(sums), list).unwrap();
    let text = build();
    assert!(!text.contains("up to date"), "{text}");
    assert_eq!(shop.read(manifest), good);
    let text = build();
    assert!(text.contains("up to date"), "{text}");
}

/// Enters the tree `$1` and runs `$2` there.
const INSIDE: &str = r#"
    mount --make-rprivate /
    mount --bind "$1" "$1"
    mount -t proc proc "$1/proc"
    mount -t tmpfs -o mode=0755 run "$1/run"
    mount -t tmpfs -o mode=0755 dev "$1/dev"
    : > "$1/dev/null"
    mount --bind /dev/null "$1/dev/null"
    exec chroot "$1" /bin/sh -c "$2"
"#;
