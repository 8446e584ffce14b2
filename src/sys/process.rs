//! Other programs: started here only.

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::process::{Command, Output, Stdio};

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

/// Runs a program to its end, its output taken.
///
/// # Errors
/// It cannot be started.
pub(crate) fn output(program: &Path, arguments: &[String]) -> io::Result<Output> {
    command(program).args(arguments).output()
}

/// Lets this process have as many files open as its hard limit allows.
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
