//! Which rule of this machine stands against a sandbox: facts are read first, the decision over
//! them is pure.

use rustix::io::Errno;

use super::error::SandboxError;
use crate::sys::fs;

/// Largest of the small files that are read here.
const FILE_MAX: u64 = 64 << 10;
/// `mountinfo` of a machine with many containers.
const MOUNTS_MAX: u64 = 16 << 20;

/// The sorts of namespaces that a sandbox is made of.
const KINDS: [&str; 7] = ["user", "cgroup", "ipc", "mnt", "net", "pid", "uts"];

/// What this machine says about namespaces.
///
/// To be read before a user namespace is made: a new one has limits of its own, and shows those.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    /// Whether this process is root here.
    root: bool,
    /// `user.max_user_namespaces`, namespaces(7).
    max_user_namespaces: Option<u64>,
    /// The settings of this kind that allow none, whatever sort of namespaces they are about.
    none_allowed: Vec<String>,
    /// `kernel.unprivileged_userns_clone`, a setting of Debian's kernels.
    unprivileged_userns_clone: Option<u64>,
    /// `kernel.apparmor_restrict_unprivileged_userns`, a setting of Ubuntu's kernels.
    apparmor_restrict: Option<u64>,
    /// Whether a seccomp filter is in force.
    seccomp: bool,
    /// Whether programs that this process starts gain nothing from a set-user-ID bit.
    no_new_privs: bool,
    /// Whether `/` is no mount point: then this process lives in a chroot(2).
    chroot: bool,
    /// Whether the kernel knows user namespaces.
    compiled_in: bool,
}

impl Facts {
    /// Looks at this process and this machine.
    pub(super) fn read() -> Self {
        let setting = |name: &str| -> Option<u64> {
            let text = fs::read_text(format!("/proc/sys/{name}"), FILE_MAX).ok()?;
            text.trim().parse().ok()
        };
        let status = fs::read_text("/proc/self/status", FILE_MAX).unwrap_or_default();
        let mounts = fs::read_text("/proc/self/mountinfo", MOUNTS_MAX).unwrap_or_default();
        Self {
            root: rustix::process::geteuid().is_root(),
            max_user_namespaces: setting("user/max_user_namespaces"),
            none_allowed: KINDS
                .iter()
                .map(|kind| format!("max_{kind}_namespaces"))
                .filter(|name| setting(&format!("user/{name}")) == Some(0))
                .map(|name| format!("user.{name}"))
                .collect(),
            unprivileged_userns_clone: setting("kernel/unprivileged_userns_clone"),
            apparmor_restrict: setting("kernel/apparmor_restrict_unprivileged_userns"),
            seccomp: field(&status, "Seccomp:") == Some(2),
            no_new_privs: field(&status, "NoNewPrivs:") == Some(1),
            chroot: is_chroot(&mounts),
            compiled_in: fs::exists("/proc/self/ns/user").unwrap_or(true),
        }
    }

    /// Whether each sort of namespaces may be made at all.
    ///
    /// # Errors
    /// The setting that allows none.
    pub(super) fn allow_any(&self) -> Result<(), SandboxError> {
        match self.none_allowed.first() {
            None => Ok(()),
            Some(setting) => Err(SandboxError::NamespaceLimit {
                setting: setting.clone(),
                limit: Some(0),
            }),
        }
    }

    /// Why a user namespace was refused with `answer`: `user_namespaces(7)`, unshare(2).
    pub(super) fn refused(&self, answer: Errno) -> SandboxError {
        if !self.compiled_in {
            return SandboxError::NoUserNamespaces {
                reason: "the kernel is built without CONFIG_USER_NS".to_owned(),
            };
        }
        if answer == Errno::NOSPC {
            return SandboxError::NamespaceLimit {
                setting: "user.max_user_namespaces".to_owned(),
                limit: self.max_user_namespaces,
            };
        }
        let forbidden = answer == Errno::PERM || answer == Errno::ACCESS;
        if forbidden && !self.root && self.unprivileged_userns_clone == Some(0) {
            return SandboxError::RootOnly;
        }
        if forbidden && self.apparmor() {
            return SandboxError::AppArmor;
        }
        if answer == Errno::PERM && self.chroot {
            return SandboxError::Chroot;
        }
        // Container engines answer EPERM or, so that programs try another call, ENOSYS.
        if self.seccomp && (forbidden || answer == Errno::NOSYS) {
            return SandboxError::Seccomp {
                answer: answer.to_string(),
            };
        }
        SandboxError::NoUserNamespaces {
            reason: answer.to_string(),
        }
    }

    /// Why namespaces of the other kinds were refused inside the user namespace.
    pub(super) fn refused_inside(&self, step: &str, answer: Errno) -> SandboxError {
        if answer == Errno::NOSPC {
            // Which of several is full the kernel does not say.
            return SandboxError::NamespaceLimit {
                setting: "user.max_*_namespaces".to_owned(),
                limit: None,
            };
        }
        self.explain(SandboxError::step(step, answer))
    }

    /// Ubuntu lets a user namespace be made and then takes every capability from it, so that a
    /// later step fails in a way that explains nothing.
    pub(super) fn explain(&self, error: SandboxError) -> SandboxError {
        let (SandboxError::Step { message, .. }
        | SandboxError::Mount { message, .. }
        | SandboxError::Map { message }) = &error
        else {
            return error;
        };
        let forbidden = [Errno::PERM, Errno::ACCESS]
            .iter()
            .any(|errno| message.contains(&strerror(*errno)));
        if forbidden && self.apparmor() {
            return SandboxError::AppArmor;
        }
        error
    }

    /// Why a mapper that is there could not write the map, if this process is to blame.
    pub(super) fn powerless(&self, program: &str, set_user_id: bool) -> Option<SandboxError> {
        if self.no_new_privs {
            return Some(SandboxError::NoNewPrivileges {
                program: program.to_owned(),
            });
        }
        (!set_user_id).then(|| SandboxError::NotSetUserId {
            program: program.to_owned(),
        })
    }

    /// Whether Ubuntu's rule binds this process: root is exempt.
    fn apparmor(&self) -> bool {
        !self.root && self.apparmor_restrict == Some(1)
    }
}

/// The kernel's words for an error, without its number.
fn strerror(errno: Errno) -> String {
    let text = errno.to_string();
    let end = text.find(" (os error").unwrap_or(text.len());
    text.get(..end).unwrap_or_default().to_owned()
}

/// A number of `/proc/PID/status`.
fn field(status: &str, name: &str) -> Option<u64> {
    let value = status.lines().find_map(|line| line.strip_prefix(name))?;
    value.trim().parse().ok()
}

/// Whether no line of `mountinfo` (`proc_pid_mountinfo(5)`) has `/` as its mount point, the fifth
/// field. A chroot into a mount point looks like a root and is not found out.
fn is_chroot(mountinfo: &str) -> bool {
    !mountinfo.is_empty()
        && !mountinfo
            .lines()
            .any(|line| line.split(' ').nth(4) == Some("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An ordinary user of a machine that allows everything.
    fn facts() -> Facts {
        Facts {
            root: false,
            max_user_namespaces: Some(95_000),
            none_allowed: Vec::new(),
            unprivileged_userns_clone: None,
            apparmor_restrict: None,
            seccomp: false,
            no_new_privs: false,
            chroot: false,
            compiled_in: true,
        }
    }

    #[test]
    fn each_setting_is_named() {
        let limit = |limit| SandboxError::NamespaceLimit {
            setting: "user.max_user_namespaces".to_owned(),
            limit,
        };
        let with = |change: &dyn Fn(&mut Facts)| {
            let mut facts = facts();
            change(&mut facts);
            facts
        };
        assert_eq!(facts().refused(Errno::NOSPC), limit(Some(95_000)));
        let debian = with(&|facts| facts.unprivileged_userns_clone = Some(0));
        assert_eq!(debian.refused(Errno::PERM), SandboxError::RootOnly);
        let ubuntu = with(&|facts| facts.apparmor_restrict = Some(1));
        assert_eq!(ubuntu.refused(Errno::PERM), SandboxError::AppArmor);
        assert_eq!(ubuntu.refused(Errno::ACCESS), SandboxError::AppArmor);
        let inside = with(&|facts| facts.chroot = true);
        assert_eq!(inside.refused(Errno::PERM), SandboxError::Chroot);
        let container = with(&|facts| facts.seccomp = true);
        for errno in [Errno::PERM, Errno::NOSYS] {
            let answer = errno.to_string();
            assert_eq!(container.refused(errno), SandboxError::Seccomp { answer });
        }
        let old = with(&|facts| facts.compiled_in = false);
        let reason = "the kernel is built without CONFIG_USER_NS".to_owned();
        assert_eq!(
            old.refused(Errno::INVAL),
            SandboxError::NoUserNamespaces { reason }
        );
        let reason = Errno::INVAL.to_string();
        assert_eq!(
            facts().refused(Errno::INVAL),
            SandboxError::NoUserNamespaces { reason }
        );
    }

    #[test]
    fn rules_for_ordinary_users_are_not_blamed_for_what_root_meets() {
        let root = Facts {
            root: true,
            unprivileged_userns_clone: Some(0),
            apparmor_restrict: Some(1),
            seccomp: true,
            ..facts()
        };
        let answer = Errno::PERM.to_string();
        assert_eq!(root.refused(Errno::PERM), SandboxError::Seccomp { answer });
        let mount = SandboxError::Mount {
            what: "a fresh /proc".to_owned(),
            message: Errno::PERM.to_string(),
        };
        assert_eq!(root.explain(mount.clone()), mount);
    }

    #[test]
    fn a_namespace_without_capabilities_is_apparmors_work() {
        let ubuntu = Facts {
            apparmor_restrict: Some(1),
            ..facts()
        };
        let step = |errno: Errno| SandboxError::step("become root of the namespace", errno);
        let mapper = SandboxError::Map {
            message: "newuidmap: write to uid_map failed: Operation not permitted".to_owned(),
        };
        assert_eq!(ubuntu.explain(step(Errno::PERM)), SandboxError::AppArmor);
        assert_eq!(ubuntu.explain(mapper.clone()), SandboxError::AppArmor);
        assert_eq!(
            ubuntu.refused_inside("make namespaces", Errno::PERM),
            SandboxError::AppArmor
        );
        // What AppArmor does not answer is not its work, nor is anything where it is lenient.
        assert_eq!(ubuntu.explain(step(Errno::NOENT)), step(Errno::NOENT));
        assert_eq!(facts().explain(step(Errno::PERM)), step(Errno::PERM));
        assert_eq!(facts().explain(mapper.clone()), mapper);
        let named = SandboxError::NoMapper {
            program: "newuidmap".to_owned(),
        };
        assert_eq!(ubuntu.explain(named.clone()), named);
    }

    #[test]
    fn limits_inside_are_told_apart_from_refusals() {
        let none = Facts {
            none_allowed: vec!["user.max_pid_namespaces".to_owned()],
            ..facts()
        };
        assert_eq!(
            none.allow_any().unwrap_err().to_string(),
            "this machine allows no namespaces (user.max_pid_namespaces = 0)"
        );
        assert_eq!(facts().allow_any(), Ok(()));
        assert_eq!(
            facts().refused_inside("make namespaces", Errno::NOSPC),
            SandboxError::NamespaceLimit {
                setting: "user.max_*_namespaces".to_owned(),
                limit: None
            }
        );
    }

    #[test]
    fn a_mapper_needs_its_bit_and_a_process_that_lets_it_count() {
        let program = || "/usr/bin/newuidmap".to_owned();
        let bound = Facts {
            no_new_privs: true,
            ..facts()
        };
        assert_eq!(
            bound.powerless(&program(), true),
            Some(SandboxError::NoNewPrivileges { program: program() })
        );
        assert_eq!(
            facts().powerless(&program(), false),
            Some(SandboxError::NotSetUserId { program: program() })
        );
        assert_eq!(facts().powerless(&program(), true), None);
    }

    #[test]
    fn files_of_proc_are_read_as_the_kernel_writes_them() {
        let status = "Name:\tkarat\nNoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t1\n";
        assert_eq!(field(status, "NoNewPrivs:"), Some(1));
        assert_eq!(field(status, "Seccomp:"), Some(2));
        assert_eq!(field(status, "Absent:"), None);
        let root = "26 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n\
                    27 26 0:5 / /dev rw - devtmpfs udev rw\n";
        let inside = "27 26 0:5 / /dev rw - devtmpfs udev rw\n\
                      28 26 0:6 / /proc rw - proc proc rw\n";
        assert!(!is_chroot(root));
        assert!(is_chroot(inside));
        assert!(!is_chroot(""));
        // This very process can be looked at, wherever the tests run.
        assert_eq!(Facts::read(), Facts::read());
    }
}
