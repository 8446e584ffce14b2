//! `kind = "firewall"`: a packet filter that drops what nothing names, by one tool.
//!
//! ```toml
//! hooks = ["input", "forward"]     # optional: base chains that must drop; input by default
//! # or: stated = true, alone       # what is loaded is what the template's [segment] compiles to
//! ```
//!
//! The check reads the rulesets of nft(8) that the image loads at boot: `/etc/nftables.conf`, or what
//! `ExecStart=` of `nftables.service` names. Where none of them has a base chain that drops, the
//! rule writes a small one, which lets loopback, answers, ICMP and, where there is a server for it,
//! ssh in.
//!
//! | file | what |
//! |---|---|
//! | `stated` | `stated = true` |

mod stated;

use std::sync::Arc;

use super::{Answer, Setting};
use crate::harden::root::fixed;
use crate::harden::{Edit, EditError, Owned, Root, ViewError};
use crate::path::{Escaped, Glob, ImagePath};
use crate::tree::Mode;
use crate::written::diagnostic::Code;
use crate::written::reader::Reader;

const CONF: &str = "/etc/nftables.conf";
const UNIT: &str = "nftables.service";

/// Packages that bring another tool for the same kernel tables.
const OTHERS: [&str; 4] = ["firewalld", "iptables-persistent", "shorewall", "ufw"];

/// Base chains that must drop.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Firewall {
    hooks: Vec<String>,
}

pub(super) fn parse(table: &Reader<'_>) -> Option<Arc<dyn Setting>> {
    if table.boolean("stated").is_some_and(|at| at.value) {
        if table.has("hooks") {
            let message = "a firewall states hooks, or stated = true, and not both".to_owned();
            table.sink().report(Code::T012, table.span(), message, None);
            return None;
        }
        return Some(Arc::new(stated::Stated));
    }
    let mut hooks = Vec::new();
    for at in table.strings("hooks") {
        if ["forward", "input", "output"].contains(&at.value.as_str()) {
            hooks.push(at.value);
        } else {
            let message = format!(
                "{:?} is not allowed: hooks are input, forward, output",
                at.value
            );
            table.sink().report(Code::T006, &at.span, message, None);
        }
    }
    if hooks.is_empty() {
        hooks.push("input".to_owned());
    }
    hooks.sort();
    hooks.dedup();
    Some(Arc::new(Firewall { hooks }))
}

impl Setting for Firewall {
    fn kind(&self) -> &'static str {
        "firewall"
    }

    fn about(&self) -> Vec<String> {
        let hooks = self.hooks.iter().map(|hook| format!("firewall {hook}"));
        let others = OTHERS.iter().map(|name| format!("package {name}"));
        hooks.chain(others).collect()
    }

    fn describe(&self) -> Vec<String> {
        let hooks = self.hooks.iter();
        let hooks =
            hooks.map(|hook| format!("nft drops what no rule lets through the hook {hook}"));
        let more = [
            "loopback is let in, by its interface".to_owned(),
            format!("{UNIT} is enabled, and no other tool is installed"),
        ];
        hooks.chain(more).collect()
    }

    fn closes_output(&self) -> bool {
        self.hooks.iter().any(|hook| hook == "output")
    }

    fn apply(&self, edit: &mut Edit<'_>) -> Result<(), EditError> {
        let (missing, own, has_ssh, enabled) = edit.look(|root| -> Result<_, ViewError> {
            let rules = ruleset(root)?;
            let missing: Vec<&String> = self
                .hooks
                .iter()
                .filter(|hook| !drops(&rules, hook))
                .collect();
            let lacks = !missing.is_empty() || !has_loopback(&rules);
            let has_ssh = root.packages()?.contains_key("openssh-server");
            // Another file that is loaded in its place is somebody's own, or the template's.
            let own = rules.path == fixed(CONF);
            Ok((lacks, own, has_ssh, is_enabled(root)?))
        })?;
        if missing && own {
            edit.edit(&fixed(CONF), self.text(has_ssh).into_bytes())?;
            edit.own(&fixed(CONF), Owned::root(Mode::DIRECTORY))?;
        }
        if !enabled {
            let link = format!("/etc/systemd/system/sysinit.target.wants/{UNIT}");
            edit.link(&fixed(&link), &format!("/usr/lib/systemd/system/{UNIT}"))?;
        }
        Ok(())
    }

    fn check(&self, root: &Root<'_>, answer: &mut Answer) -> Result<(), ViewError> {
        let rules = ruleset(root)?;
        for hook in &self.hooks {
            if !drops(&rules, hook) {
                let path = Escaped(rules.path.as_bytes());
                let next = next_step(root, hook);
                answer.fail(format!(
                    "{path}: no base chain of the hook {hook} has policy drop{next}"
                ));
            }
        }
        if !has_loopback(&rules) {
            let path = Escaped(rules.path.as_bytes());
            answer.fail(format!("{path}: loopback is not let in by 'iif lo accept'"));
        }
        if !is_enabled(root)? {
            answer.fail(format!(
                "{UNIT} is not enabled: no ruleset is loaded at boot"
            ));
        }
        for other in OTHERS {
            if root.packages()?.contains_key(other) {
                answer.fail(format!("the package {other} is installed beside nftables"));
            }
        }
        Ok(())
    }

    #[cfg(test)]
    fn spoil(&self, edit: &mut Edit<'_>) -> Result<(), EditError> {
        let path = edit.look(ruleset)?.path;
        let mut text = edit.text(&path)?.unwrap_or_default();
        for hook in &self.hooks {
            let chain = format!("hook {hook} priority filter; policy ");
            text = text.replace(&format!("{chain}drop"), &format!("{chain}accept"));
        }
        edit.edit(&path, text.into_bytes())
    }
}

impl Firewall {
    fn text(&self, has_ssh: bool) -> String {
        let ssh = if has_ssh {
            "\t\ttcp dport 22 accept\n"
        } else {
            ""
        };
        let policy = |hook: &str| {
            if self.hooks.iter().any(|other| other == hook) {
                "drop"
            } else {
                "accept"
            }
        };
        let output = if policy("output") == "drop" {
            "\t\tct state established,related accept\n\t\toif \"lo\" accept\n\
             \t\tmeta l4proto { icmp, ipv6-icmp } accept\n\
             \t\tudp dport { 53, 67, 123, 547 } accept\n\t\ttcp dport 53 accept\n"
        } else {
            ""
        };
        format!(
            "#!/usr/sbin/nft -f\n# Written by karat's hardening rules: what is not named is dropped.\n\n\
             table inet karat\ndelete table inet karat\n\ntable inet karat {{\n\tchain input {{\n\
             \t\ttype filter hook input priority filter; policy drop;\n\
             \t\tct state vmap {{ established : accept, related : accept, invalid : drop }}\n\
             \t\tiif \"lo\" accept\n\t\tip saddr 127.0.0.0/8 drop\n\t\tip6 saddr ::1 drop\n\
             \t\tmeta l4proto {{ icmp, ipv6-icmp }} limit rate 50/second accept\n\
             \t\tudp sport 67 udp dport 68 accept\n{ssh}\t}}\n\n\tchain forward {{\n\
             \t\ttype filter hook forward priority filter; policy {};\n\t}}\n\n\tchain output {{\n\
             \t\ttype filter hook output priority filter; policy {};\n{output}\t}}\n}}\n",
            policy("forward"),
            policy("output"),
        )
    }
}

/// What is to be done about a hook that lets everything through: of an image whose template says nothing
/// of its place, nobody knows what it connects to.
fn next_step(root: &Root<'_>, hook: &str) -> &'static str {
    let no_category = root.stated().is_some_and(|it| it.category.is_none());
    if no_category && hook == "output" {
        "; the template's [segment] states no category: state it, and each [[segment.egress]], or build \
         the image with this rule"
    } else {
        ""
    }
}

/// The ruleset that is loaded at boot, with what it includes.
struct Ruleset {
    path: ImagePath,
    text: String,
}

/// Deepest nesting of includes: nft(8) allows 16.
const DEPTH_MAX: usize = 16;

fn ruleset(root: &Root<'_>) -> Result<Ruleset, ViewError> {
    let mut path = fixed(CONF);
    for directory in ["/usr/lib/systemd/system", "/etc/systemd/system"] {
        let directory = fixed(&format!("{directory}/{UNIT}.d"));
        for name in root.names(&directory)? {
            let Ok(file) = directory.join(&name) else {
                continue;
            };
            for line in root.text(&file)?.unwrap_or_default().lines() {
                let named = line.trim().strip_prefix("ExecStart=");
                let named = named.and_then(|command| command.split_whitespace().last());
                if let Some(named) = named.and_then(|named| ImagePath::parse(named).ok()) {
                    path = named;
                }
            }
        }
    }
    let mut text = String::new();
    gather(root, &path, 0, &mut text)?;
    Ok(Ruleset { path, text })
}

fn gather(
    root: &Root<'_>,
    path: &ImagePath,
    depth: usize,
    text: &mut String,
) -> Result<(), ViewError> {
    if depth > DEPTH_MAX {
        return Err(ViewError::new(
            path,
            "rulesets include each other too deeply",
        ));
    }
    for line in root.text(path)?.unwrap_or_default().lines() {
        let code = line.split('#').next().unwrap_or_default().trim();
        let Some(what) = code.strip_prefix("include ") else {
            text.push_str(code);
            text.push('\n');
            continue;
        };
        let Ok(glob) = Glob::parse(what.trim().trim_matches(['"', '\''])) else {
            continue;
        };
        for (file, _) in root.glob(&glob)? {
            gather(root, &file, depth.saturating_add(1), text)?;
        }
    }
    Ok(())
}

/// Whether a base chain of the hook drops, and none that does is emptied by a later policy.
fn drops(rules: &Ruleset, hook: &str) -> bool {
    let flat = rules.text.split_whitespace().collect::<Vec<_>>().join(" ");
    let wanted = format!("hook {hook} ");
    flat.match_indices(&wanted).any(|(at, _)| {
        let rest = flat.get(at..).unwrap_or_default();
        let head = rest.split_once("policy ").map_or("", |(head, _)| head);
        let policy = rest.get(head.len()..).unwrap_or_default();
        !head.contains(['{', '}']) && policy.starts_with("policy drop")
    })
}

fn has_loopback(rules: &Ruleset) -> bool {
    rules.text.lines().any(|line| {
        let line = line.replace('"', "");
        let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
        line.starts_with("iif lo accept") || line.starts_with("iifname lo accept")
    })
}

fn is_enabled(root: &Root<'_>) -> Result<bool, ViewError> {
    for target in ["sysinit", "multi-user", "basic", "network-pre"] {
        let link = fixed(&format!("/etc/systemd/system/{target}.target.wants/{UNIT}"));
        if root.look(&link)?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}
