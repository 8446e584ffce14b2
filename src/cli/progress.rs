//! Showing progress: bars on a terminal, one line per finished step elsewhere, JSON Lines on
//! `--progress-fd`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{IsTerminal as _, Write as _};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::console::{DIM, GOOD, WARN};
use super::failure::Failure;
use crate::progress::{Event, Progress, Unit};
use crate::sys;

/// Where a command's progress is shown.
#[derive(Debug, Default, clap::Args)]
pub struct ProgressArgs {
    /// Write progress as JSON Lines to this file descriptor (see docs/formats/progress.md)
    #[arg(long, value_name = "N")]
    progress_fd: Option<i32>,
}

impl ProgressArgs {
    /// The listener that the arguments ask for.
    ///
    /// # Errors
    /// The descriptor is not open for writing.
    pub fn listener(&self, quiet: bool) -> Result<Terminal, Failure> {
        let machine = match self.progress_fd {
            None => None,
            Some(fd) => Some(Mutex::new(sys::fs::inherited(fd).map_err(|error| {
                Failure::usage(error.to_string())
                    .hint("open it first, as in: karat build … --progress-fd 3 3>progress.jsonl")
            })?)),
        };
        Ok(Terminal::new(machine, quiet))
    }
}

/// Shows events on standard error, and passes them on to a machine if one listens.
#[derive(Debug)]
pub struct Terminal {
    bars: MultiProgress,
    steps: Mutex<BTreeMap<&'static str, ProgressBar>>,
    machine: Option<Mutex<File>>,
    quiet: bool,
    draws: bool,
}

impl Terminal {
    fn new(machine: Option<Mutex<File>>, quiet: bool) -> Self {
        let draws = !quiet && std::io::stderr().is_terminal();
        let target = if draws {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bars = MultiProgress::with_draw_target(target);
        Self {
            bars,
            steps: Mutex::default(),
            machine,
            quiet,
            draws,
        }
    }

    fn say(&self, line: &str) {
        if self.quiet {
            return;
        }
        self.bars.suspend(|| {
            let mut err = anstream::stderr().lock();
            // A closed standard error is no reason to stop building.
            drop(writeln!(err, "{line}"));
        });
    }

    fn show(&self, event: &Event) {
        let mut steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Started { step, total, unit } => {
                let bar = self.bars.add(bar(*total, *unit));
                bar.set_prefix(format!("{step:>10}"));
                if self.draws {
                    bar.enable_steady_tick(Duration::from_millis(120));
                }
                steps.insert(step, bar);
            }
            Event::Advanced { step, done, item } => {
                if let Some(bar) = steps.get(step) {
                    bar.set_position(*done);
                    if let Some(item) = item {
                        bar.set_message(item.clone());
                    }
                }
            }
            Event::Finished {
                step,
                summary,
                seconds,
            } => {
                if let Some(bar) = steps.remove(step) {
                    bar.finish_and_clear();
                }
                drop(steps);
                self.say(&format!(
                    "{GOOD}{step:>10}{GOOD:#}  {summary} {DIM}{seconds:.1} s{DIM:#}"
                ));
            }
            Event::Warning { message } => {
                drop(steps);
                self.say(&format!("{WARN}warning:{WARN:#} {message}"));
            }
        }
    }
}

impl Progress for Terminal {
    fn event(&self, event: Event) {
        if let Some(machine) = &self.machine
            && let Ok(mut line) = serde_json::to_vec(&event)
        {
            line.push(b'\n');
            let mut file = machine.lock().unwrap_or_else(PoisonError::into_inner);
            // A reader that has gone away is no reason to stop building.
            drop(file.write_all(&line));
        }
        self.show(&event);
    }
}

fn bar(total: Option<u64>, unit: Unit) -> ProgressBar {
    let template = match (total, unit) {
        (Some(_), Unit::Bytes) => {
            "{prefix} {bar:28} {bytes:>10}/{total_bytes} {bytes_per_sec} {wide_msg:.dim}"
        }
        (Some(_), Unit::Items) => "{prefix} {bar:28} {pos:>6}/{len} {wide_msg:.dim}",
        (None, Unit::Bytes) => "{prefix} {spinner} {bytes} {wide_msg:.dim}",
        (None, Unit::Items) => "{prefix} {spinner} {wide_msg:.dim}",
    };
    let bar = total.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style.progress_chars("━╸ ")),
        Err(_) => bar,
    }
}
