//! The wall clock and elapsed time: for judging expiry and for telling people how long things took.
//! No output byte of a build depends on it.

use std::time::{Duration, Instant};

use super::env;
use crate::tree::{Epoch, EpochError};

/// Seconds since 1970 by this machine's clock; 0 where the clock stands before that.
pub fn now() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "the one place that asks")]
    let now = std::time::SystemTime::now();
    now.duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |duration| duration.as_secs())
}

/// When a report or a summary says that it was made: `SOURCE_DATE_EPOCH`, so that it can be made
/// again byte for byte, else [`now`].
///
/// # Errors
/// `SOURCE_DATE_EPOCH` is set to something that is no epoch.
pub fn reported() -> Result<Epoch, EpochError> {
    Ok(env::epoch()?.unwrap_or_else(|| Epoch::saturating(now())))
}

/// A moment until which something may go on; none at all: for ever.
#[derive(Clone, Copy, Debug, Default)]
pub struct Deadline(Option<Instant>);

impl Deadline {
    /// So many seconds from now.
    pub fn after(seconds: Option<u64>) -> Self {
        let seconds = seconds.map(Duration::from_secs);
        Self(seconds.and_then(|seconds| Instant::now().checked_add(seconds)))
    }

    /// Whether it has passed.
    pub fn is_over(self) -> bool {
        self.0.is_some_and(|moment| Instant::now() >= moment)
    }
}

/// A stopwatch.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts.
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Time since the start.
    #[cfg(feature = "build")]
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    /// Seconds since the start.
    pub fn seconds(&self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }
}
