//! Templates: what is taken, what is refused and how it is said, what a digest depends on.

mod overlay;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use karat::template::{Code, Diagnostics, Template, load};

/// Templates in memory: `(name, text)`.
fn files(list: &[(&str, &str)]) -> impl Fn(&Path, u64) -> io::Result<Vec<u8>> {
    let map: BTreeMap<PathBuf, Vec<u8>> = list
        .iter()
        .map(|(name, text)| (PathBuf::from(name), text.as_bytes().to_vec()))
        .collect();
    move |path, _| {
        map.get(path)
            .cloned()
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

/// Loads the first of the templates.
fn resolve(list: &[(&str, &str)]) -> Result<Template, Diagnostics> {
    load(Path::new(list[0].0), &files(list))
}

/// The codes of all diagnostics, with their line and column.
fn codes(list: &[(&str, &str)]) -> Vec<(Code, String, usize, usize)> {
    match resolve(list) {
        Ok(_) => Vec::new(),
        Err(found) => found
            .0
            .into_iter()
            .map(|one| {
                (
                    one.code,
                    one.location.file,
                    one.location.line,
                    one.location.column,
                )
            })
            .collect(),
    }
}

/// A template that lacks nothing.
const WHOLE: &str = "[image]\nname = \"x\"\nversion = \"1\"\n[source]\nsuite = \"trixie\"\n";

#[test]
fn the_smallest_template_has_the_documented_defaults() {
    let template = resolve(&[("x.toml", WHOLE)]).unwrap();
    let json = template.to_json();
    assert_eq!(json["source"]["components"], serde_json::json!(["main"]));
    assert_eq!(
        json["source"]["pockets"],
        serde_json::json!(["security", "updates"])
    );
    assert_eq!(
        json["outputs"]["formats"],
        serde_json::json!(["oci", "tar"])
    );
    assert_eq!(json["outputs"]["compression"], "zstd");
    assert_eq!(json["kernel"]["initrd"], "distribution");
    assert_eq!(json["verify"]["agent"], false);
    assert_eq!(json["source"]["recommends"], false);
}
