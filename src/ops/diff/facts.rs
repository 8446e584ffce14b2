//! Expected runtime facts: what only one side states, or states otherwise.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use super::difference::{Event, FactChange, Strictness};
use crate::digest::Digest;
use crate::expect::fact::{Accounts, Allowed, Firewall, Kernel, Lockdown, Modules, WordRule};
use crate::expect::{Expectations, Facts};
use crate::path::Escaped;
use crate::tree::Origin;

/// What differs, by kind and name; nothing where one side does not say what it expects.
///
/// Who asked for a fact is shown, and is no difference by itself.
pub(super) fn facts(old: Option<&Expectations>, new: Option<&Expectations>) -> Vec<FactChange> {
    let (Some(old), Some(new)) = (old, new) else {
        return Vec::new();
    };
    let (old, new) = (List::of(old.facts()), List::of(new.facts()));
    let keys: BTreeSet<&Key> = old.0.keys().chain(new.0.keys()).collect();
    keys.into_iter()
        .filter_map(|key| {
            let (from, to) = (old.0.get(key), new.0.get(key));
            let change = match (from, to) {
                (None, Some(_)) => Event::Added,
                (Some(_), None) => Event::Removed,
                (Some(from), Some(to)) if from.value != to.value => Event::Changed,
                _ => return None,
            };
            let (kind, name) = key;
            Some(FactChange {
                kind,
                name: name.clone(),
                change,
                from: from.map(|it| it.value.clone()),
                to: to.map(|it| it.value.clone()),
                origin: to.or(from).map(|it| it.origin.clone()).unwrap_or_default(),
                strictness: strictness(kind, from, to, [&old, &new]),
            })
        })
        .collect()
}

fn strictness(
    kind: &'static str,
    from: Option<&Stated>,
    to: Option<&Stated>,
    lists: [&List; 2],
) -> Option<Strictness> {
    let (looser, stricter) = (Some(Strictness::Looser), Some(Strictness::Stricter));
    match (from.map(|it| &it.rule), to.map(|it| &it.rule)) {
        (Some(Rule::Exact), _) | (_, Some(Rule::Exact)) => None,
        // Permitting something says nothing where the list as a whole came or went.
        (Some(Rule::Permit(list)), _) | (_, Some(Rule::Permit(list))) => {
            let key = (kind, list.clone());
            let in_both = lists.iter().all(|it| it.0.contains_key(&key));
            in_both.then_some(if to.is_some() {
                Strictness::Looser
            } else {
                Strictness::Stricter
            })
        }
        (None, Some(_)) => stricter,
        (Some(_), None) => looser,
        (Some(Rule::Lockdown(from)), Some(Rule::Lockdown(to))) => {
            if from < to {
                stricter
            } else {
                looser
            }
        }
        (Some(Rule::Taint(from)), Some(Rule::Taint(to))) if from & to == *from => looser,
        (Some(Rule::Taint(from)), Some(Rule::Taint(to))) if from & to == *to => stricter,
        _ => None,
    }
}

/// The kind, and which of them; `None` is the kind as a whole.
type Key = (&'static str, Option<String>);

/// What one side states.
struct List(BTreeMap<Key, Stated>);

struct Stated {
    value: String,
    origin: String,
    rule: Rule,
}

enum Rule {
    /// Something must hold.
    Demand,
    /// A part of a whole that must be exactly so: one more is neither looser nor stricter.
    Exact,
    /// One of the exceptions of the list of this name.
    Permit(Option<String>),
    Lockdown(Lockdown),
    Taint(u64),
}

impl List {
    fn of(facts: &Facts) -> Self {
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
        let mut list = Self(BTreeMap::new());
        if let Some(fact) = accounts {
            list.accounts(fact);
        }
        for fact in cmdline {
            let value = match fact.rule {
                WordRule::Absent => "absent",
                WordRule::Present => "present",
            };
            list.demand("cmdline", Some(&fact.word), value, &fact.origin);
        }
        list.allowed("credentials", credentials.as_ref());
        if let Some(fact) = firewall {
            list.firewall(fact);
        }
        if let Some(fact) = kernel {
            list.kernel(fact);
        }
        list.allowed("listen", listen.as_ref());
        if let Some(fact) = modules {
            list.modules(fact);
        }
        for fact in mounts {
            let fstype = fact.fstype.iter().map(ToString::to_string);
            let options = fact.options.iter().map(ToString::to_string);
            let value: Vec<String> = fstype.chain(options).collect();
            // As bytes: it is escaped once, below.
            let point = String::from_utf8_lossy(fact.point.as_bytes());
            list.demand("mounts", Some(&point), value.join(" "), &fact.origin);
        }
        if let Some(fact) = preload {
            list.whole("preload", &fact.origin);
        }
        for fact in sysctl {
            list.demand("sysctl", Some(&fact.name), &fact.value, &fact.origin);
        }
        list.allowed("packet", packet.as_ref());
        list.allowed("startup", startup.as_ref());
        list.allowed("units", units.as_ref());
        list.allowed("unix", unix.as_ref());
        list
    }

    fn accounts(&mut self, fact: &Accounts) {
        self.whole("accounts", &fact.origin);
        for (name, allowed) in [("password", &fact.password), ("root", &fact.root)] {
            if let Some(allowed) = allowed {
                self.demand("accounts", Some(&name), "stated", &fact.origin);
                self.permit("accounts", Some(name), allowed, &fact.origin);
            }
        }
    }

    fn firewall(&mut self, fact: &Firewall) {
        let all: String = fact.rules.iter().flat_map(|rule| [rule, "\n"]).collect();
        // Their order counts too: the digest tells.
        let digest = Digest::of(all.as_bytes());
        let value = format!("{} rules, sha256 {digest}", fact.rules.len());
        self.demand("firewall", None, value, &fact.origin);
        let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
        for rule in &fact.rules {
            let count = counts.entry(rule).or_default();
            *count = count.saturating_add(1);
        }
        for (rule, count) in counts {
            let value = match count {
                1 => "there".to_owned(),
                count => format!("there {count} times"),
            };
            self.add("firewall", Some(&rule), value, &fact.origin, Rule::Exact);
        }
    }

    fn kernel(&mut self, fact: &Kernel) {
        if let Some(lockdown) = fact.lockdown {
            let (name, rule) = (&"lockdown", Rule::Lockdown(lockdown));
            self.add("kernel", Some(name), lockdown, &fact.origin, rule);
        }
        if let Some(taint) = fact.taint {
            let (name, rule) = (&"taint", Rule::Taint(taint));
            self.add("kernel", Some(name), taint, &fact.origin, rule);
        }
    }

    fn modules(&mut self, fact: &Modules) {
        self.whole("modules", &fact.origin);
        self.permit("modules", None, &fact.allow, &fact.origin);
        for module in &fact.deny {
            let name = format!("deny {module}");
            self.demand("modules", Some(&name), "denied", &fact.origin);
        }
    }

    /// A fact that is a list of what may be there.
    fn allowed<T: Display>(&mut self, kind: &'static str, fact: Option<&Allowed<T>>) {
        if let Some(fact) = fact {
            self.whole(kind, &fact.origin);
            self.permit(kind, None, &fact.allow, &fact.origin);
        }
    }

    fn whole(&mut self, kind: &'static str, origin: &Origin) {
        self.demand(kind, None, "stated", origin);
    }

    /// The exceptions of a list.
    fn permit(
        &mut self,
        kind: &'static str,
        list: Option<&str>,
        allowed: &[impl Display],
        origin: &Origin,
    ) {
        for one in allowed {
            let name = match list {
                Some(list) => format!("{list} {one}"),
                None => one.to_string(),
            };
            let rule = Rule::Permit(list.map(str::to_owned));
            self.add(kind, Some(&name), "allowed", origin, rule);
        }
    }

    fn demand(
        &mut self,
        kind: &'static str,
        name: Option<&dyn Display>,
        value: impl Display,
        origin: &Origin,
    ) {
        self.add(kind, name, value, origin, Rule::Demand);
    }

    fn add(
        &mut self,
        kind: &'static str,
        name: Option<&dyn Display>,
        value: impl Display,
        origin: &Origin,
        rule: Rule,
    ) {
        let escaped = |text: String| Escaped(text.as_bytes()).to_string();
        let stated = Stated {
            value: escaped(value.to_string()),
            origin: origin.to_string(),
            rule,
        };
        let name = name.map(|name| escaped(name.to_string()));
        self.0.insert((kind, name), stated);
    }
}
