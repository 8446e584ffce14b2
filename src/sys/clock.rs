//! The wall clock and elapsed time: for judging expiry and for telling people how long things took.
//! No output byte of a build depends on it.

use std::time::Instant;

/// Seconds since 1970 by this machine's clock; 0 where the clock stands before that.
pub fn now() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "the one place that asks")]
    let now = std::time::SystemTime::now();
    now.duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |duration| duration.as_secs())
}

/// A stopwatch.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts.
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Seconds since the start.
    pub fn seconds(&self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }
}
