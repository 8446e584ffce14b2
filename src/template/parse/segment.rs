//! `[segment]`: where the image belongs, and what may reach it.

use super::rules::{LINE_RULE, line};
use crate::segment::{
    Audience, Date, Exposure, PackageGlob, Peer, Port, SegmentName, ServiceName, UnitName,
};
use crate::template::diagnostic::Code;
use crate::template::raw::{RawConsumes, RawEgress, RawProvides, RawSegment};
use crate::template::reader::{At, Reader};

const AUDIENCE_RULE: &str =
    "an audience is \"public\", \"segment\" for its own segment, or a list of segments";
const SERVICE_RULE: &str = "a service name is up to 64 of a-z 0-9 . -, starts with a letter or \
                            digit, and is not ssh, which admin_from offers";

pub(super) fn segment(table: Reader<'_>) -> RawSegment {
    let admin_from = table.list("admin_from", SegmentName::RULE, SegmentName::new);
    let raw = RawSegment {
        span: table.span().clone(),
        category: table.choice("category"),
        name: table.parsed("segment", SegmentName::RULE, SegmentName::new),
        lifecycle: table.choice("lifecycle"),
        eol: table.parsed("eol", Date::RULE, Date::new),
        data_class: table.choice("data_class"),
        admin_from: table.has("admin_from").then_some(admin_from),
        admin_span: table.place("admin_from"),
        gateway: table.parsed("gateway", SegmentName::RULE, SegmentName::new),
        forbid_packages: table.list("forbid_packages", PackageGlob::RULE, PackageGlob::new),
        exposure: exposure(&table),
        provides: table
            .tables("provides", "[[segment.provides]]")
            .into_iter()
            .filter_map(provides)
            .collect(),
        consumes: table
            .tables("consumes", "[[segment.consumes]]")
            .into_iter()
            .filter_map(consumes)
            .collect(),
        egress: table
            .tables("egress", "[[segment.egress]]")
            .into_iter()
            .filter_map(egress)
            .collect(),
    };
    table.finish();
    raw
}

fn exposure(table: &Reader<'_>) -> Vec<(At<UnitName>, Exposure)> {
    let mut ceilings = Vec::new();
    for (key, value) in table.fractions("exposure") {
        let (unit, ceiling) = (UnitName::new(&key.value), Exposure::parse(&value.value));
        if unit.is_none() {
            let message = format!("{:?} is not allowed: {}", key.value, UnitName::RULE);
            table.sink().report(Code::T006, &key.span, message, None);
        }
        if ceiling.is_none() {
            let message = format!("{:?} is not allowed: {}", value.value, Exposure::RULE);
            table.sink().report(Code::T006, &value.span, message, None);
        }
        if let (Some(unit), Some(ceiling)) = (unit, ceiling) {
            ceilings.push((key.map(|_| unit), ceiling));
        }
    }
    ceilings
}

fn provides(table: Reader<'_>) -> Option<RawProvides> {
    let name = table.parsed("name", SERVICE_RULE, |text| {
        ServiceName::new(text).filter(|name| !name.is_ssh())
    });
    need(&table, &["name"]);
    let port = port(&table);
    let proto = table.choice("proto");
    let audience = audience(&table);
    let unit = table.parsed("unit", UnitName::RULE, UnitName::new);
    let span = table.span().clone();
    table.finish();
    Some(RawProvides {
        name: name?,
        port,
        proto,
        audience,
        unit,
        span,
    })
}

fn consumes(table: Reader<'_>) -> Option<RawConsumes> {
    let service = table.parsed("service", ServiceName::RULE, ServiceName::new);
    let segment = table.parsed("segment", SegmentName::RULE, SegmentName::new);
    need(&table, &["service", "segment"]);
    let port = port(&table);
    let proto = table.choice("proto");
    let unit = table.parsed("unit", UnitName::RULE, UnitName::new);
    let span = table.span().clone();
    table.finish();
    Some(RawConsumes {
        service: service?,
        segment: segment?,
        port,
        proto,
        unit,
        span,
    })
}

fn egress(table: Reader<'_>) -> Option<RawEgress> {
    let to = table.parsed("to", Peer::RULE, Peer::parse);
    need(&table, &["to"]);
    let port = port(&table);
    let proto = table.choice("proto");
    let reason = table.parsed("reason", LINE_RULE, |text| {
        line(text).filter(|text| !text.trim().is_empty())
    });
    let unit = table.parsed("unit", UnitName::RULE, UnitName::new);
    let span = table.span().clone();
    table.finish();
    Some(RawEgress {
        to: to?,
        port,
        proto,
        reason,
        unit,
        span,
    })
}

/// Reports the keys of these that are not stated.
fn need(table: &Reader<'_>, keys: &[&str]) {
    for key in keys {
        if !table.has(key) {
            table.missing(key, None);
        }
    }
}

/// A number, or a range in a string.
pub(in crate::template) fn port(table: &Reader<'_>) -> Option<At<Port>> {
    let at = table.text_or_integer("port", "a number, or a range as in \"8000-8010\"")?;
    let (text, radix) = &at.value;
    let port = Port::parse(text).filter(|_| matches!(radix, 0 | 10));
    if port.is_none() {
        let message = format!("{text:?} is not allowed: {}", Port::RULE);
        table.sink().report(Code::T006, &at.span, message, None);
    }
    Some(At {
        value: port?,
        span: at.span,
    })
}

fn audience(table: &Reader<'_>) -> Option<At<Audience>> {
    let at = table.string_or_strings("audience")?;
    let audience = match &at.value {
        Ok(text) => match text.as_str() {
            "public" => Some(Audience::Public),
            "segment" => Some(Audience::Own),
            _ => None,
        },
        Err(texts) => {
            let mut names = Vec::new();
            for text in texts {
                if let Some(name) = SegmentName::new(&text.value) {
                    names.push(name);
                } else {
                    let message = format!("{:?} is not allowed: {}", text.value, SegmentName::RULE);
                    table.sink().report(Code::T006, &text.span, message, None);
                    return None;
                }
            }
            names.sort();
            names.dedup();
            (!names.is_empty()).then_some(Audience::Segments(names))
        }
    };
    if audience.is_none() {
        let message = format!("this is not allowed: {AUDIENCE_RULE}");
        let help = "to offer a service to nobody, leave it out".to_owned();
        table
            .sink()
            .report(Code::T006, &at.span, message, Some(help));
    }
    Some(At {
        value: audience?,
        span: at.span,
    })
}
