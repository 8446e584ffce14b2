//! `[verify.facts]`: what must hold on the running system.

use super::rules::{LINE_RULE, PATH_RULE, image_path, line, source_path};
use super::template::GLOB_RULE;
use crate::expect::fact::{
    Account, CredentialName, Listener, Lockdown, ModuleName, Name, Packet, SocketName, SysctlName,
    Word,
};
use crate::path::Glob;
use crate::template::Choice;
use crate::template::diagnostic::Code;
use crate::template::raw::{Items, RawFacts, RawMount};
use crate::template::reader::{At, Reader};

pub(super) fn facts(table: Reader<'_>) -> RawFacts {
    let raw = RawFacts {
        accounts_password: optional(&table, "accounts_password", Account::RULE, |text| {
            text.parse().ok()
        }),
        accounts_root: optional(&table, "accounts_root", Account::RULE, |text| {
            text.parse().ok()
        }),
        cmdline_absent: table.list("cmdline_absent", Word::RULE, |text| text.parse().ok()),
        cmdline_present: table.list("cmdline_present", Word::RULE, |text| text.parse().ok()),
        credentials: optional(&table, "credentials", CredentialName::RULE, |text| {
            text.parse().ok()
        }),
        firewall: source_path(&table, "firewall"),
        listen: optional(&table, "listen", Listener::RULE, |text| text.parse().ok()),
        lockdown: table.choice("lockdown"),
        modules: table.boolean("modules"),
        modules_allow: table.list("modules_allow", ModuleName::RULE, |text| text.parse().ok()),
        modules_deny: table.list("modules_deny", ModuleName::RULE, |text| text.parse().ok()),
        mounts: table
            .tables("mounts", "[[verify.facts.mounts]]")
            .into_iter()
            .filter_map(mount)
            .collect(),
        no_preload: table.boolean("no_preload"),
        packet: optional(&table, "packet", Packet::RULE, |text| text.parse().ok()),
        startup: optional(&table, "startup", GLOB_RULE, |text| Glob::parse(text).ok()),
        sysctl: settings(&table),
        taint: table.integer("taint", 0, i64::MAX).map(|at| {
            let bits = u64::try_from(at.value).unwrap_or(0);
            at.map(|_| bits)
        }),
        units: optional(&table, "units", GLOB_RULE, |text| Glob::parse(text).ok()),
        unix: optional(&table, "unix", SocketName::RULE, |text| text.parse().ok()),
    };
    table.finish();
    raw
}

/// A list of which an empty one says something too.
fn optional<T>(
    table: &Reader<'_>,
    key: &'static str,
    rule: &str,
    parse: impl Fn(&str) -> Option<T>,
) -> Option<Items<T>> {
    let items = table.list(key, rule, parse);
    table.has(key).then_some(items)
}

fn mount(table: Reader<'_>) -> Option<RawMount> {
    let point = table.parsed("point", PATH_RULE, image_path);
    if !table.has("point") {
        table.missing("point", None);
    }
    let fstype = table.parsed("fstype", Name::RULE, |text| text.parse().ok());
    let options = table.list("options", Name::RULE, |text| text.parse().ok());
    table.finish();
    Some(RawMount {
        point: point?,
        fstype,
        options,
    })
}

fn settings(table: &Reader<'_>) -> Vec<(SysctlName, At<String>)> {
    let mut settings = Vec::new();
    for (key, value) in table.pairs("sysctl") {
        let name: SysctlName = match key.value.parse() {
            Ok(name) => name,
            Err(rule) => {
                let message = format!("{:?} is not allowed: {rule}", key.value);
                table.sink().report(Code::T006, &key.span, message, None);
                continue;
            }
        };
        if line(&value.value).is_none() {
            let message = format!("{name}: the value is not allowed: {LINE_RULE}");
            table.sink().report(Code::T006, &value.span, message, None);
            continue;
        }
        settings.push((name, value));
    }
    settings
}

impl Choice for Lockdown {
    const WORDS: &'static [(&'static str, Self)] = Self::WORDS;
}
