//! Machines that allow no sandbox: each rule that can be provoked here, its diagnosis, and the next
//! step. Those that cannot be provoked are decided over facts in `sys::sandbox`'s own tests.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use karat::cli::failure::Failure;
use karat::sys::sandbox::{SandboxError, Worker};

use crate::support::{Scratch, judge, root, skip};

/// An ordinary user with subordinate ids, as `.ci/run` makes.
const USER: &str = "karat-test";

/// Not a test: starts a worker and prints what came of it, as a process of its own.
#[test]
#[ignore = "run by other tests as a process of its own"]
fn as_a_process() {
    let Some(program) = std::env::var_os("KARAT_TEST_WORKER") else {
        return;
    };
    let answer = match Worker::start(Some(Path::new(&program))) {
        Ok(_) => "started".to_owned(),
        Err(error) => serde_json::to_string(&error).unwrap(),
    };
    println!("ANSWER {answer}");
}

/// What a machine says that was made worse by `script`, a part of a shell script, first.
struct Machine {
    place: PathBuf,
    _scratch: Scratch,
}

impl Machine {
    /// `None` where this one cannot be made worse.
    fn new(name: &str) -> Option<Self> {
        if !root::is_root() {
            skip("needs root to change what a process sees of its machine");
            return None;
        }
        for program in ["unshare", "setpriv", "newuidmap", "useradd"] {
            judge(program)?;
        }
        let subuid = || fs::read_to_string("/etc/subuid").unwrap_or_default();
        if !subuid().contains(USER) {
            drop(
                Command::new("useradd")
                    .args(["--create-home", USER])
                    .output(),
            );
        }
        if !subuid().contains(USER) {
            skip("useradd gives no subordinate ids here");
            return None;
        }
        let scratch = Scratch::new(name);
        // Where the user can reach it, and where nothing is mounted over it.
        let place = PathBuf::from(format!("/tmp/karat-{name}-{}", std::process::id()));
        fs::create_dir(&place).unwrap();
        let machine = Self {
            place,
            _scratch: scratch,
        };
        machine.copy(Path::new(env!("CARGO_BIN_EXE_karat")), "karat");
        machine.copy(&std::env::current_exe().unwrap(), "tests");
        for program in ["setpriv", "sh", "chroot"] {
            let found = ["/usr/bin", "/usr/sbin", "/bin", "/sbin"]
                .map(|directory| Path::new(directory).join(program))
                .into_iter()
                .find(|path| path.exists());
            machine.copy(&found.unwrap(), program);
        }
        root::chmod(&machine.place, 0o755);
        Some(machine)
    }

    fn copy(&self, from: &Path, to: &str) {
        fs::copy(from, self.place.join(to)).unwrap();
        fs::set_permissions(self.place.join(to), fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// The error of a worker that is started behind `script`, in a mount namespace of its own;
    /// `$AS` in it becomes the ordinary user, `$HERE` is a place to put things, `"$@"` is what is
    /// to be run.
    fn error(&self, script: &str) -> SandboxError {
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-ec", script, "sh"]);
        command.arg(self.place.join("tests")).args([
            "--exact",
            "sandbox::refusals::as_a_process",
            "--ignored",
            "--nocapture",
        ]);
        let become_user = format!(
            "{}/setpriv --reuid {USER} --regid {USER} --init-groups",
            self.place.display()
        );
        command
            .env("KARAT_TEST_WORKER", self.place.join("karat"))
            .env("HERE", &self.place)
            .env("AS", become_user)
            .current_dir("/");
        let output = command.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let answer = text
            .lines()
            .find_map(|line| line.split_once("ANSWER "))
            .unwrap_or_else(|| panic!("{output:?}"));
        serde_json::from_str(answer.1).unwrap_or_else(|_| panic!("{}", answer.1))
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.place));
    }
}

/// What a user reads: the rule with its place, and the command to run.
fn told(error: &SandboxError, words: &[&str]) {
    let failure = Failure::from(karat::stage::StageError::from(error.clone()));
    let text = format!("{}\n{}", failure.message, failure.hint.unwrap());
    for word in words {
        assert!(text.contains(word), "no {word} in {text}");
    }
}

#[test]
fn no_user_namespaces_are_allowed() {
    let Some(machine) = Machine::new("limit") else {
        return;
    };
    // The limit is one of the user namespace that a process is in: the machine's own stays.
    for kind in ["user", "net", "pid"] {
        let error = machine.error(&format!(
            "exec unshare --user --map-root-user sh -ec \
             'echo 0 > /proc/sys/user/max_{kind}_namespaces; exec \"$@\"' sh \"$@\""
        ));
        let setting = format!("user.max_{kind}_namespaces");
        let limit = Some(0);
        let expected = SandboxError::NamespaceLimit { setting, limit };
        assert_eq!(error, expected);
        let command = format!("sysctl -w user.max_{kind}_namespaces=15000");
        told(&error, &["allows no namespaces", &command]);
    }
}

#[test]
fn no_mapper_is_installed() {
    let Some(machine) = Machine::new("mapper") else {
        return;
    };
    let error = machine.error("mount -t tmpfs none /usr/bin; exec $AS \"$@\"");
    let program = "newuidmap".to_owned();
    assert_eq!(error, SandboxError::NoMapper { program });
    told(&error, &["newuidmap", "PATH", "apt-get install uidmap"]);
}

#[test]
fn the_mapper_has_no_power() {
    let Some(machine) = Machine::new("powerless") else {
        return;
    };
    let error = machine.error(
        "cp /usr/bin/newuidmap $HERE/plain; chmod 755 $HERE/plain; \
         mount --bind $HERE/plain /usr/bin/newuidmap; exec $AS \"$@\"",
    );
    let program = || "/usr/bin/newuidmap".to_owned();
    assert_eq!(error, SandboxError::NotSetUserId { program: program() });
    told(&error, &["chmod u+s /usr/bin/newuidmap"]);
    let error = machine.error("exec $AS --no-new-privs \"$@\"");
    assert_eq!(error, SandboxError::NoNewPrivileges { program: program() });
    told(&error, &["no_new_privs", "NoNewPrivileges=no"]);
}

#[test]
fn the_user_has_no_range_of_ids_or_a_short_one() {
    let Some(machine) = Machine::new("subuid") else {
        return;
    };
    let bind = |file: &str, text: &str| {
        let script = format!(
            "printf '{text}' > $HERE/file; chmod 644 $HERE/file; \
             printf 'other:100000:65536\\n{USER}:165536:65536\\n' > $HERE/good; \
             chmod 644 $HERE/good; \
             mount --bind $HERE/good /etc/subuid; mount --bind $HERE/good /etc/subgid; \
             mount --bind $HERE/file /etc/{file}; exec $AS \"$@\""
        );
        machine.error(&script)
    };
    for (file, option, text, found, free) in [
        ("subuid", "--add-subuids", "", 0, 231_072),
        (
            "subgid",
            "--add-subgids",
            "other:300000:65536\\n",
            0,
            365_536,
        ),
        (
            "subuid",
            "--add-subuids",
            "karat-test:400000:1000\\n",
            1000,
            401_000,
        ),
    ] {
        let error = bind(file, text);
        let expected = SandboxError::NoSubordinateIds {
            file: format!("/etc/{file}"),
            user: USER.to_owned(),
            found,
            wanted: 65_536,
            free,
        };
        assert_eq!(error, expected);
        let command = format!("usermod {option} {free}-{} {USER}", free + 65_535);
        told(&error, &[&format!("/etc/{file}"), &command]);
    }
    let error = machine.error(
        "mount -t tmpfs none /etc; exec $AS_ID \"$@\""
            .replace(
                "$AS_ID",
                "$HERE/setpriv --reuid 54321 --regid 54321 --clear-groups",
            )
            .as_str(),
    );
    // Somebody without a name is told by number.
    told(
        &error,
        &[
            "/etc/subuid",
            "'54321' 0 ids",
            "usermod --add-subuids 100000-165535 54321",
        ],
    );
}

#[test]
fn a_container_has_too_few_ids() {
    let Some(machine) = Machine::new("few") else {
        return;
    };
    let error = machine.error("exec unshare --user --map-root-user \"$@\"");
    let file = "/proc/self/uid_map".to_owned();
    let expected = SandboxError::FewIds {
        file,
        found: 1,
        wanted: 65_536,
    };
    assert_eq!(error, expected);
    told(
        &error,
        &["/proc/self/uid_map", "1 ids", "--userns=auto:size=65536"],
    );
}

#[test]
fn a_chroot_is_no_place_for_namespaces() {
    let Some(machine) = Machine::new("chroot") else {
        return;
    };
    let error = machine.error(
        "mkdir $HERE/root; cd $HERE/root; mkdir proc; \
         for name in /*; do case $name in /proc) ;; *) \
             if [ -L $name ]; then cp -P $name .; \
             elif [ -d $name ]; then mkdir ./$name; mount --rbind $name ./$name; fi;; esac; done; \
         mount -t proc proc proc; exec chroot . \"$@\"",
    );
    assert_eq!(error, SandboxError::Chroot);
    told(&error, &["chroot", "systemd-nspawn"]);
}
