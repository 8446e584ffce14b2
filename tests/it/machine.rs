//! `karat boot`: what QEMU is told, what is made of what a machine says, and that nothing of it is
//! left. The QEMU of these tests is a shell script; the boots with a real one are in `build`.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::support::schema::published;
use crate::support::{Scratch, judge};

/// A disk, firmware, and a QEMU that says and does what a test wants.
struct Desk(Scratch);

const GOOD: &str = "[    7.1] karat-agent[345]: MATCH  / against web 1, serial 7\r\n\
    [    7.2] karat-agent[345]: initrd: 611.5 ms: 31.4 its own, 402.1 the kernel's for it, 178.0 waiting\r\nweb login: ";

impl Desk {
    /// QEMU keeps its arguments, and then runs `script`.
    fn new(name: &str, script: &str) -> Self {
        let desk = Self(Scratch::new(name));
        let mut disk = vec![0; 1 << 20];
        disk[512..520].copy_from_slice(b"EFI PART");
        fs::write(desk.path("web_1.raw"), disk).unwrap();
        fs::create_dir(desk.path("firmware")).unwrap();
        for name in ["OVMF_CODE_4M.fd", "OVMF_VARS_4M.fd"] {
            fs::write(desk.path("firmware").join(name), name).unwrap();
        }
        fs::create_dir(desk.path("bin")).unwrap();
        fs::create_dir(desk.path("tmp")).unwrap();
        let qemu = desk.path("bin/qemu-system-x86_64");
        let arguments = desk.path("arguments");
        let script = format!(
            "#!/bin/sh\nprintf '%s\\n' \"$@\" > '{}'\n{script}\n",
            arguments.display()
        );
        fs::write(&qemu, script).unwrap();
        fs::set_permissions(&qemu, fs::Permissions::from_mode(0o755)).unwrap();
        desk
    }

    /// One that says `text` and then ends well, as a machine does that was switched off.
    fn saying(name: &str, text: &str) -> Self {
        let desk = Self::new(name, "cat \"$(dirname \"$0\")/says\"");
        fs::write(desk.path("bin/says"), text).unwrap();
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn karat(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_karat"));
        command
            .current_dir(self.0.path())
            .env_clear()
            .env(
                "PATH",
                format!("{}:/usr/bin:/bin", self.path("bin").display()),
            )
            .env("TMPDIR", self.path("tmp"))
            .args(arguments.split_whitespace());
        command
    }

    fn output(&self, arguments: &str) -> Output {
        let output = self.karat(arguments).output().unwrap();
        let left = fs::read_dir(self.path("tmp")).unwrap().count();
        assert_eq!(left, 0, "temporary files are removed");
        output
    }

    /// A check, and the document that it prints.
    fn check(&self, code: i32, more: &str) -> Value {
        let options = "--check --json --accelerator tcg --tpm no --firmware firmware";
        let output = self.output(&format!("boot web_1.raw {options} {more}"));
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{error}");
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        published("boot").check(&document).unwrap();
        assert_eq!(document["exit_code"], code);
        document
    }

    /// A run that fails, and what it says.
    fn refused(&self, arguments: &str) -> String {
        let output = self.output(arguments);
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    }
}

#[test]
fn a_machine_that_matches_comes_up_and_goes_off_again() {
    let desk = Desk::saying("boot-good", GOOD);
    let before = fs::read(desk.path("web_1.raw")).unwrap();
    let document = desk.check(0, "--ssh 2222 --memory 768 --cpus 3");
    assert_eq!(document["verdict"], "match");
    assert_eq!(
        (&document["up"], &document["off"]),
        (&json!(true), &json!(true))
    );
    assert_eq!(document["troubles"], json!([]));
    assert_eq!(
        document["initrd"],
        json!({"took": 0.6115, "own": 0.0314, "kernel": 0.4021})
    );
    assert_eq!(
        (&document["tpm"], &document["accelerator"]),
        (&json!(false), &json!("tcg"))
    );
    assert!(
        document["seconds"]["verdict"].as_f64().is_some(),
        "{document}"
    );

    let arguments = fs::read_to_string(desk.path("arguments")).unwrap();
    let lines: Vec<&str> = arguments.lines().collect();
    let disk = desk.path("web_1.raw");
    for expected in [
        format!(
            "if=none,id=disk,snapshot=on,format=raw,file={}",
            disk.display()
        ),
        "user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:2222-:22".to_owned(),
        "if=pflash,unit=0,format=raw,readonly=on,file=firmware/OVMF_CODE_4M.fd".to_owned(),
        "-no-reboot".to_owned(),
        "-nodefaults".to_owned(),
        "768".to_owned(),
        "3".to_owned(),
    ] {
        assert!(
            lines.contains(&expected.as_str()),
            "no {expected} in {arguments}"
        );
    }
    // The variables are this machine's own.
    let variables = lines
        .iter()
        .find_map(|line| line.strip_prefix("if=pflash,unit=1,format=raw,file="));
    assert!(
        variables
            .unwrap()
            .starts_with(desk.path("tmp").to_str().unwrap())
    );
    assert!(!arguments.contains("tpm"), "{arguments}");
    assert!(fs::read(desk.path("web_1.raw")).unwrap() == before);

    let told = desk.output("boot web_1.raw --check --accelerator tcg --tpm no --firmware firmware");
    let told = String::from_utf8(told.stdout).unwrap();
    assert!(told.starts_with("MATCH  after "), "{told}");
    assert!(
        told.contains("\n  up  after ") && told.contains("\n  off  after "),
        "{told}"
    );
}

#[test]
fn what_goes_wrong_has_its_exit_code() {
    let failed = "[FAILED] Failed to start ssh.service - OpenBSD Secure Shell server.\n";
    for (said, code, verdict, kind) in [
        (
            format!("{failed}{GOOD}"),
            10,
            json!("match"),
            Some("failed-unit"),
        ),
        (
            "DRIFT  / against web 1, serial 7\nweb login: ".to_owned(),
            10,
            json!("drift"),
            None,
        ),
        (
            "karat: web_1 is not started\nkarat: untrusted: no signature counts\n".to_owned(),
            11,
            json!("untrusted"),
            Some("refused"),
        ),
        (
            "device-mapper: verity: 254:2: data block 17 is corrupted\n".to_owned(),
            11,
            json!("untrusted"),
            Some("verity"),
        ),
        (
            "karat: rollback: serial 3 is below 7\n".to_owned(),
            12,
            json!("rollback"),
            Some("refused"),
        ),
        ("web login: ".to_owned(), 13, Value::Null, None),
        (
            "MATCH  / against web 1, serial 7\n".to_owned(),
            13,
            json!("match"),
            None,
        ),
        (
            "Kernel panic - not syncing: no init\n".to_owned(),
            10,
            Value::Null,
            Some("panic"),
        ),
    ] {
        let desk = Desk::saying("boot-bad", &said);
        let document = desk.check(code, "");
        assert_eq!(document["verdict"], verdict, "{said}");
        let kinds = document["troubles"][0]["kind"].as_str();
        assert_eq!(kinds, kind, "{said}");
        assert_eq!(document["timed_out"], false);
    }
    // What a machine says does not steer the terminal.
    let desk = Desk::saying("boot-steer", "[FAILED] \x07\u{202e}evil\n");
    let told = desk.output("boot web_1.raw --check --accelerator tcg --tpm no --firmware firmware");
    let told = String::from_utf8(told.stdout).unwrap();
    assert!(
        told.contains("evil") && !told.contains(['\x07', '\u{202e}']),
        "{told:?}"
    );
}

#[test]
fn a_machine_that_says_nothing_is_switched_off_in_time() {
    let desk = Desk::new(
        "boot-silent",
        "echo $$ > \"$(dirname \"$0\")/pid\"\nexec sleep 1000",
    );
    let document = desk.check(13, "--timeout 1");
    assert_eq!(document["timed_out"], true);
    assert_eq!(
        (&document["up"], &document["off"]),
        (&json!(false), &json!(false))
    );
    let pid = fs::read_to_string(desk.path("bin/pid")).unwrap();
    let pid = Pid::from_raw(pid.trim().parse().unwrap()).unwrap();
    assert!(
        rustix::process::test_kill_process(pid).is_err(),
        "it is gone"
    );
}

#[test]
fn a_qemu_that_fails_is_no_boot() {
    let desk = Desk::new("boot-broken", "echo 'no such machine' >&2\nexit 1");
    let options = "--accelerator tcg --tpm no --firmware firmware";
    let said = desk.refused(&format!("boot web_1.raw --check {options}"));
    assert!(
        said.contains("no such machine") && said.contains("qemu-system-x86_64: it failed"),
        "{said}"
    );
    let said = desk.refused(&format!("boot web_1.raw {options}"));
    assert!(said.contains("qemu-system-x86_64: it failed"), "{said}");
    // Without --check its console is the terminal's.
    let desk = Desk::saying("boot-shown", "hello\n");
    let output = desk.output(&format!("boot web_1.raw {options}"));
    assert_eq!(
        (output.status.code(), output.stdout.as_slice()),
        (Some(0), b"hello\n".as_slice())
    );
    assert!(
        fs::read_to_string(desk.path("arguments"))
            .unwrap()
            .contains("\nmon:stdio\n")
    );
}

#[test]
fn what_is_missing_is_named() {
    let desk = Desk::saying("boot-missing", GOOD);
    for (name, bytes) in [
        ("web_1.tar", tar()),
        ("web_1.tar.zst", zstd::bulk::compress(&tar(), 3).unwrap()),
    ] {
        fs::write(desk.path(name), bytes).unwrap();
        let said = desk.refused(&format!("boot {name}"));
        assert!(
            said.contains("an archive or a directory, and no disk"),
            "{said}"
        );
        assert!(said.contains("--format disk"), "{said}");
    }
    fs::create_dir(desk.path("web_1.oci")).unwrap();
    let said = desk.refused("boot web_1.oci");
    assert!(said.contains("--format disk"), "{said}");
    fs::write(desk.path("empty.raw"), vec![0; 4096]).unwrap();
    let said = desk.refused("boot empty.raw");
    assert!(said.contains("no partition table"), "{said}");
    fs::create_dir(desk.path("none")).unwrap();
    let said = desk.refused("boot web_1.raw --firmware none");
    assert!(
        said.contains("no UEFI firmware") && said.contains("apt install ovmf"),
        "{said}"
    );
    let said = desk.refused("boot absent.raw");
    assert!(said.contains("absent.raw"), "{said}");
    fs::remove_file(desk.path("bin/qemu-system-x86_64")).unwrap();
    let mut command = desk.karat("boot web_1.raw --firmware firmware");
    let output = command.env("PATH", desk.path("bin")).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("qemu-system-x86_64 is not installed"),
        "{said}"
    );
    assert!(said.contains("apt install qemu-system-x86"), "{said}");
    let output = desk.output("boot web_1.raw --json");
    assert_eq!(output.status.code(), Some(2));
}

/// An archive with one small file.
fn tar() -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_ustar();
    header.set_size(4);
    header.set_cksum();
    builder
        .append_data(&mut header, "etc", b"text".as_slice())
        .unwrap();
    builder.into_inner().unwrap()
}

#[test]
fn no_machine_outlives_karat() {
    for signal in [Signal::KILL, Signal::TERM, Signal::INT] {
        let desk = Desk::new("boot-orphan", "echo started >&2\nexec sleep 1000");
        let options = "--check --accelerator tcg --tpm no --firmware firmware";
        let mut command = desk.karat(&format!("-q boot web_1.raw {options}"));
        let mut karat = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(karat.stderr.take().unwrap());
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        assert_eq!(line, "started\n");
        kill_process(Pid::from_child(&karat), signal).unwrap();
        // The end of what both can write to is the end of both.
        let mut rest = String::new();
        said.read_to_string(&mut rest).unwrap();
        let status = karat.wait().unwrap();
        if signal == Signal::KILL {
            assert_eq!(status.code(), None);
        } else {
            assert_eq!(status.code(), Some(1), "{rest}");
            assert!(rest.contains("interrupted"), "{rest}");
            assert_eq!(fs::read_dir(desk.path("tmp")).unwrap().count(), 0);
        }
    }
}

#[test]
fn the_probe_runs_to_its_end_where_a_processor_is_whole() {
    if std::env::consts::ARCH != "x86_64" {
        return crate::support::skip("QEMU for x86-64 is what is looked for");
    }
    let Some(qemu) = judge("qemu-system-x86_64") else {
        return;
    };
    let scratch = Scratch::new("probe");
    let disk = scratch.join("disk");
    fs::write(&disk, karat::ops::boot::probe()).unwrap();
    let mut command = qemu.command();
    command.args([
        "-accel",
        "tcg",
        "-nodefaults",
        "-display",
        "none",
        "-no-reboot",
    ]);
    command.args([
        "-device",
        "isa-debug-exit,iobase=0xf4,iosize=0x04",
        "-drive",
    ]);
    command.arg(format!(
        "file={},format=raw,if=ide,snapshot=on",
        disk.display()
    ));
    assert_eq!(command.status().unwrap().code(), Some(33));
}
