//! A workspace with signed images, their rules' results and locks; and karat run in it.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use karat::baseline::{Draft, Placement, Subject};
use karat::deb::SourcePackages;
use karat::digest::Digest;
use karat::image::further::Further;
use karat::lock::{Described, Lockfile, spdx};
use karat::tree::{Content, Epoch};
use serde_json::{Value, json};

use crate::keys::fixture::baseline;
use crate::support::Scratch;
use crate::support::schema::published;

/// When images are built, and the newest Release of their lock was made.
pub const BUILT: u64 = 1_760_003_600;
/// A time at which nothing is old.
pub const NOW: u64 = BUILT + 86_400;

pub struct Desk {
    pub scratch: Scratch,
}

/// What to write of an image.
pub struct Image<'a> {
    pub name: &'a str,
    /// Rules, and what came of each.
    pub rules: &'a [(&'a str, &'a str)],
}

/// A rule of each family that the matrix asks for.
pub const HOLD: &[(&str, &str)] = &[
    ("ac.hash", "pass"),
    ("ac.uid0", "pass"),
    ("cx.openssl", "pass"),
    ("fp.ww", "pass"),
    ("fw.deny", "pass"),
    ("sh.root", "pass"),
];

impl Desk {
    pub fn new(name: &str) -> Self {
        let desk = Self {
            scratch: Scratch::new(name),
        };
        desk.ok("init --no-passphrase --name example.com/log");
        fs::create_dir(desk.path("out")).unwrap();
        desk
    }

    /// A workspace with one image, signed and logged, of which all that was checked holds.
    pub fn with_web(name: &str) -> Self {
        let desk = Self::new(name);
        let image = Image {
            name: "web",
            rules: HOLD,
        };
        desk.signed(&image);
        desk
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.scratch.join(name)
    }

    /// The draft of an image and its neighbours.
    pub fn draft(&self, image: &Image<'_>) -> String {
        let mut baseline = baseline(image.name, "1");
        let stem = format!("out/{}_1", image.name);
        let (lock, rules) = (lock(), results(image.rules));
        fs::write(self.path(&format!("{stem}.lock")), &lock).unwrap();
        fs::write(self.path(&format!("{stem}.rules.json")), &rules).unwrap();
        let (sbom, outputs) = sbom(image.name, "1", &lock);
        fs::write(self.path(&format!("{stem}.spdx.json")), &sbom).unwrap();
        fs::write(self.path(&format!("{stem}.outputs.json")), &outputs).unwrap();
        baseline
            .subjects
            .insert(Subject::Outputs, Digest::of(&outputs));
        baseline.epoch = Epoch::new(BUILT).unwrap();
        baseline.inputs.lock = Digest::of(&lock);
        baseline.subjects.insert(Subject::Rules, Digest::of(&rules));
        baseline.segment = Placement {
            category: Some("frontend".to_owned()),
            segment: Some("web".to_owned()),
            lifecycle: Some("current".to_owned()),
        };
        let file = format!("{stem}.statement.json");
        let draft = Draft::new(baseline).unwrap();
        fs::write(self.path(&file), draft.to_bytes().unwrap()).unwrap();
        file
    }

    /// As [`Desk::draft`], signed and logged.
    pub fn signed(&self, image: &Image<'_>) {
        let file = self.draft(image);
        self.ok(&format!("sign {file}"));
    }

    pub fn run(&self, arguments: &str) -> (i32, String, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_karat"))
            .args(arguments.split_whitespace())
            .current_dir(self.scratch.path())
            .env_remove("KARAT_KEY_PASSPHRASE")
            .env_remove("SOURCE_DATE_EPOCH")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let code = output.status.code().unwrap();
        (code, text(output.stdout), text(output.stderr))
    }

    pub fn ok(&self, arguments: &str) {
        let (code, out, err) = self.run(arguments);
        assert_eq!(code, 0, "karat {arguments}: {out}{err}");
    }

    /// The report as a document that keeps to its schema.
    pub fn report(&self, exit: i32, arguments: &str) -> Value {
        let command = format!(
            "--json responsibility report --provider aws --model iaas --at {NOW} {arguments}"
        );
        let (code, out, err) = self.run(&command);
        assert_eq!(code, exit, "karat {command}: {out}{err}");
        published("responsibility").holds(&out)
    }
}

/// The state of a control.
pub fn state<'a>(report: &'a Value, id: &str) -> &'a str {
    control(report, id)["state"].as_str().unwrap()
}

pub fn control<'a>(report: &'a Value, id: &str) -> &'a Value {
    let controls = report["controls"].as_array().unwrap();
    controls.iter().find(|it| it["id"] == id).expect(id)
}

/// The example of `docs/formats/lock.md`, which a test of locks holds to its format.
pub fn lock() -> Vec<u8> {
    let path = format!("{}/docs/formats/lock.md", env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(path).unwrap();
    let (_, after) = text.split_once("```toml\n").unwrap();
    let (lock, _) = after.split_once("```").unwrap();
    lock.as_bytes().to_vec()
}

/// A file of results, in the order of ids.
pub fn results(rules: &[(&str, &str)]) -> Vec<u8> {
    let results: Vec<Value> = rules
        .iter()
        .map(|(id, outcome)| {
            let reasons = match *outcome {
                "pass" => json!([]),
                _ => json!(["=cmd|' /C calc'!A0 <b>\"why\"</b>"]),
            };
            let mut result = json!({
                "conflicts": [], "id": id, "outcome": outcome, "reasons": reasons, "refs": {},
                "severity": "high", "title": "a rule", "wrote": [],
            });
            if *outcome == "excepted" {
                result["without"] = json!("fail");
            }
            result
        })
        .collect();
    let document = json!({
        "catalogue": Digest::of(b"catalogue").to_string(), "profile": "server-l1",
        "results": results, "version": 1,
    });
    let mut bytes = serde_json::to_vec(&document).unwrap();
    bytes.push(b'\n');
    bytes
}

/// The list of packages of an image that was built from `lock`, and the list of outputs that names it.
pub fn sbom(name: &str, version: &str, lock: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let lock = Lockfile::parse(str::from_utf8(lock).unwrap()).unwrap();
    let described = Described {
        name,
        version,
        tool: "0.1.0",
    };
    let sbom = spdx(&described, &lock, &SourcePackages::default()).unwrap();
    let mut further = Further::new();
    let file = format!("{name}_{version}.spdx.json");
    further.add(file, Content::of(&sbom)).unwrap();
    (sbom, further.to_bytes().unwrap())
}
