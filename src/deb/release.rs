//! Release files: what an archive says about itself (Debian's repository format).
//!
//! A [`Release`] is only made from text that [`openpgp::verify`](super::openpgp::verify) accepted.
//! Whether it is the one that was asked for, and fresh, is [`Release::check`]'s business.

use std::collections::BTreeMap;
use std::str::FromStr;

use super::control::{ControlError, stanzas};
use super::openpgp::Signed;
use super::{Architecture, NameError};
use crate::digest::Digest;
use crate::limits;
use crate::tree::{Content, Epoch};

/// Where an archive keeps its Release file and its indexes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// A suite below `dists/`, with an index for each component and architecture.
    Suite,
    /// A flat repository: one directory, with one index of everything beside the Release. That
    /// says what apt needs of it and no more: neither a name, nor components, nor architectures;
    /// where it does not say when it was made, the signature does.
    Flat,
}

impl Layout {
    /// That of the suite which a template or a lock calls so: a flat repository's ends in `/`.
    pub fn of(suite: &str) -> Self {
        if suite.ends_with('/') {
            Self::Flat
        } else {
            Self::Suite
        }
    }
}

/// A Release file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a field of the file")]
pub struct Release {
    /// Where its archive keeps it.
    pub layout: Layout,
    /// Who makes it (`Origin`); empty where it does not say.
    pub origin: String,
    /// What it is (`Label`); empty where it does not say.
    pub label: String,
    /// `Suite`, for example `stable-security`; empty where it does not say.
    pub suite: String,
    /// `Codename`, for example `trixie-security`; empty where it does not say.
    pub codename: String,
    /// `Version`, for example `13.1`; empty where it does not say.
    pub version: String,
    /// When it was made; for a flat repository that does not say so, when it was signed.
    pub date: Epoch,
    /// Until when it may be used, where it says so.
    pub valid_until: Option<Epoch>,
    /// What it has packages for; empty for a flat repository, as nobody reads it there.
    pub architectures: Vec<Architecture>,
    /// Its components; empty for a flat repository.
    pub components: Vec<String>,
    /// Whether indexes can be fetched by their digest.
    pub by_hash: bool,
    /// apt installs from it only on demand (`NotAutomatic`).
    pub not_automatic: bool,
    /// apt upgrades from it what came from it (`ButAutomaticUpgrades`).
    pub but_automatic_upgrades: bool,
    /// Packages for `all` are listed in each architecture's index as well.
    pub all_is_everywhere: bool,
    /// The files of the SHA256 section, by path.
    pub files: BTreeMap<String, Content>,
}

/// What a Release file is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The suite or code name; of no account for a flat repository.
    pub suite: &'a str,
    /// The components; a flat repository has none.
    pub components: &'a [String],
    /// The architecture; a flat repository does not say for which it has packages.
    pub architecture: &'a Architecture,
    /// The time at which it must be in force, in seconds since 1970.
    pub now: u64,
    /// The date of the Release that was used before: no older one is accepted.
    pub not_before: Option<Epoch>,
}

/// A `Packages` index as a Release lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    /// The path of the uncompressed file, below the Release.
    pub path: String,
    /// Its component; empty in a flat repository.
    pub component: String,
    /// The uncompressed file: its digest names it in the cache.
    pub plain: Content,
    /// The forms that can be fetched, the smallest first: path, compression, digest and size.
    pub forms: Vec<(String, Form, Content)>,
}

/// How an index is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Form {
    /// xz.
    Xz,
    /// gzip.
    Gzip,
    /// Not at all.
    Plain,
}

impl Form {
    /// The suffix of the file name.
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Xz => ".xz",
            Self::Gzip => ".gz",
            Self::Plain => "",
        }
    }
}

/// Why a Release file is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReleaseError {
    /// The text is no control file.
    #[error("the Release file is malformed: {0}")]
    Malformed(#[from] ControlError),
    /// It has more or less than one stanza.
    #[error("a Release file has one stanza, this one has {0}")]
    Stanzas(usize),
    /// A field that must be there is not.
    #[error("the Release file has no field {0}")]
    Missing(&'static str),
    /// A date is not as Debian writes it: `Sat, 15 Nov 2025 10:00:00 UTC`.
    #[error("the Release file's {0} {1:?} is no date in UTC")]
    Date(&'static str, String),
    /// An architecture has no valid name.
    #[error("the Release file names an impossible architecture: {0}")]
    Architecture(#[from] NameError),
    /// A line of the SHA256 section is not `digest size path`, with a path below the suite.
    #[error("the Release file's SHA256 section has the line {0:?}")]
    File(String),
    /// It has the same path twice, with different digests.
    #[error("the Release file lists {0} twice")]
    Twice(String),
    /// It is of another suite than asked for.
    #[error("asked for suite {wanted}, got one that calls itself {suite:?} and {codename:?}")]
    Suite {
        /// What was asked for.
        wanted: String,
        /// Its `Suite`.
        suite: String,
        /// Its `Codename`.
        codename: String,
    },
    /// It lacks a component that was asked for.
    #[error("the suite has no component {wanted}; it has {}", .present.join(", "))]
    Component {
        /// What was asked for.
        wanted: String,
        /// What it has.
        present: Vec<String>,
    },
    /// It has no packages for the architecture.
    #[error("the suite has no packages for {0}")]
    NoArchitecture(Architecture),
    /// It is no longer in force: the mirror is out of date, or somebody keeps it so.
    #[error("the Release file expired at {} (it was made at {})", .valid_until.rfc3339(), .date.rfc3339())]
    Expired {
        /// When it was made.
        date: Epoch,
        /// Until when it was in force.
        valid_until: Epoch,
    },
    /// It claims to come from the future: its clock, or this machine's, is wrong.
    #[error("the Release file claims to be made at {}, which is in the future", .0.rfc3339())]
    FromTheFuture(Epoch),
    /// It is older than the one that was used before: the mirror lags, or somebody rolls it back.
    #[error("the Release file of {} is older than the one of {} that was used before", .date.rfc3339(), .before.rfc3339())]
    RolledBack {
        /// When it was made.
        date: Epoch,
        /// When the one used before was made.
        before: Epoch,
    },
    /// It does not list the index of a component.
    #[error("the Release file lists no Packages index of {component} for {architecture}")]
    NoIndex {
        /// The component.
        component: String,
        /// The architecture.
        architecture: Architecture,
    },
    /// A flat repository's Release does not list the index.
    #[error(
        "the Release file of this flat repository lists no uncompressed Packages, which apt and karat need; compressed ones may be there besides"
    )]
    NoFlatIndex,
    /// An index is larger than any.
    #[error(
        "the index {path} is said to have {size} bytes, more than {}",
        limits::PACKAGES_INDEX_MAX
    )]
    IndexTooLarge {
        /// Its path.
        path: String,
        /// Its size.
        size: u64,
    },
}

impl Release {
    /// Reads what trusted keys signed.
    ///
    /// # Errors
    /// The rule that the text breaks.
    pub fn parse(signed: &Signed, layout: Layout) -> Result<Self, ReleaseError> {
        Self::from_text(signed.text(), layout, signed.date())
    }

    fn from_text(text: &str, layout: Layout, signed_at: Epoch) -> Result<Self, ReleaseError> {
        let all: Vec<_> = stanzas(text).collect();
        let [stanza] = all.as_slice() else {
            return Err(ReleaseError::Stanzas(all.len()));
        };
        let mut fields = BTreeMap::new();
        for field in stanza.fields() {
            let field = field?;
            if fields
                .insert(field.name.to_ascii_lowercase(), field.value)
                .is_some()
            {
                return Err(ControlError::Twice(field.name.to_owned()).into());
            }
        }
        let text = |name: &str| fields.get(name).map_or("", |value| *value).to_owned();
        let yes = |name: &str| fields.get(name) == Some(&"yes");
        let needed = |name: &'static str| {
            let value = fields.get(name.to_ascii_lowercase().as_str()).copied();
            value.ok_or(ReleaseError::Missing(name))
        };
        let date = |name: &'static str, value: &str| {
            parse_date(value).ok_or_else(|| ReleaseError::Date(name, excerpt(value)))
        };
        // apt does not read these two in a flat repository, where they can hold anything.
        let words = |name: &'static str| match layout {
            Layout::Suite => Ok(needed(name)?.split_ascii_whitespace()),
            Layout::Flat => Ok::<_, ReleaseError>("".split_ascii_whitespace()),
        };
        let date_of = |name: &'static str| {
            let value = fields.get(name.to_ascii_lowercase().as_str());
            value.map(|value| date(name, value)).transpose()
        };
        let release = Self {
            layout,
            origin: text("origin"),
            label: text("label"),
            suite: text("suite"),
            codename: text("codename"),
            version: text("version"),
            date: match (date_of("Date")?, layout) {
                (Some(date), _) => date,
                (None, Layout::Flat) => signed_at,
                (None, Layout::Suite) => return Err(ReleaseError::Missing("Date")),
            },
            valid_until: date_of("Valid-Until")?,
            architectures: words("Architectures")?
                .map(Architecture::from_str)
                .collect::<Result<_, _>>()?,
            components: words("Components")?.map(str::to_owned).collect(),
            by_hash: yes("acquire-by-hash"),
            not_automatic: yes("notautomatic"),
            but_automatic_upgrades: yes("butautomaticupgrades"),
            all_is_everywhere: fields.get("no-support-for-architecture-all") == Some(&"Packages"),
            files: parse_files(needed("SHA256")?)?,
        };
        let named = !release.suite.is_empty() || !release.codename.is_empty();
        if !named && layout == Layout::Suite {
            return Err(ReleaseError::Missing("Codename"));
        }
        Ok(release)
    }

    /// Whether this is what was asked for, and in force.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn check(&self, wanted: &Wanted<'_>) -> Result<(), ReleaseError> {
        match self.layout {
            Layout::Suite => self.check_contents(wanted)?,
            Layout::Flat => {}
        }
        if self.date.seconds() > wanted.now.saturating_add(limits::CLOCK_SKEW) {
            return Err(ReleaseError::FromTheFuture(self.date));
        }
        if let Some(valid_until) = self.valid_until
            && valid_until.seconds() < wanted.now
        {
            return Err(ReleaseError::Expired {
                date: self.date,
                valid_until,
            });
        }
        if let Some(before) = wanted.not_before
            && self.date < before
        {
            return Err(ReleaseError::RolledBack {
                date: self.date,
                before,
            });
        }
        Ok(())
    }

    /// Whether it is of the suite, and has the components and the architecture.
    fn check_contents(&self, wanted: &Wanted<'_>) -> Result<(), ReleaseError> {
        if ![self.suite.as_str(), &self.codename].contains(&wanted.suite) {
            return Err(ReleaseError::Suite {
                wanted: wanted.suite.to_owned(),
                suite: self.suite.clone(),
                codename: self.codename.clone(),
            });
        }
        // Debian's security archive says `updates/main` and lists its files under `main`.
        let has = |wanted: &str| {
            let mut all = self.components.iter();
            all.any(|one| one.rsplit('/').next() == Some(wanted) || one == wanted)
        };
        if let Some(missing) = wanted.components.iter().find(|one| !has(one)) {
            return Err(ReleaseError::Component {
                wanted: missing.clone(),
                present: self.components.clone(),
            });
        }
        if !self.architectures.contains(wanted.architecture) {
            return Err(ReleaseError::NoArchitecture(wanted.architecture.clone()));
        }
        Ok(())
    }

    /// The indexes that hold the packages of `component` for `architecture`: one, or two where the
    /// archive lists those for `all` apart.
    ///
    /// # Errors
    /// There is none, or one is too large.
    pub fn indexes(
        &self,
        component: &str,
        architecture: &Architecture,
    ) -> Result<Vec<Index>, ReleaseError> {
        let own = self.index(component, architecture.as_str())?;
        let mut indexes = vec![own.ok_or_else(|| ReleaseError::NoIndex {
            component: component.to_owned(),
            architecture: architecture.clone(),
        })?];
        let apart = self.architectures.iter().any(Architecture::is_all) && !self.all_is_everywhere;
        if apart {
            indexes.extend(self.index(component, "all")?);
        }
        Ok(indexes)
    }

    /// The one index of a flat repository.
    ///
    /// # Errors
    /// It is not listed, or too large.
    pub fn flat_index(&self) -> Result<Index, ReleaseError> {
        self.index_at("Packages".to_owned(), "")?
            .ok_or(ReleaseError::NoFlatIndex)
    }

    fn index(&self, component: &str, architecture: &str) -> Result<Option<Index>, ReleaseError> {
        let path = format!("{component}/binary-{architecture}/Packages");
        self.index_at(path, component)
    }

    fn index_at(&self, path: String, component: &str) -> Result<Option<Index>, ReleaseError> {
        let Some(plain) = self.files.get(&path).copied() else {
            return Ok(None);
        };
        let mut forms = Vec::new();
        for form in [Form::Xz, Form::Gzip, Form::Plain] {
            let path = format!("{path}{}", form.suffix());
            if let Some(content) = self.files.get(&path).copied() {
                if content.size > limits::PACKAGES_INDEX_MAX {
                    let size = content.size;
                    return Err(ReleaseError::IndexTooLarge { path, size });
                }
                forms.push((path, form, content));
            }
        }
        Ok(Some(Index {
            path,
            component: component.to_owned(),
            plain,
            forms,
        }))
    }
}

fn parse_files(section: &str) -> Result<BTreeMap<String, Content>, ReleaseError> {
    let mut files = BTreeMap::new();
    for line in section
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
    {
        let wrong = || ReleaseError::File(excerpt(line));
        let mut words = line.split_ascii_whitespace();
        let (Some(digest), Some(size), Some(path), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(wrong());
        };
        let Ok(digest) = digest.parse::<Digest>() else {
            return Err(wrong());
        };
        let size = parse_number(size).ok_or_else(wrong)?;
        if !is_below(path) {
            return Err(wrong());
        }
        let content = Content { digest, size };
        match files.insert(path.to_owned(), content) {
            Some(other) if other != content => return Err(ReleaseError::Twice(excerpt(path))),
            _ => {}
        }
    }
    Ok(files)
}

/// Whether `path` is relative, without `.` and `..`, and of characters that mean nothing in a URI.
pub fn is_below(path: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"+-._~/:@".contains(&byte);
    let part = |part: &str| !part.is_empty() && part != "." && part != "..";
    path.len() <= limits::PATH_MAX && path.bytes().all(plain) && path.split('/').all(part)
}

fn parse_number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// `Sat, 15 Nov 2025 10:00:00 UTC`; the zone may also be `GMT`, `Z` or `+0000`. The name of the day
/// is not compared.
fn parse_date(text: &str) -> Option<Epoch> {
    let mut words = text.split_ascii_whitespace();
    let weekday = words.next()?;
    if weekday.len() != 4 || !weekday.ends_with(',') {
        return None;
    }
    let day = i8::try_from(parse_number(words.next()?)?).ok()?;
    let month = words.next()?;
    let month = MONTHS.iter().position(|name| *name == month)?;
    let month = i8::try_from(month).ok()?.checked_add(1)?;
    let year = i16::try_from(parse_number(words.next()?)?).ok()?;
    let mut time = words
        .next()?
        .split(':')
        .map(|part| i8::try_from(parse_number(part)?).ok());
    let (hour, minute, second) = (time.next()??, time.next()??, time.next()??);
    let zone = words.next()?;
    if time.next().is_some() || words.next().is_some() {
        return None;
    }
    if !["UTC", "GMT", "Z", "+0000"].contains(&zone) {
        return None;
    }
    let instant = jiff::civil::DateTime::new(year, month, day, hour, minute, second, 0).ok()?;
    let instant = jiff::tz::TimeZone::UTC.to_timestamp(instant).ok()?;
    let seconds = u64::try_from(instant.as_second()).ok()?;
    Epoch::new(seconds).ok()
}

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

fn excerpt(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
Origin: Debian
Suite: stable
Codename: trixie
Date: Sat, 15 Nov 2025 10:00:00 UTC
Valid-Until: Sat, 22 Nov 2025 10:00:00 UTC
Acquire-By-Hash: yes
Architectures: all amd64
Components: main contrib
SHA256:
 0000000000000000000000000000000000000000000000000000000000000001 10 main/binary-amd64/Packages
 0000000000000000000000000000000000000000000000000000000000000002  5 main/binary-amd64/Packages.xz
 0000000000000000000000000000000000000000000000000000000000000003  5 main/binary-all/Packages
";
    const DATE: u64 = 1_763_200_800;

    fn parse(text: &str) -> Result<Release, ReleaseError> {
        Release::from_text(text, Layout::Suite, Epoch::saturating(DATE + 9))
    }

    fn parse_flat(text: &str) -> Result<Release, ReleaseError> {
        Release::from_text(text, Layout::Flat, Epoch::saturating(DATE + 9))
    }

    fn release() -> Release {
        parse(TEXT).unwrap()
    }

    fn check(change: impl FnOnce(&mut Wanted<'_>)) -> Result<(), ReleaseError> {
        let components = ["main".to_owned()];
        let architecture = "amd64".parse().unwrap();
        let mut wanted = Wanted {
            suite: "trixie",
            components: &components,
            architecture: &architecture,
            now: DATE + 60,
            not_before: None,
        };
        change(&mut wanted);
        release().check(&wanted)
    }

    #[test]
    fn reads_what_debian_writes() {
        let release = release();
        assert_eq!(release.date, Epoch::new(DATE).unwrap());
        assert!(release.by_hash && !release.all_is_everywhere);
        let indexes = release.indexes("main", &"amd64".parse().unwrap()).unwrap();
        assert_eq!(indexes.len(), 2, "all is listed apart");
        assert_eq!(indexes[0].plain.size, 10);
        let forms: Vec<_> = indexes[0].forms.iter().map(|(_, form, _)| *form).collect();
        assert_eq!(forms, [Form::Xz, Form::Plain]);
        assert_eq!(check(|_| ()), Ok(()));
        assert_eq!(check(|wanted| wanted.suite = "stable"), Ok(()));
    }

    #[test]
    fn expired() {
        let week = 7 * 86_400;
        assert_eq!(check(|wanted| wanted.now = DATE + week), Ok(()));
        let result = check(|wanted| wanted.now = DATE + week + 1);
        assert!(
            matches!(result, Err(ReleaseError::Expired { .. })),
            "{result:?}"
        );
    }

    #[test]
    fn from_the_future() {
        assert_eq!(
            check(|wanted| wanted.now = DATE - 7200),
            Err(ReleaseError::FromTheFuture(Epoch::new(DATE).unwrap()))
        );
    }

    #[test]
    fn rolled_back() {
        let date = Epoch::new(DATE).unwrap();
        assert_eq!(check(|wanted| wanted.not_before = Some(date)), Ok(()));
        let before = Epoch::new(DATE + 1).unwrap();
        assert_eq!(
            check(|wanted| wanted.not_before = Some(before)),
            Err(ReleaseError::RolledBack { date, before })
        );
    }

    #[test]
    fn another_suite_component_or_architecture() {
        let result = check(|wanted| wanted.suite = "bookworm");
        assert!(
            matches!(result, Err(ReleaseError::Suite { .. })),
            "{result:?}"
        );
        let components = ["non-free".to_owned()];
        let architecture = "amd64".parse().unwrap();
        let arm = "arm64".parse().unwrap();
        let mut wanted = Wanted {
            suite: "trixie",
            components: &components,
            architecture: &architecture,
            now: DATE,
            not_before: None,
        };
        let result = release().check(&wanted);
        assert!(
            matches!(result, Err(ReleaseError::Component { .. })),
            "{result:?}"
        );
        wanted.components = &[];
        wanted.architecture = &arm;
        let result = release().check(&wanted);
        assert_eq!(result, Err(ReleaseError::NoArchitecture(arm.clone())));
    }

    #[test]
    fn malformed_texts() {
        let file = |path: &str| TEXT.replace("main/binary-all/Packages", path);
        for (text, error) in [
            (String::new(), ReleaseError::Stanzas(0)),
            (format!("{TEXT}\nSuite: x\n"), ReleaseError::Stanzas(2)),
            (
                format!("{TEXT}date: x\n"),
                ControlError::Twice("date".to_owned()).into(),
            ),
            (TEXT.replace("Date:", "Day:"), ReleaseError::Missing("Date")),
            (
                TEXT.replace("SHA256", "MD5Sum"),
                ReleaseError::Missing("SHA256"),
            ),
            (
                TEXT.replace("Nov 2025 10", "Nov 2025 25"),
                ReleaseError::Date("Date", "Sat, 15 Nov 2025 25:00:00 UTC".to_owned()),
            ),
            (
                TEXT.replace("Date: Sat, 15 Nov 2025 10:00:00 UTC", "Date: 2025-11-15"),
                ReleaseError::Date("Date", "2025-11-15".to_owned()),
            ),
            (
                file("main/binary-amd64/Packages"),
                ReleaseError::Twice("main/binary-amd64/Packages".to_owned()),
            ),
        ] {
            assert_eq!(parse(&text).unwrap_err(), error);
        }
        for path in [
            "/etc/passwd",
            "../x",
            "main/../../x",
            "a//b",
            "a?b",
            "a%2e",
            "a b",
        ] {
            let result = parse(&file(path));
            assert!(matches!(result, Err(ReleaseError::File(_))), "{path}");
        }
    }

    #[test]
    fn a_flat_repository_says_no_more_than_apt_needs() {
        let sums = "SHA256:\n 0000000000000000000000000000000000000000000000000000000000000001 10 Packages\n \
                    0000000000000000000000000000000000000000000000000000000000000002 5 Packages.gz\n";
        assert_eq!(parse(sums), Err(ReleaseError::Missing("Date")));
        let flat = parse_flat(sums).unwrap();
        assert_eq!(flat.date.seconds(), DATE + 9, "when it was signed");
        let index = flat.flat_index().unwrap();
        assert_eq!((index.path.as_str(), index.forms.len()), ("Packages", 2));
        let architecture = "amd64".parse().unwrap();
        let mut wanted = Wanted {
            suite: "./",
            components: &[],
            architecture: &architecture,
            now: DATE + 10,
            not_before: None,
        };
        assert_eq!(flat.check(&wanted), Ok(()));
        wanted.not_before = Some(Epoch::saturating(DATE + 10));
        let result = flat.check(&wanted);
        assert!(
            matches!(result, Err(ReleaseError::RolledBack { .. })),
            "{result:?}"
        );

        let odd = parse_flat(&format!(
            "Suite: x\nArchitectures: x86_64\nComponents: /\nDate: Sat, 15 Nov 2025 10:00:00 UTC\n{sums}"
        ));
        let odd = odd.unwrap();
        wanted.not_before = None;
        assert_eq!((odd.date.seconds(), odd.check(&wanted)), (DATE, Ok(())));
    }

    #[test]
    fn what_a_flat_repository_says_must_hold() {
        let sum = " 0000000000000000000000000000000000000000000000000000000000000001 10";
        for (text, error) in [
            (
                format!("Date: yesterday\nSHA256:\n{sum} Packages\n"),
                ReleaseError::Date("Date", "yesterday".to_owned()),
            ),
            (
                format!("Valid-Until: never\nSHA256:\n{sum} Packages\n"),
                ReleaseError::Date("Valid-Until", "never".to_owned()),
            ),
            (
                format!("MD5Sum:\n{sum} Packages\n"),
                ReleaseError::Missing("SHA256"),
            ),
            (
                format!("SHA256:\n{sum} ../Packages\n"),
                ReleaseError::File(format!("{} ../Packages", sum.trim())),
            ),
        ] {
            assert_eq!(parse_flat(&text).unwrap_err(), error);
        }
        let compressed = parse_flat(&format!("SHA256:\n{sum} Packages.gz\n")).unwrap();
        assert_eq!(compressed.flat_index(), Err(ReleaseError::NoFlatIndex));
        let expired = parse_flat(&format!(
            "Valid-Until: Sat, 15 Nov 2025 10:00:00 UTC\nSHA256:\n{sum} Packages\n"
        ));
        let architecture = "amd64".parse().unwrap();
        let wanted = Wanted {
            suite: "./",
            components: &[],
            architecture: &architecture,
            now: DATE + 60,
            not_before: None,
        };
        assert!(matches!(
            expired.unwrap().check(&wanted),
            Err(ReleaseError::Expired { .. })
        ));
    }

    #[test]
    fn oversized_index() {
        let text = TEXT.replace(" 10 main", " 99999999999 main");
        let result = parse(&text)
            .unwrap()
            .indexes("main", &"amd64".parse().unwrap());
        assert_eq!(
            result,
            Err(ReleaseError::IndexTooLarge {
                path: "main/binary-amd64/Packages".to_owned(),
                size: 99_999_999_999
            })
        );
    }
}
