//! The expectations as a value and as canonical JSON.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Class, Facts, FactsError};
use crate::digest::Digest;
use crate::limits;
use crate::path::{Glob, ImagePath};
use crate::tree::{Mode, Origin};

/// Which paths may differ from the manifest, and how far; what must hold on the running system.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expectations {
    facts: Facts,
    mutable: Vec<Mutable>,
    places: Vec<ImagePath>,
}

/// One pattern of paths that may differ.
///
/// Fields stand in the order of their names, so that the JSON is canonical.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mutable {
    /// How far they may differ.
    pub class: Class,
    /// The exact mode of a generated-once file; other classes have none.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "write_mode",
        deserialize_with = "read_mode"
    )]
    pub mode: Option<Mode>,
    /// Who asked for it: a package, a section of the template, a rule.
    #[serde(serialize_with = "write_origin", deserialize_with = "read_origin")]
    pub origin: Origin,
    /// Which paths.
    pub path: Glob,
}

/// The rule that expectations break.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExpectationsError {
    /// The same pattern twice.
    #[error("expectations: {0} stands there twice")]
    Duplicate(Glob),
    /// A fact that breaks a rule.
    #[error("expectations: facts: {0}")]
    Facts(#[from] FactsError),
    /// Not the JSON that this format describes.
    #[error("expectations: {0}")]
    Json(String),
    /// A mode with a class that has none.
    #[error("expectations: {0}: only a generated-once path has a mode")]
    Mode(Glob),
    /// Another spelling than the canonical one.
    #[error("expectations: not in canonical form (sorted, no blanks, one line feed at the end)")]
    NotCanonical,
    /// The same place twice.
    #[error("expectations: the place {0} stands there twice")]
    Place(ImagePath),
    /// More bytes than karat reads.
    #[error("expectations: larger than {} bytes", limits::EXPECTATIONS_MAX)]
    TooLarge,
    /// A version that this karat does not know.
    #[error("expectations: version {0}; this karat knows version 1")]
    Version(u64),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    /// Left out where nothing is stated.
    #[serde(default)]
    facts: Facts,
    mutable: Vec<Mutable>,
    #[serde(default, deserialize_with = "read_places")]
    places: Vec<ImagePath>,
    #[serde(rename = "version")]
    _version: u64,
}

#[derive(Serialize)]
struct Written<'e> {
    #[serde(skip_serializing_if = "Option::is_none")]
    facts: Option<&'e Facts>,
    mutable: &'e [Mutable],
    #[serde(
        skip_serializing_if = "<[ImagePath]>::is_empty",
        serialize_with = "write_places"
    )]
    places: &'e [ImagePath],
    version: u64,
}

#[derive(Deserialize)]
struct Version {
    version: u64,
}

/// The version that is read and written.
const VERSION: u64 = 1;

impl Expectations {
    /// Expectations of these patterns, in any order.
    ///
    /// # Errors
    /// A pattern stands there twice, or has a mode where its class has none.
    pub fn new(mut mutable: Vec<Mutable>) -> Result<Self, ExpectationsError> {
        crate::order::sort_by(&mut mutable, |a, b| a.path.cmp(&b.path));
        for (entry, next) in mutable.iter().zip(mutable.iter().skip(1)) {
            if entry.path == next.path {
                return Err(ExpectationsError::Duplicate(entry.path.clone()));
            }
        }
        for entry in &mutable {
            if entry.mode.is_some() && entry.class != Class::GeneratedOnce {
                return Err(ExpectationsError::Mode(entry.path.clone()));
            }
        }
        Ok(Self {
            facts: Facts::default(),
            mutable,
            places: Vec::new(),
        })
    }

    /// The same with these facts, in any order.
    ///
    /// # Errors
    /// A fact stands there twice, or says nothing.
    pub fn with_facts(self, facts: Facts) -> Result<Self, ExpectationsError> {
        Ok(Self {
            facts: facts.sorted()?,
            ..self
        })
    }

    /// The same with places where an initrd lets the machine write, in any order.
    ///
    /// # Errors
    /// One stands there twice.
    pub fn with_places(self, mut places: Vec<ImagePath>) -> Result<Self, ExpectationsError> {
        crate::order::sort(&mut places);
        for (place, next) in places.iter().zip(places.iter().skip(1)) {
            if place == next {
                return Err(ExpectationsError::Place(place.clone()));
            }
        }
        Ok(Self { places, ..self })
    }

    /// Reads canonical JSON.
    ///
    /// # Errors
    /// The rule that `bytes` break; every spelling but the canonical one is refused.
    pub fn parse(bytes: &[u8]) -> Result<Self, ExpectationsError> {
        if u64::try_from(bytes.len()).is_ok_and(|length| length > limits::EXPECTATIONS_MAX) {
            return Err(ExpectationsError::TooLarge);
        }
        let json = |error: serde_json::Error| ExpectationsError::Json(error.to_string());
        // The version is looked at first: a later one may have keys that this one would refuse.
        let Version { version } = serde_json::from_slice(bytes).map_err(json)?;
        if version != VERSION {
            return Err(ExpectationsError::Version(version));
        }
        let document: Document = serde_json::from_slice(bytes).map_err(json)?;
        document.facts.check()?;
        let is_sorted = document.facts.is_sorted();
        let expectations = Self {
            facts: document.facts,
            ..Self::new(document.mutable)?.with_places(document.places)?
        };
        if !is_sorted || expectations.to_bytes() != bytes {
            return Err(ExpectationsError::NotCanonical);
        }
        Ok(expectations)
    }

    /// What must hold on the running system.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The patterns, in bytewise order.
    pub fn mutable(&self) -> &[Mutable] {
        &self.mutable
    }

    /// Where an initrd lets the machine write, in bytewise order: something that gains no rights is mounted
    /// there, and where the image has files in that directory, it is an overlay, through which they show.
    pub fn places(&self) -> &[ImagePath] {
        &self.places
    }

    /// The pattern that decides about `path`: of those that fit, the longest, and of equally long
    /// ones the last in bytewise order. `None`: the path is strict.
    pub fn of(&self, path: &ImagePath) -> Option<&Mutable> {
        self.mutable
            .iter()
            .filter(|mutable| mutable.path.matches(path))
            .max_by_key(|mutable| mutable.path.as_str().len())
    }

    /// The canonical bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let document = Written {
            facts: Some(&self.facts).filter(|facts| !facts.is_empty()),
            mutable: &self.mutable,
            places: &self.places,
            version: VERSION,
        };
        // Strings and numbers: nothing here can fail to become JSON.
        let mut bytes = serde_json::to_vec(&document).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }

    /// SHA-256 of the canonical bytes: the name under which a statement signs them.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.to_bytes())
    }
}

#[expect(
    clippy::ref_option,
    clippy::trivially_copy_pass_by_ref,
    reason = "serde's signature"
)]
fn write_mode<S: Serializer>(mode: &Option<Mode>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&mode.unwrap_or(Mode::FILE))
}

fn read_mode<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Mode>, D::Error> {
    u32::from_str_radix(&String::deserialize(deserializer)?, 8)
        .ok()
        .and_then(|bits| Mode::new(bits).ok())
        .map(Some)
        .ok_or_else(|| serde::de::Error::custom("a mode is four octal digits"))
}

fn write_origin<S: Serializer>(origin: &Origin, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(origin)
}

fn write_places<S: Serializer>(places: &&[ImagePath], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(places.iter().map(ToString::to_string))
}

fn read_places<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<ImagePath>, D::Error> {
    let mut places = Vec::new();
    for text in Vec::<String>::deserialize(deserializer)? {
        // What is no UTF-8 would be shown escaped, and read as another path.
        places.push(ImagePath::parse(text).map_err(serde::de::Error::custom)?);
    }
    Ok(places)
}

fn read_origin<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Origin, D::Error> {
    String::deserialize(deserializer)?
        .parse()
        .map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mutable(path: &str, class: Class, mode: Option<u32>) -> Mutable {
        Mutable {
            class,
            mode: mode.map(|bits| Mode::new(bits).unwrap()),
            origin: "template:verify".parse().unwrap(),
            path: Glob::parse(path).unwrap(),
        }
    }

    fn sample() -> Expectations {
        Expectations::new(vec![
            mutable("/var/log/**", Class::State, None),
            mutable("/etc/ssh/ssh_host_*_key", Class::GeneratedOnce, Some(0o600)),
        ])
        .unwrap()
    }

    const TEXT: &str = concat!(
        r#"{"mutable":[{"class":"generated-once","mode":"0600","origin":"template:verify","#,
        r#""path":"/etc/ssh/ssh_host_*_key"},"#,
        r#"{"class":"state","origin":"template:verify","path":"/var/log/**"}],"version":1}"#,
        "\n"
    );

    #[test]
    fn one_value_has_one_spelling() {
        assert_eq!(String::from_utf8(sample().to_bytes()).unwrap(), TEXT);
        assert_eq!(Expectations::parse(TEXT.as_bytes()), Ok(sample()));
        for other in [
            TEXT.trim_end().to_owned(),
            format!(" {TEXT}"),
            TEXT.replace("0600", "600"),
            TEXT.replace("0600", "+600"),
            TEXT.replace(":1}", ": 1}"),
            TEXT.replace("/var", "\\u002fvar"),
        ] {
            assert_eq!(
                Expectations::parse(other.as_bytes()),
                Err(ExpectationsError::NotCanonical),
                "{other}"
            );
        }
    }

    #[test]
    fn each_rule_has_its_error() {
        let empty = |version: u64| format!("{{\"mutable\":[],\"version\":{version}}}\n");
        assert_eq!(
            Expectations::parse(empty(1).as_bytes()),
            Ok(Expectations::default())
        );
        assert_eq!(
            Expectations::parse(empty(2).as_bytes()),
            Err(ExpectationsError::Version(2))
        );
        let glob = Glob::parse("/a").unwrap();
        assert_eq!(
            Expectations::new(vec![
                mutable("/a", Class::State, None),
                mutable("/a", Class::Volatile, None)
            ]),
            Err(ExpectationsError::Duplicate(glob.clone()))
        );
        assert_eq!(
            Expectations::new(vec![mutable("/a", Class::State, Some(0o600))]),
            Err(ExpectationsError::Mode(glob))
        );
        for text in [
            "",
            "{}",
            "[]",
            &TEXT.replace("state", "anything"),
            &TEXT.replace("/var/log/**", "var/log"),
            &TEXT.replace("template:verify", "nobody"),
            &TEXT.replace("\"version\":1", "\"version\":1,\"more\":[]"),
            &TEXT.replace("\"class\":\"state\"", "\"class\":\"state\",\"uid\":0"),
        ] {
            assert!(
                matches!(
                    Expectations::parse(text.as_bytes()),
                    Err(ExpectationsError::Json(_))
                ),
                "{text}"
            );
        }
    }

    #[test]
    fn the_example_of_the_format_is_one() {
        let page = include_str!("../../docs/formats/expectations.md");
        let example = page.split("```json\n").nth(1).unwrap();
        let example = example.split("```").next().unwrap();
        assert!(Expectations::parse(example.as_bytes()).is_ok());
    }

    #[test]
    fn the_longest_pattern_decides() {
        let expectations = Expectations::new(vec![
            mutable("/var/**", Class::Volatile, None),
            mutable("/var/lib/app/**", Class::State, None),
        ])
        .unwrap();
        let class = |path| {
            expectations
                .of(&ImagePath::parse(path).unwrap())
                .map(|m| m.class)
        };
        assert_eq!(class("/var/lib/app/x"), Some(Class::State));
        assert_eq!(class("/var/lib/apparmor"), Some(Class::Volatile));
        assert_eq!(class("/etc/passwd"), None);
    }
}
