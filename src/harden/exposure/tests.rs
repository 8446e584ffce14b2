//! The measure over whole roots.

use std::collections::BTreeMap;

use super::{Survey, faults, survey};
use crate::harden::tests::add;
use crate::harden::{Catalogue, Profile, Root, Selection, TreeView};
use crate::path::ImagePath;
use crate::segment::{Exposure, UnitName};
use crate::tree::{Epoch, Inode, Kind, MemoryBlobs, Mode, Open, Origin, Stat, Tree, Xattrs};

/// A root of these files; what starts with `->` is a link.
fn tree(blobs: &mut MemoryBlobs, files: &[(&str, &str)]) -> Tree<Open> {
    let mut tree = Tree::new(Epoch::new(1_000).unwrap());
    for (path, text) in files {
        let Some(target) = text.strip_prefix("->") else {
            add(&mut tree, blobs, &[(path, 0o644, 0, text)]);
            continue;
        };
        let path = ImagePath::parse(*path).unwrap();
        let origin = Origin::Package("test".to_owned());
        tree.make_dirs(&path.parent().unwrap(), &origin).unwrap();
        let link = Inode {
            stat: Stat::root(Mode::SYMLINK),
            kind: Kind::Symlink(target.as_bytes().to_vec()),
            xattrs: Xattrs::new(),
            origin,
        };
        tree.insert(path, link).unwrap();
    }
    tree
}

fn surveyed(files: &[(&str, &str)], rules: Option<&str>) -> Survey {
    let mut blobs = MemoryBlobs::new();
    let tree = tree(&mut blobs, files);
    let view = TreeView::new(&tree, &blobs);
    let selection = rules.map(|rules| Selection {
        catalogue: Catalogue::of(&[("t.toml".to_owned(), rules.to_owned())]).unwrap(),
        profile: Profile::Strict,
        except: BTreeMap::new(),
        stated: None,
        ceilings: BTreeMap::new(),
    });
    survey(&Root::new(&view, None), selection.as_ref()).unwrap()
}

fn exposure(survey: &Survey, unit: &str) -> String {
    let mut services = survey.services.iter();
    let service = services.find(|service| service.unit == unit).unwrap();
    service.exposure.to_string()
}

const STATUS: &str = "/var/lib/dpkg/status";
const OF_252: &str = "Package: systemd\nStatus: install ok installed\nArchitecture: amd64\nVersion: 252.39-1~deb12u2\n";

#[test]
fn a_service_that_states_nothing_is_wide_open() {
    let unit = (
        "/usr/lib/systemd/system/a.service",
        "[Service]\nExecStart=/a\n",
    );
    assert_eq!(
        exposure(&surveyed(&[unit, (STATUS, OF_252)], None), "a.service"),
        "9.6"
    );
    // The newer systemd counts PrivateMounts= as set.
    assert_eq!(exposure(&surveyed(&[unit], None), "a.service"), "9.4");
}

#[test]
fn drop_ins_of_all_names_count_in_their_order() {
    let usr = "/usr/lib/systemd/system";
    let unit = "[Service]\nPrivateNetwork=yes\n";
    let all = surveyed(
        &[
            ("/usr/lib/systemd/system/a-b.service", unit),
            (
                "/etc/systemd/system/alias.service",
                "->/usr/lib/systemd/system/a-b.service",
            ),
            // Of one name, the first directory's counts, before the longer name's.
            (
                "/etc/systemd/system/a-.service.d/50.conf",
                "[Service]\nPrivateNetwork=no\n",
            ),
            (
                "/usr/lib/systemd/system/a-b.service.d/50.conf",
                "[Service]\nPrivateNetwork=yes\n",
            ),
            ("/usr/lib/systemd/system/plain.service", unit),
            ("/usr/lib/systemd/system/named.service", unit),
            ("/etc/systemd/system/second.service", "->named.service"),
            (
                "/etc/systemd/system/second.service.d/x.conf",
                "[Service]\nPrivateNetwork=no\n",
            ),
            ("/usr/lib/systemd/system/open.service", "[Service]\n"),
        ],
        None,
    );
    let open = exposure(&all, "open.service");
    assert_eq!(exposure(&all, "a-b.service"), open, "{usr}");
    assert_eq!(exposure(&all, "named.service"), open);
    assert_ne!(exposure(&all, "plain.service"), open);
    let names: Vec<&str> = all.services.iter().map(|it| it.unit.as_str()).collect();
    assert!(!names.contains(&"alias.service") && !names.contains(&"second.service"));
}

#[test]
fn nothing_in_a_line_hides_what_follows() {
    let with = |text: &str| {
        exposure(
            &surveyed(&[("/usr/lib/systemd/system/a.service", text)], None),
            "a.service",
        )
    };
    let open = with("[Service]\n");
    for text in [
        "[Service]\nPrivateNetwork=yes\n# x\rPrivateNetwork=no\n",
        "[Service]\nPrivateNetwork=\\\n",
        "[Service]\n[Broken\nPrivateNetwork=yes\n",
        "[Unit]\nPrivateNetwork=yes\n",
        "[Service]\nX=\u{fffd}\nPrivateNetwork=yes\n",
    ] {
        assert_eq!(with(text), open, "{text:?}");
    }
    for text in [
        "[Service]\nPrivateNetwork=yes \\",
        "[Service]\r\nPrivateNetwork=yes\r\n",
        "[Service]\nPrivateNetwork=\\\n# between\nyes\n",
        "[Service]\nX=a\\\\\nPrivateNetwork=yes\n",
    ] {
        assert_ne!(with(text), open, "{text:?}");
    }
}

#[test]
fn what_starts_is_held_to_the_ceiling_of_its_rule() {
    let rules = "[[rule]]\nid = \"x\"\ntitle = \"t\"\nseverity = \"low\"\nprofile = \"strict\"\n\
        rationale = \"r\"\n[[rule.setting]]\nkind = \"exposure\"\nmost = 3\n\
        [[rule.setting.except]]\nunit = \"b@*.service\"\nmost = 9.9\nreason = \"it must\"\n";
    let found = surveyed(
        &[
            ("/usr/lib/systemd/system/a.service", "[Service]\n"),
            (
                "/usr/lib/systemd/system/a.socket",
                "[Socket]\nListenStream=1\n",
            ),
            ("/usr/lib/systemd/system/b@.service", "[Service]\n"),
            ("/usr/lib/systemd/system/c.service", "[Service]\n"),
            (
                "/usr/lib/systemd/system/d.timer",
                "[Timer]\nUnit=c.service\n",
            ),
            ("/usr/lib/systemd/system/e.service", "[Service]\n"),
            ("/usr/lib/systemd/system/f.service", "->/dev/null"),
            ("/etc/systemd/system/x.target.wants/a.socket", "->x"),
            ("/etc/systemd/system/x.target.wants/b@1.service", "->x"),
            ("/etc/systemd/system/x.target.wants/d.timer", "->x"),
            ("/etc/systemd/system/x.target.wants/f.service", "->x"),
        ],
        Some(rules),
    );
    let shown: Vec<(&str, bool, Option<String>)> = found
        .services
        .iter()
        .map(|it| {
            let ceiling = it.ceiling.as_ref().map(|ceiling| ceiling.most.to_string());
            (it.unit.as_str(), it.is_over(), ceiling)
        })
        .collect();
    let three = || Some("3.0".to_owned());
    assert_eq!(
        shown,
        [
            ("a.service", true, three()),
            ("b@.service", false, None),
            ("b@1.service", false, Some("9.9".to_owned())),
            ("c.service", true, three()),
            ("e.service", false, None),
        ]
    );
    let reason = found.services[2]
        .ceiling
        .as_ref()
        .unwrap()
        .reason
        .as_deref();
    assert_eq!(reason, Some("it must"));
}

#[test]
fn ceilings_of_the_template_name_the_figure_and_what_helps() {
    let mut blobs = MemoryBlobs::new();
    let tree = tree(
        &mut blobs,
        &[
            ("/usr/lib/systemd/system/a.service", "[Service]\n"),
            ("/usr/lib/systemd/system/off.service", "->/dev/null"),
        ],
    );
    let view = TreeView::new(&tree, &blobs);
    let ceilings: BTreeMap<UnitName, Exposure> = [
        ("a.service", "3.0"),
        ("a.socket", "3.0"),
        ("gone.service", "3.0"),
        ("off.service", "0.1"),
    ]
    .into_iter()
    .map(|(unit, most)| (UnitName::new(unit).unwrap(), Exposure::parse(most).unwrap()))
    .collect();
    let root = Root::new(&view, None).with_ceilings(&ceilings);
    let found = faults(&root).unwrap();
    assert_eq!(found.len(), 3, "{found:?}");
    let start = "a.service is exposed 9.4, and may be at most 3.0; what would help most: \
                 CapabilityBoundingSet= (";
    assert!(found[0].starts_with(start), "{found:?}");
    assert!(found[1].starts_with("a.socket is no service"), "{found:?}");
    assert!(found[2].contains("the image has no such unit"), "{found:?}");
    let all = survey(&root, None).unwrap();
    assert!(all.services[0].is_over());
    assert_eq!(all.faults, found);
}

#[test]
fn each_piece_of_advice_lowers_the_exposure_and_the_best_comes_first() {
    let found = surveyed(
        &[("/usr/lib/systemd/system/a.service", "[Service]\n")],
        None,
    );
    let service = &found.services[0];
    assert!(service.advice.len() > 5);
    let figures: Vec<Exposure> = service.advice.iter().map(|it| it.exposure).collect();
    assert!(figures.is_sorted(), "{figures:?}");
    for it in &service.advice {
        let text = format!("[Service]\n{}\n", it.directive);
        let again = surveyed(&[("/usr/lib/systemd/system/a.service", &text)], None);
        assert_eq!(again.services[0].exposure, it.exposure, "{}", it.directive);
        assert!(it.exposure < service.exposure, "{}", it.directive);
    }
}
