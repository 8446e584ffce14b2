//! A build's only clock.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Seconds since 1970-01-01T00:00:00Z: the instant that a build says it happened at
/// (<https://reproducible-builds.org/specs/source-date-epoch/>).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(u64);

/// Text that is not an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "an epoch is a whole number of seconds since 1970, at most {}",
    Epoch::MAX
)]
pub struct EpochError;

impl Epoch {
    /// The latest epoch: 9999-12-31T23:59:59Z, the last second of RFC 3339.
    pub const MAX: u64 = 253_402_300_799;

    /// Takes seconds since 1970.
    ///
    /// # Errors
    /// `seconds` lies after [`Epoch::MAX`].
    pub const fn new(seconds: u64) -> Result<Self, EpochError> {
        if seconds > Self::MAX {
            Err(EpochError)
        } else {
            Ok(Self(seconds))
        }
    }

    /// Takes seconds since 1970, or [`Epoch::MAX`] where they lie after it.
    pub const fn saturating(seconds: u64) -> Self {
        if seconds > Self::MAX {
            Self(Self::MAX)
        } else {
            Self(seconds)
        }
    }

    /// Seconds since 1970.
    pub const fn seconds(self) -> u64 {
        self.0
    }

    /// Year, month, day, hour, minute and second in UTC.
    pub const fn utc(self) -> [u64; 6] {
        let (days, second) = (self.0 / 86_400, self.0 % 86_400);
        let (year, month, day) = civil(days);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        [year, month, day, hour, minute, second]
    }

    /// The instant as `YYYY-MM-DDTHH:MM:SSZ` (RFC 3339), in UTC.
    pub fn rfc3339(self) -> String {
        let [year, month, day, hour, minute, second] = self.utc();
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

/// The proleptic Gregorian date of a day counted from 1970-01-01.
const fn civil(days: u64) -> (u64, u64, u64) {
    // Years are counted from 0000-03-01, so that the leap day is a year's last.
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400;
    if month <= 2 {
        (year + 1, month, day)
    } else {
        (year, month, day)
    }
}

impl FromStr for Epoch {
    type Err = EpochError;

    fn from_str(text: &str) -> Result<Self, EpochError> {
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(EpochError);
        }
        text.parse()
            .ok()
            .and_then(|seconds| Self::new(seconds).ok())
            .ok_or(EpochError)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_760_000_000, "2025-10-09T08:53:20Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (Epoch::MAX, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(Epoch::new(seconds).unwrap().rfc3339(), text);
        }
    }

    #[test]
    fn strict_text() {
        for text in [
            "",
            "-1",
            "+1",
            " 1",
            "1.0",
            "253402300800",
            "99999999999999999999999",
        ] {
            assert_eq!(text.parse::<Epoch>(), Err(EpochError), "{text:?}");
        }
        assert_eq!(
            "1760000000".parse::<Epoch>().map(Epoch::seconds),
            Ok(1_760_000_000)
        );
    }
}
