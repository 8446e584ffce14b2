//! How many processors may be used: decides speed, never a byte.

use std::num::NonZero;

/// Processors that this process may run on; `KARAT_JOBS` lowers or raises it.
pub fn count() -> NonZero<usize> {
    if let Some(jobs) = super::env::text("KARAT_JOBS").and_then(|text| text.parse().ok()) {
        return jobs;
    }
    #[expect(clippy::disallowed_methods, reason = "the one place that asks")]
    std::thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN)
}
