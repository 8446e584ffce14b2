//! The canonical form of a template, and its digests.

use serde_json::{Map, Value, json};

use crate::digest::Digest;

use super::choice::Choice;
use super::disk;
use super::facts;
use super::harden;
use super::model::{Agent, FileEntry, FileKind, Flavour, Owner, PackageSpec, Template, User};
use super::names::{Snapshot, Uri, VersionText, Word};
use super::segment;
use super::source::{Body, Pin, PinTarget, Repository, SourceFile};

impl Template {
    /// The resolved template as JSON: every key with its value, defaults included, files by digest.
    pub fn to_json(&self) -> Value {
        let Self {
            image,
            source: _,
            packages: _,
            files,
            groups,
            users,
            services,
            kernel,
            disk,
            harden,
            segment: place,
            verify,
            outputs,
            chain: _,
            provenance: _,
            places: _,
        } = self;
        let mut value = self.resolution_json();
        if let Value::Object(map) = &mut value {
            map.insert(
                "image".to_owned(),
                json!({
                    "name": image.name.as_str(),
                    "version": image.version.as_str(),
                    "description": image.description,
                    "epoch": image.epoch,
                    "architecture": image.architecture.as_ref().map(Word::as_str),
                }),
            );
            if let Some(Value::Object(source)) = map.get_mut("source") {
                let uri = |uri: &Option<Uri>| json!(uri.as_ref().map(Uri::as_str));
                source.insert("mirror".to_owned(), uri(&self.source.mirror));
                let security_mirror = uri(&self.source.security_mirror);
                source.insert("security_mirror".to_owned(), security_mirror);
            }
            map.insert("files".to_owned(), list(files, file));
            map.insert(
                "groups".to_owned(),
                list(groups, |group| {
                    json!({"name": group.name.as_str(), "gid": group.gid, "system": group.system})
                }),
            );
            map.insert("users".to_owned(), list(users, user));
            map.insert(
                "services".to_owned(),
                json!({
                    "enable": list(&services.enable, |unit| json!(unit.as_str())),
                    "disable": list(&services.disable, |unit| json!(unit.as_str())),
                    "mask": list(&services.mask, |unit| json!(unit.as_str())),
                }),
            );
            let sysctl: Map<String, Value> = kernel
                .sysctl
                .iter()
                .map(|(key, value)| (key.to_string(), json!(value)))
                .collect();
            let mut stated = json!({
                "cmdline": kernel.cmdline,
                "modules": list(&kernel.modules, |module| json!(module.as_str())),
                "sysctl": sysctl,
                "initrd": kernel.initrd.word(),
            });
            flavoured(&mut stated, kernel.flavour);
            map.insert("kernel".to_owned(), stated);
            if let Some(disk) = disk {
                map.insert("disk".to_owned(), disk::json(disk));
            }
            // Absent where no template states it: templates without rules keep their digests.
            if let Some(harden) = harden {
                map.insert("harden".to_owned(), harden::json(harden));
            }
            map.insert("segment".to_owned(), segment::json(place));
            let agent = match &verify.agent {
                Agent::Beside => json!(true),
                Agent::File(file) => source_file(file),
                Agent::None => json!(false),
            };
            map.insert(
                "verify".to_owned(),
                json!({
                    "agent": agent,
                    "expiry": verify.expiry.word(),
                    "on_failure": verify.on_failure.word(),
                    "mutable": list(&verify.mutable, |entry| json!({
                        "path": entry.path.as_str(),
                        "class": entry.class.word(),
                        "mode": entry.mode.map(|mode| mode.to_string()),
                    })),
                    "facts": facts::json(&verify.facts),
                }),
            );
            map.insert(
                "outputs".to_owned(),
                json!({
                    "formats": list(&outputs.formats, |format| json!(format.word())),
                    "compression": outputs.compression.word(),
                }),
            );
        }
        value
    }

    /// SHA-256 of the canonical form of [`Template::to_json`] (RFC 8785 for what occurs in it: keys
    /// sorted, no blanks). Formatting, comments, the order of keys and how a template is split into
    /// parents do not matter; the bytes of the files that it brings along do.
    pub fn digest(&self) -> Digest {
        Digest::of(canonical(&self.to_json()).as_bytes())
    }

    /// The digest of only those parts that decide which packages a lock names: `packages`,
    /// `[source]` without its mirrors, `[kernel] initrd` and `flavour`, `[image] architecture`.
    pub fn resolution_digest(&self) -> Digest {
        Digest::of(canonical(&self.resolution_json()).as_bytes())
    }

    fn resolution_json(&self) -> Value {
        let source = &self.source;
        let mut kernel = json!({ "initrd": self.kernel.initrd.word() });
        flavoured(&mut kernel, self.kernel.flavour);
        // What fetches updates is in the lock; where from does not matter to it.
        if let (Value::Object(kernel), true) = (&mut kernel, self.updates()) {
            kernel.insert("updates".to_owned(), json!(true));
        }
        json!({
            "version": 1,
            "packages": list(&self.packages, package),
            "source": {
                "distribution": source.distribution.word(),
                "suite": source.suite.as_str(),
                "components": list(&source.components, |name| json!(name.as_str())),
                "pockets": list(&source.pockets, |pocket| json!(pocket.word())),
                "snapshot": source.snapshot.as_ref().map(Snapshot::as_str),
                "keyring": source.keyring.as_ref().map(source_file),
                "recommends": source.recommends,
                "pins": list(&source.pins, pin),
                "extra": list(&source.extra, repository),
            },
            "kernel": kernel,
            "image": { "architecture": self.image.architecture.as_ref().map(Word::as_str) },
        })
    }
}

/// Absent where no template states it: templates without a kernel keep their digests.
fn flavoured(kernel: &mut Value, flavour: Option<Flavour>) {
    if let (Value::Object(kernel), Some(flavour)) = (kernel, flavour) {
        kernel.insert("flavour".to_owned(), json!(flavour.word()));
    }
}

fn list<T>(items: &[T], one: impl Fn(&T) -> Value) -> Value {
    Value::Array(items.iter().map(one).collect())
}

fn package(spec: &PackageSpec) -> Value {
    json!({
        "name": spec.name.as_str(),
        "version": spec.version.as_ref().map(VersionText::as_str),
    })
}

fn pin(pin: &Pin) -> Value {
    let (version, suite) = match &pin.target {
        PinTarget::Version(version) => (Some(version.as_str()), None),
        PinTarget::Suite(suite) => (None, Some(suite.as_str())),
    };
    json!({"package": pin.package, "version": version, "suite": suite, "priority": pin.priority})
}

fn repository(repository: &Repository) -> Value {
    json!({
        "name": repository.name.as_str(),
        "uri": repository.uri.as_str(),
        "suite": repository.suite.as_str(),
        "components": list(&repository.components, |name| json!(name.as_str())),
        "key": source_file(&repository.key),
        "priority": repository.priority,
    })
}

/// A file is its bytes: what it is called beside the template does not matter.
fn source_file(file: &SourceFile) -> Value {
    body(&file.body)
}

fn body(body: &Body) -> Value {
    json!({"sha256": body.content.digest, "size": body.content.size})
}

fn file(entry: &FileEntry) -> Value {
    let mut value = json!({
        "path": entry.path.display().to_string(),
        "mode": entry.mode.to_string(),
        "owner": owner(&entry.owner),
        "group": owner(&entry.group),
    });
    let (key, kind) = match &entry.kind {
        FileKind::Absent => ("absent", json!(true)),
        FileKind::Directory => ("directory", json!(true)),
        FileKind::Regular(content) => ("content", body(content)),
        FileKind::Symlink(target) => ("link", json!(target)),
    };
    if let Value::Object(map) = &mut value {
        map.insert(key.to_owned(), kind);
    }
    value
}

fn owner(owner: &Owner) -> Value {
    match owner {
        Owner::Id(id) => json!(id),
        Owner::Name(name) => json!(name.as_str()),
    }
}

fn user(user: &User) -> Value {
    json!({
        "name": user.name.as_str(),
        "uid": user.uid,
        "group": user.group.as_ref().map(owner),
        "groups": list(&user.groups, |name| json!(name.as_str())),
        "comment": user.comment,
        "shell": user.shell.as_ref().map(|path| path.display().to_string()),
        "home": user.home.as_ref().map(|path| path.display().to_string()),
        "ssh_keys": list(&user.ssh_keys, |key| json!(key.as_str())),
        "locked": user.locked,
        "system": user.system,
    })
}

/// JSON with sorted keys and no blanks, whatever order `serde_json` keeps.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort();
            let members: Vec<String> = keys
                .into_iter()
                .map(|key| {
                    let member = map.get(key).map(canonical).unwrap_or_default();
                    format!("{}:{member}", Value::String(key.clone()))
                })
                .collect();
            format!("{{{}}}", members.join(","))
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(canonical).collect();
            format!("[{}]", items.join(","))
        }
        Value::Bool(_) | Value::Null | Value::Number(_) | Value::String(_) => value.to_string(),
    }
}
