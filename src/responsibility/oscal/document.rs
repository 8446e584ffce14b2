//! What both documents are made of.

use serde_json::{Value, json};

use crate::digest::Digest;
use crate::tree::Epoch;

/// The version of OSCAL.
const OSCAL: &str = "1.1.3";
/// Names of properties: the host name is reserved (RFC 2606), so that they can never be somebody
/// else's.
const NAMESPACE: &str = "https://karat.example/oscal/v1";
/// Where the controls are from. A DOI stays what it is.
pub(super) const CATALOGUE: &str = "https://doi.org/10.6028/NIST.SP.800-53r5";

/// Makes identifiers of one document.
pub(super) struct Names(Digest);

impl Names {
    /// Of a document that `seed` decides.
    pub(super) fn of(seed: &[&str]) -> Self {
        Self(digest(seed))
    }

    /// The UUID of a thing in it: SHA-256 of the document and the thing's name, cut to 122 bits, with
    /// version 5 and variant 10 (RFC 9562). OSCAL takes versions 4 and 5 only.
    pub(super) fn uuid(&self, parts: &[&str]) -> String {
        let whole = self.0.to_string();
        let mut all = vec![whole.as_str()];
        all.extend(parts);
        let hex = digest(&all).to_string();
        let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default().to_owned();
        let variant = match hex.as_bytes().get(16).map(|digit| digit % 4) {
            Some(0) => "8",
            Some(1) => "9",
            Some(2) => "a",
            _ => "b",
        };
        format!(
            "{}-{}-5{}-{variant}{}-{}",
            part(0, 8),
            part(8, 12),
            part(13, 16),
            part(17, 20),
            part(20, 32)
        )
    }
}

/// SHA-256 of some texts, with their lengths, so that no two lists are one text.
fn digest(parts: &[&str]) -> Digest {
    let mut bytes = Vec::new();
    for part in parts {
        bytes.extend(part.len().to_string().bytes());
        bytes.push(b' ');
        bytes.extend(part.bytes());
    }
    Digest::of(&bytes)
}

/// An instant.
pub(super) fn date(seconds: u64) -> String {
    Epoch::saturating(seconds).rfc3339()
}

/// What each document says about itself.
pub(super) fn metadata(title: &str, at: u64, version: &Digest) -> Value {
    let version: String = version.to_string().chars().take(12).collect();
    json!({
        "title": title,
        "last-modified": date(at),
        "version": version,
        "oscal-version": OSCAL,
        "remarks": "It states evidence. It does not say that anybody complies with anything.",
    })
}

/// A property of this program's own.
pub(super) fn property(name: &str, value: &str) -> Value {
    json!({ "name": name, "ns": NAMESPACE, "value": value })
}

/// An id of NIST as OSCAL's catalogue has it: `si-7.1` for `SI-7(1)`.
pub(super) fn control_id(nist: &str) -> String {
    nist.to_ascii_lowercase().replace('(', ".").replace(')', "")
}

/// One line, as OSCAL wants titles and values.
pub(super) fn line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ")
}

/// A document as a file: keys sorted, readable, with a line end.
pub(super) fn file(document: &Value) -> String {
    // A value of text and lists has a JSON form.
    let mut text = serde_json::to_string_pretty(document).unwrap_or_default();
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_of_a_form_that_oscal_takes_and_differ() {
        let names = Names::of(&["a", "b"]);
        let uuid = names.uuid(&["x"]);
        assert_eq!(uuid, Names::of(&["a", "b"]).uuid(&["x"]));
        assert_ne!(uuid, names.uuid(&["y"]));
        assert_ne!(uuid, Names::of(&["ab"]).uuid(&["x"]));
        let parts: Vec<&str> = uuid.split('-').collect();
        let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
        assert!(parts[2].starts_with('5'));
        assert!(parts[3].starts_with(['8', '9', 'a', 'b']));
    }

    #[test]
    fn control_ids_are_those_of_the_catalogue() {
        for (ours, theirs) in [
            ("CM-6", "cm-6"),
            ("SI-7(1)", "si-7.1"),
            ("IA-2(12)", "ia-2.12"),
        ] {
            assert_eq!(control_id(ours), theirs);
        }
    }
}
