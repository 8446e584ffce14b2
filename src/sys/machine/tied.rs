//! A program that dies with the one that started it.
//!
//! `PR_SET_PDEATHSIG` (prctl(2)) is asked for by a process for itself, between fork and exec. So
//! this program is started again, asks, and becomes the other one.

use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, ExitCode};

use crate::sys::process;

/// The argument by which this program knows that it shall become another.
const TIED: &str = "karat: tied";

/// A command with an empty environment and no standard input that dies with this process.
pub(super) fn command(program: &Path, arguments: &[OsString]) -> Command {
    let parent = std::process::id().to_string();
    let mut command = process::command("/proc/self/exe");
    command
        .args([OsStr::new(TIED), OsStr::new(&parent), program.as_os_str()])
        .args(arguments);
    command
}

/// Becomes the program that `main`'s arguments name, if that is what this process was started for;
/// gives an exit code where it cannot.
pub fn run_tied() -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next()? != TIED {
        return None;
    }
    let parent = arguments.next()?;
    let program = arguments.next()?;
    let kill = rustix::process::Signal::KILL;
    if rustix::process::set_parent_process_death_signal(Some(kill)).is_err() {
        return Some(ExitCode::FAILURE);
    }
    // Who has died before that sends no signal any more.
    let now = rustix::process::getppid().map(|pid| pid.as_raw_nonzero().to_string());
    if now.map(OsString::from) != Some(parent) {
        return Some(ExitCode::FAILURE);
    }
    let mut command = process::inheriting(program);
    // Coming back from this is an error; the parent sees the end of the process.
    drop(command.args(arguments).exec());
    Some(ExitCode::FAILURE)
}
