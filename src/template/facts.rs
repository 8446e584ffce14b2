//! `[verify.facts]` from merged statements to expectations, and back to JSON.

use serde_json::{Value, json};

use super::diagnostic::Code;
use super::finish::added;
use super::model::{FileKind, Template};
use super::raw::{Items, RawFacts};
use super::reader::{Sink, Span};
use crate::expect::Facts;
use crate::expect::fact::{
    Accounts, Allowed, CmdlineWord, Firewall, Kernel, Modules, Mount, Preload, Sysctl, SysctlName,
    Word, WordRule, ruleset,
};
use crate::path::ImagePath;
use crate::segment::Ruleset;
use crate::tree::Origin;

impl Template {
    /// What must hold on the running system: what `[verify.facts]` states, and what follows from
    /// `[kernel]` and `[segment]`. What both state is the former's.
    pub fn facts(&self) -> Facts {
        let origin = || Origin::Template("kernel".to_owned());
        let mut facts = self.verify.facts.clone();
        for (key, value) in &self.kernel.sysctl {
            // A pattern such as `net.ipv4.conf.*.rp_filter` names no single setting.
            if let Ok(name) = key.as_str().parse::<SysctlName>()
                && facts.sysctl.iter().all(|entry| entry.name != name)
            {
                facts.sysctl.push(Sysctl {
                    name,
                    origin: origin(),
                    value: value.clone(),
                });
            }
        }
        for text in &self.kernel.cmdline {
            if let Ok(word) = text.parse::<Word>()
                && facts.cmdline.iter().all(|entry| entry.word != word)
            {
                facts.cmdline.push(CmdlineWord {
                    origin: origin(),
                    rule: WordRule::Present,
                    word,
                });
            }
        }
        if facts.firewall.is_none() {
            facts.firewall = self.compiled_firewall();
        }
        facts
    }

    /// The packet filter that follows from `[segment]`; `None` where that states nothing.
    ///
    /// Without a category nobody knows what the image connects to, and all goes out, unless the rules that
    /// it keeps ask for more.
    pub fn ruleset(&self) -> Option<Ruleset> {
        if self.closes_output() {
            Ruleset::closed(&self.segment)
        } else {
            Ruleset::of(&self.segment)
        }
    }

    /// What the image's packet filter is held to: the compiled rules, where they close what goes out and
    /// nothing of the template's own stands in their place or beside them.
    fn compiled_firewall(&self) -> Option<Firewall> {
        let ruleset = self.compiled_ruleset()?;
        let has_peers = ruleset.peers().next().is_some();
        let segment = self.segment.name.as_ref().filter(|_| has_peers);
        Some(Firewall {
            origin: Origin::Template("segment".to_owned()),
            peers: segment.map(ToString::to_string),
            // As large as a ruleset may be, it could not be read on an instance either.
            rules: ruleset.listing().ok()?,
        })
    }

    /// The compiled rules, where output is closed and no file of the template's own stands in their place
    /// or beside them. Who states a category has nft(8), else there is no build; others may have none.
    pub(super) fn compiled_ruleset(&self) -> Option<Ruleset> {
        let mut packages = self.packages.iter();
        let has_nft = packages.any(|it| it.name.as_str() == "nftables");
        if self.segment.category.is_none() && !(self.closes_output() && has_nft) {
            return None;
        }
        let own = [Ruleset::PATH, Ruleset::INPUT, Ruleset::OUTPUT];
        let own = own.map(|path| ImagePath::parse(path).ok());
        let is_own = self.files.iter().any(|file| {
            let stands = matches!(file.kind, FileKind::Regular(_) | FileKind::Symlink(_));
            let mut places = own.iter().flatten();
            stands && places.any(|place| file.path.is_within(place))
        });
        if is_own {
            return None;
        }
        self.ruleset()
    }
}

/// The facts; `None` where they contradict each other, which is then reported.
pub(super) fn finish(raw: RawFacts, sink: &Sink) -> Option<Facts> {
    let origin = || Origin::Template("verify".to_owned());
    let place = raw.cmdline_absent.first().map(|at| at.span.clone());
    let words = [
        (WordRule::Absent, raw.cmdline_absent),
        (WordRule::Present, raw.cmdline_present),
    ];
    let cmdline = words.into_iter().flat_map(|(rule, words)| {
        added(words).into_iter().map(move |word| CmdlineWord {
            origin: origin(),
            rule,
            word,
        })
    });
    let has_modules = raw.modules.is_some_and(|at| at.value);
    for lists in [&raw.modules_allow, &raw.modules_deny] {
        if let (false, Some(first)) = (has_modules, lists.first()) {
            let message = "modules_allow and modules_deny need modules = true".to_owned();
            sink.report(Code::T012, &first.span, message, None);
        }
    }
    let mut sysctl: Vec<Sysctl> = Vec::new();
    for (name, value) in raw.sysctl {
        // A template further down overrides.
        sysctl.retain(|entry| entry.name != name);
        sysctl.push(Sysctl {
            name,
            origin: origin(),
            value: value.value,
        });
    }
    let (lockdown, taint) = (
        raw.lockdown.map(|at| at.value),
        raw.taint.map(|at| at.value),
    );
    let has_accounts = raw.accounts_password.is_some() || raw.accounts_root.is_some();
    let facts = Facts {
        accounts: has_accounts.then(|| Accounts {
            origin: origin(),
            password: raw.accounts_password.map(added),
            root: raw.accounts_root.map(added),
        }),
        cmdline: cmdline.collect(),
        firewall: None,
        credentials: allowed(raw.credentials),
        kernel: (lockdown.is_some() || taint.is_some()).then(|| Kernel {
            lockdown,
            origin: origin(),
            taint,
        }),
        listen: allowed(raw.listen),
        modules: has_modules.then(|| Modules {
            allow: added(raw.modules_allow),
            deny: added(raw.modules_deny),
            origin: origin(),
        }),
        mounts: raw
            .mounts
            .into_iter()
            .map(|mount| Mount {
                fstype: mount.fstype.map(|at| at.value),
                options: added(mount.options),
                origin: origin(),
                point: mount.point.value,
            })
            .collect(),
        packet: allowed(raw.packet),
        preload: raw
            .no_preload
            .filter(|at| at.value)
            .map(|_| Preload { origin: origin() }),
        startup: allowed(raw.startup),
        sysctl,
        units: allowed(raw.units),
        unix: allowed(raw.unix),
    };
    match (facts.sorted(), place) {
        (Ok(facts), _) => Some(facts),
        (Err(error), Some(place)) => {
            sink.report(Code::T015, &place, format!("[verify.facts]: {error}"), None);
            None
        }
        // Only a word that must and must not be there can stand twice; there is then a place.
        (Err(_), None) => None,
    }
}

/// A list of which an empty one says something too.
fn allowed<T>(items: Option<Items<T>>) -> Option<Allowed<T>> {
    items.map(|items| Allowed {
        allow: added(items),
        origin: Origin::Template("verify".to_owned()),
    })
}

/// The expected ruleset from what `nft` printed; what it is not is reported.
pub(super) fn firewall(bytes: &[u8], place: &Span, sink: &Sink) -> Option<Firewall> {
    match ruleset(bytes) {
        Ok(rules) => Some(Firewall {
            origin: Origin::Template("verify".to_owned()),
            peers: None,
            rules,
        }),
        Err(error) => {
            let message = format!("the ruleset of firewall: {error}");
            let help = "keep what 'nft -j -n list ruleset' prints on an instance in that file";
            sink.report(Code::T006, place, message, Some(help.to_owned()));
            None
        }
    }
}

/// The facts as a template shows them.
pub(super) fn json(facts: &Facts) -> Value {
    let Facts {
        accounts,
        cmdline,
        credentials,
        firewall,
        kernel,
        listen,
        modules,
        mounts,
        packet,
        preload,
        startup,
        sysctl,
        units,
        unix,
    } = facts;
    let words = |rule: WordRule| -> Vec<&str> {
        let words = cmdline.iter().filter(|entry| entry.rule == rule);
        words.map(|entry| entry.word.as_str()).collect()
    };
    let kernel = kernel.as_ref();
    let settings: serde_json::Map<String, Value> = sysctl
        .iter()
        .map(|entry| (entry.name.to_string(), json!(entry.value)))
        .collect();
    json!({
        "accounts_password": accounts.as_ref().and_then(|it| it.password.as_ref()),
        "accounts_root": accounts.as_ref().and_then(|it| it.root.as_ref()),
        "cmdline_absent": words(WordRule::Absent),
        "cmdline_present": words(WordRule::Present),
        "credentials": credentials.as_ref().map(|it| &it.allow),
        "firewall": firewall.as_ref().map(|it| &it.rules),
        "listen": listen.as_ref().map(|it| &it.allow),
        "lockdown": kernel.and_then(|it| it.lockdown),
        "modules": modules.is_some(),
        "modules_allow": modules.as_ref().map_or(&[][..], |it| &it.allow),
        "modules_deny": modules.as_ref().map_or(&[][..], |it| &it.deny),
        "mounts": mounts.iter().map(|mount| json!({
            "point": mount.point.to_string(),
            "fstype": mount.fstype,
            "options": mount.options,
        })).collect::<Vec<_>>(),
        "no_preload": preload.is_some(),
        "packet": packet.as_ref().map(|it| &it.allow),
        "startup": startup.as_ref().map(|it| &it.allow),
        "sysctl": settings,
        "taint": kernel.and_then(|it| it.taint),
        "units": units.as_ref().map(|it| &it.allow),
        "unix": unix.as_ref().map(|it| &it.allow),
    })
}
