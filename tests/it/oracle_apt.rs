//! The resolver against `apt-get -s` on an empty system, with the indexes of the mirror that this
//! machine's apt uses: names and versions must be equal wherever karat does not refuse, and every
//! refusal of what apt can do is listed here with its reason.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use karat::deb::control::stanzas;
use karat::deb::resolve::{Pin, Provided};
use karat::deb::{Request, Source, Universe, Version, resolve};

use super::support::{judge, skip};

/// What both should say to a case.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Verdict {
    /// The same packages in the same versions.
    Same,
    /// Neither can do it.
    Neither,
    /// One of the two above: it depends on what the archive has today.
    Alike,
    /// apt finds a way, karat refuses, for this reason.
    OnlyApt(&'static str),
}
use Verdict::{Alike, Neither, OnlyApt, Same};

#[derive(Clone, Copy)]
struct Case {
    packages: &'static str,
    recommends: bool,
    /// Whether something counts as installed that provides `linux-initramfs-tool`.
    dummy: bool,
    /// Package, pin and priority of each preference.
    pins: &'static [(&'static str, &'static str, i16)],
    verdict: Verdict,
}

const fn set(packages: &'static str) -> Case {
    Case {
        packages,
        recommends: false,
        dummy: false,
        pins: &[],
        verdict: Same,
    }
}

const fn recommended(packages: &'static str) -> Case {
    Case {
        recommends: true,
        ..set(packages)
    }
}

/// Sets for both releases.
const COMMON: &[Case] = &[
    set(""),
    set("systemd systemd-sysv openssh-server nftables"),
    set("linux-image-amd64 initramfs-tools systemd-sysv openssh-server chrony rsyslog sudo curl"),
    set("linux-image-amd64 dracut systemd-sysv"),
    Case {
        dummy: true,
        ..set("linux-image-amd64 systemd-sysv openssh-server")
    },
    set("postgresql nginx docker.io"),
    recommended("postgresql"),
    recommended("nginx"),
    set("exim4 apache2 php git-email"),
    recommended("exim4-daemon-heavy"),
    set("postfix dovecot-imapd"),
    set("default-mta"),
    set("sysvinit-core openssh-server"),
    set("mariadb-server redis-server haproxy keepalived"),
    set("tomcat10 rsyslog logrotate auditd apparmor fail2ban unattended-upgrades"),
    set("samba winbind"),
    recommended("cloud-init"),
    recommended("podman"),
    set("libvirt-daemon-system qemu-system-x86"),
    set("containerd runc etcd-server"),
    recommended("build-essential devscripts"),
    recommended("python3-numpy python3-scipy python3-django gunicorn"),
    set("default-jdk maven"),
    recommended("network-manager grub-efi-amd64 shim-signed"),
    set("xfce4"),
    set("gnome-core"),
    set("kde-plasma-desktop"),
    // Contradictions, and names that stand for nothing or for too much.
    set("exim4-daemon-heavy postfix").neither(),
    set("rsyslog busybox-syslogd").neither(),
    set("mail-transport-agent").neither(),
    set("there-is-no-such-package").neither(),
    // Pins.
    Case {
        verdict: Alike,
        pins: &[("*", "release l=Debian-Security", -1)],
        ..set("openssh-server curl nginx")
    },
    Case {
        verdict: Alike,
        pins: &[("curl libcurl*", "release l=Debian-Security", -1)],
        ..set("curl")
    },
    Case {
        pins: &[("mawk", "version *", -1)],
        ..set("systemd-sysv")
    }
    .neither(),
    Case {
        pins: &[("exim4*", "release o=Debian", -10)],
        ..recommended("bsd-mailx")
    },
    Case {
        pins: &[("nginx", "release o=Debian", -1)],
        ..set("nginx")
    }
    .neither(),
    Case {
        pins: &[("libc6", "version *", -1)],
        ..set("")
    }
    .neither(),
];

const BOOKWORM: &[Case] = &[
    recommended("gnome-core"),
    set("systemd-resolved openresolv").neither(),
    Case {
        verdict: OnlyApt(
            "an alternative that fails leaves pipewire-audio behind, which conflicts with the \
             pulseaudio that was chosen; apt's problem resolver removes it",
        ),
        ..recommended("cinnamon-desktop-environment")
    },
];

const TRIXIE: &[Case] = &[
    recommended("task-xfce-desktop"),
    set("systemd-resolved openresolv").neither(),
    Case {
        verdict: OnlyApt(
            "apt marks udev, then takes its systemd away again for elogind; its problem resolver \
             removes what that broke",
        ),
        ..recommended("sysvinit-core lxde")
    },
];

impl Case {
    const fn neither(self) -> Self {
        Self {
            verdict: Neither,
            ..self
        }
    }
}

#[test]
fn bookworm() {
    compare("bookworm", BOOKWORM);
}

#[test]
fn trixie() {
    compare("trixie", TRIXIE);
}

/// `dpkg --compare-versions` on versions made of the characters that matter.
#[test]
fn dpkg_agrees_on_the_order_of_versions() {
    let Some(dpkg) = judge("dpkg") else { return };
    let part = "[0-9]{1,2}[a-bA~+.]{0,2}[0-9]{0,2}[b~.+]?";
    let version = format!("([01]:)?{part}(-{part})?");
    let strategy = (
        proptest::string::string_regex(&version).unwrap(),
        proptest::string::string_regex(&version).unwrap(),
    );
    let config = proptest::test_runner::Config {
        cases: 300,
        failure_persistence: None,
        ..Default::default()
    };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let agree = |(a, b): (String, String)| {
        let ours = a.parse::<Version>().unwrap().cmp(&b.parse().unwrap());
        for (word, expected) in [("lt", ours.is_lt()), ("eq", ours.is_eq())] {
            let args = ["--compare-versions", &a, word, &b];
            let theirs = dpkg.command().args(args).status().unwrap().success();
            proptest::prop_assert_eq!(theirs, expected, "{} {} {}", a, word, b);
        }
        Ok(())
    };
    runner.run(&strategy, agree).unwrap();
}

fn compare(suite: &str, own: &[Case]) {
    if judge("apt-get").is_none() {
        return;
    }
    let Some(mirror) = Mirror::find() else {
        skip("apt's sources name no Debian archive");
        return;
    };
    let apt = Apt::new(suite, suite, &mirror, "");
    let universe = apt.universe();
    let cases: Vec<&Case> = COMMON.iter().chain(own).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        let mut failures = Vec::new();
        while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            failures.extend(judge_case(&apt, &universe, case));
        }
        failures
    };
    let mut failures: Vec<String> = std::thread::scope(|scope| {
        let workers = [scope.spawn(work), scope.spawn(work)];
        workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap())
            .collect()
    });
    failures.extend(older_versions(&apt, &universe));
    assert!(failures.is_empty(), "{suite}:\n{}", failures.join("\n"));
}

pub type Choice = Result<BTreeMap<String, String>, String>;

/// What is wrong with the answers to one case, if anything.
fn judge_case(apt: &Apt, universe: &Universe, case: &Case) -> Option<String> {
    let theirs = apt.install(case);
    let ours = karat(universe, case);
    let name = format!(
        "[{}]{}{}{}",
        case.packages,
        if case.recommends {
            " with recommended packages"
        } else {
            ""
        },
        if case.dummy { " with a dummy" } else { "" },
        if case.pins.is_empty() {
            String::new()
        } else {
            format!(" with {:?}", case.pins)
        },
    );
    match (case.verdict, theirs, ours) {
        (Same | Alike, Ok(theirs), Ok(ours)) => {
            difference(&theirs, &ours).map(|text| format!("{name}: {text}"))
        }
        (Neither | Alike, Err(_), Err(_)) | (OnlyApt(_), Ok(_), Err(_)) => None,
        (OnlyApt(_), Ok(theirs), Ok(ours)) => Some(format!(
            "{name}: karat does not refuse any more ({}): take it off the list of refusals",
            difference(&theirs, &ours).unwrap_or_else(|| "and agrees".to_owned()),
        )),
        (verdict, theirs, ours) => Some(format!(
            "{name}: expected {verdict:?}\n  apt: {}\n  karat: {}",
            theirs.map_or_else(
                |error| error,
                |packages| format!("{} packages", packages.len())
            ),
            ours.map_or_else(
                |error| error,
                |packages| format!("{} packages", packages.len())
            ),
        )),
    }
}

/// A request for a version that is not the newest, for the first few packages that have one.
fn older_versions(apt: &Apt, universe: &Universe) -> Vec<String> {
    let mut wanted: Vec<(&str, &str)> = Vec::new();
    let mut last = ("", "");
    for record in universe.records_by_name() {
        let now = (record.name(), record.version());
        let again = wanted.iter().any(|(name, _)| *name == now.0);
        if last.0 == now.0 && last.1 != now.1 && !again && !record.name().starts_with("lib") {
            wanted.push(last);
        }
        last = now;
    }
    let step = (wanted.len() / 3).max(1);
    wanted
        .into_iter()
        .step_by(step)
        .take(3)
        .filter_map(|(name, version)| {
            let packages: &'static str = format!("{name}={version}").leak();
            let case = set(packages);
            // Whether the old version can be installed at all is the archive's business.
            match (apt.install(&case), karat(universe, &case)) {
                (Ok(theirs), Ok(ours)) => {
                    difference(&theirs, &ours).map(|text| format!("[{packages}]: {text}"))
                }
                (Err(_), Err(_)) => None,
                (theirs, ours) => Some(format!("[{packages}]: {theirs:?}\n{ours:?}")),
            }
        })
        .collect()
}

pub fn difference(
    theirs: &BTreeMap<String, String>,
    ours: &BTreeMap<String, String>,
) -> Option<String> {
    let only = |a: &BTreeMap<String, String>, b: &BTreeMap<String, String>| {
        let only = a
            .iter()
            .filter(|(name, version)| b.get(*name) != Some(version));
        only.map(|(name, version)| format!("{name} {version}"))
            .collect::<Vec<_>>()
    };
    (theirs != ours).then(|| {
        format!(
            "only apt has {:?}, only karat {:?}",
            only(theirs, ours),
            only(ours, theirs)
        )
    })
}

fn karat(universe: &Universe, case: &Case) -> Choice {
    let mut request = Request::new("amd64".parse().unwrap());
    request.recommends = case.recommends;
    request.roots = case
        .packages
        .split_whitespace()
        .map(|name| name.parse().unwrap())
        .collect();
    request.pins = case
        .pins
        .iter()
        .map(|(packages, pin, priority)| Pin::new(packages, pin, *priority).unwrap())
        .collect();
    if case.dummy {
        request.provided.push(Provided {
            name: "karat-initrd".parse().unwrap(),
            version: "1".parse().unwrap(),
            provides: vec!["linux-initramfs-tool".parse().unwrap()],
        });
    }
    let resolution = resolve(universe, &request).map_err(|error| error.to_string())?;
    let chosen = resolution.packages.iter().map(|chosen| {
        let record = universe.record(chosen.record).unwrap();
        assert!(!resolution.why(record.name()).is_empty());
        (record.name().to_owned(), record.version().to_owned())
    });
    Ok(chosen.collect())
}

/// An apt that knows nothing of this machine but its mirror.
pub struct Apt {
    directory: PathBuf,
}

impl Apt {
    /// With the suite, its updates and its security updates, and the lines `further`, in a directory
    /// called `name`.
    pub fn new(name: &str, suite: &str, mirror: &Mirror, further: &str) -> Self {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join("oracle-apt")
            .join(name);
        for name in ["lists/partial", "cache/archives/partial", "parts", "cases"] {
            std::fs::create_dir_all(directory.join(name)).unwrap();
        }
        let apt = Self { directory };
        let mut sources = further.to_owned();
        for (uri, suffix) in [
            (&mirror.archive, ""),
            (&mirror.archive, "-updates"),
            (&mirror.security, "-security"),
        ] {
            let keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";
            writeln!(
                sources,
                "deb [signed-by={keyring}] {uri} {suite}{suffix} main"
            )
            .unwrap();
        }
        let root = apt.directory.display();
        let configuration = format!(
            "Dir \"{root}\";\n\
             Dir::Etc \"{root}\"; Dir::Etc::main \"none\"; Dir::Etc::parts \"parts\";\n\
             Dir::Etc::sourcelist \"sources.list\"; Dir::Etc::sourceparts \"parts\";\n\
             Dir::Etc::preferences \"none\"; Dir::Etc::preferencesparts \"parts\";\n\
             Dir::Etc::trusted \"none\"; Dir::Etc::trustedparts \"/usr/share/keyrings\";\n\
             Dir::State \"{root}\"; Dir::State::lists \"lists\"; Dir::State::status \"{root}/status\";\n\
             Dir::Cache \"{root}/cache\"; Dir::Cache::pkgcache \"\";\n\
             APT::Architecture \"amd64\"; APT::Architectures {{ \"amd64\"; }};\n\
             APT::Sandbox::User \"\"; Acquire::Languages \"none\"; Acquire::Retries \"3\";\n\
             pkgCacheGen::ForceEssential \",\";\n"
        );
        apt.write("sources.list", &sources);
        apt.write("status", "");
        apt.write("apt.conf", &configuration);
        let output = apt.command().arg("update").output().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        apt
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.directory.join(name), text).unwrap();
    }

    fn command(&self) -> Command {
        let mut command = judge("apt-get").unwrap().command();
        command
            .env("APT_CONFIG", self.directory.join("apt.conf"))
            .env("LC_ALL", "C");
        command
    }

    /// The indexes, in apt's order.
    fn universe(&self) -> Universe {
        let output = self
            .command()
            .args(["indextargets", "Created-By: Packages"])
            .output()
            .unwrap();
        let output = String::from_utf8(output.stdout).unwrap();
        let mut universe = Universe::new();
        for stanza in stanzas(&output) {
            let field = |name| stanza.field(name).unwrap().unwrap_or_default().to_owned();
            let source = Source {
                archive: field("Suite"),
                codename: field("Codename"),
                origin: field("Origin"),
                label: field("Label"),
                version: field("Version"),
                component: field("Component"),
                ..Source::named(&field("Release"))
            };
            let text = std::fs::read_to_string(field("Filename")).unwrap();
            universe.add(source, text).unwrap();
        }
        assert_eq!(universe.sources().len(), 3);
        universe
    }

    fn install(&self, case: &Case) -> Choice {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let (status, preferences) = (
            format!("cases/{number}.status"),
            format!("cases/{number}.pref"),
        );
        let dummy = "Package: karat-initrd\nStatus: install ok installed\nVersion: 1\n\
                     Architecture: all\nProvides: linux-initramfs-tool\n";
        self.write(&status, if case.dummy { dummy } else { "" });
        let pins = case.pins.iter().map(|(packages, pin, priority)| {
            format!("Package: {packages}\nPin: {pin}\nPin-Priority: {priority}\n\n")
        });
        self.write(&preferences, &pins.collect::<String>());
        let option =
            |key: &str, name: &str| format!("{key}={}", self.directory.join(name).display());
        let options = [
            option("Dir::State::status", &status),
            option("Dir::Etc::preferences", &preferences),
            format!("APT::Install-Recommends={}", case.recommends),
        ];
        self.simulate(&options, case.packages)
    }

    /// What apt would install on an empty system, with these options.
    pub fn simulate(&self, options: &[String], packages: &str) -> Choice {
        let output = self
            .command()
            .args(["-s", "-qq"])
            .args(options.iter().flat_map(|option| ["-o", option]))
            .args(["install", "?essential", "?priority(required)"])
            .args(packages.split_whitespace())
            .output()
            .unwrap();
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(!text.lines().any(|line| line.starts_with("Remv")), "{text}");
        let installed = text.lines().filter_map(|line| {
            let (name, rest) = line.strip_prefix("Inst ")?.split_once(" (")?;
            Some((name.to_owned(), rest.split(' ').next()?.to_owned()))
        });
        Ok(installed.collect())
    }
}

/// The URIs of the archive and of its security updates, as this machine's apt has them.
pub struct Mirror {
    archive: String,
    security: String,
}

impl Mirror {
    pub fn find() -> Option<Self> {
        let mut uris = Vec::new();
        let mut files = vec![PathBuf::from("/etc/apt/sources.list")];
        if let Ok(parts) = std::fs::read_dir("/etc/apt/sources.list.d") {
            files.extend(parts.map(|part| part.unwrap().path()));
        }
        files.sort();
        for file in files {
            let Ok(text) = std::fs::read_to_string(&file) else {
                continue;
            };
            let lines = text.lines().filter(|line| !line.starts_with('#'));
            if file
                .extension()
                .is_some_and(|extension| extension == "sources")
            {
                let text: Vec<&str> = lines.collect();
                for stanza in stanzas(&text.join("\n")) {
                    let value = stanza.field("URIs").unwrap().unwrap_or_default();
                    uris.extend(value.split_whitespace().map(str::to_owned));
                }
            } else {
                let words = lines.flat_map(str::split_whitespace);
                uris.extend(words.filter(|word| word.contains("://")).map(str::to_owned));
            }
        }
        let named = |name: &str| {
            let found = uris
                .iter()
                .find(|uri| uri.trim_end_matches('/').ends_with(name));
            found.cloned()
        };
        Some(Self {
            archive: named("/debian")?,
            security: named("/debian-security")?,
        })
    }
}
