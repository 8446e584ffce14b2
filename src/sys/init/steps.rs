//! How long it took: never among the bytes that are measured.

use rustix::time::{ClockId, clock_gettime};

use crate::sys::fs::{self, IoError};

/// What was done, and when: microseconds since the kernel started (`CLOCK_BOOTTIME`).
#[derive(Debug, Default)]
pub struct Steps(Vec<(&'static str, u64)>);

/// Where the running system finds them.
const PATH: &str = "/run/karat/boot-timings.json";

impl Steps {
    /// This was reached now.
    pub fn reached(&mut self, step: &'static str) {
        let now = clock_gettime(ClockId::Boottime);
        let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
        let micros = u64::try_from(now.tv_nsec).unwrap_or(0) / 1000;
        self.0.push((
            step,
            seconds.saturating_mul(1_000_000).saturating_add(micros),
        ));
    }

    /// Writes them for the running system.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self) -> Result<(), IoError> {
        let steps = self.0.iter();
        let steps = steps.map(|(step, at)| format!("{{\"at_us\":{at},\"step\":\"{step}\"}}"));
        let steps: Vec<String> = steps.collect();
        let text = format!(
            "{{\"schema\":\"boot-timings/1\",\"steps\":[{}]}}\n",
            steps.join(",")
        );
        fs::write_atomic(PATH, text.as_bytes(), 0o644)
    }
}
