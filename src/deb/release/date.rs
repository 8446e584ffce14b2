//! Dates as archives write them.

use super::parse::parse_number;
use crate::tree::Epoch;

/// `Sat, 15 Nov 2025 10:00:00 UTC`; the zone may also be `GMT`, `Z` or `+0000`. The name of the day
/// is not compared.
pub(super) fn parse_date(text: &str) -> Option<Epoch> {
    let mut words = text.split_ascii_whitespace();
    let weekday = words.next()?;
    if weekday.len() != 4 || !weekday.ends_with(',') {
        return None;
    }
    let day = i8::try_from(parse_number(words.next()?)?).ok()?;
    let month = words.next()?;
    let month = MONTHS.iter().position(|name| *name == month)?;
    let month = i8::try_from(month).ok()?.checked_add(1)?;
    let year = i16::try_from(parse_number(words.next()?)?).ok()?;
    let mut time = words
        .next()?
        .split(':')
        .map(|part| i8::try_from(parse_number(part)?).ok());
    let (hour, minute, second) = (time.next()??, time.next()??, time.next()??);
    let zone = words.next()?;
    if time.next().is_some() || words.next().is_some() {
        return None;
    }
    if !["UTC", "GMT", "Z", "+0000"].contains(&zone) {
        return None;
    }
    let instant = jiff::civil::DateTime::new(year, month, day, hour, minute, second, 0).ok()?;
    let instant = jiff::tz::TimeZone::UTC.to_timestamp(instant).ok()?;
    let seconds = u64::try_from(instant.as_second()).ok()?;
    Epoch::new(seconds).ok()
}

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
