//! What the template and the rules state of the running system, together.

use crate::expect::Facts;
use crate::expect::fact::ModuleName;

/// The facts of the template, and those of rules that it does not speak about. Where both name a
/// setting or a word, the template's stands; options of one mount and denied modules are united.
pub fn united(template: Facts, rules: Facts) -> Facts {
    let mut facts = template;
    for fact in rules.sysctl {
        if facts.sysctl.iter().all(|other| other.name != fact.name) {
            facts.sysctl.push(fact);
        }
    }
    for fact in rules.cmdline {
        if facts.cmdline.iter().all(|other| other.word != fact.word) {
            facts.cmdline.push(fact);
        }
    }
    for fact in rules.mounts {
        let other = facts.mounts.iter_mut().find(|it| it.point == fact.point);
        let Some(other) = other else {
            facts.mounts.push(fact);
            continue;
        };
        for option in fact.options {
            if !other.options.contains(&option) {
                other.options.push(option);
            }
        }
    }
    match (&mut facts.modules, rules.modules) {
        (Some(modules), Some(more)) => {
            let fits = |name: &ModuleName| !modules.allow.contains(name);
            let more: Vec<ModuleName> = more.deny.into_iter().filter(fits).collect();
            for name in more {
                if !modules.deny.contains(&name) {
                    modules.deny.push(name);
                }
            }
        }
        (slot @ None, more) => *slot = more,
        (Some(_), None) => {}
    }
    // Kinds of which there is one for the whole image: the template's, where it states one.
    facts.accounts = facts.accounts.or(rules.accounts);
    facts.credentials = facts.credentials.or(rules.credentials);
    facts.firewall = facts.firewall.or(rules.firewall);
    facts.kernel = facts.kernel.or(rules.kernel);
    facts.listen = facts.listen.or(rules.listen);
    facts.packet = facts.packet.or(rules.packet);
    facts.preload = facts.preload.or(rules.preload);
    facts.startup = facts.startup.or(rules.startup);
    facts.units = facts.units.or(rules.units);
    facts.unix = facts.unix.or(rules.unix);
    facts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expect::fact::{Modules, Mount, Sysctl};
    use crate::path::ImagePath;
    use crate::tree::Origin;

    #[test]
    fn the_template_wins_and_lists_unite() {
        let of = |rule: bool| {
            if rule {
                Origin::Rule("a".to_owned())
            } else {
                Origin::Template("verify".to_owned())
            }
        };
        let facts = |rule: bool, value: &str, option: &str, module: &str| Facts {
            sysctl: vec![Sysctl {
                name: "kernel.sysrq".parse().unwrap(),
                origin: of(rule),
                value: value.to_owned(),
            }],
            mounts: vec![Mount {
                fstype: None,
                options: vec![option.parse().unwrap()],
                origin: of(rule),
                point: ImagePath::parse("/tmp").unwrap(),
            }],
            modules: Some(Modules {
                allow: vec!["allowed".parse().unwrap()],
                deny: vec![module.parse().unwrap()],
                origin: of(rule),
            }),
            ..Facts::default()
        };
        let mine = facts(false, "1", "nodev", "cramfs");
        let both = united(mine.clone(), facts(true, "0", "noexec", "dccp"));
        assert_eq!(both.sysctl, mine.sysctl);
        let options: Vec<&str> = both.mounts[0]
            .options
            .iter()
            .map(crate::expect::fact::Name::as_str)
            .collect();
        assert_eq!(options, ["nodev", "noexec"]);
        let modules = both.modules.unwrap();
        let deny: Vec<&str> = modules.deny.iter().map(ModuleName::as_str).collect();
        assert_eq!(deny, ["cramfs", "dccp"]);
        assert_eq!(modules.origin, of(false));
        let rules = facts(true, "0", "noexec", "allowed");
        assert_eq!(united(mine.clone(), rules).modules, mine.modules);
        assert_eq!(united(Facts::default(), mine.clone()), mine);
    }
}
