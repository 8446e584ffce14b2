//! SBOMs: what is documented, and what SPDX's own tools and those of package URLs say.

use std::collections::BTreeSet;
use std::fs;

use karat::deb::SourcePackages;
use karat::lock::{Described, Lockfile, spdx};
use serde_json::Value;

use crate::support::{Scratch, judge, skip};

const IMAGE: Described<'_> = Described {
    name: "web",
    version: "1",
    tool: "0.1.0",
};

/// What dpkg says in the image of the example.
const STATUS: &str = "Package: openssh-server\nStatus: install ok installed\nArchitecture: amd64\nSource: openssh\n\
                      Version: 1:10.0p1-7\n";

fn page(name: &str) -> String {
    let path = format!("{}/docs/formats/{name}", env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(path).unwrap()
}

/// The example of `docs/formats/lock.md`.
fn lock() -> Lockfile {
    let page = page("lock.md");
    let (_, after) = page.split_once("```toml\n").unwrap();
    Lockfile::parse(after.split_once("```").unwrap().0).unwrap()
}

/// More of everything: an agent, a library, a package of another repository, a version that must be escaped.
fn large() -> Lockfile {
    let mut lock = lock();
    lock.agent = Some(karat::digest::Digest::of(b"agent"));
    let one = lock.packages[0].clone();
    for (name, version, architecture, source) in [
        ("libstdc++6", "14.2.0-19+b1", "amd64", "debian/trixie"),
        ("libstdcpp6", "14.2.0-19", "amd64", "debian/trixie"),
        (
            "tzdata",
            "2025b-4~deb13u1",
            "all",
            "debian-security/trixie-security",
        ),
        ("tool", "1.0+x~y", "amd64", "acme-tools/stable"),
    ] {
        let mut package = one.clone();
        package.name = name.parse().unwrap();
        package.version = version.parse().unwrap();
        package.architecture = architecture.parse().unwrap();
        package.source = source.parse().unwrap();
        lock.packages.push(package);
    }
    lock.sort();
    lock
}

fn made(lock: &Lockfile, status: &str) -> (Vec<u8>, Value) {
    let bytes = spdx(&IMAGE, lock, &SourcePackages::parse(status)).unwrap();
    let value = serde_json::from_slice(&bytes).unwrap();
    (bytes, value)
}

fn purl<'a>(document: &'a Value, name: &str) -> &'a str {
    let packages = document["packages"].as_array().unwrap();
    let package = packages.iter().find(|it| it["name"] == name).expect(name);
    package["externalRefs"][0]["referenceLocator"]
        .as_str()
        .unwrap()
}

#[test]
fn the_documented_example_is_what_is_written() {
    let page = page("sbom.md");
    let example = page.split("```json\n").nth(1).unwrap();
    let example: Value = serde_json::from_str(example.split("```").next().unwrap()).unwrap();
    let (bytes, written) = made(&lock(), STATUS);
    assert_eq!(written, example, "{written:#}");
    // One spelling: compact, sorted, a line end.
    let again = karat::json::canonical(&written).unwrap();
    assert_eq!(bytes, [&again[..], b"\n"].concat());
}

#[test]
fn packages_have_the_names_that_databases_know() {
    let status = format!(
        "{STATUS}\nPackage: libstdc++6\nArchitecture: amd64\nSource: gcc-14 (14.2.0-19)\nVersion: 14.2.0-19+b1\n\n\
         Package: tzdata\nArchitecture: all\nVersion: 2025b-4~deb13u1\n"
    );
    let (_, document) = made(&large(), &status);
    assert_eq!(
        purl(&document, "openssh-server"),
        "pkg:deb/debian/openssh-server@1:10.0p1-7?arch=amd64&distro=debian-13&upstream=openssh"
    );
    assert_eq!(
        purl(&document, "libstdc++6"),
        "pkg:deb/debian/libstdc%2B%2B6@14.2.0-19%2Bb1?arch=amd64&distro=debian-13&upstream=gcc-14%4014.2.0-19"
    );
    assert_eq!(
        purl(&document, "tzdata"),
        "pkg:deb/debian/tzdata@2025b-4~deb13u1?arch=all&distro=debian-13"
    );
    assert!(purl(&document, "tool").starts_with("pkg:deb/acme-tools/tool@"));
    let packages = document["packages"].as_array().unwrap();
    let of = |name: &str| packages.iter().find(|it| it["name"] == name).unwrap();
    assert_eq!(of("tzdata")["supplier"], "Organization: Debian");
    assert_eq!(of("tool")["supplier"], "NOASSERTION");
    assert_eq!(of("karat-agent")["checksums"][0]["algorithm"], "SHA256");
    let ids: BTreeSet<&str> = packages
        .iter()
        .map(|it| it["SPDXID"].as_str().unwrap())
        .collect();
    assert_eq!(ids.len(), packages.len());
    let relationships = document["relationships"].as_array().unwrap();
    assert_eq!(relationships.len(), packages.len());
}

#[test]
fn other_contents_have_another_namespace() {
    let namespace =
        |lock: &Lockfile, status: &str| made(lock, status).1["documentNamespace"].clone();
    let first = namespace(&lock(), STATUS);
    assert_eq!(namespace(&lock(), STATUS), first);
    // Nobody vouches for dpkg's word: one about another version counts for nothing.
    let other = STATUS.replace("1:10.0p1-7", "1:10.0p1-8");
    assert_ne!(namespace(&lock(), &other), first);
    assert_eq!(namespace(&lock(), &other), namespace(&lock(), ""));
    assert_ne!(namespace(&large(), STATUS), first);
}

/// Reads each package URL and writes it again.
const PURLS: &str = "
import json, sys
from packageurl import PackageURL
document = json.load(open(sys.argv[1]))
count = 0
for package in document['packages']:
    for ref in package.get('externalRefs', []):
        url = PackageURL.from_string(ref['referenceLocator'])
        assert url.to_string() == ref['referenceLocator'], (url.to_string(), ref)
        assert (url.name, url.version) == (package['name'], package['versionInfo']), url
        count += 1
print(count)
";

#[test]
fn others_take_it() {
    let scratch = Scratch::new("sbom-judges");
    let (bytes, document) = made(&large(), STATUS);
    let file = scratch.join("web_1.spdx.json");
    fs::write(&file, &bytes).unwrap();
    if let Some(tools) = judge("pyspdxtools") {
        let run = |file: &std::path::Path| tools.command().arg("-i").arg(file).output().unwrap();
        let output = run(&file);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        // It is no rubber stamp.
        let text = String::from_utf8(bytes).unwrap();
        let bad = scratch.join("bad.spdx.json");
        fs::write(&bad, text.replace("SPDXRef-image", "image")).unwrap();
        assert!(!run(&bad).status.success());
    }
    let Some(python) = judge("python3") else {
        return;
    };
    let import = python
        .command()
        .args(["-c", "import packageurl"])
        .output()
        .unwrap();
    if !import.status.success() {
        return skip("Python's packageurl not installed");
    }
    let output = python
        .command()
        .args(["-c", PURLS])
        .arg(&file)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    // All but the agent, which no repository has.
    let count = document["packages"].as_array().unwrap().len() - 1;
    assert_eq!(
        String::from_utf8_lossy(&output.stdout).trim(),
        count.to_string()
    );
}
