//! `fleet.toml`: what is demanded of a fleet as a whole, and what is known about its addresses.

use std::collections::BTreeMap;
use std::path::Path;

use toml::de::DeTable;

use super::diagnostic::{Code, Diagnostics, Location};
use super::load::{Files, read_text};
use super::parse::{line, port};
use super::reader::{Reader, Sink, Span};
use crate::segment::{Assertion, Charter, Cidr, Demand, Infrastructure, Place, SegmentName};

/// A charter, and where its demands stand.
#[derive(Debug, Default)]
pub struct Chartered {
    /// What is demanded.
    pub charter: Charter,
    places: BTreeMap<(Demand, usize), Location>,
}

impl Chartered {
    /// Where a demand stands.
    pub fn location(&self, demand: Demand, index: usize) -> Location {
        let place = self.places.get(&(demand, index)).cloned();
        place.unwrap_or_else(|| Location::file("fleet.toml"))
    }
}

/// Reads `fleet.toml` at `path`.
///
/// # Errors
/// Every rule that it breaks, each with its place; the codes are those of templates.
pub fn load_charter(path: &Path, files: &dyn Files) -> Result<Chartered, Diagnostics> {
    let sink = Sink::default();
    let name = path.to_string_lossy();
    let text = match read_text(path, files) {
        Ok(text) => text,
        Err(reason) => {
            let message = format!("{name} cannot be read: {reason}");
            sink.report_file(Code::T001, &name, message, None);
            return Err(sink.into_diagnostics());
        }
    };
    let file = sink.add_file(&name, &text);
    let (table, errors) = DeTable::parse_recoverable(&text);
    for error in &errors {
        let range = error.span().unwrap_or(0..0);
        let message = error.message().trim().replace('\n', "; ");
        sink.report(Code::T002, &Span { file, range }, message, None);
    }
    let whole = Span { file, range: 0..0 };
    let top = Reader::new(Some(table.get_ref()), "fleet.toml", whole, &sink);
    let chartered = charter(top, &sink);
    if sink.is_clean() {
        Ok(chartered)
    } else {
        Err(sink.into_diagnostics())
    }
}

fn charter(top: Reader<'_>, sink: &Sink) -> Chartered {
    let mut outside = Vec::new();
    for text in top.strings("outside") {
        if let Some(name) = SegmentName::new(&text.value) {
            outside.push(name);
        } else {
            let message = format!("{:?} is not allowed: {}", text.value, SegmentName::RULE);
            sink.report(Code::T006, &text.span, message, None);
        }
    }
    outside.sort();
    outside.dedup();
    let mut places = BTreeMap::new();
    let mut demands = |key, name, demand| {
        let mut all = Vec::new();
        for table in top.tables(key, name) {
            let location = sink.location(table.span());
            if let Some(assertion) = assertion(table) {
                places.insert((demand, all.len()), location);
                all.push(assertion);
            }
        }
        all
    };
    let deny = demands("must_deny", "[[must_deny]]", Demand::Deny);
    let permit = demands("must_permit", "[[must_permit]]", Demand::Permit);
    let addresses = addresses(&top, sink);
    top.finish();
    Chartered {
        charter: Charter {
            outside,
            addresses,
            deny,
            permit,
        },
        places,
    }
}

fn addresses(top: &Reader<'_>, sink: &Sink) -> BTreeMap<String, Vec<Cidr>> {
    let mut addresses = BTreeMap::new();
    for (key, texts) in top.lists("addresses") {
        let infrastructure = Infrastructure::WORDS
            .iter()
            .any(|(word, _)| *word == key.value);
        if !infrastructure && SegmentName::new(&key.value).is_none() {
            let message = format!(
                "{:?} is not allowed: it is the name of a segment, or dns, log, ntp or updates",
                key.value
            );
            sink.report(Code::T006, &key.span, message, None);
            continue;
        }
        let mut nets = Vec::new();
        for text in texts {
            if let Some(net) = Cidr::parse(&text.value) {
                nets.push(net);
            } else {
                let message = format!("{:?} is not allowed: {}", text.value, Cidr::RULE);
                sink.report(Code::T006, &text.span, message, None);
            }
        }
        nets.sort();
        nets.dedup();
        addresses.insert(key.value, nets);
    }
    addresses
}

fn assertion(table: Reader<'_>) -> Option<Assertion> {
    let from = table.parsed("from", Place::RULE, Place::parse);
    let to = table.parsed("to", Place::RULE, Place::parse);
    for key in ["from", "to"] {
        if !table.has(key) {
            table.missing(key, None);
        }
    }
    let port = port(&table);
    let proto = table.choice("proto");
    let indirect = table.boolean("indirect");
    let reason = table.parsed("reason", "it is one line", line);
    table.finish();
    Some(Assertion {
        from: from?.value,
        to: to?.value,
        port: port.map(|at| at.value),
        proto: proto.map(|at| at.value),
        indirect: indirect.is_some_and(|at| at.value),
        reason: reason.map(|at| at.value),
    })
}
