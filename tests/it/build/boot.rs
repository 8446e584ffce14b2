//! A shipped template as a machine: a clean boot raises no false alarm, a tampered one is named.
//!
//! The judges are Debian's own kernel and systemd on a processor that QEMU emulates (KVM is not
//! everywhere), with a disk and no network. What such a machine has other than a real one: no
//! firmware of its vendor's, no Secure Boot (and thus no lockdown), a serial console, and nobody who
//! logs in. No fact of the shipped templates depends on any of these; one that does is given to it
//! here: a credential by SMBIOS, as a hypervisor sets it.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::Signal;

use super::workshop::{Workshop, said, unpack};
use crate::support::{Judge, judge, skip};

/// Longest that one boot may take, in seconds, on a busy machine: it takes some 60.
const PATIENCE: &str = "420";
/// The disk: the images have some 340 to 660 MB.
const DISK: &str = "2200M";

/// The outside programs.
pub(super) struct Judges {
    qemu: Judge,
    timeout: Judge,
    mke2fs: Judge,
    debugfs: Judge,
    e2fsck: Judge,
}

impl Judges {
    pub(super) fn all() -> Option<Self> {
        Some(Self {
            qemu: judge("qemu-system-x86_64")?,
            timeout: judge("timeout")?,
            mke2fs: judge("mke2fs")?,
            debugfs: judge("debugfs")?,
            e2fsck: judge("e2fsck")?,
        })
    }
}

#[test]
fn a_clean_boot_matches_and_is_blessed_and_a_tampered_one_is_named() {
    if std::env::consts::ARCH != "x86_64" {
        return skip("the machine that is emulated is an x86-64");
    }
    let (Some(shop), Some(judges)) = (Workshop::new("boot"), Judges::all()) else {
        return;
    };
    if !rustix::process::geteuid().is_root() {
        return skip("needs root to unpack the image with its owners");
    }

    shop.fleet_key();

    // The first boot: of a disk that nobody but the image's own programs has written to.
    let instance = Instance::new(&shop, &judges, "report");
    let mut machine = instance.boot(&[]);
    machine.until("Finished karat-bless.service");
    // From here on the console is the login's, and systemd says nothing more on it.
    machine.until("localhost login:");
    let console = machine.cut_off();
    has(
        &console,
        &[
            "MATCH  / against report 1, serial 1\n",
            " 0 drifted, 0 not checked, 0 not applicable\n",
            "assurance: self;",
            "lowest serial none yet, lowest trust root none yet\n",
            "warning: this is a first boot,",
            "Finished karat-peers.service",
            "Finished karat-verify.service",
        ],
    );
    assert!(facts_held(&console) >= 40, "{console}");
    has_not(&console, &["FAILED", "DRIFT", "emergency mode"]);

    // What it did to the disk, and a power failure, are no drift; one file and one credential are.
    instance.tamper();
    let credential = "type=11,value=io.systemd.credential:passwd.hashed-password.root=x";
    let mut machine = instance.boot(&["-smbios", credential]);
    // `report` says so, and the boot goes on.
    machine.until("localhost login:");
    let console = machine.cut_off();
    has(
        &console,
        &[
            "DRIFT  / against report 1, serial 1\n",
            "lowest serial 1, lowest trust root 2\n",
            "high       /etc/ssh/sshd_config\n",
            "content: ",
            "= decides about remote login\n",
            "/sys/firmware/dmi/entries/11-0\n",
            "credential: passwd.hashed-password.root\n",
            " 1 drifted, 0 not checked, 0 not applicable\n",
            // systemd cuts what is too long for a line.
            "FAILED] Failed to start karat-verify.serv",
        ],
    );
    let named = console.matches("high       /").count() + console.matches("critical   /").count();
    assert_eq!(named, 2, "{console}");
    has_not(&console, &["medium     /", "low        /"]);
    has_not(&console, &["Finished karat-bless.service"]);

    // `poweroff`: nothing that comes after the check is started any more.
    let instance = Instance::new(&shop, &judges, "poweroff");
    instance.tamper();
    let console = instance.boot(&[]).ends();
    has(
        &console,
        &[
            "DRIFT  / against poweroff 1, serial 1\n",
            "high       /etc/ssh/sshd_config\n",
            "reboot: Power down",
        ],
    );
    has_not(
        &console,
        &["Reached target multi-user.target", "Started ssh.service"],
    );
}

pub(super) fn has(console: &str, texts: &[&str]) {
    for text in texts {
        assert!(console.contains(text), "no {text:?} in: {console}");
    }
}

pub(super) fn has_not(console: &str, texts: &[&str]) {
    for text in texts {
        assert!(!console.contains(text), "{text:?} in: {console}");
    }
}

/// How many facts of the running system held, by the report.
pub(super) fn facts_held(console: &str) -> u64 {
    let line = console.lines().find(|line| line.contains(" held, "));
    let words = line.and_then(|line| line.split(" held, ").next());
    let count = words.and_then(|words| words.split_whitespace().last());
    count.unwrap().parse().unwrap()
}

/// A disk with a shipped template, a kernel added, and the envelope delivered.
pub(super) struct Instance<'a> {
    judges: &'a Judges,
    directory: PathBuf,
    disk: PathBuf,
    kernel: PathBuf,
    initrd: PathBuf,
    /// What the image asks its boot loader to say to the kernel.
    words: String,
}

impl<'a> Instance<'a> {
    /// Builds it with this `on_failure`, which is the image's name, too.
    fn new(shop: &Workshop, judges: &'a Judges, on_failure: &str) -> Self {
        // The first boots with a packet filter and a signed document of peers.
        let base = if on_failure == "report" {
            "web-frontend"
        } else {
            "base"
        };
        let text = format!(
            "extends = \"{base}\"\npackages = [\"linux-image-cloud-amd64\"]\n[kernel]\nflavour = \"none\"\n\
             [image]\nname = \"{on_failure}\"\n[verify]\non_failure = \"{on_failure}\"\n"
        );
        Self::of(shop, judges, on_failure, &text, |root| {
            if base == "web-frontend" {
                let peers = root.join("var/lib/karat/peers");
                fs::create_dir_all(&peers).unwrap();
                let names = ["api".to_owned(), "bastion".to_owned()];
                fs::write(peers.join("web.dsse.json"), shop.peers("web", 1, &names)).unwrap();
            }
        })
    }

    /// Builds the image of this name from a template's text; `prepare` does to its root what whoever
    /// delivers it may do.
    pub(super) fn of(
        shop: &Workshop,
        judges: &'a Judges,
        name: &str,
        text: &str,
        prepare: impl FnOnce(&Path),
    ) -> Self {
        let template = format!("workspace/templates/{name}.toml");
        fs::write(shop.path(&template), text).unwrap();
        let options = ["-o", "out", "--format", "tar", "--compression", "none"];
        shop.succeed(["build", &template].iter().chain(&options));
        let directory = shop.path(format!("instance-{name}"));
        fs::create_dir(&directory).unwrap();
        let root = directory.join("root");
        let tar = shop.path(format!("out/{name}_1.tar"));
        unpack(&tar, &root);
        fs::remove_file(tar).unwrap();
        prepare(&root);
        let words = fs::read_to_string(root.join("etc/kernel/cmdline")).unwrap_or_default();
        let delivered = root.join("var/lib/karat/baseline");
        fs::create_dir_all(&delivered).unwrap();
        let envelope = format!("{name}_1.dsse.json");
        fs::copy(shop.path("out").join(&envelope), delivered.join(envelope)).unwrap();
        let disk = directory.join("disk.img");
        let mut mke2fs = judges.mke2fs.command();
        mke2fs.args(["-q", "-t", "ext4", "-d"]).arg(&root);
        let (code, text) = said(&mke2fs.arg(&disk).arg(DISK).output().unwrap());
        assert_eq!(code, 0, "{text}");
        let boot = |name: &str| {
            let from = only(&root.join("boot"), name);
            let to = directory.join(name);
            fs::copy(from, &to).unwrap();
            to
        };
        let (kernel, initrd) = (boot("vmlinuz-"), boot("initrd.img-"));
        fs::remove_dir_all(root).unwrap();
        Self {
            judges,
            directory,
            disk,
            kernel,
            initrd,
            words,
        }
    }

    /// Lets everybody in over SSH, from outside, after what a power failure asks for.
    fn tamper(&self) {
        let mut e2fsck = self.judges.e2fsck.command();
        let output = e2fsck.args(["-f", "-y"]).arg(&self.disk).output().unwrap();
        // 1: errors were corrected, such as a journal that was not played back.
        let (code, text) = said(&output);
        assert!(code <= 1, "{code}: {text}");
        let config = self.directory.join("sshd_config");
        fs::write(&config, "PermitRootLogin yes\n").unwrap();
        fs::set_permissions(&config, fs::Permissions::from_mode(0o600)).unwrap();
        for command in [
            "rm /etc/ssh/sshd_config",
            "write sshd_config /etc/ssh/sshd_config",
        ] {
            let mut debugfs = self.judges.debugfs.command();
            debugfs.current_dir(&self.directory);
            debugfs.args(["-w", "-R", command, "disk.img"]);
            let (code, text) = said(&debugfs.output().unwrap());
            assert_eq!(code, 0, "{command}: {text}");
        }
    }

    /// Starts it.
    pub(super) fn boot(&self, more: &[&str]) -> Machine {
        // What hangs is ended, and said to hang.
        let mut command = self.judges.timeout.command();
        command.args(["-k", "5", PATIENCE]);
        command.arg(self.judges.qemu.command().get_program());
        let disk = format!(
            "file={},format=raw,if=virtio,cache=unsafe",
            path(&self.disk)
        );
        command.args([
            "-accel",
            "tcg,thread=single",
            "-cpu",
            "max",
            "-smp",
            "1",
            "-m",
            "1024",
        ]);
        command.args(["-nodefaults", "-no-reboot", "-display", "none"]);
        // A network with nobody but who gives out addresses: else services wait for one.
        command.args(["-netdev", "user,id=net,restrict=on"]);
        command.args(["-device", "virtio-net-pci,netdev=net"]);
        command.args(["-serial", "stdio", "-drive", &disk]);
        command.arg("-kernel").arg(&self.kernel);
        command.arg("-initrd").arg(&self.initrd);
        let words = self.words.trim();
        // On a busy machine the emulated timer may miss the moment in which the kernel tries it.
        let words = format!("root=/dev/vda rw console=ttyS0 panic=-1 no_timer_check {words}");
        command.args(["-append", &words]);
        command.args(more);
        run(&mut command)
    }
}

/// Starts the machine that this command runs, with its console on standard output.
pub(super) fn run(command: &mut Command) -> Machine {
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    Machine {
        child: command.spawn().unwrap(),
        console: Console::default(),
    }
}

/// The only file in `directory` whose name begins with `start`.
fn only(directory: &Path, start: &str) -> PathBuf {
    let begins = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_str();
        name.is_some_and(|name| name.starts_with(start))
    };
    let entries = fs::read_dir(directory).unwrap();
    let mut found = entries.map(|entry| entry.unwrap().path()).filter(begins);
    let one = found.next().unwrap();
    assert_eq!(found.next(), None);
    one
}

/// A path in one of QEMU's lists, where a comma is written twice.
fn path(path: &Path) -> String {
    path.to_str().unwrap().replace(',', ",,")
}

/// A machine that runs, and what it said on its console.
pub(super) struct Machine {
    child: Child,
    console: Console,
}

impl Machine {
    /// Waits until it says this.
    pub(super) fn until(&mut self, text: &str) {
        while !self.console.text().contains(text) {
            let heard = self.hear();
            assert!(heard, "it ended before {text:?}: {}", self.console.text());
        }
    }

    /// The power fails.
    pub(super) fn cut_off(mut self) -> String {
        self.end();
        self.console.text()
    }

    /// Waits until it switches itself off.
    fn ends(mut self) -> String {
        while self.hear() {}
        let status = self.child.wait().unwrap();
        let console = self.console.text();
        assert!(status.success(), "{status}: {console}");
        console
    }

    /// Takes what it says next; gives whether there was anything.
    fn hear(&mut self) -> bool {
        let mut buffer = [0; 4096];
        let count = self.child.stdout.as_mut().unwrap().read(&mut buffer);
        let count = count.unwrap();
        self.console.hear(&buffer[..count]);
        count > 0
    }

    /// timeout(1) hands the signal on to the machine.
    fn end(&mut self) {
        if self.child.try_wait().unwrap().is_none() {
            let pid = rustix::process::Pid::from_child(&self.child);
            rustix::process::kill_process(pid, Signal::TERM).unwrap();
            self.child.wait().unwrap();
        }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.end();
    }
}

/// Text of a terminal without what steers it: escape sequences and carriage returns.
#[derive(Default)]
struct Console {
    text: Vec<u8>,
    /// What began with ESC and has not ended.
    sequence: Vec<u8>,
}

impl Console {
    fn hear(&mut self, bytes: &[u8]) {
        for byte in bytes {
            match (*byte, self.sequence.len()) {
                (b'\x1b', _) => self.sequence = vec![b'\x1b'],
                (b'\r', 0) => {}
                (byte, 0) => self.text.push(byte),
                // `ESC [` … and a letter; any other sequence of two.
                (b'[', 1) => self.sequence.push(b'['),
                (b'@'..=b'~', 2) | (_, 1) => self.sequence.clear(),
                (_, _) => {}
            }
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.text).into_owned()
    }
}

#[test]
fn a_console_is_read_without_what_steers_it() {
    let mut console = Console::default();
    console.hear(b"[\x1b[0;32m  OK  \x1b[");
    console.hear(b"0m] a\r\nb\x1b[?7hc\x1bMd");
    assert_eq!(console.text(), "[  OK  ] a\nbcd");
}
