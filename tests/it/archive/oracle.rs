//! The real archive, where this machine's apt names a mirror of it.

use karat::archive::keys::{self, DebianArchive};
use karat::archive::{Location, Network, Patience, Proxies, apt};
use karat::deb::openpgp::verify;
use karat::deb::release::{Layout, Release, Wanted};
use karat::sys::{clock, env};

use crate::support::skip;

#[test]
fn debian_is_trusted_by_the_shipped_keys() {
    let found = apt::discover(std::path::Path::new("/etc/apt"))
        .unwrap()
        .mirrors;
    let (Some(main), Some(security)) = (found.main, found.security) else {
        return skip("apt's sources name no Debian mirror");
    };
    let proxies = Proxies::from_environment(&|name| env::text(name));
    let network = Network::new(proxies, Patience::default());
    let components = ["main".to_owned()];
    let architecture = "amd64".parse().unwrap();
    for release in ["bookworm", "trixie"] {
        for (location, suite, archive) in [
            (&main, release.to_owned(), DebianArchive::Main),
            (&main, format!("{release}-updates"), DebianArchive::Main),
            (
                &security,
                format!("{release}-security"),
                DebianArchive::Security,
            ),
        ] {
            let uri: Location = location.join(&format!("dists/{suite}/InRelease"));
            let bytes = match network.get(&uri, karat::limits::RELEASE_MAX) {
                Ok(bytes) => bytes,
                Err(error) => return skip(&error.to_string()),
            };
            let now = clock::now();
            let keyring = keys::debian(release, archive).unwrap().unwrap();
            let signed = verify(&bytes, &keyring, now).unwrap_or_else(|error| {
                panic!("{suite}: {error}");
            });
            let parsed = Release::parse(&signed, Layout::Suite).unwrap();
            let wanted = Wanted {
                suite: &suite,
                components: &components,
                architecture: &architecture,
                now,
                not_before: None,
            };
            assert_eq!(parsed.check(&wanted), Ok(()), "{suite}");
            assert!(!parsed.indexes("main", &architecture).unwrap().is_empty());

            // The keys of the other archive do not count.
            let other = match archive {
                DebianArchive::Main => DebianArchive::Security,
                DebianArchive::Security => DebianArchive::Main,
            };
            let keyring = keys::debian(release, other).unwrap().unwrap();
            assert!(verify(&bytes, &keyring, now).is_err(), "{suite}");
            let mut tampered = bytes;
            let at = tampered.len() / 3;
            tampered[at] ^= 1;
            let keyring = keys::debian(release, archive).unwrap().unwrap();
            assert!(verify(&tampered, &keyring, now).is_err(), "{suite}");
        }
    }
}
