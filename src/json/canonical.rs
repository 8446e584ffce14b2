//! One spelling for each JSON value.

use serde::Serialize;

use super::JsonError;

/// The canonical bytes of `value`: keys sorted bytewise, no white space, strings with no escapes
/// but those that RFC 8259 demands.
///
/// For what karat writes (ASCII keys, whole numbers up to 2^53 - 1) these are the bytes of the JSON
/// Canonicalization Scheme (RFC 8785).
///
/// # Errors
/// `value` has no JSON form: a map whose keys are not text, for example.
pub fn canonical(value: &impl Serialize) -> Result<Vec<u8>, JsonError> {
    // By way of `Value`, whose objects are sorted maps.
    serde_json::to_value(value)
        .and_then(|value| serde_json::to_vec(&value))
        .map_err(|error| JsonError::Shape(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_sorted_and_nothing_is_spaced() {
        #[derive(Serialize)]
        struct Unsorted {
            b: u64,
            a: [&'static str; 2],
        }
        let bytes = canonical(&Unsorted {
            b: 7,
            a: ["\u{1f}\n\"\\/é", ""],
        });
        assert_eq!(
            bytes.as_deref(),
            Ok("{\"a\":[\"\\u001f\\n\\\"\\\\/é\",\"\"],\"b\":7}".as_bytes())
        );
    }
}
