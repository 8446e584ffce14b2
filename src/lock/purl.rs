//! Packages as package URLs (<https://github.com/package-url/purl-spec>, type `deb`): the name under
//! which databases of vulnerabilities find them.

use std::fmt::Write as _;

use super::{LockedPackage, Lockfile};
use crate::deb::SourcePackage;

/// `pkg:deb/debian/libc6@2.41-12?arch=amd64&distro=debian-13&upstream=glibc`.
///
/// The namespace is the distribution, for packages of its own archives; else what the template calls the
/// repository. `upstream` is not of the specification: scanners look for the source package there, with
/// its version where that is another one.
pub(super) fn deb(
    lock: &Lockfile,
    package: &LockedPackage,
    source: Option<&SourcePackage>,
) -> String {
    let namespace = if is_of_distribution(lock, package) {
        &lock.distribution
    } else {
        package.source.archive()
    };
    let mut purl = format!(
        "pkg:deb/{}/{}@{}?arch={}&distro={}",
        encode(namespace),
        encode(package.name.as_str()),
        encode(package.version.as_str()),
        encode(package.architecture.as_str()),
        encode(&release(lock)),
    );
    if let Some(source) = source {
        let (name, version) = (source.name.as_str(), source.version.as_str());
        let upstream = if version == package.version.as_str() {
            name.to_owned()
        } else {
            format!("{name}@{version}")
        };
        if upstream != package.name.as_str() {
            let _infallible = write!(purl, "&upstream={}", encode(&upstream));
        }
    }
    purl
}

/// `pkg:generic/NAME@VERSION`: an image.
pub(super) fn generic(name: &str, version: &str) -> String {
    format!("pkg:generic/{}@{}", encode(name), encode(version))
}

/// Whether a package is from one of the distribution's own archives: `debian`, `debian-security`.
pub(super) fn is_of_distribution(lock: &Lockfile, package: &LockedPackage) -> bool {
    let archive = package.source.archive();
    let rest = archive.strip_prefix(lock.distribution.as_str());
    matches!(rest, Some("" | "-security"))
}

/// The distribution as scanners call it: by number, where the suite has one.
fn release(lock: &Lockfile) -> String {
    let number = match lock.suite.as_str() {
        "bookworm" => "12",
        "trixie" => "13",
        other => other,
    };
    format!("{}-{number}", lock.distribution)
}

/// Percent-encoding as the specification has it: all but letters, digits and `.-_~:`.
fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b".-_~:".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _infallible = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}
