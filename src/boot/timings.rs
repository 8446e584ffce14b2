//! How long an initrd took, and whose time that was.
//!
//! The kernel tells what a process used of a processor by itself, and what it used for it: loading
//! modules, mounting, reading. What is left was waiting, for devices, a TPM, other programs. The format:
//! `docs/formats/boot.md`.

use std::fmt::Write as _;

use serde::Deserialize;

use crate::json::{self, JsonError};
use crate::limits;

/// Something was reached: when, and what the initrd's program had used of a processor by then. All in
/// microseconds.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Since the kernel started.
    pub at_us: u64,
    /// What the kernel did for it.
    pub kernel_us: u64,
    /// What it computed itself.
    pub own_us: u64,
    /// What was reached.
    pub step: String,
}

/// All that was reached, in order: `/run/karat/boot-timings.json`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timings(Vec<Step>);

/// What an initrd took as a whole, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// From its start to the image's own first process.
    pub took: u64,
    /// Of that, what it computed itself.
    pub own: u64,
    /// Of that, what the kernel did for it; the rest was waiting.
    pub kernel: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    schema: String,
    steps: Vec<Step>,
}

/// The name of this format.
const SPEC: &str = "boot-timings/1";
/// How the line about a whole begins.
const LINE: &str = "initrd: ";
/// What stands behind each of its numbers.
const PARTS: [&str; 4] = [" ms: ", " its own, ", " the kernel's for it, ", " waiting"];

impl Timings {
    /// Where the running system finds them.
    pub const PATH: &str = "/run/karat/boot-timings.json";

    /// Adds a step.
    pub fn reached(&mut self, step: Step) {
        self.0.push(step);
    }

    /// The bytes of the file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut text = format!("{{\"schema\":\"{SPEC}\",\"steps\":[");
        for (number, step) in self.0.iter().enumerate() {
            let comma = if number == 0 { "" } else { "," };
            let (at, kernel, own) = (step.at_us, step.kernel_us, step.own_us);
            let _infallible = write!(
                text,
                "{comma}{{\"at_us\":{at},\"kernel_us\":{kernel},\"own_us\":{own},\"step\":\"{}\"}}",
                step.step
            );
        }
        (text + "]}\n").into_bytes()
    }

    /// Reads them.
    ///
    /// # Errors
    /// It is no such file; none that this version knows.
    pub fn read(bytes: &[u8]) -> Result<Self, JsonError> {
        let raw: Raw = json::read(bytes, limits::BOOT_REPORT_MAX)?;
        if raw.schema != SPEC {
            return Err(JsonError::Shape(format!("it is no {SPEC}")));
        }
        Ok(Self(raw.steps))
    }

    /// What it took as a whole; `None`: nothing was reached.
    pub fn share(&self) -> Option<Share> {
        let (first, last) = (self.0.first()?, self.0.last()?);
        // The first process was the kernel itself before: what that used until then is none of it. What
        // was computed before the first step is the start of the program.
        let took = last.at_us.saturating_sub(first.at_us);
        Some(Share {
            took: took.saturating_add(first.own_us),
            own: last.own_us,
            kernel: last.kernel_us.saturating_sub(first.kernel_us),
        })
    }
}

impl Share {
    /// The line that says so, without its end.
    pub fn line(self) -> String {
        let used = self.own.saturating_add(self.kernel);
        let waited = self.took.saturating_sub(used);
        let mut line = LINE.to_owned();
        let numbers = [self.took, self.own, self.kernel, waited];
        for (number, part) in numbers.into_iter().zip(PARTS) {
            let (whole, tenth) = (number / 1000, number % 1000 / 100);
            let _infallible = write!(line, "{whole}.{tenth}{part}");
        }
        line
    }

    /// Reads such a line, as a machine's console shows it.
    pub fn of_line(line: &str) -> Option<Self> {
        let mut rest = line.strip_prefix(LINE)?;
        let mut numbers = [0_u64; 4];
        for (number, part) in numbers.iter_mut().zip(PARTS) {
            let (digits, behind) = rest.split_once(part)?;
            let (whole, tenth) = digits.split_once('.')?;
            let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
            if !is_number(whole) || !is_number(tenth) || tenth.len() != 1 {
                return None;
            }
            let whole = whole.parse::<u64>().ok()?.checked_mul(1000)?;
            *number = whole.checked_add(tenth.parse::<u64>().ok()?.checked_mul(100)?)?;
            rest = behind;
        }
        let [took, own, kernel, _] = numbers;
        Some(Self { took, own, kernel })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(step: &str, at_us: u64, own_us: u64, kernel_us: u64) -> Step {
        Step {
            at_us,
            kernel_us,
            own_us,
            step: step.to_owned(),
        }
    }

    #[test]
    fn what_is_written_is_read_and_adds_up() {
        let mut timings = Timings::default();
        assert_eq!(timings.share(), None);
        timings.reached(step("start", 1_000_000, 1_200, 90_000));
        timings.reached(step("modules", 1_400_000, 2_000, 440_000));
        timings.reached(step("end", 1_610_300, 31_450, 492_100));
        let bytes = timings.to_bytes();
        assert_eq!(Timings::read(&bytes), Ok(timings.clone()));
        let share = timings.share().unwrap();
        assert_eq!(
            (share.took, share.own, share.kernel),
            (611_500, 31_450, 402_100)
        );
        let line = share.line();
        assert_eq!(
            line,
            "initrd: 611.5 ms: 31.4 its own, 402.1 the kernel's for it, 177.9 waiting"
        );
        let rounded = Share {
            own: 31_400,
            ..share
        };
        assert_eq!(Share::of_line(&line), Some(rounded));
    }

    #[test]
    fn other_files_and_other_lines() {
        for text in [
            "",
            "{}",
            "{\"schema\":\"boot-timings/2\",\"steps\":[]}",
            "{\"schema\":\"boot-timings/1\",\"steps\":[{\"at_us\":-1,\"kernel_us\":0,\"own_us\":0,\"step\":\"x\"}]}",
        ] {
            assert!(Timings::read(text.as_bytes()).is_err(), "{text}");
        }
        for line in [
            "initrd: ",
            "initrd: 1 ms: 1.0 its own, 1.0 the kernel's for it, 1.0 waiting",
            "initrd: 1.0 ms: +1.0 its own, 1.0 the kernel's for it, 1.0 waiting",
            "initrd: 99999999999999999999.0 ms: 1.0 its own, 1.0 the kernel's for it, 1.0 waiting",
            "initrd: 18446744073709551.9 ms: 1.0 its own, 1.0 the kernel's for it, 1.0 waiting",
            " initrd: 1.0 ms: 1.0 its own, 1.0 the kernel's for it, 1.0 waiting",
        ] {
            assert_eq!(Share::of_line(line), None, "{line}");
        }
    }
}
