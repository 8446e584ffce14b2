//! Mirrors, Release files, the cache: over `file:` repositories made by the test.

mod cache;
mod flat;
mod network;
mod openpgp;
mod oracle;
mod repository;

use crate::support::deb::Deb;
use crate::support::pgp::Key;
use crate::support::repository::Repository;
use crate::support::{Scratch, judge};

/// The fixtures themselves, judged by gpgv and dpkg-deb.
#[test]
fn fixtures_are_real_repositories() {
    let scratch = Scratch::new("fixtures");
    let key = Key::new(1);
    let repository = Repository::new("trixie").package(
        Deb::new("hello", "1:2.0-1")
            .file("/usr/bin/hello", 0o755, b"#!/bin/sh\n")
            .control("postinst", "#!/bin/sh\nset -e\n"),
    );
    repository.write(scratch.path(), &key);
    if let Some(gpgv) = judge("gpgv") {
        let ring = scratch.join("key.gpg");
        std::fs::write(&ring, key.keyring()).unwrap();
        let status = gpgv
            .command()
            .arg("--keyring")
            .arg(&ring)
            .arg(repository.dist(scratch.path()).join("InRelease"))
            .output()
            .unwrap();
        assert!(
            status.status.success(),
            "{}",
            String::from_utf8_lossy(&status.stderr)
        );
    }
    if let Some(dpkg) = judge("dpkg-deb") {
        let deb = scratch.join("pool/main/hello/hello_2.0-1_amd64.deb");
        let list = dpkg.command().arg("-c").arg(deb).output().unwrap();
        assert!(
            list.status.success(),
            "{}",
            String::from_utf8_lossy(&list.stderr)
        );
        assert!(String::from_utf8_lossy(&list.stdout).contains("./usr/bin/hello"));
    }
}
