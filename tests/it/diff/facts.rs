//! `karat diff`: runtime facts that are expected otherwise.

use karat::expect::fact::{
    Accounts, CmdlineWord, Firewall, Kernel, Listen, Lockdown, Modules, Mount, PacketSockets,
    Preload, Startup, Sysctl, Units, UnixSockets, WordRule,
};
use karat::expect::{Expectations, Facts};
use karat::ops::diff::{Event, FactChange, Strictness};
use karat::path::{Glob, ImagePath};
use karat::tree::Origin;

use super::{diff, run};
use crate::support::root::Sample;
use crate::support::schema::published;
use crate::support::signed::Release;

fn release(name: &str, facts: Facts) -> Release {
    let expectations = Expectations::default().with_facts(facts).unwrap();
    Release::of(name, Sample::new(), expectations)
}

fn origin() -> Origin {
    "template:verify".parse().unwrap()
}

fn setting(name: &str, value: &str) -> Sysctl {
    Sysctl {
        name: name.parse().unwrap(),
        origin: "template:kernel".parse().unwrap(),
        value: value.to_owned(),
    }
}

fn listen(allow: &[&str]) -> Listen {
    Listen {
        allow: allow.iter().map(|it| it.parse().unwrap()).collect(),
        origin: origin(),
    }
}

fn accounts(root: &[&str]) -> Accounts {
    Accounts {
        origin: origin(),
        password: None,
        root: Some(root.iter().map(|it| it.parse().unwrap()).collect()),
    }
}

fn kernel(lockdown: Lockdown, taint: u64) -> Kernel {
    Kernel {
        lockdown: Some(lockdown),
        origin: origin(),
        taint: Some(taint),
    }
}

fn modules(deny: &[&str]) -> Modules {
    Modules {
        allow: vec!["vendor".parse().unwrap()],
        deny: deny.iter().map(|it| it.parse().unwrap()).collect(),
        origin: origin(),
    }
}

fn rules(rules: &[&str]) -> Firewall {
    Firewall {
        origin: origin(),
        peers: None,
        rules: rules.iter().map(|rule| (*rule).to_owned()).collect(),
    }
}

fn mount(options: &[&str]) -> Vec<Mount> {
    vec![Mount {
        fstype: Some("tmpfs".parse().unwrap()),
        options: options.iter().map(|it| it.parse().unwrap()).collect(),
        origin: origin(),
        point: ImagePath::parse("/tmp").unwrap(),
    }]
}

fn older() -> Facts {
    Facts {
        accounts: Some(accounts(&["root"])),
        cmdline: vec![CmdlineWord {
            origin: origin(),
            rule: WordRule::Absent,
            word: "init".parse().unwrap(),
        }],
        firewall: Some(rules(&["first", "again", "again"])),
        kernel: Some(kernel(Lockdown::Integrity, 4)),
        listen: Some(listen(&["tcp *:22", "udp *:68"])),
        modules: Some(modules(&["usb_storage"])),
        mounts: mount(&["nodev"]),
        preload: Some(Preload { origin: origin() }),
        sysctl: vec![
            setting("net.ipv4.ip_forward", "0"),
            setting("vm.swappiness", "1"),
        ],
        ..Facts::default()
    }
}

fn newer() -> Facts {
    Facts {
        accounts: Some(accounts(&["root", "toor"])),
        firewall: Some(rules(&["again", "first"])),
        kernel: Some(kernel(Lockdown::Confidentiality, 5)),
        listen: Some(listen(&["tcp *:22", "tcp *:80"])),
        modules: Some(modules(&[])),
        mounts: mount(&["nodev", "nosuid"]),
        sysctl: vec![
            setting("net.ipv4.ip_forward", "1"),
            setting("vm.swappiness", "1"),
        ],
        packet: Some(PacketSockets {
            allow: vec!["88cc net".parse().unwrap()],
            origin: origin(),
        }),
        startup: Some(Startup {
            allow: vec![Glob::parse("/home/*/.forward").unwrap()],
            origin: origin(),
        }),
        unix: Some(UnixSockets {
            allow: vec!["@x".parse().unwrap()],
            origin: origin(),
        }),
        units: Some(Units {
            allow: vec![Glob::parse("/run/systemd/transient/**").unwrap()],
            origin: origin(),
        }),
        ..Facts::default()
    }
}

/// One line for each change.
fn line(fact: &FactChange) -> String {
    let sign = match fact.change {
        Event::Added => '+',
        Event::Changed => '~',
        Event::Removed => '-',
    };
    let strictness = match fact.strictness {
        Some(Strictness::Looser) => " looser",
        Some(Strictness::Stricter) => " stricter",
        None => "",
    };
    let name = fact.name.as_deref().unwrap_or("*");
    format!("{sign} {} {name}{strictness}", fact.kind)
}

#[test]
fn each_kind_is_compared() {
    let (old, new) = (release("facts-old", older()), release("facts-new", newer()));
    let (from, to) = (old.out("demo_1.dsse.json"), new.out("demo_1.dsse.json"));
    let difference = diff(&from, &to).unwrap();
    let lines: Vec<String> = difference.facts.iter().map(line).collect();
    assert_eq!(
        lines,
        [
            "+ accounts root toor looser",
            "- cmdline init looser",
            "~ firewall *",
            "~ firewall again",
            "~ kernel lockdown stricter",
            "~ kernel taint looser",
            "+ listen tcp *:80 looser",
            "- listen udp *:68 stricter",
            "- modules deny usb_storage looser",
            "~ mounts /tmp",
            "+ packet * stricter",
            "+ packet 88cc net",
            "- preload * looser",
            "+ startup * stricter",
            "+ startup /home/*/.forward",
            "~ sysctl net.ipv4.ip_forward",
            "+ units * stricter",
            "+ units /run/systemd/transient/**",
            "+ unix * stricter",
            "+ unix @x",
        ]
    );
    let forward = difference.facts.iter().find(|fact| fact.kind == "sysctl");
    let forward = forward.unwrap();
    assert_eq!(forward.from.as_deref(), Some("0"));
    assert_eq!(forward.to.as_deref(), Some("1"));
    assert_eq!(forward.origin, "template:kernel");
    // The other way round, what was added is removed, and what was looser is stricter.
    let back: Vec<String> = diff(&to, &from).unwrap().facts.iter().map(line).collect();
    assert!(back.contains(&"- accounts root toor stricter".to_owned()));
    assert!(back.contains(&"~ kernel lockdown looser".to_owned()));
    assert!(back.contains(&"~ kernel taint stricter".to_owned()));
    assert!(back.contains(&"- units * looser".to_owned()));
    // A manifest alone says nothing of what is expected, and an image says what it holds itself.
    std::fs::remove_file(new.out("demo_1.expect.json")).unwrap();
    let alone = diff(old.out("demo_1.mtree"), new.out("demo_1.mtree")).unwrap();
    assert_eq!(alone.facts, []);
    let images = diff(old.out("demo_1.tar.zst"), new.out("demo_1.tar.zst")).unwrap();
    assert_eq!(images.facts, difference.facts);
}

#[test]
fn the_order_of_rules_counts() {
    let facts = |list: &[&str]| Facts {
        firewall: Some(rules(list)),
        ..Facts::default()
    };
    let old = release("order-old", facts(&["accept", "drop"]));
    let new = release("order-new", facts(&["drop", "accept"]));
    let (from, to) = (old.out("demo_1.mtree"), new.out("demo_1.mtree"));
    let lines: Vec<String> = diff(&from, &to).unwrap().facts.iter().map(line).collect();
    assert_eq!(lines, ["~ firewall *"]);
    // Who asked for a fact is no difference.
    let mut facts = older();
    facts.sysctl = vec![setting("vm.swappiness", "1")];
    let mut other = facts.clone();
    other.sysctl.iter_mut().for_each(|it| it.origin = origin());
    let (old, new) = (release("by-old", facts), release("by-new", other));
    let (from, to) = (old.out("demo_1.mtree"), new.out("demo_1.mtree"));
    assert_eq!(diff(&from, &to).unwrap().facts, []);
}

#[test]
fn text_json_and_markdown() {
    let mut hostile = newer();
    hostile
        .sysctl
        .push(setting("kernel.core_pattern", "\u{1b}[2J`|\n|x"));
    let (old, new) = (release("forms-old", older()), release("forms-new", hostile));
    let (from, to) = (old.out("demo_1.dsse.json"), new.out("demo_1.dsse.json"));
    let (code, text) = run(&from, &to, &["--exit-code"]);
    assert_eq!(code, 10);
    for part in [
        "\nfact listen: 2 changes\n  + tcp *:80: allowed [looser]\n  - udp *:68: allowed [stricter]\n",
        "\nfact kernel: 2 changes\n  ~ lockdown: integrity -> confidentiality [stricter]\n",
        "\nfact preload: 1 change\n  - as a whole: stated [looser]\n",
        "  + kernel.core_pattern: \\x1b[2J`|\\n|x [stricter]\n",
        "  ~ net.ipv4.ip_forward: 0 -> 1\n",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let (_, json) = run(&from, &to, &["--json"]);
    let json = published("diff").holds(&json);
    let listen = &json["facts"][6];
    assert_eq!(
        *listen,
        serde_json::json!({
            "kind": "listen", "name": "tcp *:80", "change": "added", "from": null, "to": "allowed",
            "origin": "template:verify", "strictness": "looser"
        })
    );
    let (_, page) = run(&from, &to, &["--format", "markdown"]);
    for part in [
        "\n### Runtime facts\n",
        "| added | listen | ` tcp *:80 ` |  | ` allowed ` | **looser** | ` template:verify ` |\n",
        "| removed | preload |  | ` stated ` |  | **looser** | ` template:verify ` |\n",
        "| added | sysctl | ` kernel.core_pattern ` |  | `` \\x1b[2J`\\|\\n\\|x `` | stricter |",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
}
