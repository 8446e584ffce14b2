//! A root small enough for a test in which dpkg and a shell run: programs of this machine with the
//! libraries they need, as one essential package.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::deb::{Compression, Deb};

/// Programs that tests' scripts use.
const PROGRAMS: [&str; 13] = [
    "cat",
    "chmod",
    "dpkg",
    "dpkg-divert",
    "dpkg-query",
    "ln",
    "ls",
    "mkdir",
    "rm",
    "setsid",
    "sh",
    "sleep",
    "sync",
];
/// Programs that dpkg wants to be there and that nothing here runs.
const NEVER_RUN: [&str; 7] = [
    "diff",
    "dpkg-deb",
    "dpkg-split",
    "ldconfig",
    "start-stop-daemon",
    "tar",
    "update-alternatives",
];

/// The package; `None` where this machine has no dpkg.
pub fn toolbox() -> Option<Deb> {
    super::judge("dpkg")?;
    let mut files: BTreeMap<String, PathBuf> = BTreeMap::new();
    for program in PROGRAMS {
        let path = find(program)?;
        for library in libraries(&path) {
            let name = library.to_string_lossy().into_owned();
            let name = if name.starts_with("/lib") {
                format!("/usr{name}")
            } else {
                name
            };
            files.insert(name, library);
        }
        files.insert(format!("/usr/bin/{program}"), path);
    }
    let mut deb = Deb::new("toolbox", "1")
        .field("Essential", "yes")
        .compression(Compression::Zstd);
    for (path, mode) in [
        ("/dev", 0o755),
        ("/etc", 0o755),
        ("/proc", 0o755),
        ("/run", 0o755),
        ("/sys", 0o755),
        ("/tmp", 0o1777),
        ("/usr", 0o755),
        ("/usr/bin", 0o755),
        ("/usr/lib", 0o755),
        ("/usr/lib64", 0o755),
        ("/usr/sbin", 0o755),
        ("/var", 0o755),
        ("/var/lib", 0o755),
        ("/var/log", 0o755),
    ] {
        deb = deb.directory(path, mode);
    }
    for name in ["bin", "lib", "lib64", "sbin"] {
        deb = deb.symlink(&format!("/{name}"), &format!("usr/{name}"));
    }
    for program in NEVER_RUN {
        deb = deb.file(
            &format!("/usr/sbin/{program}"),
            0o755,
            b"#!/bin/sh\nexit 0\n",
        );
    }
    for (path, source) in files {
        deb = deb.file(
            &path,
            0o755,
            &std::fs::read(source).expect("a program of this machine"),
        );
    }
    Some(deb)
}

/// A store that speaks like S3: moto's server (`moto[server]` for pip).
pub fn moto() -> Option<super::Judge> {
    super::judge("moto_server")
}

/// What `OpenSCAP` judges `system` (`debian13`) by: of Debian's package `ssg-debian`, unpacked below
/// `target/judges/scap` by `.ci/run`, or installed.
pub fn scap_content(system: &str) -> Option<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/judges/scap");
    let name = format!("usr/share/xml/scap/ssg/content/ssg-{system}-ds.xml");
    let with_cis = |path: &PathBuf| {
        std::fs::read_to_string(path).is_ok_and(|text| text.contains("profile_cis_level2_server"))
    };
    let found = [here, PathBuf::from("/")]
        .into_iter()
        .map(|root| root.join(&name))
        .find(with_cis);
    if found.is_none() {
        super::skip("no ssg-debian of 0.1.82 or later: see .ci/run");
    }
    found
}

/// Kernel, stubs, boot loaders, ukify and a shell of both releases of Debian, unpacked below
/// `target/judges/boot/{bookworm,trixie}` by `.ci/run` and not installed.
pub fn boot_material() -> Option<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/judges/boot");
    let wanted = [
        "bookworm/boot",
        "bookworm/bin/busybox",
        "bookworm/usr/lib/systemd/boot/efi/linuxx64.efi.stub",
        "trixie/usr/lib/systemd/boot/efi/linuxx64.efi.stub",
        "trixie/usr/lib/systemd/ukify",
    ];
    if wanted.iter().all(|name| here.join(name).exists()) {
        return Some(here);
    }
    super::skip("no kernel and stubs: see .ci/run");
    None
}

/// The agent as it is released: static, so that it can be the first process of an initrd. `make test`
/// makes it before it tests.
pub fn static_agent() -> Option<PathBuf> {
    let agent = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/dist/bin/karat-agent");
    if agent.exists() {
        return Some(agent);
    }
    super::skip("no static agent: make target/dist/bin/karat-agent");
    None
}

fn find(program: &str) -> Option<PathBuf> {
    ["/usr/bin", "/bin", "/usr/sbin", "/sbin"]
        .iter()
        .map(|directory| Path::new(directory).join(program))
        .find(|path| path.exists())
        .and_then(|path| path.canonicalize().ok())
}

/// What ldd(1) lists, the loader included.
pub fn libraries(program: &Path) -> Vec<PathBuf> {
    let output = Command::new("ldd").arg(program).output().expect("ldd");
    String::from_utf8_lossy(&output.stdout)
        .split_whitespace()
        .filter(|word| word.starts_with('/'))
        .map(PathBuf::from)
        .collect()
}
