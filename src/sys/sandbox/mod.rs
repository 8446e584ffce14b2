//! A place where maintainer scripts may run: fresh user, mount, pid, net, ipc, uts and cgroup
//! namespaces, made the same way for root and for an ordinary user.
//!
//! ```text
//! karat ── Worker::start ──▶ worker (user, mount, net, ipc, uts, cgroup namespaces; threads; keeps files open)
//!                              └─ run ──▶ runner (mount, pid namespaces)
//!                                           └─▶ init (pid 1, root pivoted: nothing of the machine in sight)
//!                                                 └─▶ dpkg, maintainer scripts, whatever they start
//! ```
//! Each process is this program, started afresh, so that none forks beside threads. Each dies with
//! the one above it: the kernel sends SIGKILL (`PR_SET_PDEATHSIG`), a pipe that ends says the same,
//! and the end of a pid 1 ends all in its namespace. Mounts vanish with the last process.

mod diagnose;
mod error;
mod filter;
mod idmap;
mod init;
mod run;
mod stand_in;
mod worker;

pub use error::SandboxError;
pub use init::{init, runner};
pub use run::{Plan, Report, RunError, Step, run};
pub use stand_in::{Answer, Question, StandIn};
pub use worker::{Channel, Worker, enter};

/// First argument that makes this program a worker.
pub const WORKER: &str = "__worker";
/// First argument that makes this program a runner.
pub const RUNNER: &str = "__runner";
/// First argument that makes this program pid 1 of a sandbox.
pub const INIT: &str = "__init";

/// Longest line between the processes of a sandbox.
const LINE_MAX: u64 = 64 << 20;

/// The next line without its end; `None` at the end of the input.
fn read_line(input: &mut impl std::io::BufRead) -> std::io::Result<Option<String>> {
    use std::io::{BufRead as _, Read as _};
    let mut line = Vec::new();
    let mut capped = input.by_ref().take(LINE_MAX);
    if capped.read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    if line.pop() != Some(b'\n') {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Some(String::from_utf8_lossy(&line).into_owned()))
}

/// Makes this process die with its parent.
fn die_with_parent() -> Result<(), SandboxError> {
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))
        .map_err(|errno| SandboxError::step("tie the process to its parent", errno))
}

/// Ends this process when `input` ends: whoever holds its other end has died or is done.
fn end_with(mut input: impl std::io::Read + Send + 'static) {
    std::thread::spawn(move || {
        let mut byte = [0];
        while input.read(&mut byte).is_ok_and(|count| count > 0) {}
        #[expect(clippy::exit, reason = "nobody is left to answer to")]
        std::process::exit(1);
    });
}

/// Moves this process into new namespaces.
fn unshare(flags: rustix::thread::UnshareFlags) -> rustix::io::Result<()> {
    #[expect(unsafe_code, reason = "rustix marks all of unshare(2) unsafe")]
    // SAFETY: FILES, the one flag that can confuse other threads' descriptors, is never passed.
    unsafe {
        rustix::thread::unshare_unsafe(flags)
    }
}
