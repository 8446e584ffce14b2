//! What each class of expectations lets pass, and what it does not.

use super::*;

fn lab(name: &str, mutable: Vec<Mutable>) -> Lab {
    Lab::expecting(name, &Sample::new(), Expectations::new(mutable).unwrap())
}

fn exempted(lab: &Lab, class: Class) -> u64 {
    lab.report().exempted.get(&class).copied().unwrap_or(0)
}

#[test]
fn volatile_lets_everything_pass_but_the_directory_itself() {
    let lab = lab("volatile", vec![mutable("/var/log/**", Class::Volatile)]);
    fs::write(lab.at("/var/log/new"), b"").unwrap();
    chmod(&lab.at("/var/log/new"), 0o4777);
    fs::remove_file(lab.at("/var/log/app.log")).unwrap();
    assert_eq!(lab.drifts(), [""; 0]);
    assert_eq!(exempted(&lab, Class::Volatile), 2);
    chmod(&lab.at("/var/log"), 0o777);
    assert_eq!(lab.drifts(), ["/var/log mode"]);
}

#[test]
fn state_holds_directories_and_refuses_privilege() {
    let lab = lab("state", vec![mutable("/var/lib/app/**", Class::State)]);
    fs::write(lab.at("/var/lib/app/db"), b"more rows").unwrap();
    fs::write(lab.at("/var/lib/app/new"), b"x").unwrap();
    fs::remove_file(lab.at("/var/lib/app/pipe")).unwrap();
    assert_eq!(lab.drifts(), [""; 0]);
    assert_eq!(exempted(&lab, Class::State), 3);
    chmod(&lab.at("/var/lib/app/new"), 0o4755);
    assert_eq!(lab.drifts(), ["/var/lib/app/new added"]);
    fs::remove_file(lab.at("/var/lib/app/new")).unwrap();
    chmod(&lab.at("/var/lib/app/db"), 0o4755);
    assert_eq!(
        lab.drifts(),
        ["/var/lib/app/db content", "/var/lib/app/db mode"]
    );
    fs::remove_dir_all(lab.at("/var/lib/app")).unwrap();
    assert_eq!(lab.drifts(), ["/var/lib/app removed"]);
}

#[test]
fn append_only_may_grow_and_nothing_else() {
    let lab = lab("append", vec![mutable("/var/log/*", Class::AppendOnly)]);
    let log = lab.at("/var/log/app.log");
    fs::write(&log, b"started\nstopped\n").unwrap();
    fs::write(lab.at("/var/log/other.log"), b"").unwrap();
    assert_eq!(lab.drifts(), [""; 0]);
    assert_eq!(exempted(&lab, Class::AppendOnly), 2);
    // As long as before, but the past is another.
    fs::write(&log, b"STARTED\nstopped\n").unwrap();
    assert_eq!(lab.drifts(), ["/var/log/app.log content"]);
    fs::write(&log, b"start").unwrap();
    assert_eq!(lab.drifts(), ["/var/log/app.log content"]);
    fs::write(&log, b"started\n").unwrap();
    chmod(&log, 0o666);
    assert_eq!(lab.drifts(), ["/var/log/app.log mode"]);
    fs::remove_file(&log).unwrap();
    assert_eq!(lab.drifts(), ["/var/log/app.log removed"]);
}

#[test]
fn generated_once_has_its_mode_and_root_for_owner() {
    let mut key = mutable("/etc/ssh_host_*_key", Class::GeneratedOnce);
    key.mode = Some(Mode::new(0o600).unwrap());
    let id = mutable("/etc/machine-id", Class::GeneratedOnce);
    let lab = lab("generated", vec![key, id]);
    assert_eq!(lab.drifts(), [""; 0]);
    chmod(&lab.at("/etc/machine-id"), 0o644);
    fs::write(
        lab.at("/etc/machine-id"),
        b"0123456789abcdef0123456789abcdef\n",
    )
    .unwrap();
    assert_eq!(lab.drifts(), ["/etc/machine-id mode"]);
    chmod(&lab.at("/etc/machine-id"), 0o444);
    assert_eq!(lab.drifts(), [""; 0]);
    let file = lab.at("/etc/ssh_host_ed25519_key");
    fs::write(&file, b"secret").unwrap();
    chmod(&file, 0o644);
    assert_eq!(lab.drifts(), ["/etc/ssh_host_ed25519_key added"]);
    chmod(&file, 0o600);
    // A test that is not root's cannot make files of root's.
    let expected: &[&str] = if is_root() {
        &[]
    } else {
        &["/etc/ssh_host_ed25519_key added"]
    };
    assert_eq!(lab.drifts(), expected);
    fs::remove_file(&file).unwrap();
    symlink("/dev/null", &file).unwrap();
    assert_eq!(lab.drifts(), ["/etc/ssh_host_ed25519_key added"]);
}

#[test]
fn an_image_is_compared_without_exemptions() {
    let mut sample = Sample::new();
    let manifest = Manifest::of(&sample.sealed());
    let expectations = Expectations::new(vec![
        mutable("/var/log/**", Class::Volatile),
        mutable("/usr/lib/karat/baseline/**", Class::Volatile),
    ])
    .unwrap();
    sample.file("/var/log/new", 0o644, b"", "package:x");
    let report = appraise(&manifest, &expectations, &Evidence::of_tree(&sample.tree));
    let drifts: Vec<String> = report.drifts.iter().map(line).collect();
    assert_eq!(
        drifts,
        [
            "/usr/lib/karat/baseline/expect.json removed",
            "/usr/lib/karat/baseline/manifest.mtree removed",
            "/var/log/new added",
        ]
    );
}
