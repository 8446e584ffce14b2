//! `[disk]` in the JSON schema of templates.
#![expect(
    dead_code,
    reason = "the types say what may be written; nothing is made of them"
)]

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

/// What a disk of the image looks like, and where a machine that runs it may write.
#[derive(JsonSchema, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DiskTable {
    /// Its size, as in 4G; what it needs by default.
    size: Option<String>,
    /// The size of the EFI system partition; 128M by default.
    esp: Option<String>,
    /// The room for a root in each slot; half as much again as this one needs by default.
    root: Option<String>,
    /// How many versions it has room for; 2 by default.
    #[schemars(range(min = 1, max = 2))]
    slots: Option<i64>,
    /// The size of the state partition at least; 256M by default.
    state: Option<String>,
    etc: Option<EtcWord>,
    /// Where else the running system may write, by path.
    writable: Option<BTreeMap<String, WritableWord>>,
    on_failure: Option<FailureWord>,
    on_corruption: Option<CorruptionWord>,
    /// The https:// address of the directory that newer versions are fetched from; nowhere by default.
    updates: Option<String>,
}

#[derive(JsonSchema, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum EtcWord {
    ReadOnly,
    OverlayTmpfs,
    OverlayState,
}

#[derive(JsonSchema, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum WritableWord {
    No,
    State,
    Tmpfs,
}

#[derive(JsonSchema, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum FailureWord {
    Poweroff,
    Emergency,
    Previous,
}

#[derive(JsonSchema, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum CorruptionWord {
    Panic,
    Restart,
}
