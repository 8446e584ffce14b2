//! Days and instants as people write them.

use crate::tree::Epoch;

/// Takes a day, which stands for its first second, or an instant: `2027-01-31`, `2027-01-31T12:00:00Z`.
///
/// # Errors
/// What is wrong with it, in words.
pub fn instant(text: &str) -> Result<Epoch, String> {
    let full = if text.len() == "2027-01-31".len() {
        format!("{text}T00:00:00Z")
    } else {
        text.to_owned()
    };
    let instant: jiff::Timestamp = full
        .parse()
        .map_err(|error: jiff::Error| error.to_string())?;
    let Ok(seconds) = u64::try_from(instant.as_second()) else {
        return Err("it lies before 1970".to_owned());
    };
    Epoch::new(seconds).map_err(|error| error.to_string())
}
