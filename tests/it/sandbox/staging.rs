//! Where a root is staged: file systems that are full, read-only, not there or not for programs.

use std::ffi::CStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use karat::cli::failure::Failure;
use karat::stage::{DirectoryFault, Reuse, StageError, Staging};
use karat::sys::sandbox::SandboxError;
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

use crate::sandbox::{Bench, names};
use crate::support::deb::Deb;
use crate::support::{judge, root, skip};

/// A tmpfs that is gone at the end of the test, however that ends.
pub struct Small(PathBuf);

impl Small {
    pub fn new(at: PathBuf, flags: MountFlags, options: &CStr) -> Option<Self> {
        if !root::is_root() {
            skip("needs root to mount a tmpfs");
            return None;
        }
        fs::create_dir(&at).unwrap();
        mount("tmpfs", &at, "tmpfs", flags, Some(options)).unwrap();
        Some(Self(at))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = unmount(&self.0, UnmountFlags::DETACH);
    }
}

/// What a user reads.
fn told(error: StageError) -> String {
    let failure = Failure::from(error);
    format!("{}\n{}", failure.message, failure.hint.unwrap())
}

/// A file of six megabytes that no compressor makes small.
fn large() -> Deb {
    let noise: Vec<u8> = (0..6_000_000_u32)
        .map(|at| at.wrapping_mul(2_654_435_761).to_le_bytes()[2])
        .collect();
    Deb::new("large", "1").file("/usr/share/large", 0o644, &noise)
}

#[test]
fn a_full_disk_is_an_error_and_leaves_nothing() {
    let Some(mut bench) = Bench::new("full", &[large()]) else {
        return;
    };
    let at = bench.scratch.join("small");
    let Some(small) = Small::new(at, MountFlags::empty(), c"size=8m") else {
        return;
    };
    bench.inputs.staging = Staging::Directory(small.0.clone());
    let error = bench.configure(Reuse::Yes).unwrap_err();
    assert_eq!(names(&small.0), Vec::<String>::new());
    assert!(matches!(error, StageError::Full(_)), "{error:?}");
    let text = told(error);
    let place = small.0.display().to_string();
    for word in ["No space left on device", place.as_str(), "TMPDIR"] {
        assert!(text.contains(word), "no {word} in {text}");
    }
}

#[test]
fn a_script_that_fills_the_disk_is_named_and_the_disk_too() {
    let script = "#!/bin/sh\ncat /dev/zero > /var/filled\n";
    let deb = Deb::new("greedy", "1").control("postinst", script);
    let Some(mut bench) = Bench::new("greedy", &[deb]) else {
        return;
    };
    let at = bench.scratch.join("small");
    let Some(small) = Small::new(at, MountFlags::empty(), c"size=40m") else {
        return;
    };
    bench.inputs.staging = Staging::Directory(small.0.clone());
    let error = bench.configure(Reuse::Yes).unwrap_err();
    assert_eq!(names(&small.0), Vec::<String>::new());
    let text = told(error);
    for word in ["the postinst script of package 'greedy'", "TMPDIR"] {
        assert!(text.contains(word), "no {word} in {text}");
    }
}

#[test]
fn a_full_store_is_an_error_and_keeps_nothing() {
    let Some(bench) = Bench::new("store", &[large()]) else {
        return;
    };
    let at = bench.scratch.join("trees");
    let Some(small) = Small::new(at, MountFlags::empty(), c"size=4m,mode=0700") else {
        return;
    };
    let error = bench.configure(Reuse::Yes).unwrap_err();
    let lock = |name: &String| name.ends_with(".lock");
    let left: Vec<String> = names(&small.0)
        .into_iter()
        .filter(|name| !lock(name))
        .collect();
    assert_eq!(left, Vec::<String>::new());
    assert!(matches!(error, StageError::Full(_)), "{error:?}");
    assert!(told(error).contains("XDG_CACHE_HOME"));
}

#[test]
fn a_directory_that_cannot_hold_a_root_is_told_why() {
    let Some(mut bench) = Bench::new("directory", &[Deb::new("any", "1")]) else {
        return;
    };
    let mut check = |directory: &Path, fault: DirectoryFault, words: &[&str]| {
        bench.inputs.staging = Staging::Directory(directory.to_owned());
        let error = bench.configure(Reuse::Yes).unwrap_err();
        let expected = StageError::Directory {
            directory: directory.display().to_string(),
            fault,
        };
        assert_eq!(error, expected);
        let text = told(error);
        for word in words {
            assert!(text.contains(word), "no {word} in {text}");
        }
    };
    let scratch = crate::support::Scratch::new("directory");
    let missing = scratch.join("missing");
    let make = format!("mkdir -p {}", missing.display());
    check(&missing, DirectoryFault::Missing, &["TMPDIR", &make]);
    let file = scratch.join("file");
    fs::write(&file, "").unwrap();
    check(&file, DirectoryFault::NotADirectory, &["TMPDIR"]);
    let below = file.join("below");
    check(
        &below,
        DirectoryFault::Refused("Not a directory (os error 20)".to_owned()),
        &["TMPDIR"],
    );
    for (name, flags, fault, words) in [
        (
            "noexec",
            MountFlags::NOEXEC | MountFlags::NODEV,
            DirectoryFault::NoExec,
            ["noexec", "remount,exec"],
        ),
        (
            "readonly",
            MountFlags::RDONLY,
            DirectoryFault::ReadOnly,
            ["read-only", "TMPDIR"],
        ),
    ] {
        let Some(small) = Small::new(scratch.join(name), flags, c"size=8m") else {
            return;
        };
        check(&small.0, fault, &words);
    }
}

#[test]
fn nodev_and_nosuid_do_no_harm() {
    let deb = Deb::new("fine", "1")
        .file("/usr/bin/set-id", 0o4755, b"x")
        .control(
            "postinst",
            "#!/bin/sh\necho x > /dev/null\n: < /dev/urandom\n",
        );
    let Some(mut bench) = Bench::new("nodev", &[deb]) else {
        return;
    };
    let flags = MountFlags::NODEV | MountFlags::NOSUID;
    let Some(small) = Small::new(bench.scratch.join("small"), flags, c"size=64m") else {
        return;
    };
    bench.inputs.staging = Staging::Directory(small.0.clone());
    let made = bench.configure(Reuse::No).unwrap();
    let path = root::image("/usr/bin/set-id");
    assert_eq!(made.tree.get(&path).unwrap().stat.mode.bits(), 0o4755);
}

/// Not a test: configures the packages of `KARAT_TEST_STAGE` and prints why it cannot.
#[test]
#[ignore = "run by other tests as a process of its own"]
fn as_a_process() {
    let Some(directory) = std::env::var_os("KARAT_TEST_STAGE").map(PathBuf::from) else {
        return;
    };
    let inputs = fs::read_to_string(directory.join("inputs.json")).unwrap();
    let inputs: karat::stage::Inputs = serde_json::from_str(&inputs).unwrap();
    let trees = directory.join("trees");
    let made = karat::stage::configured(&inputs, &trees, Reuse::No, &karat::progress::Silent);
    println!(
        "ANSWER {}",
        serde_json::to_string(&made.unwrap_err()).unwrap()
    );
}

#[test]
fn a_container_that_masks_proc_is_told_what_to_allow() {
    let Some(bench) = Bench::new("masked", &[Deb::new("any", "1")]) else {
        return;
    };
    if !root::is_root() {
        return skip("needs root to mask a part of /proc");
    }
    let Some(unshare) = judge("unshare") else {
        return;
    };
    let directory = bench.scratch.path();
    let inputs = serde_json::to_string(&bench.inputs).unwrap();
    fs::write(directory.join("inputs.json"), inputs).unwrap();
    let mut command: Command = unshare.command();
    // As container engines do: with a part covered, the kernel mounts no other /proc.
    let script = "mount -t tmpfs -o ro none /proc/tty; exec \"$@\"";
    command.args(["--mount", "sh", "-ec", script, "sh"]);
    command.arg(std::env::current_exe().unwrap()).args([
        "--exact",
        "sandbox::staging::as_a_process",
        "--ignored",
        "--nocapture",
    ]);
    let output = command.env("KARAT_TEST_STAGE", directory).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let answer = text.lines().find_map(|line| line.split_once("ANSWER "));
    let error: StageError = serde_json::from_str(answer.unwrap().1).unwrap();
    let StageError::Sandbox(SandboxError::Mount { what, .. }) = &error else {
        panic!("{error:?}");
    };
    assert_eq!(what, "a fresh /proc");
    assert!(told(error).contains("systempaths=unconfined"));
}
