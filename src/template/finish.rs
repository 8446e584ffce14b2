//! From merged statements to a template: what must be there is, what must not meet does not, and
//! every file is read.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::expect::Class;
use crate::limits;
use crate::path::ImagePath;
use crate::tree::Mode;

use super::diagnostic::Code;
use super::disk;
use super::facts;
use super::harden;
use super::load::{Files, reason};
use super::model::{
    Agent, Compression, FileEntry, FileKind, Format, Group, Image, Initrd, Kernel, Mutable,
    Outputs, Owner, Services, Template, User, Verify,
};
use super::names::{AccountName, ComponentName, SysctlKey};
use super::raw::{
    Items, Raw, RawAgent, RawFile, RawKind, RawMutable, RawRepository, RawServices, RawSource,
    RawUser,
};
use super::reader::{At, Item, Sink, Span};
use super::segment;
use super::source::{Body, Distribution, Pocket, Repository, Source, SourceFile};

/// Makes the template; `None` where something is missing, which is then reported.
pub(super) fn finish(
    mut raw: Raw,
    chain: Vec<(usize, PathBuf)>,
    files: &dyn Files,
    sink: &Sink,
) -> Option<Template> {
    let finish = Finish {
        chain: &chain,
        files,
        sink,
        loaded: std::cell::Cell::new(0),
    };
    let provenance = provenance(&raw, &chain);
    let places = segment::places(&raw);
    let harden = harden::finish(raw.harden, |at| finish.source_file(at), sink);
    let disk = disk::finish(raw.disk, sink);
    let segment = segment::finish(raw.segment, sink);
    let name = finish.required(raw.image.name, &raw.image.span, IMAGE, "name");
    let version = finish.required(raw.image.version, &raw.image.span, IMAGE, "version");
    let source = finish.source(raw.source);
    finish.check_services(&raw.services);
    let mut entries: Vec<FileEntry> = raw
        .files
        .iter()
        .filter_map(|file| finish.file(file))
        .collect();
    finish.check_paths(&raw.files);
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    let mut packages = added(raw.packages);
    packages.sort_by(|a, b| a.name.cmp(&b.name));
    let mut mutable: Vec<Mutable> = raw
        .verify
        .mutable
        .into_iter()
        .filter_map(|entry| finish.mutable(entry))
        .collect();
    mutable.sort_by(|a, b| a.path.cmp(&b.path));
    let agent = match raw.verify.agent.map(|at| (at.value, at.span)) {
        None | Some((RawAgent::None, _)) => Some(Agent::None),
        Some((RawAgent::Beside, _)) => Some(Agent::Beside),
        Some((RawAgent::File(value), span)) => {
            finish.source_file(At { value, span }).map(Agent::File)
        }
    };
    let firewall = match raw.verify.facts.firewall.take() {
        None => Some(None),
        Some(at) => {
            let span = at.span.clone();
            finish
                .source_file(at)
                .and_then(|file| facts::firewall(&file.body.bytes, &span, sink))
                .map(Some)
        }
    };
    let facts = facts::finish(raw.verify.facts, sink);
    let groups = raw
        .groups
        .into_iter()
        .map(|group| Group {
            name: group.name.value,
            gid: group.gid.map(|at| at.value),
            system: group.system.is_some_and(|at| at.value),
        })
        .collect();
    let users = raw.users.into_iter().map(|raw| user(raw, sink)).collect();
    let flavour = raw.kernel.flavour.and_then(|at| at.value.flavour());
    let initrd = finish.initrd(raw.kernel.initrd, flavour.is_some());
    Some(Template {
        image: Image {
            name: name?,
            version: version?,
            description: raw.image.description.map(|at| at.value),
            epoch: raw.image.epoch.map(|at| at.value),
            architecture: raw.image.architecture.map(|at| at.value),
        },
        source: source?,
        packages,
        files: entries,
        groups,
        users,
        services: Services {
            enable: sorted(raw.services.enable),
            disable: sorted(raw.services.disable),
            mask: sorted(raw.services.mask),
        },
        kernel: Kernel {
            cmdline: added(raw.kernel.cmdline),
            modules: added(raw.kernel.modules),
            sysctl: raw
                .kernel
                .sysctl
                .into_iter()
                .map(|(key, at)| (key, at.value))
                .collect::<BTreeMap<SysctlKey, String>>(),
            initrd,
            flavour,
        },
        disk,
        harden: harden.ok()?,
        segment: segment?,
        verify: Verify {
            agent: agent?,
            expiry: raw.verify.expiry.map(|at| at.value).unwrap_or_default(),
            on_failure: raw.verify.on_failure.map(|at| at.value).unwrap_or_default(),
            mutable,
            facts: crate::expect::Facts {
                firewall: firewall?,
                ..facts?
            },
        },
        outputs: Outputs {
            formats: {
                let formats = sorted(raw.outputs.formats);
                if formats.is_empty() {
                    vec![Format::Oci, Format::Tar]
                } else {
                    formats
                }
            },
            compression: raw
                .outputs
                .compression
                .map_or(Compression::Zstd, |at| at.value),
        },
        chain: chain.into_iter().map(|(_, path)| path).collect(),
        provenance,
        places,
    })
}

/// Names of tables in messages, as the reader has them.
const IMAGE: &str = "[image]";
const EXTRA: &str = "[[source.extra]]";

struct Finish<'a> {
    /// The files of the chain with their numbers, nearest first.
    chain: &'a [(usize, PathBuf)],
    files: &'a dyn Files,
    sink: &'a Sink,
    /// Bytes read so far.
    loaded: std::cell::Cell<u64>,
}

impl Finish<'_> {
    fn required<T>(
        &self,
        value: Option<At<T>>,
        span: &Span,
        table: &'static str,
        key: &'static str,
    ) -> Option<T> {
        // One that is stated but wrong has been reported already.
        if value.is_none() && !self.sink.is_wrong(table, key) {
            let message = format!("{table} needs {key}");
            self.sink.report(Code::T005, span, message, None);
        }
        value.map(|at| at.value)
    }

    fn source(&self, raw: RawSource) -> Option<Source> {
        let suite = self.required(raw.suite, &raw.span, "[source]", "suite");
        let components = added(raw.components);
        let keyring = match raw.keyring {
            None => Some(None),
            Some(at) => self.source_file(at).map(Some),
        };
        let extra: Vec<Repository> = raw
            .extra
            .into_iter()
            .filter_map(|raw| self.repository(raw))
            .collect();
        Some(Source {
            distribution: raw.distribution.map_or(Distribution::Debian, |at| at.value),
            suite: suite?,
            components: if components.is_empty() {
                ComponentName::new("main").into_iter().collect()
            } else {
                components
            },
            pockets: raw
                .pockets
                .map_or_else(|| vec![Pocket::Security, Pocket::Updates], sorted),
            snapshot: raw.snapshot.map(|at| at.value),
            mirror: raw.mirror.map(|at| at.value),
            security_mirror: raw.security_mirror.map(|at| at.value),
            keyring: keyring?,
            recommends: raw.recommends.is_some_and(|at| at.value),
            pins: raw.pins.into_iter().map(|at| at.value).collect(),
            extra,
        })
    }

    fn repository(&self, raw: RawRepository) -> Option<Repository> {
        let what = format!("the repository {}", raw.name.value);
        let uri = self.required(raw.uri, &raw.span, EXTRA, "uri");
        let suite = self.required(raw.suite, &raw.span, EXTRA, "suite");
        let key = if let Some(at) = raw.key {
            self.source_file(at)
        } else {
            let message = format!("{what} needs key, the OpenPGP keys that sign it");
            let help = "karat takes nothing unsigned: put the key file beside the template";
            self.sink
                .report(Code::T005, &raw.span, message, Some(help.to_owned()));
            None
        };
        let components = added(raw.components);
        let suite = suite?;
        let flat = suite.as_str().ends_with('/');
        if flat != components.is_empty() {
            let message = if flat {
                format!("{what} is flat (its suite ends in /), so it has no components")
            } else {
                format!("{what} needs components, as in components = [\"main\"]")
            };
            self.sink.report(Code::T012, &raw.span, message, None);
        }
        Some(Repository {
            name: raw.name.value,
            uri: uri?,
            suite,
            components,
            key: key?,
            priority: raw.priority.map(|at| at.value),
        })
    }

    fn file(&self, raw: &RawFile) -> Option<FileEntry> {
        let Some(kind) = &raw.kind else {
            let message = format!(
                "{} needs one of source, content, link, directory and absent",
                raw.path.value
            );
            self.sink.report(Code::T005, &raw.span, message, None);
            return None;
        };
        let root = || Owner::Id(0);
        let stated = raw.mode.as_ref().map(|at| at.value);
        let (kind, mode) = match &kind.value {
            RawKind::Absent => (FileKind::Absent, Mode::FILE),
            RawKind::Directory => (FileKind::Directory, stated.unwrap_or(Mode::DIRECTORY)),
            RawKind::Link(target) => (FileKind::Symlink(target.clone()), Mode::SYMLINK),
            RawKind::Content(text) => {
                let body = Body::new(text.clone().into_bytes());
                (FileKind::Regular(body), stated.unwrap_or(Mode::FILE))
            }
            RawKind::Source(source) => {
                let at = At {
                    value: source.clone(),
                    span: kind.span.clone(),
                };
                let body = self.source_file(at)?.body;
                (FileKind::Regular(body), stated.unwrap_or(Mode::FILE))
            }
        };
        let owner = |at: &Option<At<Owner>>| at.as_ref().map_or_else(root, |at| at.value.clone());
        Some(FileEntry {
            path: raw.path.value.clone(),
            kind,
            mode,
            owner: owner(&raw.owner),
            group: owner(&raw.group),
        })
    }

    /// No entry lies below one that is no directory.
    fn check_paths(&self, files: &[RawFile]) {
        let leaves: BTreeMap<&ImagePath, &RawFile> = files
            .iter()
            .filter(|file| {
                let kind = file.kind.as_ref().map(|kind| &kind.value);
                matches!(
                    kind,
                    Some(RawKind::Content(_) | RawKind::Source(_) | RawKind::Absent)
                )
            })
            .map(|file| (&file.path.value, file))
            .collect();
        for file in files {
            let mut above = file.path.value.parent();
            while let Some(path) = above {
                if leaves.contains_key(&path) {
                    let message = format!(
                        "{} cannot be: another entry makes {path} a file or absent",
                        file.path.value
                    );
                    self.sink.report(Code::T015, &file.path.span, message, None);
                    break;
                }
                above = path.parent();
            }
        }
    }

    /// Images that boot are started by karat's initrd, and by no other.
    fn initrd(&self, stated: Option<At<Initrd>>, boots: bool) -> Initrd {
        match stated {
            Some(At {
                value: Initrd::Distribution,
                span,
            }) if boots => {
                let message =
                    "[kernel]: a kernel `flavour` goes with karat's own initrd".to_owned();
                let help = "leave `initrd` out, or write initrd = \"karat\"".to_owned();
                self.sink.report(Code::T015, &span, message, Some(help));
                Initrd::Karat
            }
            Some(at) => at.value,
            None if boots => Initrd::Karat,
            None => Initrd::Distribution,
        }
    }

    /// No unit is asked for and refused at once.
    fn check_services(&self, services: &RawServices) {
        let lists = [
            ("enabled", &services.enable),
            ("disabled", &services.disable),
            ("masked", &services.mask),
        ];
        let mut said: BTreeMap<&str, &str> = BTreeMap::new();
        for (what, list) in lists {
            for at in list {
                let Item::Add(unit) = &at.value else { continue };
                // Disabled and masked is no contradiction: links go, the name is blocked.
                match said.get(unit.as_str()) {
                    Some(before) if *before == "enabled" => {
                        let message = format!("{unit} cannot be both enabled and {what}");
                        let help = format!("where one is inherited, remove it with \"!{unit}\"");
                        self.sink.report(Code::T015, &at.span, message, Some(help));
                    }
                    _ => {
                        said.insert(unit.as_str(), what);
                    }
                }
            }
        }
    }

    fn mutable(&self, raw: RawMutable) -> Option<Mutable> {
        let class = self.required(raw.class, &raw.span, "[[verify.mutable]]", "class")?;
        if let Some(mode) = &raw.mode
            && class != Class::GeneratedOnce
        {
            let message = "only a generated-once path has a mode".to_owned();
            self.sink.report(Code::T012, &mode.span, message, None);
        }
        Some(Mutable {
            path: raw.path.value,
            class,
            mode: raw.mode.map(|at| at.value),
        })
    }

    /// Reads a file below the directory of the template that states it.
    fn source_file(&self, source: At<String>) -> Option<SourceFile> {
        let (_, template) = self
            .chain
            .iter()
            .find(|(file, _)| *file == source.span.file)?;
        let directory = template.parent().unwrap_or_else(|| Path::new(""));
        let left = limits::TEMPLATE_FILES_MAX.saturating_sub(self.loaded.get());
        let cap = limits::TEMPLATE_FILE_MAX.min(left);
        match self.files.beneath(directory, Path::new(&source.value), cap) {
            Ok(bytes) => {
                let body = Body::new(bytes);
                self.loaded
                    .set(self.loaded.get().saturating_add(body.content.size));
                Some(SourceFile {
                    source: source.value,
                    body,
                })
            }
            Err(error) => {
                let place = directory.join(&source.value);
                let message = format!("{} cannot be read: {}", place.display(), reason(&error));
                self.sink.report(Code::T014, &source.span, message, None);
                None
            }
        }
    }
}

fn user(raw: RawUser, sink: &Sink) -> User {
    let system = raw.system.is_some_and(|at| at.value);
    let ssh_keys = added(raw.ssh_keys);
    if system && raw.home.is_none() && !ssh_keys.is_empty() {
        let message = format!("{} needs home to hold its ssh_keys", raw.name.value);
        sink.report(Code::T005, &raw.name.span, message, None);
    }
    let mut groups = BTreeSet::new();
    groups.extend(added::<AccountName>(raw.groups));
    User {
        name: raw.name.value,
        uid: raw.uid.map(|at| at.value),
        group: raw.group.map(|at| at.value),
        groups: groups.into_iter().collect(),
        comment: raw.comment.map(|at| at.value),
        shell: raw.shell.map(|at| at.value),
        home: raw.home.map(|at| at.value),
        ssh_keys,
        locked: raw.locked.is_none_or(|at| at.value),
        system,
    }
}

pub(super) fn added<T>(items: Items<T>) -> Vec<T> {
    items
        .into_iter()
        .filter_map(|at| match at.value {
            Item::Add(value) => Some(value),
            Item::Remove(_) => None,
        })
        .collect()
}

fn sorted<T: Ord>(items: Items<T>) -> Vec<T> {
    let mut values = added(items);
    values.sort();
    values
}

/// Which file of the chain stated each item, by the name that `template show` looks it up with.
fn provenance(raw: &Raw, chain: &[(usize, PathBuf)]) -> BTreeMap<String, usize> {
    let mut map = stated(raw);
    for file in map.values_mut() {
        let place = chain.iter().position(|(number, _)| number == file);
        *file = place.unwrap_or(0);
    }
    map
}

/// The number of the file that stated each item.
fn stated(raw: &Raw) -> BTreeMap<String, usize> {
    let mut map = BTreeMap::new();
    for at in &raw.packages {
        if let Item::Add(spec) = &at.value {
            map.insert(format!("packages {}", spec.name), at.span.file);
        }
    }
    for file in &raw.files {
        map.insert(format!("files {}", file.path.value), file.path.span.file);
    }
    for user in &raw.users {
        map.insert(format!("users {}", user.name.value), user.name.span.file);
    }
    for group in &raw.groups {
        map.insert(format!("groups {}", group.name.value), group.name.span.file);
    }
    for entry in &raw.verify.mutable {
        map.insert(
            format!("mutable {}", entry.path.value),
            entry.path.span.file,
        );
    }
    let services = &raw.services;
    for list in [&services.enable, &services.disable, &services.mask] {
        for at in list {
            if let Item::Add(unit) = &at.value {
                map.insert(format!("services {unit}"), at.span.file);
            }
        }
    }
    map
}
