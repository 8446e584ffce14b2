//! `tests/vectors/root`: one file for each attack on an unpacked image, its verdict in the header.
//!
//! A file has lines `name: value`, an empty line, and a script for `sh -eu`, which finds the tree in
//! `root/`, the signed release in `out/`, the trust root `trust.json`, and, where it speaks of
//! `spare/`, things that somebody without the keys could lay hands on. After it `karat-agent` looks
//! at the tree. `KARAT_BLESS=1` writes the lines of the verdict anew.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;

use karat::key::SigningKey;
use serde_json::Value;

use super::*;
use crate::support::signed::{Release, signer};

/// Header lines that are the verdict, in their order in a file.
const VERDICT: [&str; 9] = [
    "expect",
    "finding",
    "drift",
    "drifts",
    "omitted",
    "not-checked",
    "places-not-checked",
    "unseen",
    "exempted",
];
/// Header lines that say how a case is run.
const SETTING: [&str; 5] = ["swap", "in", "mutable", "needs", "about"];
/// The line between a script and the one that runs while the verifier is at work.
const MEANWHILE: &str = "# meanwhile\n";
/// Most drifts, or places that were not checked, that a header lists one by one.
const LISTED_MAX: usize = 12;
/// Longest path that a header shows whole.
const PATH_SHOWN_MAX: usize = 100;
/// Cases that are run at once.
const THREADS: usize = 3;
/// A script says with this exit code that something cannot be done on this machine.
const CANNOT: i32 = 77;

struct Case {
    name: String,
    file: PathBuf,
    /// The verdict that it must get.
    expected: Vec<String>,
    setting: Vec<(String, String)>,
    script: String,
}

/// What became of a case.
enum Outcome {
    Judged(Vec<String>),
    /// Not possible for this user or on this machine.
    Cannot(String),
    /// The script, or the verifier, did not come to an end as it should.
    Broken(String),
}

impl Case {
    fn read(file: PathBuf) -> Self {
        let text = fs::read_to_string(&file).unwrap();
        let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
        let (header, script) = text.split_once("\n\n").unwrap();
        let (mut expected, mut setting) = (Vec::new(), Vec::new());
        for line in header.lines() {
            let (key, value) = line.split_once(": ").unwrap();
            if VERDICT.contains(&key) {
                expected.push(line.to_owned());
            } else {
                assert!(SETTING.contains(&key), "{name}: unknown line {line:?}");
                setting.push((key.to_owned(), value.to_owned()));
            }
        }
        let script = script.to_owned();
        Self {
            name,
            file,
            expected,
            setting,
            script,
        }
    }

    /// The file, with this verdict.
    fn text(&self, verdict: &[String]) -> String {
        let setting = self
            .setting
            .iter()
            .map(|(key, value)| format!("{key}: {value}"));
        let lines: Vec<String> = verdict.iter().cloned().chain(setting).collect();
        format!("{}\n\n{}", lines.join("\n"), self.script)
    }

    fn values<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.setting
            .iter()
            .filter(move |(name, _)| name == key)
            .map(|(_, value)| value.as_str())
    }

    fn needs(&self) -> impl Iterator<Item = &str> {
        let tracer = self.values("swap").map(|_| "python3");
        self.values("needs")
            .flat_map(str::split_whitespace)
            .chain(tracer)
    }

    /// The script that runs first, and the one that runs at a moment of the verifier's work.
    fn scripts(&self) -> (&str, &str) {
        match self.values("swap").next() {
            Some(_) => self.script.split_once(MEANWHILE).unwrap(),
            None => (&self.script, ""),
        }
    }

    /// What the shell runs the verifier by: at a moment of `swap: MOMENT PATH [TIMES]` it stands
    /// still, and the other script runs.
    fn tracer(&self) -> String {
        let Some(swap) = self.values("swap").next() else {
            return String::new();
        };
        let words: Vec<&str> = swap.split(' ').collect();
        let times = words.get(2).unwrap_or(&"1");
        format!(
            "python3 \"$SWAP\" {} {} {times} root meanwhile.sh",
            words[0], words[1]
        )
    }

    /// How a command is run inside of namespaces of its own.
    fn namespaces(&self) -> &'static [&'static str] {
        match self.values("in").next() {
            None => &[],
            Some("mount-namespace") => &["unshare", "--mount"],
            Some("no-network") => &["unshare", "--net"],
            Some(other) => panic!("{}: in: {other}", self.name),
        }
    }

    /// `CLASS PATH [MODE]` of each line.
    fn expectations(&self) -> Expectations {
        let mutable = self.values("mutable").map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            let mut one = mutable(words[1], words[0].parse().unwrap());
            one.mode = words
                .get(2)
                .map(|mode| Mode::new(u32::from_str_radix(mode, 8).unwrap()).unwrap());
            one
        });
        Expectations::new(mutable.collect()).unwrap()
    }

    fn run(&self) -> Outcome {
        if self.needs().any(|what| what == "root") && !is_root() {
            return Outcome::Cannot("only root can do that".to_owned());
        }
        let name = format!("kit-{}", self.name);
        let release = Release::of(&name, Sample::rich(), self.expectations());
        release.unpack();
        if self.script.contains("spare/") {
            spare(&release);
        }
        let outcome = self.judged(&release);
        // What a script makes may be deeper than Rust's own removal goes.
        let removed = Command::new("rm")
            .arg("-rf")
            .arg(release.scratch.path())
            .status();
        assert!(removed.unwrap().success(), "{}", self.name);
        outcome
    }

    fn judged(&self, release: &Release) -> Outcome {
        let (before, meanwhile) = self.scripts();
        fs::write(release.scratch.join("meanwhile.sh"), meanwhile).unwrap();
        let verify = VERIFY.replace("TRACER", &self.tracer());
        let script = format!("set -eu\numask 022\n{before}\n{verify}");
        // What hangs is ended, and said to hang.
        let output = Command::new("timeout")
            .args(["-k", "5", "120"])
            .args(self.namespaces())
            .args(["sh", "-c", &script])
            .env("AGENT", env!("CARGO_BIN_EXE_karat-agent"))
            .env("SCRATCH", release.scratch.path())
            .env("SWAP", SWAP)
            .env("LC_ALL", "C.UTF-8")
            .env("NO_COLOR", "1")
            .current_dir(release.scratch.path())
            .output()
            .unwrap();
        let said = [output.stdout.as_slice(), &output.stderr].concat();
        let said = String::from_utf8_lossy(&said).trim().to_owned();
        match output.status.code() {
            Some(0) => {}
            Some(CANNOT) => return Outcome::Cannot(said),
            Some(124 | 137) => return Outcome::Broken(format!("hangs: {said}")),
            code => return Outcome::Broken(format!("the script failed: {code:?}: {said}")),
        }
        let code = fs::read_to_string(release.scratch.join("code")).unwrap();
        let report = fs::read_to_string(release.scratch.join("report.json")).unwrap();
        match code.trim() {
            // The shell's own limit of 60 seconds of processor time.
            "137" | "152" => Outcome::Broken("the verifier takes too long".to_owned()),
            "77" if !meanwhile.is_empty() => {
                Outcome::Cannot("processes may not be traced here".to_owned())
            }
            "98" => Outcome::Broken(format!("what should happen meanwhile failed: {said}")),
            "99" => Outcome::Broken("the moment of the swap never came".to_owned()),
            code if code.parse::<u8>().is_ok_and(|code| code <= 13) => {
                Outcome::Judged(verdict(code, &report))
            }
            code => Outcome::Broken(format!("the verifier ended with {code}: {said}")),
        }
    }
}

/// Lets a script run at one moment of the verifier's work.
const SWAP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/verify/swap.py");

/// What follows each script.
const VERIFY: &str = r#"
cd "$SCRATCH"
ulimit -t 60
code=0
TRACER "$AGENT" verify --root root --baseline out/demo_1.dsse.json --trust "${TRUST:-trust.json}" --json \
    >"$SCRATCH/report.json" || code=$?
echo "$code" >"$SCRATCH/code"
"#;

/// What an attacker without the keys has, too: his own signature, older and other releases.
fn spare(release: &Release) {
    let spare = release.scratch.join("spare");
    fs::create_dir(&spare).unwrap();
    let envelope = release.out("demo_1.dsse.json");
    let keep = |name: &str| fs::rename(&envelope, spare.join(name)).unwrap();
    release.sign(&[&SigningKey::from_seed([9; 32])], 5, None);
    keep("signed-by-nobody.dsse.json");
    release.sign(&[&signer()], 3, None);
    keep("serial-3.dsse.json");
    release.sign(&[&signer(), &signer()], 5, None);
    keep("signed-twice.dsse.json");
    release.sign(&[&signer()], 5, Some(1_000_000_000));
    keep("expired.dsse.json");
    release.sign(&[&signer()], 5, None);
    let trust = release.trust_file();
    let keep = |name: &str| fs::rename(&trust, spare.join(name)).unwrap();
    release.trust(2, |document| {
        document.min_serial.insert("demo".to_owned(), 5);
    });
    keep("lowest-5.json");
    release.trust(2, |document| {
        let role = document.roles.get_mut(&karat::key::Role::Baseline).unwrap();
        let mut second = role.keys[0].clone();
        second.key = karat::key::Signer::public_key(&SigningKey::from_seed([7; 32]));
        role.keys.push(second);
        role.keys.sort_by_key(|key| key.key);
        role.threshold = 2;
    });
    keep("two-of-two.json");
    release.trust(2, |document| {
        let role = document.roles.get_mut(&karat::key::Role::Baseline).unwrap();
        role.keys[0].images = vec![karat::key::ImageGlob::parse("dev-*").unwrap()];
    });
    keep("scoped.json");
    release.trust(1, |_| {});
    let lenient = Expectations::new(vec![mutable("/**", Class::Volatile)]).unwrap();
    fs::write(spare.join("lenient.expect.json"), lenient.to_bytes()).unwrap();
    // Another release of the same signer, of an image with a hole.
    let mut sample = Sample::rich();
    sample.file(
        "/etc/passwd",
        0o644,
        b"root::0:0::/root:/bin/sh\n",
        "package:x",
    );
    let other = Release::of("kit-other", sample, Expectations::default());
    for suffix in ["dsse.json", "mtree"] {
        let from = other.out(&format!("demo_1.{suffix}"));
        fs::copy(from, spare.join(format!("other.{suffix}"))).unwrap();
    }
}

/// The lines of a header that say what came out.
fn verdict(code: &str, report: &str) -> Vec<String> {
    let mut lines = vec![format!("expect: {code}")];
    let Ok(report) = serde_json::from_str::<Value>(report) else {
        return lines;
    };
    // A failure is a document of its own.
    let failure = report["error"].is_object();
    let told = if failure { &report["error"] } else { &report };
    assert_eq!(told["exit_code"].to_string(), code);
    if failure {
        return lines;
    }
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    for finding in list(&report["findings"]) {
        if finding["verdict"] != "warning" {
            lines.push(format!("finding: {}", text(&finding["verdict"])));
        }
    }
    let comparison = &report["comparison"];
    let drifts = list(&comparison["drifts"]).into_iter().map(|drift| {
        let change = match drift["attribute"].as_str() {
            Some(attribute) => format!("xattr:{attribute}"),
            None => text(&drift["change"]),
        };
        let mut line = format!(
            "drift: {} {change} {}",
            shown(&text(&drift["path"])),
            text(&drift["severity"])
        );
        for effect in list(&drift["effects"]) {
            line.push(' ');
            line.push_str(&text(&effect));
        }
        line
    });
    push(&mut lines, "drifts", drifts.collect());
    for (severity, count) in comparison["drifts_omitted"]
        .as_object()
        .into_iter()
        .flatten()
    {
        lines.push(format!("omitted: {severity} {count}"));
    }
    let places = list(&comparison["not_checked"]).into_iter().map(|item| {
        let path = shown(&text(&item["path"]));
        format!("not-checked: {path} {}", text(&item["reason"]))
    });
    push(&mut lines, "places-not-checked", places.collect());
    match comparison["paths_not_checked"].as_u64() {
        None | Some(0) => {}
        Some(count) => lines.push(format!("unseen: {count}")),
    }
    if let Some(exempted) = comparison["exempted"].as_object() {
        for (class, count) in exempted {
            lines.push(format!("exempted: {class} {count}"));
        }
    }
    lines
}

/// Adds all lines; of many the first ones and how many there are.
fn push(lines: &mut Vec<String>, name: &str, mut more: Vec<String>) {
    let count = more.len();
    if count > LISTED_MAX {
        more.truncate(3);
        more.push(format!("{name}: {count}"));
    }
    lines.append(&mut more);
}

fn shown(path: &str) -> String {
    if path.len() <= PATH_SHOWN_MAX {
        return path.to_owned();
    }
    let start: String = path.chars().take(PATH_SHOWN_MAX / 2).collect();
    format!("{start}[{} bytes]", path.len())
}

fn cases() -> Vec<Case> {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/root");
    let mut files: Vec<PathBuf> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|it| it == "txt"))
        .collect();
    files.sort();
    files.into_iter().map(Case::read).collect()
}

/// The cases that this machine has the programs for; what is missing is named with its cases.
fn with_programs(cases: Vec<Case>) -> Vec<Case> {
    let mut programs: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for case in &cases {
        let of_namespaces = case.namespaces().first().copied();
        for program in case.needs().chain(of_namespaces).chain(["timeout"]) {
            let users = programs.entry(program.to_owned()).or_default();
            users.insert(case.name.clone());
        }
    }
    programs.remove("root");
    let mut missing = BTreeSet::new();
    for (program, users) in programs {
        if judge(&program).is_none() {
            println!("{program} is needed by {users:?}");
            missing.extend(users);
        }
    }
    cases
        .into_iter()
        .filter(|case| !missing.contains(&case.name))
        .collect()
}

#[test]
fn every_attack_of_the_kit_gets_its_verdict() {
    let cases = cases();
    assert!(cases.len() >= 95, "only {} cases were found", cases.len());
    let only = std::env::var("KARAT_CASE").unwrap_or_default();
    let cases: Vec<Case> = with_programs(cases)
        .into_iter()
        .filter(|case| case.name.contains(&only))
        .collect();
    let waiting = Mutex::new(cases.iter().rev().collect::<Vec<_>>());
    let outcomes = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let Some(case) = waiting.lock().unwrap().pop() else {
                        break;
                    };
                    let outcome = case.run();
                    outcomes.lock().unwrap().push((case, outcome));
                }
            });
        }
    });
    let mut outcomes = outcomes.into_inner().unwrap();
    outcomes.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
    let mut wrong = Vec::new();
    for (case, outcome) in outcomes {
        match outcome {
            Outcome::Judged(found) => wrong.extend(compare(case, &found)),
            Outcome::Broken(how) => wrong.push(format!("{}: {how}", case.name)),
            Outcome::Cannot(why) if is_root() => println!("SKIPPED {}: {why}", case.name),
            Outcome::Cannot(why) => skip(&format!("{}: {why}", case.name)),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What is wrong with the verdict that a case got.
fn compare(case: &Case, found: &[String]) -> Option<String> {
    if std::env::var_os("KARAT_BLESS").is_some() {
        fs::write(&case.file, case.text(found)).unwrap();
        return None;
    }
    if found != case.expected {
        let (found, expected) = (found.join("\n  "), case.expected.join("\n  "));
        return Some(format!(
            "{}: found\n  {found}\nexpected\n  {expected}",
            case.name
        ));
    }
    let text = fs::read_to_string(&case.file).unwrap();
    (text != case.text(found)).then(|| format!("{}: the verdict comes first", case.name))
}
