//! Running programs of a root inside the sandbox, as the worker sees it.

use std::collections::VecDeque;
use std::io::{BufReader, Read, Write as _};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::error::SandboxError;
use super::{RUNNER, read_line};
use crate::sys::process;

/// How much of a failing program's output is kept: its end, where the reason is.
const OUTPUT_KEPT: usize = 16 << 10;

/// Programs to run one after the other; the first that fails ends the plan.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Plan {
    /// The directory that is `/` for them.
    pub root: PathBuf,
    /// Their whole environment.
    pub environment: Vec<(String, String)>,
    /// What to run.
    pub steps: Vec<Step>,
    /// Whether karat answers in the place of programs that it knows ([`StandIn`](super::StandIn)).
    pub stand_ins: bool,
}

/// One program.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Program and arguments; the program by its path inside the root.
    pub command: Vec<String>,
    /// What is added to the plan's environment.
    pub environment: Vec<(String, String)>,
    /// Whether it takes `--status-fd N` (dpkg(1)), given as its first arguments.
    pub status: bool,
    /// A directory inside the root that gets another name for as long as the program runs.
    pub rename: Option<(String, String)>,
}

/// What happens while a plan runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// The step of this number began.
    Began(usize),
    /// A line that dpkg wrote on its status descriptor.
    Status(String),
}

/// Why a plan did not come to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunError {
    /// A program failed.
    Failed {
        /// The number of its step.
        step: usize,
        /// How it ended.
        status: String,
        /// The end of all output.
        output: String,
    },
    /// Nothing was reported for longer than the limit: all was killed.
    TimedOut {
        /// The number of the step that ran.
        step: usize,
        /// The end of all output.
        output: String,
    },
    /// The sandbox could not be made, or broke.
    Sandbox(SandboxError),
}

/// Runs a plan; whatever its programs leave running is killed at its end.
///
/// `limit` is the longest time without a report.
///
/// # Errors
/// See [`RunError`].
pub fn run(plan: &Plan, limit: Duration, mut report: impl FnMut(Report)) -> Result<(), RunError> {
    let sandbox = |step: &str, error: &dyn std::fmt::Display| {
        RunError::Sandbox(SandboxError::step(step, error))
    };
    let mut child = process::command("/proc/self/exe")
        .arg(RUNNER)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| sandbox("start the runner", &error))?;
    let (Some(mut input), Some(reports), Some(output)) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(sandbox("start the runner", &"no pipes"));
    };
    let plan = serde_json::to_string(plan).map_err(|error| sandbox("write the plan", &error))?;
    // A runner that died early is seen below.
    drop(writeln!(input, "{plan}"));

    let tail = Arc::new(Mutex::new(VecDeque::new()));
    let collector = std::thread::spawn({
        let tail = Arc::clone(&tail);
        move || collect(output, &tail)
    });
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut reports = BufReader::new(reports);
        while let Ok(Some(line)) = read_line(&mut reports) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    let (mut at, mut failed, mut broken, mut timed_out) = (0, None, None, false);
    loop {
        let line = match receiver.recv_timeout(limit) {
            Ok(line) => line,
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                timed_out = true;
                drop(child.kill());
                break;
            }
        };
        match line.split_once(' ') {
            Some(("began", number)) => {
                at = number.parse().unwrap_or(at);
                report(Report::Began(at));
            }
            Some(("failed", status)) => failed = Some(status.to_owned()),
            Some(("broken", error)) => broken = serde_json::from_str(error).ok(),
            _ => report(Report::Status(line)),
        }
    }
    let ended = child.wait().map_err(|error| sandbox("wait", &error))?;
    drop(input);
    // With the runner dead its whole pid namespace dies, and with that the pipe ends.
    drop(collector.join());
    let output = {
        let mut tail = tail.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(tail.make_contiguous()).into_owned()
    };
    match (timed_out, failed, broken) {
        (true, _, _) => Err(RunError::TimedOut { step: at, output }),
        (_, _, Some(error)) => Err(RunError::Sandbox(error)),
        _ if ended.success() => Ok(()),
        (_, Some(status), _) => Err(RunError::Failed {
            step: at,
            status,
            output,
        }),
        _ => Err(RunError::Sandbox(SandboxError::Ended {
            message: format!("{ended} {output}"),
        })),
    }
}

fn collect(mut output: impl Read, tail: &Mutex<VecDeque<u8>>) {
    let mut buffer = [0; 8192];
    loop {
        match output.read(&mut buffer) {
            Ok(0) | Err(_) => return,
            Ok(count) => {
                let mut tail = tail.lock().unwrap_or_else(PoisonError::into_inner);
                tail.extend(buffer.get(..count).unwrap_or_default());
                let surplus = tail.len().saturating_sub(OUTPUT_KEPT);
                tail.drain(..surplus);
            }
        }
    }
}
