//! What the template decided about the verification of its instances.

use serde::{Deserialize, Serialize};

use crate::appraise::Expiry;
use crate::baseline::{ImageName, NameError};
use crate::json::{self, JsonError};
use crate::limits;

/// What happens at boot where an instance is not what was signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnFailure {
    /// It starts without network; login on the console only.
    Isolate,
    /// It is switched off.
    Poweroff,
    /// It is said, and the boot goes on.
    #[default]
    Report,
}

impl OnFailure {
    /// The name in templates and policies.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Isolate => "isolate",
            Self::Poweroff => "poweroff",
            Self::Report => "report",
        }
    }
}

/// The policy of an image: `/usr/lib/karat/policy.json`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The image that this is: an Envelope for another one is not trusted.
    pub image: ImageName,
    /// What happens once a trust root or a statement has expired.
    pub expiry: Expiry,
    /// What happens where the instance is not what was signed. The units of the image do it; the
    /// agent only reports.
    pub on_failure: OnFailure,
}

/// Why bytes are no policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// Not JSON, or not the keys of a policy.
    #[error("policy: {0}")]
    Json(#[from] JsonError),
    /// A later format.
    #[error("policy: version {0} is none that this karat knows")]
    Version(u64),
    /// No name of an image.
    #[error("policy: {0}")]
    Name(#[from] NameError),
    /// Another spelling.
    #[error("policy: it is not canonical JSON, or no line feed ends it")]
    NotCanonical,
}

/// The version that is read and written.
const VERSION: u64 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    expiry: Expiry,
    image: String,
    on_failure: OnFailure,
    version: u64,
}

#[derive(Deserialize)]
struct Version {
    version: u64,
}

impl Policy {
    /// Reads the one spelling of a policy.
    ///
    /// # Errors
    /// The rule that `bytes` break.
    pub fn parse(bytes: &[u8]) -> Result<Self, PolicyError> {
        let Version { version } = json::read(bytes, limits::POLICY_MAX)?;
        if version != VERSION {
            return Err(PolicyError::Version(version));
        }
        let raw: Raw = json::read(bytes, limits::POLICY_MAX)?;
        let policy = Self {
            image: ImageName::parse(&raw.image)?,
            expiry: raw.expiry,
            on_failure: raw.on_failure,
        };
        if policy.to_bytes() != bytes {
            return Err(PolicyError::NotCanonical);
        }
        Ok(policy)
    }

    /// The canonical bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let raw = Raw {
            expiry: self.expiry,
            image: self.image.as_str().to_owned(),
            on_failure: self.on_failure,
            version: VERSION,
        };
        // Words and a number: nothing here can fail to become JSON.
        let mut bytes = json::canonical(&raw).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "{\"expiry\":\"warn\",\"image\":\"base\",\"on_failure\":\"report\",\"version\":1}\n";

    #[test]
    fn one_spelling() {
        let policy = Policy::parse(TEXT.as_bytes()).unwrap();
        assert_eq!(policy.image.as_str(), "base");
        assert_eq!(policy.to_bytes(), TEXT.as_bytes());
        for (other, rule) in [
            (TEXT.trim_end().to_owned(), "not canonical"),
            (TEXT.replace(":1", ": 1"), "not canonical"),
            (TEXT.replace("base", "Base"), "image name"),
            (TEXT.replace("warn", "never"), "unknown variant"),
            (TEXT.replace("report", "shrug"), "unknown variant"),
            (TEXT.replace(":1", ":2"), "version 2"),
            (TEXT.replace('{', "{\"also\":1,"), "unknown field"),
            (TEXT.replace('{', "{\"image\":\"x\","), "twice"),
            ("x".repeat(70_000), "larger"),
            (String::new(), "not JSON"),
        ] {
            let error = Policy::parse(other.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(rule), "{other:.80}: {error}");
        }
    }

    #[test]
    fn the_example_of_the_format_is_one() {
        let page = include_str!("../../docs/formats/instance.md");
        assert!(page.contains(&format!("```json\n{TEXT}```")));
    }
}
