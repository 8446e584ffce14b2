//! Stand-ins: what karat does in the place of a program is what the program does.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use karat::digest::Digest;
use karat::stage::{Reuse, StageError, StandIns, stand_in};
use karat::sys::root::Root;
use karat::sys::sandbox::{Answer, Question, StandIn};
use karat::tree::Kind;

use super::{Bench, path, text};
use crate::support::deb::Deb;
use crate::support::{Scratch, judge, skip};

pub fn helper() -> StandIn {
    stand_in::ALL[0]
}

pub fn ask(root: &Path, again: bool, words: &[&str]) -> Answer {
    let root = Root::open(root).unwrap();
    let words = words.to_vec();
    (helper().answer)(&root, &Question { again, words })
}

/// The program itself, for a root elsewhere: how it ends, and what it had systemctl do.
pub fn own(program: &Path, root: &Path, words: &[&str]) -> (i32, String) {
    let bin = root.with_extension("bin");
    fs::create_dir_all(&bin).unwrap();
    let log = bin.join("log");
    let systemctl = format!("#!/bin/sh\necho \"$@\" >> {}\n", log.display());
    fs::write(bin.join("systemctl"), systemctl).unwrap();
    fs::set_permissions(bin.join("systemctl"), fs::Permissions::from_mode(0o755)).unwrap();
    let output = Command::new("sh")
        .args(["-c", "umask 022; exec \"$@\"", "sh"])
        .arg(program)
        .args(words)
        .env_clear()
        .env("PATH", format!("{}:/usr/bin:/bin", bin.display()))
        .env("DPKG_ROOT", root)
        .env("DPKG_MAINTSCRIPT_PACKAGE", "any")
        .output()
        .unwrap();
    let asked = fs::read_to_string(&log).unwrap_or_default();
    drop(fs::remove_file(&log));
    (output.status.code().unwrap(), asked)
}

/// All of a tree but unit files: kind, mode, and what is in it.
pub fn facts(root: &Path) -> BTreeMap<PathBuf, String> {
    let mut facts = BTreeMap::new();
    let mut pending = vec![root.join("etc"), root.join("var")];
    while let Some(at) = pending.pop() {
        let Ok(data) = fs::symlink_metadata(&at) else {
            continue;
        };
        let mode = data.permissions().mode();
        let what = if data.is_symlink() {
            format!("-> {}", fs::read_link(&at).unwrap().display())
        } else if data.is_dir() {
            pending.extend(
                fs::read_dir(&at)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
            format!("{mode:o}")
        } else {
            format!("{mode:o} {:?}", fs::read_to_string(&at).unwrap())
        };
        facts.insert(at.strip_prefix(root).unwrap().to_owned(), what);
    }
    facts
}

fn with_units(root: &Path, units: &[(&str, &str)], systemctl: bool) {
    for instance in ["system", "user"] {
        let directory = root.join("lib/systemd").join(instance);
        fs::create_dir_all(&directory).unwrap();
        for (name, text) in units {
            fs::write(directory.join(name), text).unwrap();
        }
    }
    fs::create_dir_all(root.join("usr/bin")).unwrap();
    if systemctl {
        let file = root.join("usr/bin/systemctl");
        fs::write(&file, "").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }
}

/// Unit files of all shapes, and whether karat answers for them.
const UNITS: [(&str, &str, bool); 20] = [
    (
        "plain.service",
        "[Install]\nWantedBy=multi-user.target\n",
        true,
    ),
    (
        "two.service",
        "[Install]\nWantedBy=a.target b.target\nRequiredBy=c.target\nWantedBy=a.target\n",
        true,
    ),
    ("none.service", "[Service]\nExecStart=/bin/true\n", true),
    (
        "empty.service",
        "[Install]\nWantedBy=\nAlias=\n#Alias=no.service\n;WantedBy=no.target\n",
        true,
    ),
    (
        "alias.service",
        "[Install]\nAlias=other.service\nAlias=alias.service\nWantedBy=x.target",
        true,
    ),
    (
        "also.service",
        "[Install]\nAlso=plain.service two.service\nWantedBy=x.target\n",
        true,
    ),
    (
        "ring-a.service",
        "[Install]\nAlso=ring-b.service\nWantedBy=x.target\n",
        true,
    ),
    (
        "ring-b.service",
        "[Install]\nWantedBy=y.target\nAlso=ring-a.service ring-c.service\n",
        true,
    ),
    (
        "ring-c.service",
        "[Install]\nAlias=c.service\nAlso=ring-b.service ring-a.service ring-c.service\n",
        true,
    ),
    (
        "at@.service",
        "[Install]\nDefaultInstance=tty1\nWantedBy=getty.target\n",
        true,
    ),
    ("bare@.service", "[Install]\nWantedBy=getty.target\n", true),
    (
        "late@.timer",
        "[Install]\nWantedBy=timers.target\nDefaultInstance=x\nDefaultInstance=y.z\n",
        true,
    ),
    (
        "lone.service",
        "[Install]\nDefaultInstance=nothing\nWantedBy=timers.target\n",
        true,
    ),
    (
        "spaces.service",
        "[Install]\n  WantedBy=a.target\nRequiredBy=  b.target \n",
        false,
    ),
    (
        "small.service",
        "[Install]\nwantedby=a.target\nALSO=plain.service\n",
        false,
    ),
    (
        "quoted.service",
        "[Install]\nWantedBy=\"a.target\" 'b.target'\nAlias=\"q.service\"\n",
        false,
    ),
    (
        "several.service",
        "[Install]\nAlias=s.service t.service\n",
        false,
    ),
    (
        "windows.service",
        "[Install]\r\nWantedBy=a.target\r\n",
        false,
    ),
    (
        "missing.service",
        "[Install]\nAlso=not-there.service\nWantedBy=a.target\n",
        false,
    ),
    ("hex\\x2d.service", "[Install]\nWantedBy=a.target\n", false),
];

/// What installing, and installing again, asks for.
const ACTIONS: [&[&str]; 8] = [
    &["unmask"],
    &["--quiet", "was-enabled"],
    &["debian-installed"],
    &["enable"],
    &["--quiet", "--user", "--system", "was-enabled"],
    &["debian-installed"],
    &["--user", "update-state"],
    &["--user", "--quiet", "was-enabled"],
];

#[test]
fn both_leave_the_same_and_end_alike() {
    let program = Path::new(helper().program);
    if judge("deb-systemd-helper").is_none() {
        return;
    }
    let scratch = Scratch::new("stand-in");
    let units: Vec<(&str, &str)> = UNITS.iter().map(|(name, text, _)| (*name, *text)).collect();
    for systemctl in [false, true] {
        let ours = scratch.join(format!("ours-{systemctl}"));
        let theirs = scratch.join(format!("theirs-{systemctl}"));
        for root in [&ours, &theirs] {
            with_units(root, &units, systemctl);
            // A mask of the administrator's, and a unit of theirs.
            let settings = root.join("etc/systemd/system");
            fs::create_dir_all(&settings).unwrap();
            fs::write(
                settings.join("none.service"),
                "[Install]\nWantedBy=own.target\n",
            )
            .unwrap();
        }
        for (unit, _, known) in UNITS {
            let mut left = Vec::new();
            for action in ACTIONS {
                let words = [action, &[unit]].concat();
                let expected = own(program, &theirs, &words);
                // As the script that is in the program's place does it.
                let mut answer = ask(&ours, false, &words);
                let mut asked = String::new();
                if let Answer::First(todo) = &answer {
                    let ["preset", mode, name] = todo.split(' ').collect::<Vec<_>>()[..] else {
                        panic!("{todo}");
                    };
                    let root = theirs.display();
                    asked =
                        format!("--root={root} {mode} --preset-mode=enable-only preset {name}\n");
                    answer = ask(&ours, true, &words);
                }
                let made = match answer {
                    Answer::Exit(status) => (i32::from(status), asked),
                    Answer::Own => {
                        left.push(action);
                        let (status, asked) = own(program, &ours, &words);
                        let root = |root: &Path| format!("--root={} ", root.display());
                        (status, asked.replace(&root(&ours), &root(&theirs)))
                    }
                    Answer::First(todo) => panic!("{todo}"),
                };
                assert_eq!(made, expected, "{words:?}, systemctl: {systemctl}");
                assert_eq!(
                    facts(&ours),
                    facts(&theirs),
                    "{words:?}, systemctl: {systemctl}"
                );
            }
            assert_eq!(left.is_empty(), known, "{unit}: {left:?} were left");
        }
    }
}

/// Other actions and words, and states that a fresh image has not, are left to the program.
#[test]
fn what_is_not_known_exactly_is_left_alone() {
    let scratch = Scratch::new("stand-in-left");
    let root = scratch.path();
    with_units(
        root,
        &[("a.service", UNITS[0].1), ("b.service", UNITS[0].1)],
        false,
    );
    let left: [&[&str]; 14] = [
        &[],
        &["enable"],
        &["enable", "a.service", "b.service"],
        &["enable", "--user", "a.service"],
        &["--quie", "enable", "a.service"],
        &["--", "enable", "a.service"],
        &["was-enabled", "a.service"],
        &["is-enabled", "a.service"],
        &["disable", "a.service"],
        &["purge", "a.service"],
        &["mask", "a.service"],
        &["reenable", "a.service"],
        &["update-state", "not-there.service"],
        &["update-state", "..service"],
    ];
    let before = facts(root);
    for words in left {
        assert_eq!(ask(root, false, words), Answer::Own, "{words:?}");
    }
    for words in [["unmask", "a.service"], ["update-state", "a.service"]] {
        assert_eq!(ask(root, true, &words), Answer::Own, "{words:?}");
    }
    assert_eq!(facts(root), before);

    // Enabled before; where a link would be, something else; a systemd that runs.
    let settings = root.join("etc/systemd/system");
    assert_eq!(ask(root, false, &["enable", "a.service"]), Answer::Exit(0));
    assert_eq!(ask(root, false, &["enable", "a.service"]), Answer::Own);
    fs::write(settings.join("multi-user.target.wants/b.service"), "").unwrap();
    assert_eq!(ask(root, false, &["enable", "b.service"]), Answer::Own);
    fs::remove_file(settings.join("multi-user.target.wants/b.service")).unwrap();
    fs::create_dir_all(root.join("run/systemd/system")).unwrap();
    assert_eq!(ask(root, false, &["enable", "b.service"]), Answer::Own);
    // Masks.
    std::os::unix::fs::symlink("/dev/null", settings.join("c.service")).unwrap();
    assert_eq!(ask(root, false, &["unmask", "c.service"]), Answer::Own);
    assert_eq!(ask(root, false, &["unmask", "a.service"]), Answer::Exit(0));
    fs::create_dir_all(root.join("var/lib/systemd/deb-systemd-helper-masked")).unwrap();
    assert_eq!(ask(root, false, &["unmask", "a.service"]), Answer::Own);
    // A circle that the program takes hundreds of thousands of steps for.
    let names: Vec<String> = (0..12).map(|number| format!("r{number}.service")).collect();
    let also = format!("[Install]\nAlso={}\n", names.join(" "));
    let ring: Vec<(&str, &str)> = names
        .iter()
        .map(|name| (name.as_str(), also.as_str()))
        .collect();
    with_units(root, &ring, false);
    assert_eq!(
        ask(root, false, &["update-state", "r0.service"]),
        Answer::Own
    );
}

/// A package with the program and two units, whose postinst is `script`. The root has no Perl: the
/// program itself, where it is started, ends with 127.
fn package(program: &[u8], script: &str) -> Deb {
    Deb::new("helped", "1")
        .file(helper().program, 0o755, program)
        .file(
            "/usr/lib/systemd/system/a.service",
            0o644,
            UNITS[0].1.as_bytes(),
        )
        .file(
            "/usr/lib/systemd/system/b.service",
            0o644,
            UNITS[0].1.as_bytes(),
        )
        .control("postinst", &format!("#!/bin/sh\nset -e\n{script}"))
}

/// The program, if its bytes are known.
fn program() -> Option<Vec<u8>> {
    judge("deb-systemd-helper")?;
    let bytes = fs::read(helper().program).unwrap();
    if !helper()
        .known
        .contains(&Digest::of(&bytes).to_string().as_str())
    {
        skip("deb-systemd-helper is a version that karat does not know");
        return None;
    }
    Some(bytes)
}

#[test]
fn scripts_are_answered_and_the_rest_reaches_the_program() {
    let Some(program) = program() else { return };
    let script = "\
        own() { status=0; \"$@\" || status=$?; test $status = 127; }\n\
        deb-systemd-helper unmask a.service\n\
        deb-systemd-helper --quiet was-enabled a.service\n\
        deb-systemd-helper enable a.service >/dev/null\n\
        status=0; deb-systemd-helper debian-installed b.service || status=$?; test $status = 1\n\
        own deb-systemd-helper purge a.service\n\
        own deb-systemd-helper enable 'b c.service'\n\
        (DPKG_MAINTSCRIPT_PACKAGE=; own deb-systemd-helper enable b.service)\n\
        (umask 077; own deb-systemd-helper enable b.service)\n\
        for name in _DEB_SYSTEMD_HELPER_DEBUG DPKG_ROOT PERL5LIB; do\n\
        (export $name=1; own deb-systemd-helper enable b.service)\n\
        done\n\
        echo rubbish > /dev/.karat/ask\n\
        echo 'ask 1 deb-systemd-helper unmask a.service' > /dev/.karat/ask\n\
        own deb-systemd-helper update-state b.service\n\
        deb-systemd-helper debian-installed b.service\n";
    let Some(mut bench) = Bench::new("stand-in", &[package(&program, script)]) else {
        return;
    };
    let made = bench.tree();
    let link = made.tree.get(&path(
        "/etc/systemd/system/multi-user.target.wants/a.service",
    ));
    let Kind::Symlink(target) = &link.unwrap().kind else {
        panic!("{link:?}");
    };
    assert_eq!(target.as_slice(), b"/lib/systemd/system/a.service");
    let notes = "/var/lib/systemd/deb-systemd-helper-enabled";
    let state = text(&made, &format!("{notes}/a.service.dsh-also"));
    assert_eq!(
        state,
        "/etc/systemd/system/multi-user.target.wants/a.service\n"
    );
    assert_eq!(
        text(&made, &format!("{notes}/multi-user.target.wants/a.service")),
        ""
    );
    assert_eq!(
        text(&made, helper().program).as_bytes(),
        program,
        "the image has the program"
    );
    assert!(made.tree.get(&path("/dev/.karat")).is_none());

    // Asked not to, karat answers nothing: the first call reaches a program that cannot run.
    bench.inputs.stand_ins = StandIns::Unused;
    let error = bench.configure(Reuse::No).unwrap_err();
    let StageError::Script { output, .. } = &error else {
        panic!("{error}");
    };
    assert!(output.contains("127"), "{output}");
}

#[test]
fn a_program_that_is_not_known_is_started() {
    let program = b"#!/bin/sh\necho \"$@\" >> /etc/asked\n";
    let script = "deb-systemd-helper enable a.service\n";
    let Some(bench) = Bench::new("stand-in-unknown", &[package(program, script)]) else {
        return;
    };
    assert_eq!(text(&bench.tree(), "/etc/asked"), "enable a.service\n");
}

/// Who finds somebody else asking does not wait, and nobody gets another's answer.
#[test]
fn many_ask_at_once() {
    let Some(program) = program() else { return };
    let script = "\
        for round in 1 2 3 4 5 6 7 8 9; do\n\
        (deb-systemd-helper update-state a.service || test $? = 127) &\n\
        (status=0; deb-systemd-helper debian-installed no.service || status=$?\n\
        case $status in 1|127) ;; *) echo $status >> /etc/wrong ;; esac) &\n\
        done\n\
        wait\n\
        deb-systemd-helper update-state b.service\n";
    let Some(bench) = Bench::new("stand-in-many", &[package(&program, script)]) else {
        return;
    };
    let made = bench.tree();
    assert!(
        made.tree.get(&path("/etc/wrong")).is_none(),
        "{}",
        text(&made, "/etc/wrong")
    );
    let state = "/var/lib/systemd/deb-systemd-helper-enabled/b.service.dsh-also";
    assert_eq!(
        text(&made, state),
        "/etc/systemd/system/multi-user.target.wants/b.service\n"
    );
}
