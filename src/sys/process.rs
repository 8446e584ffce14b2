//! Other programs: started here only.

use std::ffi::OsStr;
#[cfg(feature = "build")]
use std::io;
#[cfg(feature = "build")]
use std::path::Path;
#[cfg(feature = "build")]
use std::process::Output;
use std::process::{Command, Stdio};

/// A command with an empty environment and no standard input.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that starts programs"
    )]
    let mut command = Command::new(program);
    command.env_clear().stdin(Stdio::null());
    command
}

/// A command with this process's environment: for programs that the user named himself, which need
/// his settings.
#[cfg(feature = "build")]
pub(crate) fn inheriting(program: impl AsRef<OsStr>) -> Command {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that starts programs"
    )]
    Command::new(program)
}

/// Runs a program to its end, its output taken.
///
/// # Errors
/// It cannot be started.
#[cfg(feature = "build")]
pub(crate) fn output(program: &Path, arguments: &[String]) -> io::Result<Output> {
    command(program).args(arguments).output()
}

/// Lets this process have as many files open as its hard limit allows.
#[cfg(feature = "build")]
pub(crate) fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    // With the old limit large package sets fail to open, and say so.
    let _ = setrlimit(Resource::Nofile, raised);
}
