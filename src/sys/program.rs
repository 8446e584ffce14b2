//! Running a verified program: its very bytes, an empty environment, a time limit, a cap.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::sync::mpsc;
use std::time::Duration;

use rustix::fs::{MemfdFlags, SealFlags};
use rustix::io::Errno;

use super::fs::{self, IoContext as _, IoError};
use super::process;
use crate::appraise::program::{Object, Program};

/// How long a program may run: listing a ruleset takes milliseconds.
const TIME_MAX: Duration = Duration::from_secs(10);

/// Runs a program with `arguments` to its end; gives what it printed, at most `cap` bytes.
///
/// Program, loader and libraries are run from sealed memory (`memfd_create(2)`) that holds the bytes
/// which were compared, so that nobody can exchange them between then and now. The loader is told
/// to take every library from there (`--preload`): a library that is loaded already is not looked
/// for, neither in directories nor in `/etc/ld.so.cache` (ld.so(8)).
///
/// # Errors
/// Why there is no answer, in words.
pub(crate) fn run(program: &Program, arguments: &[&str], cap: u64) -> Result<Vec<u8>, String> {
    // The loader obeys this file whatever it is told.
    if fs::exists("/etc/ld.so.preload").map_err(|error| error.to_string())? {
        return Err("/etc/ld.so.preload would be loaded into it".to_owned());
    }
    let held = |object: &Object| Held::new(object).map_err(|error| error.to_string());
    let main = held(program.main())?;
    let loader = program.loader().map(held).transpose()?;
    let libraries: Vec<Held> = program
        .libraries()
        .iter()
        .map(held)
        .collect::<Result<_, _>>()?;
    let mut command = match &loader {
        None => process::command(&main.path),
        Some(loader) => {
            let mut command = process::command(&loader.path);
            command.arg("--inhibit-cache");
            if !libraries.is_empty() {
                let paths: Vec<&str> = libraries.iter().map(|held| held.path.as_str()).collect();
                command.args(["--preload", &paths.join(":")]);
            }
            command.arg(&main.path);
            command
        }
    };
    command.args(arguments);
    command.current_dir("/");
    output(command, cap)
}

/// Waits for the end of a program, but not for ever.
fn output(mut command: std::process::Command, cap: u64) -> Result<Vec<u8>, String> {
    command
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null());
    let mut child = command
        .spawn()
        .map_err(|error| format!("it cannot be started: {error}"))?;
    let Some(stdout) = child.stdout.take() else {
        return Err("it has no output".to_owned());
    };
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        // Whoever waits may have given up.
        drop(sender.send(fs::read_all(stdout, cap)));
    });
    let answer = match receiver.recv_timeout(TIME_MAX) {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) => Err(format!("its output: {error}")),
        Err(_) => Err(format!("it ran for more than {} s", TIME_MAX.as_secs())),
    };
    if answer.is_err() {
        // It may have ended by itself just now.
        drop(child.kill());
    }
    let status = child
        .wait()
        .map_err(|error| format!("it cannot be waited for: {error}"))?;
    let bytes = answer?;
    if status.success() {
        Ok(bytes)
    } else {
        Err(format!("it failed: {status}"))
    }
}

/// Bytes in sealed memory, under a path that a child has too.
struct Held {
    _file: File,
    path: String,
}

impl Held {
    fn new(object: &Object) -> Result<Self, IoError> {
        let place = object.path().to_string();
        // Not closed on exec: the child opens it by number. Kernels before 6.3 know no EXEC, and
        // let everything be executed.
        let flags = MemfdFlags::ALLOW_SEALING;
        let fd = match rustix::fs::memfd_create("karat", flags | MemfdFlags::EXEC) {
            Err(Errno::INVAL) => rustix::fs::memfd_create("karat", flags),
            answer => answer,
        }
        .at("hold", &place)?;
        let mut file = File::from(fd);
        file.write_all(object.bytes()).at("hold", &place)?;
        let seals = SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE;
        rustix::fs::fcntl_add_seals(&file, seals).at("seal", &place)?;
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        // Whatever may be mounted over /proc: the path leads to this memory.
        let own = file.metadata().at("examine", &place)?;
        let seen = std::fs::metadata(&path).at("examine", &path)?;
        if (own.dev(), own.ino()) != (seen.dev(), seen.ino()) {
            let other = std::io::Error::other("/proc is not the kernel's");
            return Err(IoError::new("run", place, other));
        }
        Ok(Self { _file: file, path })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str) -> std::process::Command {
        let mut command = process::command("/bin/sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn output_failure_and_too_much() {
        assert_eq!(output(sh("printf hi"), 2), Ok(b"hi".to_vec()));
        assert_eq!(output(sh("printf \"$HOME$PATH_\""), 9), Ok(Vec::new()));
        assert!(
            output(sh("printf hi; exit 3"), 2)
                .unwrap_err()
                .contains('3')
        );
        let endless = output(sh("while :; do echo x; done"), 100).unwrap_err();
        assert!(endless.contains("larger than 100 bytes"), "{endless}");
        let absent = output(process::command("/karat-absent"), 1).unwrap_err();
        assert!(absent.starts_with("it cannot be started"), "{absent}");
    }
}
