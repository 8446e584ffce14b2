//! Fleets of templates: their rules, their graph, and what others make of the exports.

mod cilium;
mod judges;
mod rules;
mod views;

use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Output};

use karat::ops::segment::{Loaded, SegmentError, load};

use crate::support::Scratch;

/// The files of a fleet by name.
type Files = BTreeMap<&'static str, String>;

const BASE: &str = r#"packages = ["openssh-server"]
[image]
version = "1"
[source]
suite = "trixie"
[[segment.egress]]
to = "dns"
"#;

const WEB: &str = r#"extends = "base"
packages = ["nginx"]
[image]
name = "shop"
[services]
enable = ["nginx.service"]
[segment]
category = "frontend"
segment = "web"
lifecycle = "current"
eol = "2028-08-09"
data_class = "public"
admin_from = ["bastion"]
exposure = { "nginx.service" = 3.0 }
[[segment.provides]]
name = "https"
port = 443
audience = "public"
unit = "nginx.service"
[[segment.consumes]]
service = "http"
segment = "api"
port = 8000
[verify.facts]
listen = ["tcp *:22", "tcp *:443", "udp *:546"]
"#;

const API: &str = r#"extends = "base"
[image]
name = "api"
[segment]
category = "internal"
segment = "api"
lifecycle = "current"
admin_from = ["bastion"]
exposure = { "api.service" = 3.5 }
[[segment.provides]]
name = "http"
port = 8000
audience = ["web"]
unit = "api.service"
[[segment.consumes]]
service = "postgres"
segment = "db"
port = 5432
[[segment.consumes]]
service = "soap"
segment = "erp"
port = 8080
"#;

const DB: &str = r#"extends = "base"
[image]
name = "db"
[segment]
category = "data"
segment = "db"
lifecycle = "current"
data_class = "confidential"
admin_from = ["bastion"]
[[segment.provides]]
name = "postgres"
port = 5432
audience = ["api"]
"#;

const BASTION: &str = r#"extends = "base"
[image]
name = "bastion"
[segment]
category = "management"
segment = "bastion"
lifecycle = "current"
admin_from = ["office"]
[[segment.consumes]]
service = "ssh"
segment = "api"
port = 22
[[segment.consumes]]
service = "ssh"
segment = "db"
port = 22
[[segment.consumes]]
service = "ssh"
segment = "web"
port = 22
"#;

const ERP: &str = r#"extends = "base"
[image]
name = "erp"
[segment]
category = "legacy"
segment = "erp"
lifecycle = "legacy"
eol = "2020-06-30"
gateway = "api"
admin_from = []
exposure = { "soap.service" = 4.0 }
[[segment.provides]]
name = "soap"
port = 8080
audience = ["api"]
unit = "soap.service"
"#;

const FLEET: &str = r#"outside = ["office"]
[addresses]
office = ["192.0.2.0/24"]
[[must_deny]]
from = "category:frontend"
to = "category:data"
[[must_permit]]
from = "web"
to = "api"
port = 8000
"#;

/// A fleet that keeps every rule.
fn sound() -> Files {
    BTreeMap::from([
        ("api.toml", API.to_owned()),
        ("base.toml", BASE.to_owned()),
        ("bastion.toml", BASTION.to_owned()),
        ("db.toml", DB.to_owned()),
        ("erp.toml", ERP.to_owned()),
        ("fleet.toml", FLEET.to_owned()),
        ("web.toml", WEB.to_owned()),
    ])
}

/// The sound fleet with some texts replaced; each must be there.
fn changed(changes: &[(&'static str, &str, &str)]) -> Files {
    let mut files = sound();
    for (name, from, to) in changes {
        let text = files.entry(name).or_default();
        assert!(text.contains(from), "{name} has no {from:?}");
        *text = text.replacen(from, to, 1);
    }
    files
}

/// The files in a directory.
fn written(files: &Files) -> Scratch {
    let scratch = Scratch::new("fleet");
    for (name, text) in files {
        fs::write(scratch.join(name), text).unwrap();
    }
    scratch
}

fn loaded(files: &Files) -> Result<Loaded, SegmentError> {
    let scratch = written(files);
    load(&[scratch.path().to_owned()], None)
}

/// karat in a directory.
fn karat(scratch: &Scratch, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_karat"))
        .current_dir(scratch.path())
        .env_remove("SOURCE_DATE_EPOCH")
        .arg("segment")
        .args(arguments)
        .output()
        .unwrap()
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}
