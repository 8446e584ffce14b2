//! The apt sources of this machine (sources.list(5)): where its Debian mirror is.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use super::Location;
use crate::deb::control::stanzas;
use crate::limits;
use crate::sys::fs::{self, IoError};

/// An enabled source of binary packages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AptSource {
    /// Its bases, as written.
    pub uris: Vec<String>,
    /// Its suites.
    pub suites: Vec<String>,
    /// Its components; empty for a flat repository.
    pub components: Vec<String>,
    /// The keyring that it is checked against, as written.
    pub signed_by: Option<String>,
}

/// Debian's mirrors as this machine's apt knows them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AptMirrors {
    /// The archive.
    pub main: Option<Location>,
    /// The security archive.
    pub security: Option<Location>,
}

/// What [`discover`] found, and what it could not read.
#[derive(Debug, Default)]
pub struct Discovery {
    /// The mirrors.
    pub mirrors: AptMirrors,
    /// Files that could not be read: apt's sources may be somebody else's business.
    pub unreadable: Vec<IoError>,
}

/// Reads `sources.list` and `sources.list.d` in `directory` (`/etc/apt`).
///
/// # Errors
/// The directory of sources is there and cannot be listed.
pub fn discover(directory: &Path) -> Result<Discovery, IoError> {
    let mut files = vec![directory.join("sources.list")];
    let parts = directory.join("sources.list.d");
    match fs::list(&parts) {
        Ok(names) => files.extend(names.into_iter().map(|name| parts.join(name))),
        Err(error) if error.is_not_found() => {}
        Err(error) => return Err(error),
    }
    let mut discovery = Discovery::default();
    let mut sources = Vec::new();
    for file in files {
        let parse: fn(&str) -> Vec<AptSource> = match file.extension().and_then(|one| one.to_str())
        {
            Some("list") => parse_list,
            Some("sources") => parse_deb822,
            _ => continue,
        };
        match fs::read_text(&file, limits::APT_SOURCES_MAX) {
            Ok(text) => sources.extend(parse(&text)),
            Err(error) if error.is_not_found() => {}
            Err(error) => discovery.unreadable.push(error),
        }
    }
    let unreadable = RefCell::new(Vec::new());
    let list = |path: &Path| match fs::read_text(path, limits::APT_SOURCES_MAX) {
        Ok(text) => Some(text),
        Err(error) => {
            unreadable.borrow_mut().push(error);
            None
        }
    };
    discovery.mirrors = debian_mirrors(&sources, &list);
    discovery.unreadable.extend(unreadable.into_inner());
    Ok(discovery)
}

/// Finds Debian's mirrors among the sources, whatever release they name: a mirror that has one has
/// the others. `list` reads the file of a `mirror+file:` URI.
pub fn debian_mirrors(sources: &[AptSource], list: &dyn Fn(&Path) -> Option<String>) -> AptMirrors {
    // A repository of somebody else may call its suite `trixie` and its component `main` as well,
    // but it has its own keyring.
    let foreign = |source: &AptSource| match &source.signed_by {
        Some(keyring) => !keyring.contains("debian-archive"),
        None => false,
    };
    let mut mirrors = AptMirrors::default();
    for named in [true, false] {
        for source in sources {
            if source.signed_by.is_some() != named
                || foreign(source)
                || !source.components.iter().any(|one| one == "main")
            {
                continue;
            }
            let Some(location) = source.uris.iter().find_map(|uri| resolve(uri, list)) else {
                continue;
            };
            for suite in &source.suites {
                let slot = match debian_suite(suite) {
                    Some(Suite::Main) => &mut mirrors.main,
                    Some(Suite::Security) => &mut mirrors.security,
                    None => continue,
                };
                if slot.is_none() {
                    *slot = Some(location.clone());
                }
            }
        }
    }
    mirrors
}

/// Reads a one-line-style file; lines that are not understood are passed over, as they are not
/// karat's business.
pub fn parse_list(text: &str) -> Vec<AptSource> {
    text.lines().filter_map(parse_line).collect()
}

/// Reads a deb822-style file; stanzas that are not understood are passed over.
pub fn parse_deb822(text: &str) -> Vec<AptSource> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let plain: String = lines.flat_map(|line| [line.trim_end(), "\n"]).collect();
    stanzas(&plain)
        .filter_map(|stanza| {
            let field = |name: &str| stanza.field(name).ok().flatten();
            let words = |name: &str| -> Vec<String> {
                let value = field(name).unwrap_or_default();
                value.split_whitespace().map(str::to_owned).collect()
            };
            let enabled = !matches!(
                field("Enabled").map(str::to_ascii_lowercase).as_deref(),
                Some("no" | "false" | "off" | "0" | "without" | "disable")
            );
            (enabled && words("Types").iter().any(|kind| kind == "deb")).then(|| AptSource {
                uris: words("URIs"),
                suites: words("Suites"),
                components: words("Components"),
                signed_by: field("Signed-By").map(str::to_owned),
            })
        })
        .collect()
}

/// `deb [ option=value … ] uri suite component …`.
fn parse_line(line: &str) -> Option<AptSource> {
    let line = line.split('#').next().unwrap_or_default().trim();
    let rest = line.strip_prefix("deb")?;
    if !rest.starts_with([' ', '\t', '[']) {
        return None;
    }
    let rest = rest.trim_start();
    let (options, rest) = match rest.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => ("", rest),
    };
    let mut words = rest.split_whitespace().map(str::to_owned);
    let signed_by = options
        .split_whitespace()
        .find_map(|option| option.strip_prefix("signed-by="));
    Some(AptSource {
        uris: vec![words.next()?],
        suites: vec![words.next()?],
        components: words.collect(),
        signed_by: signed_by.map(str::to_owned),
    })
}

#[derive(Clone, Copy)]
enum Suite {
    Main,
    Security,
}

/// Which of Debian's archives has a suite of that name.
fn debian_suite(suite: &str) -> Option<Suite> {
    let suite = suite.trim_end_matches('/');
    for (suffix, archive) in [
        ("-security", Suite::Security),
        ("/updates", Suite::Security),
        ("-proposed-updates", Suite::Main),
        ("-updates", Suite::Main),
        ("-backports", Suite::Main),
        ("", Suite::Main),
    ] {
        if let Some(base) = suite.strip_suffix(suffix)
            && SUITES.contains(&base)
        {
            return Some(archive);
        }
    }
    None
}

/// Debian's releases by code name, and the names that move from one to the next.
const SUITES: &[&str] = &[
    "buster",
    "bullseye",
    "bookworm",
    "trixie",
    "forky",
    "duke",
    "sid",
    "oldoldstable",
    "oldstable",
    "stable",
    "testing",
    "unstable",
];

/// The base that `uri` means; `mirror+file:` names a file with one URI a line.
fn resolve(uri: &str, list: &dyn Fn(&Path) -> Option<String>) -> Option<Location> {
    if let Some(file) = uri.strip_prefix("mirror+file:") {
        let file = PathBuf::from(file.strip_prefix("//").unwrap_or(file));
        let text = list(&file)?;
        return text
            .lines()
            .filter_map(|line| line.split(['\t', ' ', '#']).next())
            .find_map(|uri| uri.parse().ok());
    }
    uri.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mirrors(sources: &[AptSource]) -> (Option<String>, Option<String>) {
        let found = debian_mirrors(sources, &|_| None);
        let show = |location: Option<Location>| location.map(|one| one.to_string());
        (show(found.main), show(found.security))
    }

    fn both(main: &str, security: &str) -> (Option<String>, Option<String>) {
        (Some(main.to_owned()), Some(security.to_owned()))
    }

    #[test]
    fn one_line_style() {
        let text = "\
# deb http://commented.example/debian trixie main
deb-src http://source.example/debian trixie main
deb [arch=amd64 signed-by=/usr/share/keyrings/other.gpg] http://other.example/debian trixie main
deb http://nomain.example/debian trixie contrib
deb http://derived.example/ubuntu noble main # not Debian
deb [ trusted=no ] http://host.example/debian/ bookworm-updates main contrib
\tdeb\thttp://host.example/debian-security\tbookworm-security\tmain
deb http://second.example/debian trixie main
";
        let sources = parse_list(text);
        assert_eq!(sources.len(), 6);
        assert_eq!(
            mirrors(&sources),
            both(
                "http://host.example/debian",
                "http://host.example/debian-security"
            )
        );
    }

    #[test]
    fn deb822_style() {
        let text = "\
# The system's mirror

Types: deb deb-src
# http://commented.example/
URIs: cdrom:[Debian] http://first.example/debian
  http://second.example/debian
Suites: trixie
 trixie-updates trixie-security
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Enabled: no
Types: deb
URIs: http://disabled.example/debian-security
Suites: trixie-security
Components: main

Types: deb
URIs: http://other.example/
Suites: trixie
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 -----END PGP PUBLIC KEY BLOCK-----
";
        let sources = parse_deb822(text);
        assert_eq!(sources.len(), 2);
        assert_eq!(
            mirrors(&sources),
            both("http://first.example/debian", "http://first.example/debian")
        );
    }

    #[test]
    fn a_named_keyring_beats_an_unnamed_one() {
        let text = "deb http://a.example/ stable main\n\
            deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://b.example/ sid main\n";
        assert_eq!(
            mirrors(&parse_list(text)).0.as_deref(),
            Some("http://b.example")
        );
    }

    #[test]
    fn lists_of_mirrors() {
        let text = "deb mirror+file:/etc/apt/mirrors/debian.list trixie main\n";
        let list = |path: &Path| {
            (path == Path::new("/etc/apt/mirrors/debian.list"))
                .then(|| "# none\nhttp://listed.example/debian\tpriority:1\n".to_owned())
        };
        let found = debian_mirrors(&parse_list(text), &list);
        assert_eq!(
            found.main.unwrap().to_string(),
            "http://listed.example/debian"
        );
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test makes files")]
    fn a_list_that_is_not_there_is_told() {
        let name = format!("karat-apt-list-{}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&directory).unwrap();
        let list = directory.join("mirrors.list");
        let text = format!("deb mirror+file:{} trixie main\n", list.display());
        std::fs::write(directory.join("sources.list"), text).unwrap();
        let found = discover(&directory).unwrap();
        std::fs::remove_dir_all(&directory).unwrap();
        assert_eq!(found.mirrors, AptMirrors::default());
        let paths: Vec<&Path> = found
            .unreadable
            .iter()
            .map(|it| it.path.as_path())
            .collect();
        assert_eq!(paths, [list.as_path()]);
    }

    #[test]
    fn nonsense_is_passed_over() {
        let text = "deb\ndeb [ x http://h/ s main\ndebian http://h/ trixie main\n\u{0}\n";
        assert_eq!(parse_list(text), []);
        assert_eq!(parse_deb822("x\n\n: y\nTypes: deb\n"), []);
    }
}
