//! Boots under OVMF, with a TPM: what the guest reads from its registers is what was predicted.
//!
//! QEMU shows a directory as the EFI system partition. The initrd is a shell that prints registers.

use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use karat::image::measure::{Measurements, predict};
use karat::image::secure_boot::Certificate;
use karat::image::uki::{Parts, Stub, assemble, loader_files, uki_path};

use super::material::{Material, Release};
use super::sign::sign;
use super::{CMDLINE, parts};
use crate::support::{Judge, Scratch, judge, skip};

/// Longest that one boot may take, in seconds, on a busy machine: it takes some 40 on an idle one.
const PATIENCE: &str = "600";
/// What the guest says last, and what firmware says about an image that it does not trust.
pub const BOOTED: &str = "UKI-BOOTED";
const DENIED: &str = "Access Denied";

const INIT: &str = "#!/bin/busybox sh
B=/bin/busybox
$B mount -t proc p /proc
$B mount -t sysfs s /sys
$B dmesg -n 1
for bank in sha256 sha384; do
  for n in 4 7 8 11 12 13; do
    echo \"PCR $bank $n $($B cat /sys/class/tpm/tpm0/pcr-$bank/$n)\"
  done
done
echo \"RELEASE $($B uname -r)\"
echo \"CMDLINE $($B cat /proc/cmdline)\"
echo UKI-BOOTED
$B poweroff -f
";

/// The outside programs, and the firmware of package ovmf.
struct Judges {
    qemu: Judge,
    swtpm: Judge,
    setup: Judge,
    timeout: Judge,
}

impl Judges {
    fn all() -> Option<Self> {
        if !Path::new(OVMF).exists() {
            skip("no OVMF: package ovmf");
            return None;
        }
        Some(Self {
            qemu: judge("qemu-system-x86_64")?,
            swtpm: judge("swtpm")?,
            setup: judge("swtpm_setup")?,
            timeout: judge("timeout")?,
        })
    }
}

const OVMF: &str = "/usr/share/OVMF/OVMF_CODE_4M.secboot.fd";
const SNAKEOIL: &str = "/usr/share/ovmf/PkKek-1-snakeoil";

/// An initrd (cpio, newc) with a static shell, which prints registers.
pub fn initrd(shell: &[u8]) -> Vec<u8> {
    let mut archive = Vec::new();
    let mut entry = |name: &str, mode: usize, bytes: &[u8]| {
        let pad = |archive: &mut Vec<u8>| archive.resize(archive.len().next_multiple_of(4), 0);
        archive.extend_from_slice(b"070701");
        let numbers = [0, mode, 0, 0, 1, 0, bytes.len(), 0, 0, 0, 0];
        for number in numbers.into_iter().chain([name.len() + 1, 0]) {
            archive.extend_from_slice(format!("{number:08x}").as_bytes());
        }
        archive.extend_from_slice(name.as_bytes());
        archive.push(0);
        pad(&mut archive);
        archive.extend_from_slice(bytes);
        pad(&mut archive);
    };
    for name in ["bin", "dev", "proc", "sys"] {
        entry(name, 0o040_755, b"");
    }
    entry("bin/busybox", 0o100_755, shell);
    entry("init", 0o100_755, INIT.as_bytes());
    entry("TRAILER!!!", 0, b"");
    archive
}

/// What firmware demands.
#[derive(Clone, Copy, PartialEq)]
enum Firmware {
    Anything,
    SecureBoot,
}

/// Boots the files of an EFI system partition; what it said, up to one of the two last words.
fn boot(judges: &Judges, files: &[(String, Vec<u8>)], firmware: Firmware) -> String {
    let scratch = Scratch::new("uki-boot");
    for (path, bytes) in files {
        let path = scratch.join("esp").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    let variables = match firmware {
        Firmware::Anything => "OVMF_VARS_4M.fd",
        Firmware::SecureBoot => "OVMF_VARS_4M.snakeoil.fd",
    };
    fs::copy(
        Path::new("/usr/share/OVMF").join(variables),
        scratch.join("vars"),
    )
    .unwrap();
    let tpm = Tpm::start(judges, &scratch);
    let mut command = judges.timeout.command();
    command.args(["-k", "5", PATIENCE]);
    command.arg(judges.qemu.command().get_program());
    command.args("-accel tcg,thread=single -smp 1 -m 512 -nodefaults -no-reboot".split(' '));
    // Few features are quicker to emulate.
    command.args(["-cpu", "qemu64,+rdrand,+ssse3,+sse4.1,+sse4.2"]);
    command.args("-display none -M q35,smm=on -serial stdio".split(' '));
    command.args(["-global", "driver=cfi.pflash01,property=secure,value=on"]);
    for (file, mode) in [(OVMF, ",readonly=on"), ("vars", "")] {
        let drive = format!("if=pflash,format=raw,file={file}{mode}");
        command.args(["-drive", &drive]);
    }
    command.args(["-chardev", "socket,id=c,path=tpm.socket"]);
    command.args("-tpmdev emulator,id=t,chardev=c -device tpm-crb,tpmdev=t".split(' '));
    command.args(["-drive", "if=virtio,format=raw,file=fat:rw:esp"]);
    command.current_dir(scratch.path());
    let console = console(&mut command);
    drop(tpm);
    console
}

/// Runs it until it ends or says that it is done.
fn console(command: &mut Command) -> String {
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut output = child.stdout.take().unwrap();
    let (mut said, mut chunk) = (Vec::new(), [0; 4096]);
    let done = |said: &[u8]| {
        let text = String::from_utf8_lossy(said);
        text.contains(BOOTED) || text.contains(DENIED)
    };
    while !done(&said) {
        match output.read(&mut chunk).unwrap() {
            0 => break,
            count => said.extend_from_slice(&chunk[..count]),
        }
    }
    end(&child);
    child.wait().unwrap();
    String::from_utf8_lossy(&said).into_owned()
}

/// Ends `timeout`, which ends what it runs; whoever was not waited for can be told so.
fn end(child: &Child) {
    let pid = rustix::process::Pid::from_child(child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
}

/// A TPM with the banks of SHA-256 and SHA-384.
struct Tpm(Child);

impl Tpm {
    fn start(judges: &Judges, scratch: &Scratch) -> Self {
        fs::create_dir(scratch.join("tpm")).unwrap();
        let setup = judges
            .setup
            .command()
            .current_dir(scratch.path())
            .args("--tpm2 --tpmstate tpm --pcr-banks sha256,sha384 --overwrite".split(' '))
            .output()
            .unwrap();
        assert!(setup.status.success(), "{setup:?}");
        let mut command = judges.swtpm.command();
        command.current_dir(scratch.path());
        command.args("socket --tpm2 --tpmstate dir=tpm --terminate".split(' '));
        command.args(["--ctrl", "type=unixio,path=tpm.socket"]);
        command.args(["--flags", "not-need-init,startup-clear"]);
        let child = command.stdin(Stdio::null()).spawn().unwrap();
        while !scratch.join("tpm.socket").exists() {
            std::thread::yield_now();
        }
        Self(child)
    }
}

impl Drop for Tpm {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// What the guest read of a register, in both banks.
fn register(console: &str, pcr: u8) -> [String; 2] {
    ["sha256", "sha384"].map(|bank| {
        let start = format!("PCR {bank} {pcr} ");
        let line = console.lines().find_map(|line| line.strip_prefix(&start));
        let line = line.unwrap_or_else(|| panic!("no PCR {pcr} in: {console}"));
        line.trim().to_ascii_lowercase()
    })
}

fn holds(console: &str, found: &Measurements, pcr: u8, when: &str) {
    let values = found.value(pcr, when).unwrap();
    let values = [values.sha256.to_string(), values.sha384.to_string()];
    assert_eq!(
        register(console, pcr),
        values,
        "PCR {pcr} {when}: {console}"
    );
}

/// A machine's files: the loader and the image, as they are or signed.
struct Machine {
    loader: Vec<u8>,
    uki: Vec<u8>,
}

impl Machine {
    fn new(material: &Material, release: Release) -> Self {
        let (stub, kernel) = (material.stub(release), material.kernel());
        let stub = Stub::parse(&stub).unwrap();
        let initrd = initrd(&material.shell());
        let parts = Parts {
            initrd: &initrd,
            ..parts(&stub, &kernel)
        };
        Self {
            loader: material.loader(release),
            uki: assemble(&parts).unwrap().bytes,
        }
    }

    fn signed(self) -> Self {
        let read = |suffix: &str| fs::read(format!("{SNAKEOIL}.{suffix}")).unwrap();
        let certificate = Certificate::parse(&read("pem")).unwrap();
        let key = Command::new("openssl")
            .args(["pkey", "-passin", "pass:snakeoil", "-in"])
            .arg(format!("{SNAKEOIL}.key"))
            .output()
            .unwrap();
        Self {
            loader: sign(&self.loader, &certificate, &key.stdout),
            uki: sign(&self.uki, &certificate, &key.stdout),
        }
    }

    fn predicted(&self) -> Measurements {
        predict(&self.uki, Some(&self.loader)).unwrap()
    }

    fn files(&self) -> Vec<(String, Vec<u8>)> {
        let files = loader_files(&self.loader).unwrap().into_iter();
        let files = files.map(|(path, bytes)| (path, bytes.into_owned()));
        let uki = (uki_path("web", "1", Some(3)), self.uki.clone());
        files.chain([uki]).collect()
    }
}

#[test]
fn what_the_tpm_holds_was_predicted() {
    let (Some(material), Some(judges)) = (Material::get(), Judges::all()) else {
        return;
    };
    for release in [Release::Bookworm, Release::Trixie] {
        let machine = Machine::new(&material, release);
        let found = machine.predicted();
        let console = boot(&judges, &machine.files(), Firmware::Anything);
        assert!(console.contains(&format!("CMDLINE {CMDLINE}")), "{console}");
        let name = material.kernel_path();
        let name = name.to_str().unwrap().split_once("vmlinuz-").unwrap().1;
        assert!(console.contains(&format!("RELEASE {name}")), "{console}");
        holds(&console, &found, 4, "no-secure-boot");
        holds(&console, &found, 11, "");
        let when = match release {
            Release::Bookworm => "no-secure-boot",
            Release::Trixie => "",
        };
        holds(&console, &found, 12, when);
        holds(&console, &found, 13, "");
        // Nobody has extended it yet: it is for the verdict.
        assert_eq!(register(&console, 8)[0], "0".repeat(64));
    }
}

#[test]
fn secure_boot_takes_what_was_signed_and_nothing_else() {
    let (Some(material), Some(judges)) = (Material::get(), Judges::all()) else {
        return;
    };
    if judge("openssl").is_none() {
        return;
    }
    let machine = Machine::new(&material, Release::Bookworm);
    // The loader is refused before it can say a word.
    let console = boot(&judges, &machine.files(), Firmware::SecureBoot);
    assert!(
        console.contains(DENIED) && !console.contains(BOOTED),
        "{console}"
    );

    let unsigned = machine.predicted();
    let machine = machine.signed();
    let found = machine.predicted();
    let console = boot(&judges, &machine.files(), Firmware::SecureBoot);
    assert!(console.contains(BOOTED), "{console}");
    holds(&console, &found, 4, "secure-boot");
    holds(&console, &found, 11, "");
    holds(&console, &unsigned, 11, "");
    holds(&console, &found, 12, "secure-boot");
    assert_eq!(found.authenticode, unsigned.authenticode);
}
