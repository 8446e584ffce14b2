//! Rules on trees: what each sets is found when somebody undoes it, once and in any order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::edit::Edit;
use super::root::fixed;
use super::{
    Catalogue, Filter, Outcome, Profile, Results, Root, RuleId, Selection, Stated, TreeView, apply,
    check,
};
use crate::tree::{
    Epoch, Inode, Kind, Layered, MemoryBlobs, Mode, Open, Origin, Stat, Tree, Xattrs,
};

/// Rules of every kind, whatever is shipped.
const RULES: &str = include_str!("tests.toml");

/// A small root: what a Debian server has of what rules touch.
pub(super) fn fixture(blobs: &mut MemoryBlobs) -> Tree<Open> {
    let mut tree = Tree::new(Epoch::new(1_000).unwrap());
    let files: &[(&str, u32, u32, &str)] = &[
        (
            "/etc/passwd",
            0o644,
            0,
            "root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1::/:/usr/sbin/nologin\n",
        ),
        ("/etc/group", 0o644, 0, "root:x:0:\nshadow:x:42:\n"),
        ("/etc/shadow", 0o640, 42, "root:*:20000:0:99999:7:::\n"),
        (
            "/etc/os-release",
            0o644,
            0,
            "ID=debian\nVERSION_CODENAME=trixie\n",
        ),
        (
            "/etc/login.defs",
            0o644,
            0,
            "# comment\nPASS_MAX_DAYS\t99999\nUMASK\t\t022\n",
        ),
        (
            "/etc/ssh/sshd_config",
            0o644,
            0,
            "# sshd\n\nInclude /etc/ssh/sshd_config.d/*.conf\n\n#PermitRootLogin prohibit-password\nX11Forwarding yes\nUsePAM yes\n",
        ),
        (
            "/etc/ssh/sshd_config.d/50-cloud.conf",
            0o644,
            0,
            "PermitRootLogin yes\n",
        ),
        (
            "/etc/sudoers",
            0o440,
            0,
            "Defaults\tenv_reset\nroot ALL=(ALL:ALL) ALL\n@includedir /etc/sudoers.d\n",
        ),
        (
            "/etc/sudoers.d/cloud",
            0o440,
            0,
            "admin ALL=(ALL) NOPASSWD: ALL\n",
        ),
        (
            "/etc/systemd/journald.conf",
            0o644,
            0,
            "[Journal]\n#Storage=auto\n",
        ),
        (
            "/usr/lib/systemd/journald.conf.d/syslog.conf",
            0o644,
            0,
            "[Journal]\nForwardToSyslog=yes\n",
        ),
        ("/etc/security/pwquality.conf", 0o644, 0, "# minlen = 8\n"),
        ("/etc/default/useradd", 0o644, 0, "SHELL=/bin/sh\n"),
        (
            "/etc/default/grub",
            0o644,
            0,
            "GRUB_DEFAULT=0\nGRUB_CMDLINE_LINUX=\"console=ttyS0\"\n",
        ),
        (
            "/etc/kernel/cmdline",
            0o644,
            0,
            "nokaslr root=LABEL=root ro\n",
        ),
        ("/etc/profile", 0o644, 0, "export PATH=/bin\n"),
        (
            "/etc/fstab",
            0o644,
            0,
            "LABEL=root / ext4 defaults 0 1\nLABEL=tmp /tmp ext4 defaults,exec 0 2\n",
        ),
        (
            "/etc/nftables.conf",
            0o755,
            0,
            "#!/usr/sbin/nft -f\nflush ruleset\ntable inet filter {\n\tchain input {\n\t\ttype filter hook input priority filter;\n\t}\n}\n",
        ),
        (
            "/usr/lib/sysctl.d/10-ptrace.conf",
            0o644,
            0,
            "kernel.yama.ptrace_scope = 0\nnet.ipv4.conf.*.rp_filter = 2\n",
        ),
        (
            "/var/lib/dpkg/status",
            0o644,
            0,
            "Package: openssh-server\nStatus: install ok installed\nVersion: 1:10.0\n\nPackage: linux-image-6.12.9-amd64\nStatus: install ok installed\nVersion: 6.12.9-1\n\nPackage: gone\nStatus: deinstall ok config-files\nVersion: 1\n",
        ),
    ];
    add(&mut tree, blobs, files);
    tree
}

/// Adds files of packages: path, mode, group, text.
pub(super) fn add(
    tree: &mut Tree<Open>,
    blobs: &mut MemoryBlobs,
    files: &[(&str, u32, u32, &str)],
) {
    for (path, mode, gid, text) in files {
        let path = fixed(path);
        let origin = Origin::Package("test".to_owned());
        tree.make_dirs(&path.parent().unwrap(), &origin).unwrap();
        let content = blobs.add(text.as_bytes().to_vec());
        let inode = Inode {
            stat: Stat {
                gid: *gid,
                ..Stat::root(Mode::new(*mode).unwrap())
            },
            kind: Kind::Regular(content),
            xattrs: Xattrs::new(),
            origin,
        };
        tree.insert(path, inode).unwrap();
    }
}

/// What the template's segment would compile to.
pub(super) const FILTER: &str = "table inet karat {\n\tchain input {\n\t\ttype filter hook input priority filter; \
    policy drop;\n\t\tiif lo accept\n\t\ttcp dport 22 accept\n\t}\n\tchain forward {\n\t\ttype filter hook forward \
    priority filter; policy drop;\n\t}\n\tchain output {\n\t\ttype filter hook output priority filter; policy drop;\n\
    \t\tip daddr 169.254.169.254 tcp dport != 53 drop\n\t\tip6 daddr fd00:ec2::254 tcp dport != 53 drop\n\t}\n}\n";

/// What a template would say of the fixture.
pub(super) fn stated() -> Stated {
    Stated {
        category: Some("frontend".to_owned()),
        listen: Some(vec!["tcp *:22".parse().unwrap()]),
        filter: Some(Filter {
            path: fixed("/etc/nftables.d/karat.nft"),
            text: FILTER.to_owned(),
            included: vec![
                fixed("/etc/nftables.d/input"),
                fixed("/etc/nftables.d/output"),
            ],
        }),
    }
}

pub(super) fn selection(catalogue: Arc<Catalogue>) -> Selection {
    Selection {
        catalogue,
        profile: Profile::Strict,
        except: BTreeMap::new(),
        stated: Some(stated()),
        ceilings: BTreeMap::new(),
    }
}

fn rules() -> Arc<Catalogue> {
    Catalogue::of(&[("test.toml".to_owned(), RULES.to_owned())]).unwrap()
}

pub(super) fn bad(results: &Results) -> BTreeMap<&RuleId, &[String]> {
    let bad = [Outcome::Fail, Outcome::Unknown];
    let results = results.results.iter();
    let results = results.filter(|result| bad.contains(&result.outcome));
    results
        .map(|result| (&result.id, result.reasons.as_slice()))
        .collect()
}

/// Every path with all that a manifest would say of it.
fn listing(tree: &Tree<Open>) -> Vec<String> {
    let entries = tree.iter();
    entries
        .map(|entry| format!("{} {:?}", entry.path, entry.inode))
        .collect()
}

#[test]
fn on_a_root_that_nobody_hardened_each_rule_fails_with_a_reason() {
    let mut blobs = MemoryBlobs::new();
    let tree = fixture(&mut blobs);
    let view = TreeView::new(&tree, &blobs);
    let selection = selection(rules());
    let results = check(&Root::new(&view, selection.stated.as_ref()), &selection).unwrap();
    for result in &results.results {
        let expected = if result.id.as_str().starts_with("na.") {
            Outcome::NotApplicable
        } else {
            Outcome::Fail
        };
        assert_eq!(
            result.outcome, expected,
            "{}: {:?}",
            result.id, result.reasons
        );
        assert!(!result.reasons.is_empty(), "{}", result.id);
    }
}

#[test]
fn applied_rules_hold_and_applying_twice_changes_nothing() {
    let mut blobs = MemoryBlobs::new();
    let mut new = MemoryBlobs::new();
    let tree = fixture(&mut blobs);
    let selection = selection(rules());
    let once = apply(tree, &selection, &mut new, &blobs).unwrap();
    assert_eq!(bad(&once.results), BTreeMap::new());
    let before = listing(&once.tree);
    let sshd = once.tree.content(&fixed("/etc/ssh/sshd_config")).unwrap();
    let text = String::from_utf8(crate::tree::Blobs::read(&new, &sshd).unwrap()).unwrap();
    assert_eq!(
        text,
        "# sshd\n\n# Set by karat's hardening rules.\nClientAliveInterval 300\nPermitRootLogin no\n\
         X11Forwarding no\n\nInclude /etc/ssh/sshd_config.d/*.conf\n\n\
         #PermitRootLogin prohibit-password\nUsePAM yes\n"
    );
    let origin = &once
        .tree
        .get(&fixed("/etc/ssh/sshd_config"))
        .unwrap()
        .origin;
    assert_eq!(origin.to_string(), "rule:sh.idle+sh.root+sh.x11+sh.zmode");
    let seen = Layered(&new, &blobs);
    let mut more = MemoryBlobs::new();
    let twice = apply(once.tree, &selection, &mut more, &seen).unwrap();
    assert_eq!(listing(&twice.tree), before);
    for result in &twice.results.results {
        assert_eq!(result.wrote, [""; 0], "{}", result.id);
    }
    assert_eq!(twice.facts, once.facts);
    assert_eq!(once.facts.clone().sorted().map(|_| ()), Ok(()));
}

#[test]
fn what_each_rule_sets_is_found_when_somebody_undoes_it() {
    let mut blobs = MemoryBlobs::new();
    let tree = fixture(&mut blobs);
    undone(&rules(), tree, &blobs, true);
}

#[test]
fn what_each_shipped_rule_sets_is_found_when_somebody_undoes_it() {
    let mut blobs = MemoryBlobs::new();
    let tree = fixture(&mut blobs);
    undone(&Catalogue::shipped().unwrap(), tree, &blobs, false);
}

/// Applies all rules, then undoes what each setting sets, one at a time: its rule must fail, and no
/// rule but those that are about the same thing.
pub(super) fn undone(catalogue: &Arc<Catalogue>, tree: Tree<Open>, blobs: &MemoryBlobs, all: bool) {
    let mut new = MemoryBlobs::new();
    let selection = selection(Arc::clone(catalogue));
    if catalogue.rules().next().is_none() {
        return;
    }
    let hardened = apply(tree, &selection, &mut new, blobs).unwrap();
    let before = bad(&hardened.results);
    if all {
        assert_eq!(before, BTreeMap::new());
    }
    let seen = Layered(&new, blobs);
    for rule in catalogue.rules() {
        let outcome = hardened.results.get(rule.id.as_str()).unwrap().outcome;
        if outcome != Outcome::Pass {
            continue;
        }
        for setting in &rule.settings {
            let mut tree = hardened.tree.clone();
            let mut hand = MemoryBlobs::new();
            let id = RuleId::new("by-hand").unwrap();
            let edit = Edit::new(&mut tree, &mut hand, &seen, &id, selection.stated.as_ref());
            let mut edit = edit.by_hand();
            setting.spoil(&mut edit).unwrap();
            let all_bytes = Layered(&hand, &seen);
            let view = TreeView::new(&tree, &all_bytes);
            let results = check(&Root::new(&view, selection.stated.as_ref()), &selection).unwrap();
            let after = bad(&results);
            assert!(
                after.contains_key(&rule.id),
                "{}: nobody sees that this was undone: {:?}",
                rule.id,
                setting.describe()
            );
            let about: BTreeSet<String> = setting.about().into_iter().collect();
            for (id, reasons) in after {
                let other = catalogue.get(id.as_str()).unwrap();
                let mut shared = other.settings.iter().flat_map(|it| it.about());
                // Looks over the whole tree, a whole file, or all services, see what others name.
                let looks = ["exposure", "scan"];
                let looks = other.settings.iter().any(|it| looks.contains(&it.kind()));
                let looks = looks || id.as_str() == "fw.ports";
                assert!(
                    before.contains_key(id) || looks || shared.any(|it| about.contains(&it)),
                    "{} was undone, and {id} fails: {reasons:?}",
                    rule.id
                );
            }
        }
    }
}

#[test]
fn the_order_of_rules_says_nothing() {
    let ids: Vec<RuleId> = rules().rules().map(|rule| rule.id.clone()).collect();
    let texts = |reversed: bool| {
        let mut blobs = MemoryBlobs::new();
        let mut new = MemoryBlobs::new();
        let mut tree = fixture(&mut blobs);
        let catalogue = rules();
        let mut order = ids.clone();
        if reversed {
            order.reverse();
        }
        for phase in super::Phase::ALL {
            for id in &order {
                let rule = catalogue.get(id.as_str()).unwrap();
                if id.as_str().starts_with("na.") {
                    continue;
                }
                for setting in rule.settings.iter().filter(|it| it.phase() == phase) {
                    let mut edit = Edit::new(&mut tree, &mut new, &blobs, id, None);
                    setting.apply(&mut edit).unwrap();
                }
            }
        }
        let contents = tree.iter().filter_map(|entry| match entry.inode.kind {
            Kind::Regular(content) => Some((entry.path.clone(), content, entry.inode.stat)),
            _ => None,
        });
        contents.collect::<Vec<_>>()
    };
    assert_eq!(texts(false), texts(true));
}

#[test]
fn what_the_template_wrote_is_checked_and_not_changed() {
    let mut blobs = MemoryBlobs::new();
    let mut new = MemoryBlobs::new();
    let mut tree = fixture(&mut blobs);
    let path = fixed("/etc/ssh/sshd_config");
    tree.get_mut(&path).unwrap().origin = Origin::Template("files".to_owned());
    let before = tree.get(&path).cloned();
    let mut inode = before.clone().unwrap();
    inode.kind = Kind::Regular(blobs.add(b"kernel.kptr_restrict = 0\n".to_vec()));
    inode.origin = Origin::Template("kernel".to_owned());
    let sysctl = fixed("/etc/sysctl.d/60-karat.conf");
    tree.make_dirs(&sysctl.parent().unwrap(), &inode.origin)
        .unwrap();
    tree.insert(sysctl, inode).unwrap();
    let hardened = apply(tree, &selection(rules()), &mut new, &blobs).unwrap();
    assert_eq!(hardened.tree.get(&path), before.as_ref());
    for (id, conflict) in [
        (
            "sh.root",
            "/etc/ssh/sshd_config: [[files]] of the template wrote it, and wins",
        ),
        (
            "sc.kptr",
            "/etc/sysctl.d/60-karat.conf: [kernel] of the template states kernel.kptr_restrict = 0, and wins",
        ),
    ] {
        let result = hardened.results.get(id).unwrap();
        assert_eq!(result.outcome, Outcome::Fail, "{id}");
        assert_eq!(result.conflicts, [conflict]);
    }
}

#[test]
fn exceptions_keep_what_would_have_been() {
    let mut blobs = MemoryBlobs::new();
    let mut new = MemoryBlobs::new();
    let tree = fixture(&mut blobs);
    let mut selection = selection(rules());
    let id = RuleId::new("sh.root").unwrap();
    selection
        .except
        .insert(id, "the console is locked".to_owned());
    let hardened = apply(tree, &selection, &mut new, &blobs).unwrap();
    let result = hardened.results.get("sh.root").unwrap();
    assert_eq!(result.outcome, Outcome::Excepted);
    assert_eq!(result.without, Some(Outcome::Fail));
    assert_eq!(result.reasons, ["the console is locked"]);
    let bytes = hardened.results.to_bytes().unwrap();
    assert_eq!(Results::parse(&bytes), Ok(hardened.results));
}

#[test]
fn the_shipped_files_are_those_of_the_directory() {
    let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("templates/rules");
    let mut files = BTreeMap::new();
    for entry in directory.read_dir().unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        files.insert(name, crate::sys::fs::read(&path, 1 << 20).unwrap());
    }
    let shipped = super::shipped::SHIPPED.iter();
    let shipped: Vec<(String, Vec<u8>)> = shipped
        .map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec()))
        .collect();
    assert_eq!(shipped, files.into_iter().collect::<Vec<_>>());
}

#[test]
fn files_of_rules_that_break_rules_are_refused_with_their_place() {
    use crate::written::Code;
    const GOOD: &str = "[[rule]]\nid = \"a.b\"\ntitle = \"t\"\nseverity = \"low\"\nprofile = \"strict\"\n\
        rationale = \"r\"\n[[rule.setting]]\nkind = \"sysctl\"\nname = \"a.b\"\nvalue = \"1\"\n";
    let codes = |text: &str| -> Vec<(Code, usize)> {
        match Catalogue::of(&[("r.toml".to_owned(), text.to_owned())]) {
            Ok(_) => Vec::new(),
            Err(found) => found
                .0
                .iter()
                .map(|it| (it.code, it.location.line))
                .collect(),
        }
    };
    assert_eq!(codes(GOOD), []);
    for (from, to, expected) in [
        ("\"a.b\"\ntitle", "\"A b\"\ntitle", vec![(Code::T006, 2)]),
        ("\"low\"", "\"dire\"", vec![(Code::T006, 4)]),
        ("\"strict\"", "\"server-l3\"", vec![(Code::T006, 5)]),
        ("rationale = \"r\"\n", "", vec![(Code::T005, 1)]),
        ("\"sysctl\"", "\"systcl\"", vec![(Code::T006, 8)]),
        ("value = \"1\"\n", "", vec![(Code::T012, 7)]),
        (
            "value = \"1\"\n",
            "valeu = \"1\"\n",
            vec![(Code::T012, 7), (Code::T003, 10)],
        ),
        (
            "[[rule.setting]]\nkind = \"sysctl\"\nname = \"a.b\"\nvalue = \"1\"\n",
            "",
            vec![(Code::T005, 1)],
        ),
        ("title", "titel", vec![(Code::T005, 1), (Code::T003, 3)]),
    ] {
        assert!(GOOD.contains(from), "{from}");
        assert_eq!(
            codes(&GOOD.replacen(from, to, 1)),
            expected,
            "{from} -> {to}"
        );
    }
    assert_eq!(codes(&[GOOD, GOOD].concat()), [(Code::T011, 11)]);
    assert_eq!(codes(""), [(Code::T005, 1)]);
    assert_eq!(codes("[[rule]\n"), [(Code::T002, 1)]);
}

#[test]
fn results_have_one_spelling_and_their_reasons() {
    let mut blobs = MemoryBlobs::new();
    let tree = fixture(&mut blobs);
    let view = TreeView::new(&tree, &blobs);
    let results = check(&Root::new(&view, None), &selection(rules())).unwrap();
    let bytes = results.to_bytes().unwrap();
    assert_eq!(Results::parse(&bytes).as_ref(), Ok(&results));
    let text = String::from_utf8(bytes).unwrap();
    for (from, to) in [
        ("\"version\":1", "\"version\":2"),
        ("\"version\":1", "\"version\": 1"),
        ("\"outcome\":\"fail\"", "\"outcome\":\"pass\""),
        ("\"outcome\":\"fail\"", "\"outcome\":\"excepted\""),
        ("\"id\":\"ac.aging\"", "\"id\":\"zz.aging\""),
        ("\"wrote\":[]", "\"wrote\":[],\"x\":1"),
        ("\"profile\":\"strict\"", "\"profile\":\"mild\""),
        ("}\n", "}"),
    ] {
        assert!(text.contains(from), "{from}");
        assert!(
            Results::parse(text.replacen(from, to, 1).as_bytes()).is_err(),
            "{to}"
        );
    }
    assert!(Results::new(results.catalogue, Profile::Strict, Vec::new()).is_err());
}
