//! The disk: a shipped template, built once for all tests.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde_json::Value;

use crate::build::workshop::Workshop;
use crate::support::schema::published;
use crate::support::{Judge, judge, skip, toolbox};

/// The name of the image and its version.
pub(super) const STEM: &str = "uefi_1";

/// `base` under server-l2, which once it is up says what only somebody inside can know. With the libraries
/// that systemd measures the phases of a boot by; where they are not, it says nothing to a TPM. Profiles of
/// `AppArmor` take an emulated processor minutes to load.
const TEMPLATE: &str = r#"
extends = "base"
packages = [
    "audispd-plugins", "libpam-pwquality",
    "libtss2-esys-3.0.2-0t64", "libtss2-mu-4.0.1-0t64", "libtss2-rc0t64", "libtss2-tcti-device0t64",
]

[image]
name = "uefi"

[harden]
profile = "server-l2"
except = { "bt.aa" = "it is slow where a processor is emulated" }

[segment]
exposure = { "inside.service" = 9.6 }

[services]
enable = ["inside.service"]

[[files]]
path = "/usr/local/sbin/inside"
mode = "0755"
content = '''
#!/bin/bash
dmesg -n 1
say() { printf '\n%s\n' "$*" > /dev/console; }
for bank in /sys/class/tpm/tpm0/pcr-*; do
  for pcr in 4 8 11 12 13; do
    test ! -e "$bank" || say PCR "${bank##*-}" $pcr "$(cat "$bank/$pcr")"
  done
done
say REPORT "$(cat /run/karat/boot-report.json)"
say "UNITS FAILED: $(systemctl list-units --failed --plain --no-legend | cut -d' ' -f1 | tr '\n' ' ')"
say "BLESSED $(systemctl is-active karat-bless.service)"
sync
say ALL SAID
'''

[[files]]
path = "/etc/systemd/system/inside.service"
content = '''
[Unit]
Description=Say what only somebody inside can know
After=multi-user.target karat-bless.service karat-verify.service network-online.target ssh.service systemd-pcrphase.service
Wants=network-online.target
[Service]
Type=oneshot
ExecStart=/usr/local/sbin/inside
[Install]
WantedBy=multi-user.target
'''
"#;

/// The outside programs, and the firmware of package ovmf.
pub(super) struct Judges {
    pub(super) qemu: Judge,
    pub(super) timeout: Judge,
    pub(super) swtpm: Judge,
    pub(super) mcopy: Judge,
    pub(super) mmd: Judge,
    pub(super) e2fsck: Judge,
    pub(super) debugfs: Judge,
    pub(super) openssl: Judge,
}

/// The outputs of the build.
pub(super) struct Built {
    pub(super) judges: Judges,
    directory: PathBuf,
}

impl Judges {
    fn all() -> Option<Self> {
        if !Path::new("/usr/share/OVMF/OVMF_CODE_4M.fd").exists() {
            skip("no OVMF: package ovmf");
            return None;
        }
        Some(Self {
            qemu: judge("qemu-system-x86_64")?,
            timeout: judge("timeout")?,
            swtpm: judge("swtpm")?,
            mcopy: judge("mcopy")?,
            mmd: judge("mmd")?,
            e2fsck: judge("e2fsck")?,
            debugfs: judge("debugfs")?,
            openssl: judge("openssl")?,
        })
    }
}

impl Built {
    /// The disk, built by whichever test comes first, for these very programs; `None`, said so, where
    /// something is missing.
    pub(super) fn get() -> Option<Self> {
        if std::env::consts::ARCH != "x86_64" {
            skip("the machine that is emulated is an x86-64");
            return None;
        }
        let (judges, agent) = (Judges::all()?, toolbox::static_agent()?);
        let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("uefi-disk");
        fs::create_dir_all(&place).unwrap();
        let lock = fs::File::create(place.join("lock")).unwrap();
        lock.lock().unwrap();
        let (key, directory) = (place.join("key"), place.join("out"));
        let programs = [Path::new(env!("CARGO_BIN_EXE_karat")), &agent];
        let wanted = format!("{:?}{TEMPLATE}", programs.map(identity));
        if fs::read_to_string(&key).ok() != Some(wanted.clone()) {
            drop(fs::remove_file(&key));
            drop(fs::remove_dir_all(&directory));
            let shop = Workshop::new("uefi-disk")?;
            fs::write(shop.path("workspace/templates/uefi.toml"), TEMPLATE).unwrap();
            let agent = agent.to_str().unwrap();
            let build = ["build", "workspace/templates/uefi.toml", "-o", "out"];
            let options = ["--format", "disk", "--agent", agent];
            shop.succeed(build.iter().chain(&options));
            fs::rename(shop.path("out"), &directory).unwrap();
            fs::write(&key, wanted).unwrap();
        }
        Some(Self { judges, directory })
    }

    /// An output, by the end of its name.
    pub(super) fn output(&self, end: &str) -> PathBuf {
        self.directory.join(format!("{STEM}{end}"))
    }

    /// What register `pcr` holds, in the banks of SHA-256 and SHA-384: as it was predicted when the
    /// image was built.
    pub(super) fn predicted(&self, pcr: u8, when: &str) -> [String; 2] {
        let text = fs::read_to_string(self.output(".measure.json")).unwrap();
        let document: Value = published("measure").holds(&text);
        let all = document["pcrs"].as_array().unwrap().iter();
        let mut found = all.filter(|one| one["pcr"] == pcr && one["when"] == when);
        let one = found.next().unwrap();
        ["sha256", "sha384"].map(|bank| one[bank].as_str().unwrap().to_owned())
    }
}

/// What changes when a program is made anew.
fn identity(program: &Path) -> (u64, u128) {
    let metadata = fs::metadata(program).unwrap();
    let modified = metadata.modified().unwrap();
    let since = modified.duration_since(UNIX_EPOCH).unwrap();
    (metadata.len(), since.as_nanos())
}
