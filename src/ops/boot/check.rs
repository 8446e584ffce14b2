//! Listening to a machine until it is known how its boot went.

use std::io;
use std::path::Path;
use std::time::Duration;

use super::BootError;
use super::console::{Trouble, Watch};
use super::machine::{QEMU, start_error};
use crate::appraise::Verdict;
use crate::boot::Share;
use crate::sys::clock::Stopwatch;
use crate::sys::machine::{Heard, Running, press_power_button};

/// How long is listened at once: signals are looked at between.
const PIECE: Duration = Duration::from_millis(200);
/// How long a machine that is lost may go on talking: what it says then is why.
const LAST_WORDS: Duration = Duration::from_secs(10);
/// How long it may take to switch itself off.
const OFF: Duration = Duration::from_secs(90);

/// How a boot went.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The worst verdict that it printed; `None`: none.
    pub verdict: Option<Verdict>,
    /// What its initrd took, as it said; `None`: it did not say.
    pub initrd: Option<Share>,
    /// Whether it came up.
    pub is_up: bool,
    /// What went wrong, in the order in which it was said.
    pub troubles: Vec<Trouble>,
    /// Whether it switched itself off when it was asked to.
    pub is_off: bool,
    /// Whether the time was over before it was known how it went.
    pub timed_out: bool,
    /// When what happened.
    pub times: Times,
    /// The last lines of its console.
    pub last_lines: Vec<String>,
}

/// Seconds after power-on; `None`: it did not happen.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Times {
    /// It said something.
    pub console: Option<f64>,
    /// It printed a verdict.
    pub verdict: Option<f64>,
    /// It was up.
    pub up: Option<f64>,
    /// It was off.
    pub off: Option<f64>,
}

/// Listens until there is a verdict and the machine is up, it is lost, or the time is over; then
/// switches it off.
pub(super) fn listen(
    qemu: &mut Running,
    control: &Path,
    time: Duration,
    stop: &dyn Fn() -> bool,
) -> Result<Checked, BootError> {
    let clock = Stopwatch::start();
    let mut watch = Watch::default();
    let mut times = Times::default();
    let mut until = time;
    let mut lost = false;
    let mut said_all = false;
    loop {
        let left = until.saturating_sub(clock.elapsed());
        if left.is_zero() {
            break;
        }
        if stop() {
            return Err(BootError::Interrupted);
        }
        match qemu.hear(left.min(PIECE)) {
            Heard::Nothing => continue,
            Heard::End => {
                said_all = true;
                break;
            }
            Heard::Bytes(bytes) => watch.hear(&bytes),
        }
        let now = clock.seconds();
        times.console.get_or_insert(now);
        if watch.verdict().is_some() {
            times.verdict.get_or_insert(now);
        }
        if watch.is_up() {
            times.up.get_or_insert(now);
        }
        if watch.is_up() && watch.verdict().is_some() {
            break;
        }
        if watch.is_lost() && !lost {
            lost = true;
            until = until.min(clock.elapsed().saturating_add(LAST_WORDS));
        }
    }
    let is_known = (watch.is_up() && watch.verdict().is_some()) || watch.is_lost();
    let timed_out = !said_all && !is_known;
    // A machine that is up hears its button; one that is not has no ears. Where nobody listens at the
    // button, the machine is going already.
    let is_off = if said_all {
        is_off(qemu, &mut watch, LAST_WORDS, stop)?
    } else if watch.is_up() {
        let asked = press_power_button(control).is_ok();
        let patience = if asked { OFF } else { LAST_WORDS };
        is_off(qemu, &mut watch, patience, stop)?
    } else {
        false
    };
    if is_off {
        times.off = Some(clock.seconds());
    }
    Ok(Checked {
        verdict: watch.verdict(),
        initrd: watch.initrd(),
        is_up: watch.is_up(),
        troubles: watch.troubles().to_vec(),
        is_off,
        timed_out,
        times,
        last_lines: watch.last_lines().map(str::to_owned).collect(),
    })
}

/// Waits until the machine is off, and hears it out.
fn is_off(
    qemu: &mut Running,
    watch: &mut Watch,
    patience: Duration,
    stop: &dyn Fn() -> bool,
) -> Result<bool, BootError> {
    let clock = Stopwatch::start();
    loop {
        let left = patience.saturating_sub(clock.elapsed());
        if left.is_zero() {
            return Ok(false);
        }
        if stop() {
            return Err(BootError::Interrupted);
        }
        match qemu.hear(left.min(PIECE)) {
            Heard::Nothing => {}
            Heard::Bytes(bytes) => watch.hear(&bytes),
            Heard::End => break,
        }
    }
    let left = patience.saturating_sub(clock.elapsed());
    let failed = |source| start_error(QEMU, source);
    match qemu.ended(left, stop).map_err(failed)? {
        None if stop() => Err(BootError::Interrupted),
        None => Ok(false),
        Some(status) if status.success() => Ok(true),
        // It says itself what it does not like, on standard error.
        Some(status) => Err(failed(io::Error::other(format!("it failed: {status}")))),
    }
}
