//! The guide on keys, command by command: each block of `docs/guides/key-ceremony.md` is run.

use std::path::Path;
use std::process::Command;

use karat::baseline::OpenError;
use karat::envelope::Envelope;
use karat::key::{Role, TrustRoot};

use super::fixture::baseline;
use crate::support::Scratch;

/// The blocks of one section of the guide.
fn blocks(section: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/guides/key-ceremony.md");
    let guide = std::fs::read_to_string(path).unwrap();
    let start = guide.find(&format!("\n## {section}\n")).expect(section) + 4;
    let rest = &guide[start..];
    let text = &rest[..rest.find("\n## ").unwrap_or(rest.len())];
    let blocks: Vec<String> = text
        .split("```sh\n")
        .skip(1)
        .map(|block| block.split("```").next().unwrap().to_owned())
        .collect();
    assert!(!blocks.is_empty(), "{section}");
    blocks
}

/// A machine with the workspace `prod` and a stick.
struct Desk(Scratch);

impl Desk {
    fn new() -> Self {
        let desk = Self(Scratch::new("ceremony"));
        std::fs::create_dir(desk.0.join("stick")).unwrap();
        desk
    }

    /// With a workspace whose root key lies on the stick, and a signed release.
    fn prod() -> Self {
        let desk = Self::new();
        desk.section("With one person");
        let prod = desk.prod_bench();
        std::fs::create_dir(prod.join("out")).unwrap();
        let draft = karat::baseline::Draft::new(baseline("web", "1.0")).unwrap();
        std::fs::write(
            prod.join("out/web_1.0.statement.json"),
            draft.to_bytes().unwrap(),
        )
        .unwrap();
        desk.sh("cd prod && karat sign out/web_1.0.statement.json");
        desk.sh(
            "cd prod && karat key show keys/private/baseline.pem --public keys/baseline.pub.pem",
        );
        desk.sh("cd prod && karat key show /media/stick/root.pem --public root.pub.pem");
        desk
    }

    fn prod_bench(&self) -> std::path::PathBuf {
        self.0.join("prod")
    }

    fn run(&self, script: &str) -> (bool, String) {
        let stick = self.0.join("stick").display().to_string();
        let program = Path::new(env!("CARGO_BIN_EXE_karat")).parent().unwrap();
        let path = std::env::var("PATH").unwrap();
        let output = Command::new("sh")
            .args(["-eu", "-c", &script.replace("/media/stick", &stick)])
            .current_dir(self.0.path())
            .env("PATH", format!("{}:{path}", program.display()))
            .env("KARAT_ROOT_PASSPHRASE", "correct horse")
            .env("KARAT_KEY_PASSPHRASE", "correct horse")
            .stdin(std::process::Stdio::null())
            .output()
            .unwrap();
        let mut text = String::from_utf8(output.stdout).unwrap();
        text.push_str(&String::from_utf8(output.stderr).unwrap());
        (output.status.success(), text)
    }

    fn sh(&self, script: &str) -> String {
        let (good, text) = self.run(script);
        assert!(good, "{script}\n{text}");
        text
    }

    /// Runs the blocks of a section; what each said.
    fn section(&self, name: &str) -> Vec<String> {
        blocks(name).iter().map(|block| self.sh(block)).collect()
    }

    fn root(&self) -> TrustRoot {
        let file = self.prod_bench().join("keys/trust.json");
        TrustRoot::parse(&std::fs::read(file).unwrap()).unwrap()
    }

    fn envelope(&self) -> Envelope {
        let file = self.prod_bench().join("out/web_1.0.dsse.json");
        Envelope::parse(&std::fs::read(file).unwrap()).unwrap()
    }

    /// As an instance follows the versions, from the first.
    fn followed(&self) -> TrustRoot {
        let read = |version: u64| {
            let file = self.prod_bench().join(format!("keys/trust/{version}.json"));
            std::fs::read(file).unwrap()
        };
        let mut root = TrustRoot::parse(&read(1)).unwrap();
        for version in 2..=self.root().version() {
            root = root.update(&read(version)).unwrap();
        }
        assert_eq!(root, self.root());
        root
    }

    fn live(&self, role: Role) -> usize {
        let root = self.root();
        let keys = &root.role(role).unwrap().keys;
        keys.iter().filter(|key| key.until.is_none()).count()
    }
}

#[test]
fn several_root_keys() {
    let desk = Desk::prod();
    let said = desk.section("Several root keys");
    assert!(said[1].contains("1 of 2 signed"), "{}", said[1]);
    assert!(said[1].contains("1 missing, of: "), "{}", said[1]);
    assert!(
        said[1].contains("alice ") && said[1].contains("bob "),
        "{}",
        said[1]
    );
    assert!(said[1].contains("since version 1"), "{}", said[1]);
    assert_eq!(desk.root().role(Role::Root).unwrap().threshold, 2);
    assert_eq!(desk.followed().version(), 2);

    let said = desk.section("A lost or stolen root key");
    assert!(said[0].contains("stick lost"), "{}", said[0]);
    assert_eq!((desk.followed().version(), desk.live(Role::Root)), (3, 3));
    // The lost key signs no trust root any more.
    desk.sh("cd prod && karat trust update --expires 2031-01-31 --key /media/stick/alice.pem");
    let (good, text) = desk.run("cd prod && karat trust sign --key /media/stick/root.pem");
    assert!(
        !good && text.contains("is a root key neither of trust root 3 nor of 4"),
        "{text}"
    );
}

#[test]
fn a_root_key_that_is_elsewhere() {
    let desk = Desk::prod();
    let said = desk.section("A root key that is elsewhere");
    assert!(
        said[0].contains("0 of 1 signed; 1 missing, of: "),
        "{}",
        said[0]
    );
    assert!(
        said[1].contains("expires  nothing -> 2031-01-31T00:00:00Z"),
        "{}",
        said[1]
    );
    assert!(said[2].contains("counts from now on"), "{}", said[2]);
    assert_eq!(desk.followed().expires(), Some(1_927_584_000));
    assert!(!desk.prod_bench().join("keys/trust.draft.json").exists());
}

#[test]
fn a_new_baseline_key() {
    let desk = Desk::prod();
    let alone = desk.envelope();
    let said = desk.section("A new baseline key");
    // The log has it.
    assert!(!said[0].contains("stops counting"), "{}", said[0]);
    let root = desk.followed();
    assert!(matches!(alone.open(&root), Err(OpenError::Threshold(_))));
    assert_eq!(desk.envelope().open(&root).unwrap().serial().get(), 1);
    assert_eq!((root.version(), desk.live(Role::Baseline)), (3, 2));
    assert!(
        desk.prod_bench()
            .join("keys/private/baseline.before-2.pem")
            .exists()
    );
}

#[test]
fn a_lost_baseline_key() {
    let desk = Desk::prod();
    desk.section("A lost baseline key");
    let root = desk.followed();
    assert_eq!(desk.envelope().open(&root).unwrap().serial().get(), 1);
    assert_eq!(desk.live(Role::Baseline), 1);
}

#[test]
fn a_stolen_baseline_key() {
    let desk = Desk::prod();
    let alone = desk.envelope();
    let loot = desk.prod_bench().join("loot.pem");
    std::fs::copy(desk.prod_bench().join("keys/private/baseline.pem"), &loot).unwrap();
    let blocks = blocks("A stolen baseline key");
    let said = desk.sh(&blocks[0]);
    assert!(said.contains("laptop stolen"), "{said}");
    let root = desk.followed();
    assert!(alone.open(&root).is_err());
    let stolen = alone.signed().claims[0].hint();
    let first = root
        .role(Role::Baseline)
        .unwrap()
        .at(karat::key::Position::Logged(0));
    assert!(
        first.iter().all(|key| Some(key.id()) != stolen),
        "it counts for no entry"
    );
    assert_eq!(desk.envelope().open(&root).unwrap().serial().get(), 1);

    // What the thief signs, and a build with the ended key, is refused with the reason.
    let sign = "cd prod && karat sign out/web_1.0.dsse.json --key loot.pem -o loot.json";
    let (good, text) = desk.run(sign);
    assert!(!good, "{text}");
    assert!(
        text.contains("signs no more: trust root 2 ended it from log entry 0 on (laptop stolen)"),
        "{text}"
    );
    std::fs::write(
        desk.prod_bench().join("bare.toml"),
        "packages = [\"base-files\"]\n[image]\nname = \"web\"\nversion = \"1\"\n\
         [source]\nsuite = \"trixie\"\n[verify]\nagent = false\n",
    )
    .unwrap();
    let (good, text) = desk.run("cd prod && karat build bare.toml --key loot.pem --offline");
    assert!(!good && text.contains("signs no more"), "{text}");
    assert!(
        !desk.prod_bench().join("bare.lock").exists(),
        "nothing was begun"
    );

    // In a fresh workspace: ended, and nobody in its place.
    let desk = Desk::prod();
    let said = desk.sh(&blocks[1]);
    assert!(said.contains("baseline: 1 must sign, 0 can"), "{said}");
    assert_eq!(desk.live(Role::Baseline), 0);
    assert!(desk.envelope().open(&desk.followed()).is_err());
}

#[test]
fn a_key_for_emergencies() {
    let desk = Desk::prod();
    let blocks = blocks("A key for emergencies");
    desk.sh(&blocks[0]);
    let said = desk.sh(&blocks[1]);
    assert!(said.contains("revoked by log entry 3"), "{said}");
    assert!(said.contains("from entry 3 on (laptop stolen)"), "{said}");
    let (good, text) = desk.run("cd prod && karat sign out/web_1.0.dsse.json");
    assert!(!good && text.contains("signs nothing more"), "{text}");
    desk.sh(&blocks[2]);
    let root = desk.followed();
    let keys = &root.role(Role::Baseline).unwrap().keys;
    let mut ends: Vec<_> = keys.iter().map(|key| key.until).collect();
    ends.sort_unstable();
    assert_eq!(ends, [None, Some(3)]);
    assert_eq!(desk.envelope().open(&root).unwrap().serial().get(), 1);
}

#[test]
fn a_release_that_must_not_run_again() {
    let desk = Desk::prod();
    desk.section("A release that must not run again");
    let refused = desk.envelope().open(&desk.followed());
    assert!(
        matches!(refused, Err(OpenError::Rollback { least: 2, .. })),
        "{refused:?}"
    );
    // The next release of the same draft gets a serial that counts.
    desk.sh("cd prod && karat sign out/web_1.0.statement.json --serial 2");
    assert!(desk.envelope().open(&desk.followed()).is_ok());
}

/// Every block of the guide stands in a section that a test above runs.
#[test]
fn no_section_is_forgotten() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/guides/key-ceremony.md");
    let guide = std::fs::read_to_string(path).unwrap();
    let with_blocks: Vec<&str> = guide
        .split("\n## ")
        .skip(1)
        .filter(|section| section.contains("```"))
        .map(|section| section.lines().next().unwrap())
        .collect();
    assert_eq!(
        with_blocks,
        [
            "With one person",
            "Several root keys",
            "A root key that is elsewhere",
            "A new baseline key",
            "A lost baseline key",
            "A stolen baseline key",
            "A key for emergencies",
            "A release that must not run again",
            "A lost or stolen root key",
        ]
    );
}
