//! A machine that checks itself, boot by boot: entered as its own root, without a network.

use std::path::PathBuf;

use karat::baseline::{Draft, Serial};
use karat::envelope::Envelope;
use serde_json::Value;

use super::*;
use crate::support::signed::{Release, signer};
use crate::support::{Judge, schema, toolbox};

/// An instance whose image carries the agent that this test was built with.
struct Machine {
    release: Release,
    root: PathBuf,
    unshare: Judge,
}

/// Enters `$1` as a machine's root, with the `/run` and the state that it had, and runs the rest.
const INSIDE: &str = r#"
    mount --make-rprivate /
    mount --bind "$1" "$1"
    mount -t proc proc "$1/proc"
    mount --bind "$2" "$1/run"
    root=$1; shift 2
    exec chroot "$root" "$@"
"#;

const AGENT: &str = "/usr/lib/karat/karat-agent";

impl Machine {
    /// `None` where this cannot be tried here.
    fn new(name: &str) -> Option<Self> {
        if !is_root() {
            skip("needs root to enter a tree");
            return None;
        }
        let unshare = judge("unshare")?;
        let mut sample = Sample::new();
        for path in ["/proc", "/run"] {
            sample.add(
                path,
                0o755,
                karat::tree::Kind::Directory,
                "package:base-files",
            );
        }
        let program = Path::new(env!("CARGO_BIN_EXE_karat-agent"));
        for library in toolbox::libraries(program) {
            let mut above: Vec<&Path> = library.ancestors().skip(1).collect();
            above.reverse();
            for directory in above {
                let path = directory.to_str().unwrap();
                if sample.tree.get(&root::image(path)).is_none() {
                    sample.add(path, 0o755, karat::tree::Kind::Directory, "package:libc6");
                }
            }
            let bytes = fs::read(&library).unwrap();
            sample.file(library.to_str().unwrap(), 0o755, &bytes, "package:libc6");
        }
        sample.file(AGENT, 0o755, &fs::read(program).unwrap(), "template:verify");
        let policy =
            b"{\"expiry\":\"warn\",\"image\":\"demo\",\"on_failure\":\"report\",\"version\":1}\n";
        sample.file(
            "/usr/lib/karat/policy.json",
            0o644,
            policy,
            "template:verify",
        );
        // The release writes its trust root with the same keys and bytes for every test.
        let trust = fs::read(Release::new(name).trust_file()).unwrap();
        sample.file(
            "/usr/lib/karat/trust.json",
            0o644,
            &trust,
            "template:verify",
        );
        let expectations = Expectations::new(vec![
            mutable("/proc/**", Class::Volatile),
            mutable("/run/**", Class::Volatile),
            mutable("/var/lib/karat/**", Class::State),
        ]);
        let release = Release::of(name, sample, expectations.unwrap());
        let root = release.unpack();
        fs::create_dir_all(root.join("var/lib/karat/baseline")).unwrap();
        fs::create_dir(release.scratch.join("run")).unwrap();
        let machine = Self {
            release,
            root,
            unshare,
        };
        machine.deliver(5);
        Some(machine)
    }

    fn deliver(&self, serial: u64) {
        let draft = Draft::new(self.release.baseline.clone()).unwrap();
        let statement = draft.complete(Serial::new(serial).unwrap(), None);
        let mut envelope = Envelope::new(statement.to_signed().unwrap());
        envelope.sign(&signer()).unwrap();
        let path = self.root.join("var/lib/karat/baseline/demo_1.dsse.json");
        fs::write(path, envelope.to_bytes()).unwrap();
    }

    /// Another boot: what was in `/run` is gone.
    fn reboot(&self) {
        fs::remove_dir_all(self.release.scratch.join("run")).unwrap();
        fs::create_dir(self.release.scratch.join("run")).unwrap();
    }

    fn agent(&self, arguments: &[&str]) -> (i32, String, String) {
        let mut command = self.unshare.command();
        command.args(["--mount", "--net", "--pid", "--fork", "--kill-child"]);
        command.args(["sh", "-ec", INSIDE, "sh"]);
        command
            .arg(&self.root)
            .arg(self.release.scratch.join("run"));
        let output = command.arg(AGENT).args(arguments).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let code = output.status.code().unwrap();
        (code, text(output.stdout), text(output.stderr))
    }

    /// What the unit does at boot.
    fn boot(&self) -> (i32, String) {
        let (code, out, err) = self.agent(&["verify", "--journal", "--verdict", VERDICT]);
        assert_eq!(out, "");
        (code, err)
    }

    fn verdict(&self) -> PathBuf {
        self.release.scratch.join("run/karat/verdict.json")
    }

    fn report(&self) -> Value {
        schema::published("verify-report").holds(&fs::read_to_string(self.verdict()).unwrap())
    }
}

const VERDICT: &str = "/run/karat/verdict.json";

#[test]
fn boots_are_verified_without_a_network_and_blessed_once() {
    let Some(machine) = Machine::new("machine") else {
        return;
    };
    let (code, told) = machine.boot();
    assert_eq!(code, 0, "{told}");
    assert!(
        told.starts_with("<6>MATCH  / against demo 1, serial 5\n"),
        "{told}"
    );
    for part in [
        "<6>  assurance: self; ",
        "<6>  rollback: state only; lowest serial none yet",
        "<4>warning: this is a first boot",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let report = machine.report();
    assert_eq!(report["assurance"], "self");
    assert!(report["boot_id"].is_string());
    let (code, out, err) = machine.agent(&["bless"]);
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("nothing below serial 5 of demo"), "{out}");
    let (code, out, _) = machine.agent(&["bless", "--journal"]);
    assert_eq!((code, out.as_str()), (0, ""));

    // The next image is verified, and this one is accepted until that boot is blessed.
    machine.reboot();
    machine.deliver(6);
    assert_eq!(machine.boot().0, 0);
    machine.deliver(5);
    assert_eq!(machine.agent(&["verify"]).0, 0);
    machine.deliver(6);
    assert_eq!(machine.agent(&["bless"]).0, 0);
    machine.reboot();
    machine.deliver(5);
    let (code, told) = machine.boot();
    assert_eq!(code, 12, "{told}");
    assert!(told.starts_with("<2>ROLLBACK  /"), "{told}");
    assert!(
        told.contains("\n<2>rollback: serial 5 of demo is below 6"),
        "{told}"
    );
    let (code, _, err) = machine.agent(&["bless"]);
    assert_eq!(code, 1);
    assert!(
        err.contains("not verified as what was signed: rollback"),
        "{err}"
    );
}

#[test]
fn only_a_match_of_this_boot_is_blessed() {
    let Some(machine) = Machine::new("bless") else {
        return;
    };
    let refusal = || {
        let (code, out, err) = machine.agent(&["bless"]);
        assert_eq!((code, out.as_str()), (1, ""), "{err}");
        assert!(!machine.root.join("var/lib/karat/state/state.1").exists());
        err
    };
    assert!(refusal().contains("cannot open /run/karat/verdict.json"));
    fs::write(machine.root.join("etc/motd"), "changed\n").unwrap();
    assert_eq!(machine.boot().0, 10);
    assert!(refusal().contains("not verified as what was signed: drift"));
    fs::write(machine.root.join("etc/motd"), "welcome\n").unwrap();
    assert_eq!(machine.boot().0, 0);
    let good = fs::read_to_string(machine.verdict()).unwrap();
    let id = machine.report()["boot_id"].as_str().unwrap().to_owned();
    let other = id.replace(|digit: char| digit.is_ascii_digit(), "a");
    fs::write(machine.verdict(), good.replace(&id, &other)).unwrap();
    assert!(refusal().contains("the report is of another boot"));
    // Anybody could have written it.
    fs::write(machine.verdict(), good).unwrap();
    chmod(&machine.verdict(), 0o666);
    assert!(refusal().contains("its mode 0666 lets others change it"));
    chmod(&machine.verdict(), 0o644);
    assert_eq!(machine.agent(&["bless"]).0, 0);
}

#[test]
fn what_the_image_says_about_itself() {
    let Some(machine) = Machine::new("policy") else {
        return;
    };
    let policy = machine.root.join("usr/lib/karat/policy.json");
    let good = fs::read_to_string(&policy).unwrap();
    // Changed, it is drift as any other file, and what it says counts for less than nothing.
    fs::write(&policy, good.replace("demo", "prod")).unwrap();
    assert_eq!(machine.boot().0, 11);
    fs::write(&policy, good.replace("warn", "never")).unwrap();
    let (code, told) = machine.boot();
    assert_eq!(code, 11);
    assert!(
        told.contains("policy.json: policy: unknown variant"),
        "{told}"
    );
    fs::remove_file(&policy).unwrap();
    let (code, told) = machine.boot();
    assert_eq!(code, 10, "{told}");
    assert!(told.contains("no image is expected"), "{told}");
    fs::write(&policy, good).unwrap();
    chmod(&policy, 0o644);
    assert_eq!(machine.boot().0, 0);
    // An envelope that was never delivered is a gap, not a match.
    fs::remove_file(machine.root.join("var/lib/karat/baseline/demo_1.dsse.json")).unwrap();
    let (code, told) = machine.boot();
    assert_eq!(code, 13);
    assert!(told.starts_with("<4>INCOMPLETE"), "{told}");
}

#[test]
fn a_memory_that_cannot_be_written_is_said_and_blesses_nothing() {
    let Some(machine) = Machine::new("memory") else {
        return;
    };
    assert_eq!(machine.boot().0, 0);
    let state = machine.root.join("var/lib/karat/state");
    drop(fs::remove_dir_all(&state));
    fs::create_dir_all(state.parent().unwrap()).unwrap();
    // Something else in its place, which not even root can write files into.
    fs::write(&state, "no directory").unwrap();
    let (code, out, err) = machine.agent(&["bless"]);
    assert_eq!((code, out.as_str()), (1, ""), "{err}");
    assert!(err.contains("/var/lib/karat/state"), "{err}");
    assert_eq!(fs::read_to_string(&state).unwrap(), "no directory");
    machine.reboot();
    let (code, told) = machine.boot();
    assert_eq!(code, 13, "what was accepted before cannot be known: {told}");
    // There again, whatever was remembered is lost, which is a first boot and is said.
    fs::remove_file(&state).unwrap();
    machine.reboot();
    let (code, told) = machine.boot();
    assert_eq!(code, 0, "{told}");
    assert!(told.contains("this is a first boot"), "{told}");
    assert_eq!(machine.agent(&["bless"]).0, 0);
    // Both files spoilt: said, and no floor is made up.
    for file in ["state.0", "state.1"] {
        fs::write(state.join(file), "rubbish").unwrap();
        chmod(&state.join(file), 0o644);
    }
    machine.reboot();
    let (code, told) = machine.boot();
    assert_eq!(code, 0, "{told}");
    assert!(
        told.contains("state.0") && told.contains("state.1"),
        "{told}"
    );
}
