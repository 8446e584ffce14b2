//! The worker: this program again, as root of its own namespaces.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use rustix::fs::Mode;
use rustix::mount::MountPropagationFlags;
use rustix::thread::UnshareFlags;
use rustix::thread::{Gid, Uid};

use super::diagnose::Facts;
use super::error::SandboxError;
use super::{WORKER, die_with_parent, end_with, idmap, read_line, unshare};
use crate::sys::{env, process};

const UNSHARED: &str = "unshared";
const MAPPED: &str = "mapped";
const READY: &str = "ready";

/// A worker as its parent sees it; killed when dropped.
#[derive(Debug)]
pub struct Worker {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Worker {
    /// Starts `program` (this one, if `None`) as a worker and gives it its ids.
    ///
    /// # Errors
    /// The rule of this machine that stands against it.
    pub fn start(program: Option<&Path>) -> Result<Self, SandboxError> {
        let program = program.unwrap_or_else(|| Path::new("/proc/self/exe"));
        let mut command = process::command(program);
        // Processors and places to work in; nothing else of the environment can reach a script.
        for name in ["KARAT_JOBS", "TMPDIR", "PATH"] {
            if let Some(value) = env::os(name) {
                command.env(name, value);
            }
        }
        let mut child = command
            .arg(WORKER)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| SandboxError::step("start the worker", error))?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(SandboxError::step("start the worker", "no pipes"));
        };
        let output = BufReader::new(output);
        let mut worker = Self {
            child,
            input,
            output,
        };
        worker.expect(UNSHARED)?;
        let facts = Facts::read();
        idmap::map(worker.child.id(), &facts).map_err(|error| facts.explain(error))?;
        worker.send(MAPPED)?;
        worker.expect(READY)?;
        Ok(worker)
    }

    /// Sends one line; it must hold no line end.
    ///
    /// # Errors
    /// The worker is gone.
    pub fn send(&mut self, line: &str) -> Result<(), SandboxError> {
        let sent = writeln!(self.input, "{line}").and_then(|()| self.input.flush());
        sent.map_err(|_error| self.ended())
    }

    /// The next line that the worker sends; `None` once it has ended well.
    ///
    /// # Errors
    /// It ended in another way.
    pub fn receive(&mut self) -> Result<Option<String>, SandboxError> {
        match read_line(&mut self.output) {
            Ok(Some(line)) => Ok(Some(line)),
            Ok(None) if self.child.wait().is_ok_and(|status| status.success()) => Ok(None),
            _ => Err(self.ended()),
        }
    }

    /// Lets a worker that has said its last word end by itself. Taking a root in memory down takes as
    /// long as writing a manifest; nobody needs to wait for it.
    pub fn leave(self) {
        // Where no thread can be started, the closure is dropped, and this waits.
        drop(
            std::thread::Builder::new()
                .name("worker's end".to_owned())
                .spawn(move || drop(self)),
        );
    }

    fn expect(&mut self, word: &str) -> Result<(), SandboxError> {
        match self.receive()? {
            Some(line) if line == word => Ok(()),
            Some(line) => Err(serde_json::from_str(&line).unwrap_or_else(|_| self.ended())),
            None => Err(self.ended()),
        }
    }

    fn ended(&mut self) -> SandboxError {
        drop(self.child.kill());
        let message = match self.child.wait() {
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        };
        SandboxError::Ended { message }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The worker's line to its parent.
#[derive(Debug)]
pub struct Channel {
    output: std::io::Stdout,
}

impl Channel {
    /// Sends one line; it must hold no line end. A parent that is gone is no error: the worker is
    /// about to be killed.
    pub fn send(&self, line: &str) {
        let mut output = self.output.lock();
        drop(writeln!(output, "{line}").and_then(|()| output.flush()));
    }
}

/// Turns this process, which must have no second thread yet, into the root of its own namespaces,
/// and reads the one line that says what to do.
///
/// # Errors
/// The rule of this machine that stands against it; it was sent to the parent already.
pub fn enter() -> Result<(Channel, String), SandboxError> {
    let channel = Channel {
        output: std::io::stdout(),
    };
    // Before anything changes: a new user namespace shows limits of its own.
    let facts = Facts::read();
    match enter_namespaces(&channel, &facts) {
        Ok(request) => Ok((channel, request)),
        Err(error) => {
            let error = facts.explain(error);
            channel.send(&serde_json::to_string(&error).unwrap_or_default());
            Err(error)
        }
    }
}

fn enter_namespaces(channel: &Channel, facts: &Facts) -> Result<String, SandboxError> {
    die_with_parent()?;
    rustix::process::umask(Mode::from_raw_mode(0o022));
    // A session of its own: no script can reach the terminal of whoever builds.
    let _ = rustix::process::setsid();
    facts.allow_any()?;
    unshare(UnshareFlags::NEWUSER).map_err(|errno| facts.refused(errno))?;
    channel.send(UNSHARED);
    let mut input = BufReader::new(std::io::stdin());
    match read_line(&mut input) {
        Ok(Some(line)) if line == MAPPED => {}
        _ => return Err(SandboxError::step("be given ids", "the parent is gone")),
    }
    let ids = |errno| SandboxError::step("become root of the namespace", errno);
    rustix::thread::set_thread_groups(&[]).map_err(ids)?;
    rustix::thread::set_thread_res_gid(Gid::ROOT, Gid::ROOT, Gid::ROOT).map_err(ids)?;
    rustix::thread::set_thread_res_uid(Uid::ROOT, Uid::ROOT, Uid::ROOT).map_err(ids)?;
    // A change of ids clears the death signal.
    die_with_parent()?;
    unshare(
        UnshareFlags::NEWNS
            | UnshareFlags::NEWNET
            | UnshareFlags::NEWIPC
            | UnshareFlags::NEWUTS
            | UnshareFlags::NEWCGROUP,
    )
    .map_err(|errno| facts.refused_inside("make namespaces", errno))?;
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    rustix::mount::mount_change("/", private)
        .map_err(|errno| SandboxError::step("make mounts private", errno))?;
    rustix::system::sethostname(b"karat")
        .and_then(|()| rustix::system::setdomainname(b"(none)"))
        .map_err(|errno| SandboxError::step("set the host name", errno))?;
    channel.send(READY);
    let request = read_line(&mut input)
        .ok()
        .flatten()
        .ok_or_else(|| SandboxError::step("be told what to do", "the parent is gone"))?;
    if !input.buffer().is_empty() {
        input.consume(input.buffer().len());
    }
    end_with(input.into_inner());
    Ok(request)
}
