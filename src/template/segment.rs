//! `[segment]` from merged statements to a [`Segment`], and back to JSON.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::choice::Choice;
use super::diagnostic::Code;
use super::finish::added;
use super::raw::{Items, Raw, RawConsumes, RawEgress, RawProvides, RawSegment};
use super::reader::{At, Item, Sink, Span};
use crate::segment::{
    Audience, Category, Consumes, Egress, Exposure, Peer, Port, Proto, Provides, Segment,
    Statement, UnitName,
};

/// The segment; `None` where something is missing, which is then reported.
pub(super) fn finish(raw: RawSegment, sink: &Sink) -> Option<Segment> {
    let (provides, consumes) = (raw.provides, raw.consumes);
    let first = provides.first().map(|it| &it.span);
    let first = first.or_else(|| consumes.first().map(|it| &it.span));
    if let (None, Some(span)) = (&raw.name, first)
        && !sink.is_wrong("[segment]", "segment")
    {
        let message = "[segment] needs segment: services belong to a segment".to_owned();
        sink.report(Code::T005, span, message, None);
    }
    if let Some(gateway) = &raw.gateway
        && raw.category.as_ref().map(|at| at.value) != Some(Category::Legacy)
    {
        let message = "only an image of the category legacy has a gateway".to_owned();
        sink.report(Code::T012, &gateway.span, message, None);
    }
    let provides: Option<Vec<Provides>> = sorted(provides, |it| it.name.value.to_string())
        .into_iter()
        .map(|it| provided(it, sink))
        .collect();
    let consumes: Option<Vec<Consumes>> = sorted(consumes, consumes_key)
        .into_iter()
        .map(|it| consumed(it, sink))
        .collect();
    let egress: Option<Vec<Egress>> = sorted(raw.egress, egress_key)
        .into_iter()
        .map(|it| let_out(it, sink))
        .collect();
    Some(Segment {
        category: raw.category.map(|at| at.value),
        name: raw.name.map(|at| at.value),
        lifecycle: raw.lifecycle.map(|at| at.value),
        eol: raw.eol.map(|at| at.value),
        data_class: raw.data_class.map(|at| at.value),
        admin_from: raw.admin_from.map(in_order),
        gateway: raw.gateway.map(|at| at.value),
        forbid_packages: in_order(raw.forbid_packages),
        // A template further down overrides.
        exposure: raw
            .exposure
            .into_iter()
            .map(|(at, ceiling)| (at.value, ceiling))
            .collect::<BTreeMap<UnitName, Exposure>>(),
        provides: provides?,
        consumes: consumes?,
        egress: egress?,
    })
}

/// Where each statement stands that a check of the fleet may speak of.
pub(super) fn places(raw: &Raw) -> BTreeMap<Statement, Span> {
    let segment = &raw.segment;
    let mut places = BTreeMap::from([(Statement::Table, segment.span.clone())]);
    let mut key = |name, span: Option<&Span>| {
        if let Some(span) = span {
            places.insert(Statement::Key(name), span.clone());
        }
    };
    key("category", place(segment.category.as_ref()));
    key("segment", place(segment.name.as_ref()));
    key("lifecycle", place(segment.lifecycle.as_ref()));
    key("eol", place(segment.eol.as_ref()));
    key("data_class", place(segment.data_class.as_ref()));
    key("admin_from", segment.admin_span.as_ref());
    key("gateway", place(segment.gateway.as_ref()));
    key("suite", place(raw.source.suite.as_ref()));
    for (index, it) in sorted(segment.provides.iter().collect(), |it| {
        it.name.value.to_string()
    })
    .into_iter()
    .enumerate()
    {
        places.insert(Statement::Provides(index), it.name.span.clone());
    }
    let consumes = sorted(segment.consumes.iter().collect(), |it| consumes_key(it));
    for (index, it) in consumes.into_iter().enumerate() {
        places.insert(Statement::Consumes(index), it.service.span.clone());
    }
    let egress = sorted(segment.egress.iter().collect(), |it| egress_key(it));
    for (index, it) in egress.into_iter().enumerate() {
        places.insert(Statement::Egress(index), it.to.span.clone());
    }
    for (at, _) in &segment.exposure {
        places.insert(Statement::Exposure(at.value.clone()), at.span.clone());
    }
    for at in &raw.packages {
        if let Item::Add(spec) = &at.value {
            let package = Statement::Package(spec.name.to_string());
            places.insert(package, at.span.clone());
        }
    }
    for at in &raw.services.enable {
        if let Item::Add(unit) = &at.value {
            places.insert(Statement::Unit(unit.to_string()), at.span.clone());
        }
    }
    places
}

/// The segment as a template shows it.
pub(super) fn json(segment: &Segment) -> Value {
    let Segment {
        category,
        name,
        lifecycle,
        eol,
        data_class,
        admin_from,
        gateway,
        forbid_packages,
        exposure,
        provides,
        consumes,
        egress,
    } = segment;
    let exposure: serde_json::Map<String, Value> = exposure
        .iter()
        .map(|(unit, ceiling)| (unit.to_string(), json!(ceiling.to_string())))
        .collect();
    json!({
        "category": category.map(Choice::word),
        "segment": name.as_ref().map(ToString::to_string),
        "lifecycle": lifecycle.map(Choice::word),
        "eol": eol.as_ref().map(ToString::to_string),
        "data_class": data_class.map(Choice::word),
        "admin_from": admin_from.as_ref().map(|it| texts(it)),
        "gateway": gateway.as_ref().map(ToString::to_string),
        "forbid_packages": texts(forbid_packages),
        "exposure": exposure,
        "provides": provides.iter().map(|it| json!({
            "name": it.name.to_string(),
            "port": it.port.to_string(),
            "proto": it.proto.word(),
            "audience": match &it.audience {
                Audience::Public => json!("public"),
                Audience::Own => json!("segment"),
                Audience::Segments(names) => json!(texts(names)),
            },
            "unit": it.unit.as_ref().map(ToString::to_string),
        })).collect::<Vec<_>>(),
        "consumes": consumes.iter().map(|it| json!({
            "service": it.service.to_string(),
            "segment": it.segment.to_string(),
            "port": it.port.to_string(),
            "proto": it.proto.word(),
            "unit": it.unit.as_ref().map(ToString::to_string),
        })).collect::<Vec<_>>(),
        "egress": egress.iter().map(|it| json!({
            "to": it.to.to_string(),
            "port": it.port.map(|port| port.to_string()),
            "proto": it.proto.map(Choice::word),
            "reason": it.reason,
            "unit": it.unit.as_ref().map(ToString::to_string),
        })).collect::<Vec<_>>(),
    })
}

fn texts<T: ToString>(items: &[T]) -> Vec<String> {
    items.iter().map(ToString::to_string).collect()
}

fn place<T>(at: Option<&At<T>>) -> Option<&Span> {
    at.map(|at| &at.span)
}

fn in_order<T: Ord>(items: Items<T>) -> Vec<T> {
    let mut values = added(items);
    values.sort();
    values.dedup();
    values
}

/// By a key that the entry holds; entries of one key keep their order.
fn sorted<T, K: Ord>(mut entries: Vec<T>, key: impl Fn(&T) -> K) -> Vec<T> {
    entries.sort_by_cached_key(key);
    entries
}

fn consumes_key(it: &RawConsumes) -> (String, String) {
    (it.segment.value.to_string(), it.service.value.to_string())
}

fn egress_key(it: &RawEgress) -> (Peer, Option<Port>, Option<&'static str>, Option<UnitName>) {
    (
        it.to.value.clone(),
        it.port.as_ref().map(|at| at.value),
        it.proto.as_ref().map(|at| at.value.word()),
        it.unit.as_ref().map(|at| at.value.clone()),
    )
}

fn provided(raw: RawProvides, sink: &Sink) -> Option<Provides> {
    let what = format!("the service {}", raw.name.value);
    let port = required(
        raw.port,
        "[[segment.provides]]",
        "port",
        &what,
        &raw.span,
        sink,
    );
    let audience = required(
        raw.audience,
        "[[segment.provides]]",
        "audience",
        &what,
        &raw.span,
        sink,
    );
    Some(Provides {
        name: raw.name.value,
        port: port?,
        proto: raw.proto.map_or(Proto::Tcp, |at| at.value),
        audience: audience?,
        unit: raw.unit.map(|at| at.value),
    })
}

fn consumed(raw: RawConsumes, sink: &Sink) -> Option<Consumes> {
    let what = format!("{} of {}", raw.service.value, raw.segment.value);
    let port = required(
        raw.port,
        "[[segment.consumes]]",
        "port",
        &what,
        &raw.span,
        sink,
    );
    Some(Consumes {
        segment: raw.segment.value,
        service: raw.service.value,
        port: port?,
        proto: raw.proto.map_or(Proto::Tcp, |at| at.value),
        unit: raw.unit.map(|at| at.value),
    })
}

fn let_out(raw: RawEgress, sink: &Sink) -> Option<Egress> {
    if let (Peer::Segment(name), None) = (&raw.to.value, &raw.port)
        && !sink.is_wrong("[[segment.egress]]", "port")
    {
        let message = format!("egress to {name} needs port");
        let help = "a service that the segment provides is better stated in [[segment.consumes]]";
        sink.report(Code::T005, &raw.span, message, Some(help.to_owned()));
        return None;
    }
    Some(Egress {
        to: raw.to.value,
        port: raw.port.map(|at| at.value),
        proto: raw.proto.map(|at| at.value),
        reason: raw.reason.map(|at| at.value),
        unit: raw.unit.map(|at| at.value),
    })
}

fn required<T>(
    value: Option<At<T>>,
    table: &'static str,
    key: &'static str,
    what: &str,
    span: &Span,
    sink: &Sink,
) -> Option<T> {
    if value.is_none() && !sink.is_wrong(table, key) {
        sink.report(Code::T005, span, format!("{what} needs {key}"), None);
    }
    value.map(|at| at.value)
}
