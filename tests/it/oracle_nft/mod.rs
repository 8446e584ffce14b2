//! The packet filters that segments compile to: nft(8) takes and lists them as was foretold, and the
//! kernel lets through what may reach what, and nothing else.
//!
//! Packets need root; a ruleset can be loaded and listed in a namespace of any user.

mod listing;
mod packets;

use std::collections::BTreeMap;
use std::path::Path;

use karat::ops::template::load;
use karat::segment::{Segment, SegmentName};

/// The segments of all shipped templates with a category, by their names.
fn shipped() -> BTreeMap<SegmentName, Segment> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
    let mut segments = BTreeMap::new();
    for name in [
        "web-frontend",
        "internal-api",
        "data-postgres",
        "legacy",
        "management",
    ] {
        let template = load(&directory.join(format!("{name}.toml"))).unwrap();
        let segment = template.segment;
        segments.insert(segment.name.clone().unwrap(), segment);
    }
    segments
}

/// A legacy image behind a gateway, and that gateway.
fn legacy() -> [Segment; 2] {
    use karat::segment::{Audience, Category, Consumes, Peer, Port, Proto, Provides, ServiceName};
    let name = |text: &str| SegmentName::new(text).unwrap();
    let service = |text: &str| ServiceName::new(text).unwrap();
    let old = Segment {
        category: Some(Category::Legacy),
        name: Some(name("old-erp")),
        gateway: Some(name("legacy-gate")),
        provides: vec![Provides {
            name: service("erp"),
            port: Port::new(8000, 8063).unwrap(),
            proto: Proto::Tcp,
            // Wider than a gateway allows: the host narrows it.
            audience: Audience::Public,
            unit: None,
        }],
        ..Segment::default()
    };
    let gate = Segment {
        category: Some(Category::Internal),
        name: Some(name("legacy-gate")),
        admin_from: Some(Vec::new()),
        consumes: vec![Consumes {
            segment: name("old-erp"),
            service: service("erp"),
            port: Port::one(8000).unwrap(),
            proto: Proto::Tcp,
            unit: None,
        }],
        egress: vec![karat::segment::Egress {
            to: Peer::parse("10.9.0.0/16").unwrap(),
            port: Port::one(9999),
            proto: Some(Proto::Udp),
            reason: None,
            unit: None,
        }],
        ..Segment::default()
    };
    [old, gate]
}
