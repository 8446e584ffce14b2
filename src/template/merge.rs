//! One template file laid over what it extends.
//!
//! Tables merge key by key: a stated scalar overrides, a list appends, `!name` removes an inherited
//! item. In a list of tables, one with the key (path, name) of an inherited one merges with it.

use std::collections::BTreeSet;
use std::fmt::Display;

use crate::path::Glob;

use super::choice::Choice;
use super::diagnostic::Code;
use super::model::PackageSpec;
use super::nearest::nearest;
use super::raw::{
    Items, Raw, RawConsumes, RawDisk, RawEgress, RawFacts, RawFile, RawGroup, RawHarden, RawImage,
    RawKernel, RawMount, RawMutable, RawOutputs, RawProvides, RawRepository, RawSegment,
    RawServices, RawSource, RawUser, RawVerify,
};
use super::reader::{At, Item, Sink, Span};

/// What `parent` and `child` state together; all lists of the result hold additions alone.
pub(super) fn over(parent: Raw, child: Raw, sink: &Sink) -> Raw {
    Raw {
        extends: child.extends,
        packages: items(parent.packages, child.packages, package_name, sink),
        image: image(parent.image, child.image),
        source: source(parent.source, child.source, sink),
        files: entries(parent.files, child.files, sink),
        groups: entries(parent.groups, child.groups, sink),
        users: entries(parent.users, child.users, sink),
        services: services(parent.services, child.services, sink),
        kernel: kernel(parent.kernel, child.kernel, sink),
        disk: disk(parent.disk, child.disk),
        harden: harden(parent.harden, child.harden, sink),
        segment: segment(parent.segment, child.segment, sink),
        verify: verify(parent.verify, child.verify, sink),
        outputs: outputs(parent.outputs, child.outputs, sink),
    }
}

fn image(parent: RawImage, child: RawImage) -> RawImage {
    RawImage {
        span: child.span,
        // Not inherited: two templates would write, and sign, images of one name.
        name: child.name,
        description: child.description,
        version: child.version.or(parent.version),
        epoch: child.epoch.or(parent.epoch),
        architecture: child.architecture.or(parent.architecture),
    }
}

fn source(parent: RawSource, child: RawSource, sink: &Sink) -> RawSource {
    let mut pins = parent.pins;
    pins.extend(child.pins);
    RawSource {
        span: child.span,
        distribution: child.distribution.or(parent.distribution),
        suite: child.suite.or(parent.suite),
        components: items(parent.components, child.components, text, sink),
        pockets: optional(parent.pockets, child.pockets, word, sink),
        snapshot: child.snapshot.or(parent.snapshot),
        mirror: child.mirror.or(parent.mirror),
        security_mirror: child.security_mirror.or(parent.security_mirror),
        keyring: child.keyring.or(parent.keyring),
        recommends: child.recommends.or(parent.recommends),
        pins,
        extra: entries(parent.extra, child.extra, sink),
    }
}

fn services(parent: RawServices, child: RawServices, sink: &Sink) -> RawServices {
    RawServices {
        enable: items(parent.enable, child.enable, text, sink),
        disable: items(parent.disable, child.disable, text, sink),
        mask: items(parent.mask, child.mask, text, sink),
    }
}

fn kernel(parent: RawKernel, child: RawKernel, sink: &Sink) -> RawKernel {
    let mut sysctl = parent.sysctl;
    sysctl.extend(child.sysctl);
    RawKernel {
        cmdline: items(parent.cmdline, child.cmdline, text, sink),
        modules: items(parent.modules, child.modules, text, sink),
        sysctl,
        initrd: child.initrd.or(parent.initrd),
        flavour: child.flavour.or(parent.flavour),
    }
}

fn disk(parent: RawDisk, child: RawDisk) -> RawDisk {
    let mut writable = parent.writable;
    writable.extend(child.writable);
    RawDisk {
        is_stated: child.is_stated || parent.is_stated,
        size: child.size.or(parent.size),
        esp: child.esp.or(parent.esp),
        root: child.root.or(parent.root),
        slots: child.slots.or(parent.slots),
        state: child.state.or(parent.state),
        etc: child.etc.or(parent.etc),
        writable,
        on_failure: child.on_failure.or(parent.on_failure),
        on_corruption: child.on_corruption.or(parent.on_corruption),
        updates: child.updates.or(parent.updates),
    }
}

fn harden(parent: RawHarden, child: RawHarden, sink: &Sink) -> RawHarden {
    let mut except = parent.except;
    except.extend(child.except);
    RawHarden {
        profile: child.profile.or(parent.profile),
        except,
        rules: items(parent.rules, child.rules, text, sink),
    }
}

fn segment(parent: RawSegment, child: RawSegment, sink: &Sink) -> RawSegment {
    let mut exposure = parent.exposure;
    exposure.extend(child.exposure);
    RawSegment {
        span: child.span,
        category: child.category.or(parent.category),
        name: child.name.or(parent.name),
        lifecycle: child.lifecycle.or(parent.lifecycle),
        eol: child.eol.or(parent.eol),
        data_class: child.data_class.or(parent.data_class),
        admin_from: optional(parent.admin_from, child.admin_from, text, sink),
        admin_span: child.admin_span.or(parent.admin_span),
        gateway: child.gateway.or(parent.gateway),
        forbid_packages: items(parent.forbid_packages, child.forbid_packages, text, sink),
        exposure,
        provides: entries(parent.provides, child.provides, sink),
        consumes: entries(parent.consumes, child.consumes, sink),
        egress: entries(parent.egress, child.egress, sink),
    }
}

fn verify(parent: RawVerify, child: RawVerify, sink: &Sink) -> RawVerify {
    RawVerify {
        agent: child.agent.or(parent.agent),
        expiry: child.expiry.or(parent.expiry),
        on_failure: child.on_failure.or(parent.on_failure),
        mutable: entries(parent.mutable, child.mutable, sink),
        facts: facts(parent.facts, child.facts, sink),
    }
}

fn facts(parent: RawFacts, child: RawFacts, sink: &Sink) -> RawFacts {
    let mut sysctl = parent.sysctl;
    sysctl.extend(child.sysctl);
    RawFacts {
        accounts_password: optional(
            parent.accounts_password,
            child.accounts_password,
            text,
            sink,
        ),
        accounts_root: optional(parent.accounts_root, child.accounts_root, text, sink),
        cmdline_absent: items(parent.cmdline_absent, child.cmdline_absent, text, sink),
        cmdline_present: items(parent.cmdline_present, child.cmdline_present, text, sink),
        credentials: optional(parent.credentials, child.credentials, text, sink),
        firewall: child.firewall.or(parent.firewall),
        listen: optional(parent.listen, child.listen, text, sink),
        lockdown: child.lockdown.or(parent.lockdown),
        modules: child.modules.or(parent.modules),
        modules_allow: items(parent.modules_allow, child.modules_allow, text, sink),
        modules_deny: items(parent.modules_deny, child.modules_deny, text, sink),
        mounts: entries(parent.mounts, child.mounts, sink),
        no_preload: child.no_preload.or(parent.no_preload),
        packet: optional(parent.packet, child.packet, text, sink),
        startup: optional(parent.startup, child.startup, glob, sink),
        sysctl,
        taint: child.taint.or(parent.taint),
        units: optional(parent.units, child.units, glob, sink),
        unix: optional(parent.unix, child.unix, text, sink),
    }
}

/// As [`items`], for lists that may not be there at all.
fn optional<T>(
    parent: Option<Items<T>>,
    child: Option<Items<T>>,
    name: fn(&T) -> String,
    sink: &Sink,
) -> Option<Items<T>> {
    match (parent, child) {
        (parent, None) => parent,
        (parent, Some(child)) => Some(items(parent.unwrap_or_default(), child, name, sink)),
    }
}

fn glob(glob: &Glob) -> String {
    glob.as_str().to_owned()
}

fn outputs(parent: RawOutputs, child: RawOutputs, sink: &Sink) -> RawOutputs {
    RawOutputs {
        formats: items(parent.formats, child.formats, word, sink),
        compression: child.compression.or(parent.compression),
    }
}

/// The inherited list without what `!` removes, then what is stated; a stated item takes the place
/// of an inherited one of its name.
fn items<T>(
    inherited: Items<T>,
    stated: Items<T>,
    name: fn(&T) -> String,
    sink: &Sink,
) -> Items<T> {
    let mut list: Vec<(String, At<Item<T>>)> = Vec::new();
    for at in inherited {
        if let Item::Add(value) = &at.value {
            list.push((name(value), at));
        }
    }
    let mut seen = BTreeSet::new();
    let (removals, additions): (Vec<_>, Vec<_>) = stated
        .into_iter()
        .partition(|at| matches!(at.value, Item::Remove(_)));
    for at in removals {
        let Item::Remove(removed) = &at.value else {
            continue;
        };
        let before = list.len();
        list.retain(|(name, _)| name != removed);
        if list.len() == before {
            let names: Vec<&str> = list.iter().map(|(name, _)| name.as_str()).collect();
            let help = nearest(removed, &names).map_or_else(
                || "!name removes an item that a template further up has stated".to_owned(),
                |name| format!("did you mean \"!{name}\"?"),
            );
            let message = format!("\"!{removed}\" removes nothing: no such item is inherited");
            sink.report(Code::T010, &at.span, message, Some(help));
        }
        stated_once(&mut seen, removed, &at.span, sink);
    }
    for at in additions {
        let Item::Add(value) = &at.value else {
            continue;
        };
        let key = name(value);
        stated_once(&mut seen, &key, &at.span, sink);
        match list.iter_mut().find(|(name, _)| *name == key) {
            Some((_, slot)) => *slot = at,
            None => list.push((key, at)),
        }
    }
    list.into_iter().map(|(_, at)| at).collect()
}

/// A table of a list of tables.
trait Entry: Sized {
    /// What tells it from its neighbours.
    fn key(&self) -> (String, &Span);
    /// What an inherited entry and this one state together.
    fn over(self, parent: Self, sink: &Sink) -> Self;
    /// What this entry states where nothing is inherited.
    fn alone(self, _: &Sink) -> Self {
        self
    }
}

fn entries<T: Entry>(inherited: Vec<T>, stated: Vec<T>, sink: &Sink) -> Vec<T> {
    let mut list = inherited;
    let mut seen = BTreeSet::new();
    for entry in stated {
        let (key, span) = entry.key();
        if !stated_once(&mut seen, &key, span, sink) {
            continue;
        }
        match list.iter().position(|other| other.key().0 == key) {
            Some(at) => {
                let parent = list.remove(at);
                list.insert(at, entry.over(parent, sink));
            }
            None => list.push(entry.alone(sink)),
        }
    }
    list
}

fn stated_once(seen: &mut BTreeSet<String>, key: &str, span: &Span, sink: &Sink) -> bool {
    let fresh = seen.insert(key.to_owned());
    if !fresh {
        sink.report(Code::T011, span, format!("{key:?} is stated twice"), None);
    }
    fresh
}

impl Entry for RawFile {
    fn key(&self) -> (String, &Span) {
        (self.path.value.to_string(), &self.path.span)
    }

    fn over(self, parent: Self, _: &Sink) -> Self {
        Self {
            path: self.path,
            kind: self.kind.or(parent.kind),
            mode: self.mode.or(parent.mode),
            owner: self.owner.or(parent.owner),
            group: self.group.or(parent.group),
            span: self.span,
        }
    }
}

impl Entry for RawGroup {
    fn key(&self) -> (String, &Span) {
        (self.name.value.to_string(), &self.name.span)
    }

    fn over(self, parent: Self, _: &Sink) -> Self {
        Self {
            name: self.name,
            gid: self.gid.or(parent.gid),
            system: self.system.or(parent.system),
        }
    }
}

impl Entry for RawUser {
    fn key(&self) -> (String, &Span) {
        (self.name.value.to_string(), &self.name.span)
    }

    fn over(self, parent: Self, sink: &Sink) -> Self {
        Self {
            name: self.name,
            uid: self.uid.or(parent.uid),
            group: self.group.or(parent.group),
            groups: items(parent.groups, self.groups, text, sink),
            comment: self.comment.or(parent.comment),
            shell: self.shell.or(parent.shell),
            home: self.home.or(parent.home),
            ssh_keys: items(parent.ssh_keys, self.ssh_keys, text, sink),
            locked: self.locked.or(parent.locked),
            system: self.system.or(parent.system),
        }
    }

    fn alone(self, sink: &Sink) -> Self {
        Self {
            groups: items(Vec::new(), self.groups, text, sink),
            ssh_keys: items(Vec::new(), self.ssh_keys, text, sink),
            ..self
        }
    }
}

impl Entry for RawRepository {
    fn key(&self) -> (String, &Span) {
        (self.name.value.to_string(), &self.name.span)
    }

    fn over(self, parent: Self, sink: &Sink) -> Self {
        Self {
            name: self.name,
            uri: self.uri.or(parent.uri),
            suite: self.suite.or(parent.suite),
            components: items(parent.components, self.components, text, sink),
            key: self.key.or(parent.key),
            priority: self.priority.or(parent.priority),
            span: self.span,
        }
    }

    fn alone(self, sink: &Sink) -> Self {
        Self {
            components: items(Vec::new(), self.components, text, sink),
            ..self
        }
    }
}

impl Entry for RawMutable {
    fn key(&self) -> (String, &Span) {
        (self.path.value.to_string(), &self.path.span)
    }

    fn over(self, parent: Self, _: &Sink) -> Self {
        Self {
            path: self.path,
            class: self.class.or(parent.class),
            mode: self.mode.or(parent.mode),
            span: self.span,
        }
    }
}

impl Entry for RawProvides {
    fn key(&self) -> (String, &Span) {
        (self.name.value.to_string(), &self.name.span)
    }

    fn over(self, parent: Self, _: &Sink) -> Self {
        Self {
            name: self.name,
            port: self.port.or(parent.port),
            proto: self.proto.or(parent.proto),
            audience: self.audience.or(parent.audience),
            unit: self.unit.or(parent.unit),
            span: self.span,
        }
    }
}

impl Entry for RawConsumes {
    fn key(&self) -> (String, &Span) {
        let key = format!("{} of {}", self.service.value, self.segment.value);
        (key, &self.service.span)
    }

    fn over(self, parent: Self, _: &Sink) -> Self {
        Self {
            service: self.service,
            segment: self.segment,
            port: self.port.or(parent.port),
            proto: self.proto.or(parent.proto),
            unit: self.unit.or(parent.unit),
            span: self.span,
        }
    }
}

impl Entry for RawEgress {
    /// One destination may stand there with several ports and transports.
    fn key(&self) -> (String, &Span) {
        let mut key = self.to.value.to_string();
        if let Some(proto) = &self.proto {
            key = format!("{key} {}", proto.value);
        }
        if let Some(port) = &self.port {
            key = format!("{key} {}", port.value);
        }
        if let Some(unit) = &self.unit {
            key = format!("{key} {}", unit.value);
        }
        (key, &self.to.span)
    }

    fn over(self, parent: Self, _: &Sink) -> Self {
        Self {
            reason: self.reason.or(parent.reason),
            ..self
        }
    }
}

impl Entry for RawMount {
    fn key(&self) -> (String, &Span) {
        (self.point.value.to_string(), &self.point.span)
    }

    fn over(self, parent: Self, sink: &Sink) -> Self {
        Self {
            point: self.point,
            fstype: self.fstype.or(parent.fstype),
            options: items(parent.options, self.options, text, sink),
        }
    }

    fn alone(self, sink: &Sink) -> Self {
        Self {
            options: items(Vec::new(), self.options, text, sink),
            ..self
        }
    }
}

fn text<T: Display>(value: &T) -> String {
    value.to_string()
}

fn word<T: Choice + PartialEq>(value: &T) -> String {
    (*value).word().to_owned()
}

fn package_name(spec: &PackageSpec) -> String {
    spec.name.to_string()
}
