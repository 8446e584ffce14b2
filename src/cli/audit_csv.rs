//! An audit as CSV (RFC 4180): a line for each signature.
//!
//! Spreadsheets take a field that starts with `=`, `+`, `-`, `@`, a tab or a carriage return for a
//! formula. Names come from a log, so such a field gets a `'` in front, which spreadsheets show as
//! text.

use std::io::{self, Write};

use serde::Serialize;

use crate::ops::audit::{EntryFacts, Report, SignatureFacts};

/// The first line.
const HEADER: &str = "index,kind,image,version,serial,trust_root_version,entry_verdict,key,name,role,\
                      signature_verdict,not_before,not_after,payload_sha256";

/// Writes all of it: of an entry without signatures one line.
///
/// # Errors
/// `out` takes no more.
pub(super) fn write(report: &Report, out: &mut impl Write) -> io::Result<()> {
    write!(out, "{HEADER}\r\n")?;
    for entry in report.entries.iter() {
        for signature in &entry.signatures {
            line(&entry, Some(signature), out)?;
        }
        if entry.signatures.is_empty() {
            line(&entry, None, out)?;
        }
    }
    Ok(())
}

fn line(
    entry: &EntryFacts<'_>,
    signature: Option<&SignatureFacts<'_>>,
    out: &mut impl Write,
) -> io::Result<()> {
    let number = |number: Option<u64>| number.map(|it| it.to_string()).unwrap_or_default();
    let kind = entry.word.map_or_else(|| word(&entry.kind), str::to_owned);
    let fields = [
        entry.index.to_string(),
        kind,
        entry.image.unwrap_or_default().to_owned(),
        entry.version.unwrap_or_default().to_owned(),
        number(entry.serial),
        number(entry.trust_root_version),
        word(&entry.verdict),
        text(signature.and_then(|it| it.key)),
        signature
            .and_then(|it| it.name)
            .unwrap_or_default()
            .to_owned(),
        text(signature.and_then(|it| it.role)),
        signature.map(|it| word(&it.verdict)).unwrap_or_default(),
        number(entry.not_before),
        number(entry.not_after),
        text(entry.payload_sha256),
    ];
    for (place, field) in fields.iter().enumerate() {
        if place > 0 {
            out.write_all(b",")?;
        }
        out.write_all(quoted(field).as_bytes())?;
    }
    out.write_all(b"\r\n")
}

fn text(value: Option<impl std::fmt::Display>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

/// The word that JSON has for it.
pub(super) fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

/// A field, harmless and quoted where it has to be.
pub(super) fn quoted(field: &str) -> String {
    let formula = field.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let field = if formula {
        format!("'{field}")
    } else {
        field.to_owned()
    };
    if field.contains(['"', ',', '\r', '\n']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field
    }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn fields_are_text_to_every_reader() {
        for (field, written) in [
            ("base", "base"),
            ("", ""),
            ("a,b", "\"a,b\""),
            ("a\"b", "\"a\"\"b\""),
            ("a\r\nb", "\"a\r\nb\""),
            ("=1+1", "'=1+1"),
            ("@SUM(A1),\"x\"", "\"'@SUM(A1),\"\"x\"\"\""),
            ("-2", "'-2"),
            ("+2", "'+2"),
            ("\t=1", "'\t=1"),
        ] {
            assert_eq!(quoted(field), written);
        }
    }
}
