//! How long it took, and whose time that was: never among the bytes that are measured.

use rustix::time::{ClockId, clock_gettime};

use crate::boot::{Step, Timings};
use crate::sys::fs::{self, IoError};

/// What was done, and when (`CLOCK_BOOTTIME`).
#[derive(Debug, Default)]
pub struct Steps(Timings);

impl Steps {
    /// This was reached now.
    pub fn reached(&mut self, step: &'static str) {
        let now = clock_gettime(ClockId::Boottime);
        let [own_us, kernel_us] = used();
        self.0.reached(Step {
            at_us: micros(now.tv_sec, now.tv_nsec / 1000),
            kernel_us,
            own_us,
            step: step.to_owned(),
        });
    }

    /// Writes them for the running system.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self) -> Result<(), IoError> {
        fs::write_atomic(Timings::PATH, &self.0.to_bytes(), 0o644)
    }
}

fn micros(seconds: i64, micros: i64) -> u64 {
    let [seconds, micros] = [seconds, micros].map(|it| u64::try_from(it).unwrap_or(0));
    seconds.saturating_mul(1_000_000).saturating_add(micros)
}

/// `struct rusage` (getrusage(2)): two times of two numbers, and more, which C libraries may have added
/// to. All of its numbers are `long`.
#[repr(C)]
struct Usage([std::ffi::c_long; 64]);

/// `RUSAGE_SELF`.
const ITSELF: std::ffi::c_int = 0;

#[expect(unsafe_code, reason = "rustix does not have it")]
// SAFETY: getrusage(2), as POSIX and the C library have it.
unsafe extern "C" {
    fn getrusage(who: std::ffi::c_int, usage: *mut Usage) -> std::ffi::c_int;
}

/// What this process used of a processor up to now by itself, and what the kernel used for it, in
/// microseconds; zeros where the kernel does not say. The sum is exact, and its halves are as often as the
/// kernel looks: every 4 milliseconds, as Debian has it.
fn used() -> [u64; 2] {
    let mut usage = Usage([0; 64]);
    #[expect(unsafe_code, reason = "rustix does not have it")]
    // SAFETY: `usage` is larger than any C library's `struct rusage` (18 numbers of the kernel's, 34 of
    // musl's), aligned as it is, and lives until the call is over; any bits are a valid number.
    let failed = unsafe { getrusage(ITSELF, &raw mut usage) };
    let Usage([own, own_micros, kernel, kernel_micros, ..]) = usage;
    if failed != 0 {
        return [0; 2];
    }
    [micros(own, own_micros), micros(kernel, kernel_micros)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_computed_is_counted_and_what_is_waited_for_is_not() {
        let mut steps = Steps::default();
        steps.reached("start");
        // Until the clock of this thread says so: whatever else the machine does.
        let cpu = || {
            let now = clock_gettime(ClockId::ThreadCPUTime);
            micros(now.tv_sec, now.tv_nsec / 1000)
        };
        let until = cpu() + 20_000;
        while cpu() < until {}
        steps.reached("end");
        let share = steps.0.share().unwrap();
        assert!(share.own + share.kernel >= 10_000, "{share:?}");
        let text = String::from_utf8(steps.0.to_bytes()).unwrap();
        assert!(
            text.starts_with("{\"schema\":\"boot-timings/1\",\"steps\":[{\"at_us\":"),
            "{text}"
        );
        assert_eq!(Timings::read(text.as_bytes()), Ok(steps.0));
    }
}
