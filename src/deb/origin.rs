//! Which source package each installed one was built from, by dpkg's status file (deb-control(5)):
//! the field `Source` is `NAME` or `NAME (VERSION)`, and is not there where both are the package's own.

use std::collections::BTreeMap;

use super::control::{Stanza, stanzas};
use super::{Architecture, PackageName, Version};

/// A source package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourcePackage {
    /// Its name.
    pub name: PackageName,
    /// Its version.
    pub version: Version,
}

/// The source packages of installed ones. Nobody vouches for dpkg's database: it explains, and decides
/// nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourcePackages(BTreeMap<(PackageName, Architecture), (Version, SourcePackage)>);

impl SourcePackages {
    /// Reads the text of a status file. Stanzas that dpkg would not write are passed over.
    pub fn parse(status: &str) -> Self {
        Self(stanzas(status).filter_map(entry).collect())
    }

    /// The source of a package of that very version; `None` where the file does not say.
    pub fn of(
        &self,
        name: &PackageName,
        architecture: &Architecture,
        version: &Version,
    ) -> Option<&SourcePackage> {
        let (installed, source) = self.0.get(&(name.clone(), architecture.clone()))?;
        (installed.as_str() == version.as_str()).then_some(source)
    }
}

type Entry = ((PackageName, Architecture), (Version, SourcePackage));

fn entry(stanza: Stanza<'_>) -> Option<Entry> {
    let field = |name| stanza.field(name).ok().flatten();
    let name: PackageName = field("Package")?.parse().ok()?;
    let architecture = field("Architecture")?.parse().ok()?;
    let version: Version = field("Version")?.parse().ok()?;
    let source = match field("Source") {
        None => SourcePackage {
            name: name.clone(),
            version: version.clone(),
        },
        Some(text) => match text.split_once(' ') {
            None => SourcePackage {
                name: text.parse().ok()?,
                version: version.clone(),
            },
            Some((source, rest)) => SourcePackage {
                name: source.parse().ok()?,
                version: rest
                    .trim_start()
                    .strip_prefix('(')?
                    .strip_suffix(')')?
                    .parse()
                    .ok()?,
            },
        },
    };
    Some(((name, architecture), (version, source)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_dpkg_writes_and_what_it_would_not() {
        let packages = SourcePackages::parse(
            "Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nSource: glibc\nVersion: 2.41-12\n\n\
             Package: libgcc-s1\nArchitecture: amd64\nSource: gcc-14 (14.2.0-19)\nVersion: 14.2.0-19+b1\n\n\
             Package: bash\nArchitecture: amd64\nVersion: 5.2\n\n\
             Package: odd\nArchitecture: all\nSource: ../x (1)\nVersion: 1\n\n\
             Package: half\nArchitecture: all\nSource: half (1\nVersion: 1\n\n\
             Package: twice\nPackage: twice\nArchitecture: all\nVersion: 1\n\nVersion: 1\n",
        );
        let of = |name: &str, architecture: &str, version: &str| {
            let source = packages.of(
                &name.parse().unwrap(),
                &architecture.parse().unwrap(),
                &version.parse().unwrap(),
            );
            source.map(|it| (it.name.to_string(), it.version.to_string()))
        };
        let some = |name: &str, version: &str| Some((name.to_owned(), version.to_owned()));
        assert_eq!(of("libc6", "amd64", "2.41-12"), some("glibc", "2.41-12"));
        assert_eq!(
            of("libgcc-s1", "amd64", "14.2.0-19+b1"),
            some("gcc-14", "14.2.0-19")
        );
        assert_eq!(of("bash", "amd64", "5.2"), some("bash", "5.2"));
        // Another version, another architecture.
        assert_eq!(of("bash", "amd64", "5.3"), None);
        assert_eq!(of("bash", "arm64", "5.2"), None);
        for name in ["odd", "half", "twice"] {
            assert_eq!(of(name, "all", "1"), None, "{name}");
        }
    }
}
