//! What is as it was built comes up and says so, with a TPM and without one; and what a second boot
//! says of a disk that was written to in between.

use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::Duration;

use karat::digest::Digest;

use super::copy::Copy;
use super::fixture::Built;
use super::machine::{Start, start};
use crate::build::boot::{facts_held, has, has_not};
use crate::build::disk::Tpm;
use crate::support::schema::published;

/// The phases of a boot, once it is up.
const UP: &str = "enter-initrd:leave-initrd:sysinit:ready";

#[test]
fn tpm_present_then_etc_overlay_tampered_and_smbios_credential_injected() {
    let Some(built) = Built::get() else { return };
    let copy = Copy::new(&built, "uefi-tpm");
    let tpm = Tpm::new(&built.judges.swtpm, &copy.path(""));
    let port = free_port();
    let mut machine = start(
        &copy,
        &Start {
            tpm: Some(&tpm),
            ssh: Some(port),
            ..Start::default()
        },
    );
    machine.until("ALL SAID\n");
    ssh_answers(port);
    // The power fails.
    let console = machine.cut_off();
    drop(tpm);
    is_clean(&console, "secure boot off, a TPM was told\n");
    let said = report(&console);
    assert_eq!(said["verdict"], "match");
    assert_eq!(
        (&said["tpm"], &said["secure_boot"], &said["state"]),
        (&true.into(), &false.into(), &"blank".into())
    );
    // What the TPM holds was predicted when the image was built.
    for (pcr, when) in [(4, "no-secure-boot"), (11, UP), (12, ""), (13, "")] {
        assert_eq!(
            register(&console, pcr),
            built.predicted(pcr, when),
            "PCR {pcr}: {console}"
        );
    }
    // PCR 8 holds the initrd's report, and nothing else.
    let text = line(&console, "REPORT ");
    let event = format!(
        "karat-verdict:{}",
        Digest::of(format!("{text}\n").as_bytes())
    );
    let event = Digest::of(event.as_bytes());
    let verdict = Digest::of(&[[0; 32], *event.as_bytes()].concat());
    assert_eq!(register(&console, 8)[0], verdict.to_string());

    // etc-overlay-tampered, from outside; and smbios-credential-injected, by whoever has the machine.
    copy.put_into_state("/upper/etc/ssh/sshd_config", b"PermitRootLogin yes\n");
    let credential = "io.systemd.credential:passwd.hashed-password.root=x";
    let mut machine = start(
        &copy,
        &Start {
            smbios: Some(credential),
            ..Start::default()
        },
    );
    machine.until("ALL SAID\n");
    let console = machine.cut_off();
    // The initrd has nothing against it: it is the running system that compares files and facts.
    let said = report(&console);
    assert_eq!(
        (&said["verdict"], &said["tpm"], &said["state"]),
        (&"match".into(), &false.into(), &"kept".into())
    );
    has(
        &console,
        &[
            "DRIFT  / against uefi 1, serial 1\n",
            "lowest serial 1, lowest trust root 1\n",
            "high       /etc/ssh/sshd_config\n",
            "= decides about remote login\n",
            "/sys/firmware/dmi/entries/11-0\n",
            "credential: passwd.hashed-password.root\n",
            " 1 drifted, 0 not checked, 0 not applicable\n",
            "UNITS FAILED: karat-verify.service \n",
        ],
    );
    let named = console.matches("high       /").count() + console.matches("critical   /").count();
    assert_eq!(named, 2, "{console}");
    // What the first boot and the power failure left behind is none.
    has_not(&console, &["medium     /", "low        /"]);
    has_not(&console, &["BLESSED active"]);
}

#[test]
fn no_tpm_and_secure_boot() {
    let Some(built) = Built::get() else { return };
    let copy = Copy::new(&built, "uefi-signed");
    copy.sign();
    let port = free_port();
    let mut machine = start(
        &copy,
        &Start {
            secure_boot: true,
            ssh: Some(port),
            ..Start::default()
        },
    );
    machine.until("ALL SAID\n");
    ssh_answers(port);
    let console = machine.cut_off();
    is_clean(&console, "secure boot on, no TPM\n");
    let said = report(&console);
    assert_eq!(said["verdict"], "match");
    assert_eq!(
        (&said["tpm"], &said["secure_boot"]),
        (&false.into(), &true.into())
    );
    has(&console, &["EFI stub: UEFI Secure Boot is enabled.\n"]);
    has_not(&console, &["PCR sha256"]);
}

#[test]
fn karat_boot_check() {
    let Some(built) = Built::get() else { return };
    let mut karat = std::process::Command::new(env!("CARGO_BIN_EXE_karat"));
    karat.args(["--quiet", "boot", "--check", "--json", "--timeout", "600"]);
    karat.args(["--accelerator", "tcg", "--cpus", "1", "--tpm", "yes"]);
    let output = karat.arg(built.output(".raw")).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let said = published("boot").holds(&text);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert_eq!(said["verdict"], "match", "{text}");
    assert_eq!(
        (&said["up"], &said["off"], &said["tpm"]),
        (&true.into(), &true.into(), &true.into()),
        "{text}"
    );
    assert_eq!(said["troubles"], serde_json::json!([]), "{text}");
    println!("{}", said["initrd"]);
    let seconds = |name: &str| said["initrd"][name].as_f64().unwrap();
    assert!(seconds("own") > 0.0 && seconds("kernel") > 0.0, "{text}");
    assert!(
        seconds("own") + seconds("kernel") <= seconds("took"),
        "{text}"
    );
}

/// It came up as it was signed, and nothing failed.
fn is_clean(console: &str, machine: &str) {
    has(
        console,
        &[
            "MATCH  / against uefi 1, serial 1\n",
            " 0 drifted, 0 not checked, 0 not applicable\n",
            machine,
            "BLESSED active\n",
            "UNITS FAILED: \n",
        ],
    );
    assert!(facts_held(console) >= 40, "{console}");
    has_not(console, &["FAILED]", "DEPEND]", "DRIFT", "karat: "]);
}

/// The initrd's report.
fn report(console: &str) -> serde_json::Value {
    published("boot-report").holds(&line(console, "REPORT "))
}

/// The rest of the line that begins so.
fn line(console: &str, start: &str) -> String {
    let found = console.lines().find_map(|line| line.strip_prefix(start));
    let found = found.unwrap_or_else(|| panic!("no {start:?} in: {console}"));
    found.trim().to_owned()
}

/// What the guest read of a register, in both banks.
pub(super) fn register(console: &str, pcr: u8) -> [String; 2] {
    ["sha256", "sha384"].map(|bank| line(console, &format!("PCR {bank} {pcr} ")).to_lowercase())
}

/// A port that nobody listens at.
fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// sshd says who it is, to somebody outside.
fn ssh_answers(port: u16) {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    let patience = Some(Duration::from_mins(2));
    stream.set_read_timeout(patience).unwrap();
    let mut banner = String::new();
    BufReader::new(stream).read_line(&mut banner).unwrap();
    assert!(banner.starts_with("SSH-2.0-OpenSSH"), "{banner:?}");
}
