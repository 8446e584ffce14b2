//! Running maintainer scripts in dpkg's order, by the image's own dpkg.

use std::path::{Path, PathBuf};

use super::dpkgdb::{CURRENT, WAITING};
use super::error::StageError;
use super::extract::Deb;
use super::inputs::{Inputs, StandIns};
use crate::path::ImagePath;
use crate::sys::root::Root;
use crate::sys::sandbox::{self, Plan, Report, RunError, Step};

/// What scripts see: nothing of the machine, nothing of the clock that could be had from here.
const ENVIRONMENT: [(&str, &str); 9] = [
    (
        "PATH",
        "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    ),
    ("HOME", "/root"),
    ("LC_ALL", "C.UTF-8"),
    ("TERM", "dumb"),
    ("DEBIAN_FRONTEND", "noninteractive"),
    ("DEBCONF_NONINTERACTIVE_SEEN", "true"),
    ("DPKG_COLORS", "never"),
    // There is no service manager to talk to, whatever a script finds under /proc/1.
    ("SYSTEMD_OFFLINE", "1"),
    ("SHELL", "/bin/sh"),
];

/// Files that are there only while scripts run, unless a script or package changes them.
const GUARDS: [(&str, &str, u32); 3] = [
    // invoke-rc.d(8): 101 = the action is forbidden.
    ("/usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n", 0o755),
    ("/etc/hostname", "karat\n", 0o644),
    (
        "/etc/resolv.conf",
        "# no network while an image is built\n",
        0o644,
    ),
];

/// A file that keeps a package's scripts from making what belongs to an instance, not to an image:
/// [`normalise`](super::normalise) would remove it again, and making it takes time.
struct Placeholder {
    /// What a package brings that would make it.
    wanted_by: &'static str,
    path: &'static str,
    text: &'static str,
    mode: u32,
}

const fn host_key(path: &'static str) -> Placeholder {
    Placeholder {
        wanted_by: "/usr/sbin/sshd",
        path,
        text: "made on each instance\n",
        mode: 0o600,
    }
}

const PLACEHOLDERS: [Placeholder; 4] = [
    // openssh-server's postinst makes the keys that are not there.
    host_key("/etc/ssh/ssh_host_ecdsa_key"),
    host_key("/etc/ssh/ssh_host_ed25519_key"),
    host_key("/etc/ssh/ssh_host_rsa_key"),
    // pg_createcluster(1), createcluster.conf: a cluster holds random ids and the time.
    Placeholder {
        wanted_by: "/usr/share/postgresql-common",
        path: "/etc/postgresql-common/createcluster.d/karat.conf",
        text: "create_main_cluster = false\n",
        mode: 0o644,
    },
];

/// Directories that guards and mounts need; packages bring them in any real image.
const DIRECTORIES: [&str; 7] = ["/dev", "/etc", "/proc", "/sys", "/usr", "/usr/sbin", "/tmp"];

/// Runs scripts in a root.
pub(super) struct Configurer<'a> {
    root: &'a Root,
    inputs: &'a Inputs,
    plan: Plan,
    /// Called with each package that dpkg begins to configure.
    progress: &'a mut dyn FnMut(&str),
    /// Guards that were put there.
    guards: Vec<(ImagePath, &'static str)>,
    /// Directories that were made for guards.
    guard_directories: Vec<ImagePath>,
}

impl<'a> Configurer<'a> {
    pub(super) fn new(
        root: &'a Root,
        path: &Path,
        inputs: &'a Inputs,
        progress: &'a mut dyn FnMut(&str),
    ) -> Self {
        let mut environment: Vec<(String, String)> = ENVIRONMENT
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        // Honoured by shadow, debconf, python3, mkinitramfs and others.
        environment.push(("SOURCE_DATE_EPOCH".to_owned(), inputs.epoch.to_string()));
        Self {
            root,
            inputs,
            plan: Plan {
                root: PathBuf::from(path),
                environment,
                steps: Vec::new(),
                stand_ins: inputs.stand_ins == StandIns::Used,
            },
            progress,
            guards: Vec::new(),
            guard_directories: Vec::new(),
        }
    }

    /// Puts the guards in place; what packages brought already stays.
    pub(super) fn guard(&mut self) -> Result<(), StageError> {
        for name in DIRECTORIES {
            let mode = if name == "/tmp" { 0o1777 } else { 0o755 };
            self.root.make_directory(&path(name)?, mode)?;
        }
        for (name, text, mode) in GUARDS {
            let path = path(name)?;
            if self.root.find(&path)?.is_none() {
                self.root.write(&path, text.as_bytes(), mode)?;
                self.guards.push((path, text));
            }
        }
        Ok(())
    }

    /// Puts placeholders where packages that were placed since would make things of an instance's
    /// own. What packages brought already stays.
    pub(super) fn guard_instances(&mut self) -> Result<(), StageError> {
        for placeholder in PLACEHOLDERS {
            let file = path(placeholder.path)?;
            let is_wanted = self.root.find(&path(placeholder.wanted_by)?)?.is_some();
            if !is_wanted || self.root.find(&file)?.is_some() {
                continue;
            }
            self.make_parents(&file)?;
            let text = placeholder.text;
            self.root.write(&file, text.as_bytes(), placeholder.mode)?;
            self.guards.push((file, text));
        }
        Ok(())
    }

    /// Makes the directories above `file` that are missing, and remembers them.
    fn make_parents(&mut self, file: &ImagePath) -> Result<(), StageError> {
        let mut missing = Vec::new();
        let mut at = file.parent();
        while let Some(directory) = at
            && self.root.find(&directory)?.is_none()
        {
            at = directory.parent();
            missing.push(directory);
        }
        while let Some(directory) = missing.pop() {
            self.root.make_directory(&directory, 0o755)?;
            self.guard_directories.push(directory);
        }
        Ok(())
    }

    /// Removes the guards that still are what they were.
    pub(super) fn unguard(&mut self) -> Result<(), StageError> {
        for (path, text) in self.guards.drain(..) {
            let is_link = self
                .root
                .find(&path)?
                .is_none_or(|found| found.kind != rustix::fs::FileType::RegularFile);
            if !is_link && self.root.read(&path, 4096)?.as_deref() == Some(text.as_bytes()) {
                self.root.remove(&path)?;
            }
        }
        while let Some(directory) = self.guard_directories.pop() {
            self.root.remove_empty_directory(&directory)?;
        }
        Ok(())
    }

    /// Adds the `preinst` of a package whose control files wait in [`WAITING`].
    pub(super) fn preinst(&mut self, deb: &Deb) {
        if deb.control.member("preinst").is_none() {
            return;
        }
        let field = |name: &str| deb.control.field(name).to_owned();
        // What dpkg sets for every script: dpkg(1), "Environment".
        let environment = [
            ("DPKG_MAINTSCRIPT_PACKAGE", field("package")),
            ("DPKG_MAINTSCRIPT_PACKAGE_REFCOUNT", "1".to_owned()),
            ("DPKG_MAINTSCRIPT_ARCH", field("architecture")),
            ("DPKG_MAINTSCRIPT_NAME", "preinst".to_owned()),
            ("DPKG_MAINTSCRIPT_DEBUG", "0".to_owned()),
            ("DPKG_RUNNING_VERSION", "1.22.0".to_owned()),
            ("DPKG_ADMINDIR", "/var/lib/dpkg".to_owned()),
            ("DPKG_ROOT", String::new()),
        ];
        self.plan.steps.push(Step {
            command: vec![format!("{CURRENT}/preinst"), "install".to_owned()],
            environment: environment
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
            status: false,
            rename: Some((format!("{WAITING}/{}", deb.name), CURRENT.to_owned())),
        });
    }

    /// Adds one run of `dpkg --configure` over these packages; over all that is pending, if none.
    pub(super) fn configure(&mut self, packages: &[&str]) {
        let mut command: Vec<String> = [
            "/usr/bin/dpkg",
            "--abort-after=1",
            "--force-unsafe-io",
            "--force-confdef",
            "--force-confold",
            "--log=/dev/null",
            "--configure",
        ]
        .map(str::to_owned)
        .into();
        if packages.is_empty() {
            command.push("--pending".to_owned());
        } else {
            command.extend(packages.iter().map(|name| (*name).to_owned()));
        }
        self.plan.steps.push(Step {
            command,
            status: true,
            ..Step::default()
        });
    }

    /// Runs what was added.
    pub(super) fn run(&mut self) -> Result<(), StageError> {
        if self.plan.steps.is_empty() {
            return Ok(());
        }
        let mut now = Now::default();
        let result = sandbox::run(&self.plan, self.inputs.script_limit, |report| {
            if let Some(package) = now.take(&report, &self.plan.steps) {
                (self.progress)(&package);
            }
        });
        self.plan.steps.clear();
        result.map_err(|error| match error {
            RunError::Failed { status, output, .. } => StageError::Script {
                what: now.what(),
                status,
                output,
            },
            RunError::TimedOut { output, .. } => StageError::TimedOut {
                what: now.what(),
                seconds: self.inputs.script_limit.as_secs(),
                output,
            },
            RunError::Sandbox(error) => StageError::Sandbox(error),
        })
    }
}

/// What runs right now, as far as reports tell.
#[derive(Debug, Default)]
struct Now {
    script: &'static str,
    package: String,
    failed: bool,
}

impl Now {
    /// Takes a report; gives the package that is now worked on, if that changed.
    fn take(&mut self, report: &Report, steps: &[Step]) -> Option<String> {
        match report {
            Report::Began(step) => {
                let preinst = steps.get(*step).and_then(|step| {
                    step.environment
                        .iter()
                        .find(|(name, _)| name == "DPKG_MAINTSCRIPT_PACKAGE")
                });
                (self.script, self.package) = match preinst {
                    Some((_, package)) => ("preinst", package.clone()),
                    None => ("dpkg", String::new()),
                };
                None
            }
            Report::Status(line) => {
                // dpkg(1), --status-fd: "processing: STAGE: PACKAGE", "status: PACKAGE : error : …".
                let mut parts = line.split(": ").map(str::trim);
                match (parts.next()?, parts.next()?, parts.next()?) {
                    ("processing", stage, package) if !self.failed => {
                        self.script = if stage == "trigproc" {
                            "triggered"
                        } else {
                            "postinst"
                        };
                        package.clone_into(&mut self.package);
                        Some(self.package.clone())
                    }
                    ("status", package, "error") => {
                        package.clone_into(&mut self.package);
                        self.failed = true;
                        None
                    }
                    _ => None,
                }
            }
        }
    }

    fn what(&self) -> String {
        match self.script {
            "preinst" => format!("the preinst script of package '{}'", self.package),
            "triggered" => format!("the trigger script of package '{}'", self.package),
            "postinst" => format!("the postinst script of package '{}'", self.package),
            _ => "dpkg".to_owned(),
        }
    }
}

fn path(name: &str) -> Result<ImagePath, StageError> {
    ImagePath::parse(name).map_err(|error| StageError::System(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_failing_package_is_named() {
        let mut now = Now::default();
        let line = |text: &str| Report::Status(text.to_owned());
        now.take(&Report::Began(0), &[Step::default()]);
        assert_eq!(now.what(), "dpkg");
        let seen = now.take(&line("processing: configure: libc6:amd64"), &[]);
        assert_eq!(seen.as_deref(), Some("libc6:amd64"));
        assert_eq!(
            now.take(&line("status: libc6:amd64: half-configured"), &[]),
            None
        );
        now.take(&line("processing: trigproc: man-db"), &[]);
        assert_eq!(now.what(), "the trigger script of package 'man-db'");
        now.take(&line("status: a : error : it broke"), &[]);
        assert_eq!(now.package, "a");
    }
}
