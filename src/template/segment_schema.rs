//! `[segment]` in the JSON schema of templates.
#![expect(
    dead_code,
    reason = "the types say what may be written; nothing is made of them"
)]

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::schema::TextOrNumber;

/// Where the image belongs.
#[derive(JsonSchema, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SegmentTable {
    category: Option<CategoryWord>,
    /// The name of its segment.
    segment: Option<String>,
    lifecycle: Option<LifecycleWord>,
    /// When its support ends, as in 2030-06-30.
    eol: Option<String>,
    data_class: Option<DataClassWord>,
    /// Segments that may reach its SSH; [] for nobody; anybody where it is absent.
    admin_from: Option<Vec<String>>,
    /// The one segment that reaches it; for the category legacy.
    gateway: Option<String>,
    /// Patterns of packages that must not be in it, beside those that its category forbids.
    forbid_packages: Option<Vec<String>>,
    /// How exposed units may be at most, as systemd-analyze security measures it: 0.0 to 10.0.
    exposure: Option<BTreeMap<String, ExposureValue>>,
    /// Services that it offers.
    provides: Option<Vec<ProvidesTable>>,
    /// Services of other segments that it uses.
    consumes: Option<Vec<ConsumesTable>>,
    /// Where else it connects to.
    egress: Option<Vec<EgressTable>>,
}

/// A service that the image offers.
#[derive(JsonSchema, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProvidesTable {
    /// Its name among those of its segment.
    name: String,
    /// A port, or a range as in "8000-8010".
    port: Option<TextOrNumber>,
    proto: Option<ProtoWord>,
    /// "public", "segment" for its own one, or a list of segments.
    audience: Option<AudienceValue>,
    /// The unit that listens.
    unit: Option<String>,
}

/// A service of another segment that the image uses.
#[derive(JsonSchema, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConsumesTable {
    /// Its name there; ssh is what `admin_from` offers.
    service: String,
    /// Whose it is.
    segment: String,
    /// A port, or a range as in "8000-8010".
    port: Option<TextOrNumber>,
    proto: Option<ProtoWord>,
    /// The unit that uses it.
    unit: Option<String>,
}

/// Where else the image connects to.
#[derive(JsonSchema, Deserialize)]
#[serde(deny_unknown_fields)]
struct EgressTable {
    /// dns, ntp, updates, log, any, a network, or a segment.
    to: String,
    /// A port, or a range as in "8000-8010"; dns, ntp, updates and log have theirs.
    port: Option<TextOrNumber>,
    proto: Option<ProtoWord>,
    /// Why; any needs one.
    reason: Option<String>,
    /// The one unit that it is for.
    unit: Option<String>,
}

#[derive(JsonSchema, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ProtoWord {
    Tcp,
    Udp,
}

#[derive(JsonSchema, Deserialize)]
#[serde(untagged)]
enum AudienceValue {
    Word(String),
    Segments(Vec<String>),
}

#[derive(JsonSchema, Deserialize)]
#[serde(untagged)]
enum ExposureValue {
    Text(String),
    Number(f64),
}

#[derive(JsonSchema, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum DataClassWord {
    Public,
    Internal,
    Confidential,
    Restricted,
}

#[derive(JsonSchema, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum CategoryWord {
    Frontend,
    Internal,
    Data,
    Management,
    Legacy,
}

#[derive(JsonSchema, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum LifecycleWord {
    Current,
    Legacy,
}
