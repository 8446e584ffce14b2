//! Versions that follow each other on one disk, as its owner sees them: an update into the other slot,
//! nothing older after it, and back where a new version does not come up.
//!
//! The judges are OVMF, systemd-boot and the image's own systemd-bless-boot and systemd-sysupdate, on a
//! processor that QEMU emulates; mtools and sfdisk say what lies on the disk in between. What such a
//! machine has other than a real one: updates come from a second disk, since there is no web server.

use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use karat::disk::BootName;
use karat::layout::Part;
use karat::layout::fat::{FatError, Volume};
use karat::sys::fs::FileSource;

use super::boot::{has, has_not};
use super::workshop::{Workshop, said};
use crate::support::{Judge, judge, skip, toolbox};

/// Longest that one run of the machine may take, in seconds, on a busy machine: it takes some 60.
const PATIENCE: &str = "900";
const OVMF: &str = "/usr/share/OVMF";
/// Where the EFI system partition begins: the first one does at 1 MiB.
const ESP: u64 = 1 << 20;
/// A machine that would start again is off instead.
const ONCE: [&str; 1] = ["-no-reboot"];
/// What is on the console where a version is tried in vain.
const REFUSED: &str = "karat: slots_3 is not started\n";

/// What the machine does once it is up; with a second disk, it updates itself from there.
const GUEST: &str = r#"#!/bin/sh
say() { echo "guest: $*" > /dev/console; }
ask() {
    name=$1
    shift
    if answer=$("$@" 2>&1); then say "$name holds"; else say "$name FAILS: $answer"; fi
}
failed() { test -z "$(systemctl --failed --no-legend --plain)" || { systemctl --failed; false; }; }
put_away() { timeout 120 sh -c 'while mountpoint -q /efi; do sleep 1; done'; }
pieces() {
    mkdir -p /run/pieces /run/definitions /run/systemd/system/systemd-sysupdate.service.d
    mount -o ro /dev/vdb /run/pieces
    for file in /usr/lib/sysupdate.d/*.transfer; do
        sed -e 's,^Type=url-file,Type=regular-file,' -e 's,^Path=https:.*,Path=/run/pieces,' \
            "$file" > "/run/definitions/${file##*/}"
    done
    printf '[Service]\nType=oneshot\nExecStart=\nExecStart=%s --definitions=/run/definitions update\n' \
        /usr/lib/systemd/systemd-sysupdate > /run/systemd/system/systemd-sysupdate.service.d/90-pieces.conf
    systemctl daemon-reload
}
. /etc/os-release
say "version $IMAGE_VERSION"
ask verified systemctl is-active karat-verify.service
ask blessed systemctl is-active karat-bless.service
ask closed put_away
if test -b /dev/vdb; then
    ask pieces pieces
    ask update systemctl start systemd-sysupdate.service
    ask put-away put_away
fi
ask failed failed
say all asked
systemctl poweroff
"#;
const UNIT: &str = "[Unit]\\nAfter=multi-user.target karat-bless.service\\n[Service]\\nType=oneshot\\n\
    ExecStart=/usr/local/sbin/guest\\n[Install]\\nWantedBy=multi-user.target\\n";

#[test]
fn slot_b_update_and_fallback() {
    if std::env::consts::ARCH != "x86_64" {
        return skip("the machine that is emulated is an x86-64");
    }
    let (Some(shop), Some(judges)) = (Workshop::new("slots"), Judges::all()) else {
        return;
    };
    let Some(agent) = toolbox::static_agent() else {
        return;
    };
    let disk = Disk::new(&shop, &judges, &agent);
    let [two, three] = ["2", "3"].map(|version| disk.update(version, &agent));

    // The first version is not on trial once it has come up, and fetches the second.
    assert_eq!(disk.kernels(), ["slots_1+3.efi"]);
    came_up(&disk.boot(&[&two], &ONCE), "1", &["update"]);
    assert_eq!(disk.kernels(), ["slots_1.efi", "slots_2+3-0.efi"]);
    disk.has_slots(["1", "2"]);
    disk.is_in_order();
    let before = disk.copy("before.raw");

    // The second comes up in the other slot, although the power failed while a counter was written; the third
    // goes where the first was, and what was left is gone before.
    disk.untidy();
    came_up(&disk.boot(&[&three], &ONCE), "2", &["update"]);
    assert_eq!(disk.kernels(), ["slots_2.efi", "slots_3+3-0.efi"]);
    disk.has_slots(["3", "2"]);
    disk.is_in_order();

    // The first one, whole as it was, under what the machine remembers by now.
    before.state_of(&disk);
    before.delete("EFI/Linux/slots_2+3-0.efi");
    let console = before.boot(&[], &ONCE);
    has(
        &console,
        &[
            "karat: slots_1 is not started\n",
            "karat: rollback: serial 1 of slots is below 2, the lowest",
        ],
    );
    has_not(&console, &["guest: "]);

    // The third, which nobody signed: it is tried three times, and then the second is back.
    disk.delete("karat/slots_3.dsse.json");
    let console = disk.boot(&[], &[]);
    assert_eq!(console.matches(REFUSED).count(), 3, "{console}");
    has(
        &console,
        &["karat: incomplete: there is no envelope karat/slots_3.dsse.json"],
    );
    came_up(&console, "2", &[]);
    assert_eq!(disk.kernels(), ["slots_2.efi", "slots_3+0-3.efi"]);
}

/// This version came up, and all that it asked itself holds.
fn came_up(console: &str, version: &str, more: &[&str]) {
    has(console, &[&format!("guest: version {version}\n")]);
    has_not(console, &["FAILS"]);
    for name in ["verified", "blessed", "closed", "failed"]
        .iter()
        .chain(more)
    {
        has(console, &[&format!("guest: {name} holds\n")]);
    }
    has(console, &["guest: all asked\n"]);
}

/// The outside programs.
struct Judges {
    qemu: Judge,
    timeout: Judge,
    mke2fs: Judge,
    mcopy: Judge,
    mdel: Judge,
    mdir: Judge,
    sfdisk: Judge,
}

impl Judges {
    fn all() -> Option<Self> {
        if !Path::new(OVMF).join("OVMF_CODE_4M.fd").exists() {
            skip("no OVMF: package ovmf");
            return None;
        }
        Some(Self {
            qemu: judge("qemu-system-x86_64")?,
            timeout: judge("timeout")?,
            mke2fs: judge("mke2fs")?,
            mcopy: judge("mcopy")?,
            mdel: judge("mdel")?,
            mdir: judge("mdir")?,
            sfdisk: judge("sfdisk")?,
        })
    }
}

/// A machine's disk.
struct Disk<'a> {
    shop: &'a Workshop,
    judges: &'a Judges,
    path: PathBuf,
}

/// A partition, as sfdisk(8) shows it.
struct Partition {
    start: u64,
    size: u64,
    name: String,
    id: String,
}

impl<'a> Disk<'a> {
    /// The disk with the first version, as karat builds it.
    fn new(shop: &'a Workshop, judges: &'a Judges, agent: &Path) -> Self {
        build(shop, "1", "disk", agent);
        let path = shop.path("disk.raw");
        fs::rename(shop.path("out/slots_1.raw"), &path).unwrap();
        Self { shop, judges, path }
    }

    /// A file system with the pieces of another version, as they would be published.
    fn update(&self, version: &str, agent: &Path) -> PathBuf {
        build(self.shop, version, "split", agent);
        let published = self.shop.path(format!("published-{version}"));
        fs::create_dir(&published).unwrap();
        for entry in fs::read_dir(self.shop.path("out")).unwrap() {
            let from = entry.unwrap().path();
            let name = from.file_name().unwrap().to_str().unwrap().to_owned();
            let ends = [".root", ".verity", ".efi", ".dsse.json", ".tlog-proof"];
            if name.starts_with(&format!("slots_{version}"))
                && ends.iter().any(|end| name.ends_with(end))
            {
                fs::rename(&from, published.join(name)).unwrap();
            }
        }
        assert_eq!(fs::read_dir(&published).unwrap().count(), 5);
        let image = self.shop.path(format!("published-{version}.ext4"));
        let mut mke2fs = self.judges.mke2fs.command();
        mke2fs.args(["-q", "-t", "ext4", "-d"]).arg(&published);
        run(mke2fs.arg(&image).arg("320M"));
        fs::remove_dir_all(published).unwrap();
        image
    }

    /// Another disk with the same bytes.
    fn copy(&self, name: &str) -> Self {
        let path = self.shop.path(name);
        let mut copy = Command::new("cp");
        run(copy.arg("--sparse=always").arg(&self.path).arg(&path));
        Self { path, ..*self }
    }

    /// Starts the machine with these further disks and options, and gives what its console said until it was off.
    fn boot(&self, more: &[&Path], how: &[&str]) -> String {
        let variables = self.shop.path("variables");
        fs::copy(Path::new(OVMF).join("OVMF_VARS_4M.fd"), &variables).unwrap();
        // What hangs is ended, and said to hang.
        let mut command = self.judges.timeout.command();
        command.args(["-k", "5", PATIENCE]);
        command.arg(self.judges.qemu.command().get_program());
        command.args([
            "-machine",
            "q35",
            "-accel",
            "tcg,thread=single",
            "-cpu",
            "max",
        ]);
        command.args(["-smp", "1", "-m", "1024", "-nodefaults", "-nic", "none"]);
        command.args(["-display", "none", "-serial", "stdio"]);
        command.args(how);
        let code = format!("if=pflash,format=raw,readonly=on,file={OVMF}/OVMF_CODE_4M.fd");
        command.args(["-drive", &code]);
        let named = |path: &Path| path.to_str().unwrap().replace(',', ",,");
        let variables = format!("if=pflash,format=raw,file={}", named(&variables));
        command.args(["-drive", &variables]);
        let disk = format!(
            "if=virtio,format=raw,cache=unsafe,file={}",
            named(&self.path)
        );
        command.args(["-drive", &disk]);
        for path in more {
            let disk = format!("if=virtio,format=raw,readonly=on,file={}", named(path));
            command.args(["-drive", &disk]);
        }
        let output = command.stdin(Stdio::null()).output().unwrap();
        let console = String::from_utf8_lossy(&output.stdout).replace('\r', "");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "{}: {told}{console}",
            output.status
        );
        console
    }

    /// The kernels that the boot loader may start, in order.
    fn kernels(&self) -> Vec<String> {
        let mut mdir = self.judges.mdir.command();
        mdir.args(["-b", "-i", &self.esp(), "::EFI/Linux"]);
        let text = run(mdir.env("MTOOLS_SKIP_CHECK", "1"));
        let names = text.lines().filter_map(|line| line.rsplit('/').next());
        let mut names: Vec<String> = names.map(str::to_owned).collect();
        names.sort();
        names
    }

    /// Removes a file of the EFI system partition.
    fn delete(&self, path: &str) {
        let mut mdel = self.judges.mdel.command();
        mdel.args(["-i", &self.esp(), &format!("::{path}")]);
        run(mdel.env("MTOOLS_SKIP_CHECK", "1"));
    }

    /// Leaves the EFI system partition as a power failure may: clusters in use that no file has, in the first
    /// table alone, and something that was not finished.
    fn untidy(&self) {
        let mut mcopy = self.judges.mcopy.command();
        mcopy
            .args(["-i", &self.esp()])
            .arg(self.shop.path("out/slots_1.dsse.json"));
        mcopy.arg("::karat/.#sysupdateslots_3.dsse.json0123456789abcdef");
        run(mcopy.env("MTOOLS_SKIP_CHECK", "1"));
        let file = fs::File::options().read(true).write(true).open(&self.path);
        let file = file.unwrap();
        let mut boot = [0; 512];
        file.read_exact_at(&mut boot, ESP).unwrap();
        let reserved = u64::from(u16::from_le_bytes([boot[14], boot[15]]));
        let clusters = [0x0fff_ffff_u32.to_le_bytes(); 2].concat();
        let entry = ESP + reserved * 512 + 4 * 120_000;
        file.write_all_at(&clusters, entry).unwrap();
        assert!(self.volume().is_err());
    }

    /// The EFI system partition has nothing that karat does not know, and each cluster in one file or in none.
    fn is_in_order(&self) {
        let volume = self.volume().unwrap();
        for file in volume.files {
            assert_ne!(BootName::of(&file.path), BootName::Unknown, "{}", file.path);
        }
    }

    fn volume(&self) -> Result<Volume, FatError> {
        let source = FileSource::open(&self.path).unwrap();
        let partition = self.partitions().remove(0);
        assert_eq!(partition.start, ESP);
        Volume::read(&Part::new(&source, ESP, partition.size).unwrap())
    }

    fn esp(&self) -> String {
        format!("{}@@{ESP}", self.path.display())
    }

    /// Which versions are in the slots, and that their partitions have the ids of these versions.
    fn has_slots(&self, versions: [&str; 2]) {
        let partitions = self.partitions();
        let slots = partitions.iter().filter(|it| it.name.starts_with("slots_"));
        let slots: Vec<&Partition> = slots.collect();
        let names: Vec<&str> = slots.iter().map(|it| it.name.as_str()).collect();
        let [a, b] = versions.map(|version| format!("slots_{version}"));
        assert_eq!(names, [&a, &a, &b, &b]);
        for (version, pair) in versions.iter().zip(slots.chunks(2)) {
            let statement = self
                .shop
                .read(format!("out/slots_{version}.statement.json"));
            let statement = String::from_utf8(statement).unwrap();
            let hash: String = pair.iter().map(|it| it.id.replace('-', "")).collect();
            assert!(
                statement.contains(&hash.to_lowercase()),
                "{hash}: {statement}"
            );
        }
    }

    fn partitions(&self) -> Vec<Partition> {
        let text = run(self.judges.sfdisk.command().arg("--dump").arg(&self.path));
        let lines = text.lines().filter(|line| line.contains(": start="));
        let partitions = lines.map(|line| {
            let (_, values) = line.split_once(": ").unwrap();
            let value = |key: &str| {
                let mut found = values.split(", ").filter_map(|it| it.split_once('='));
                let found = found.find(|(name, _)| name.trim() == key);
                found
                    .map_or("", |(_, value)| value.trim().trim_matches('"'))
                    .to_owned()
            };
            let sectors = |key| value(key).parse::<u64>().unwrap() * 512;
            Partition {
                start: sectors("start"),
                size: sectors("size"),
                name: value("name"),
                id: value("uuid"),
            }
        });
        partitions.collect()
    }

    /// Takes over what another disk keeps.
    fn state_of(&self, other: &Disk<'_>) {
        let state = |disk: &Disk<'_>| {
            let mut partitions = disk.partitions().into_iter();
            partitions.find(|it| it.name == "state").unwrap()
        };
        let (from, to) = (state(other), state(self));
        assert_eq!(from.size, to.size);
        let mut bytes = vec![0; usize::try_from(from.size).unwrap()];
        let file = fs::File::open(&other.path).unwrap();
        file.read_exact_at(&mut bytes, from.start).unwrap();
        let file = fs::File::options().write(true).open(&self.path).unwrap();
        file.write_all_at(&bytes, to.start).unwrap();
    }
}

/// Builds a version of the image: a small one, which updates itself.
fn build(shop: &Workshop, version: &str, format: &str, agent: &Path) {
    let template = "workspace/templates/slots.toml";
    // A busy machine emulates a clock that a kernel may take for a broken one.
    let words = "\"console=ttyS0\", \"no_timer_check\", \"panic=-1\", \"quiet\"";
    let text = format!(
        "packages = [\"dbus\", \"systemd\", \"systemd-sysv\", \"udev\"]\n\
         [image]\nname = \"slots\"\nversion = \"{version}\"\n[source]\nsuite = \"trixie\"\n\
         [kernel]\nflavour = \"cloud\"\ncmdline = [{words}]\n\
         [disk]\nroot = \"256M\"\nesp = \"64M\"\netc = \"overlay-state\"\non_failure = \"previous\"\n\
         updates = \"https://images.example/slots/\"\n\
         writable = {{ \"/home\" = \"no\", \"/root\" = \"no\", \"/srv\" = \"no\" }}\n\
         [services]\nenable = [\"guest.service\"]\n\
         [[files]]\npath = \"/etc/systemd/system/guest.service\"\ncontent = \"{UNIT}\"\n\
         [[files]]\npath = \"/usr/local/sbin/guest\"\nmode = \"0755\"\ncontent = '''\n{GUEST}'''\n\
         [verify]\nagent = true\n{}",
        ["dev", "proc", "run", "sys", "tmp"]
            .map(|name| mutable(&format!("/{name}/**"), "volatile"))
            .concat()
            + &mutable("/var/**", "state")
            + &mutable("/etc/.updated", "volatile")
            + &mutable("/etc/.pwd.lock", "volatile")
            + &mutable("/etc/machine-id", "generated-once\"\nmode = \"0444")
    );
    fs::write(shop.path(template), text).unwrap();
    let agent = agent.to_str().unwrap();
    shop.succeed([
        "build",
        template,
        "-o",
        "out",
        "--format",
        format,
        "--compression",
        "none",
        "--agent",
        agent,
    ]);
}

fn mutable(path: &str, class: &str) -> String {
    format!("[[verify.mutable]]\npath = \"{path}\"\nclass = \"{class}\"\n")
}

fn run(command: &mut Command) -> String {
    let (code, text) = said(&command.output().unwrap());
    assert_eq!(code, 0, "{command:?}: {text}");
    text
}
