//! Drafts and statements.

use std::fmt;
use std::str::FromStr;

use super::codec::{self, StatementError};
use super::{ImageName, ImageVersion, Subject, Subjects};
use crate::digest::Digest;
use crate::key::Signed;
use crate::layout::verity::Verity;
use crate::tree::Epoch;

/// What a build says about its image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Baseline {
    /// The image's name.
    pub name: ImageName,
    /// The image's version.
    pub version: ImageVersion,
    /// The build's clock.
    pub epoch: Epoch,
    /// The program that built it, such as `karat 0.1.0`; at most 64 visible ASCII letters.
    pub builder: String,
    /// What it was built from.
    pub inputs: Inputs,
    /// Where it belongs, as far as the template says.
    pub segment: Placement,
    /// What the kernel checks the file system image against, if one was made to be booted from.
    pub verity: Option<Verity>,
    /// The digests of what was built.
    pub subjects: Subjects,
}

/// The digests of what an image was built from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inputs {
    /// The template in its canonical form, contents of source files included.
    pub template: Digest,
    /// The lock file.
    pub lock: Digest,
    /// The payload of the trust root that was put into the image.
    pub trust: Option<Digest>,
    /// The agent that was put into the image.
    pub agent: Option<Digest>,
}

/// Where an image belongs: words of the template, at most 64 of `a-z 0-9 . -` each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placement {
    /// The category of its service.
    pub category: Option<String>,
    /// Its network segment.
    pub segment: Option<String>,
    /// Where in its life it is.
    pub lifecycle: Option<String>,
}

/// A statement without serial: the same inputs give the same draft, byte for byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft(Baseline);

/// A statement as it is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    baseline: Baseline,
    serial: Serial,
    expires: Option<Epoch>,
}

impl Draft {
    /// Checks what a build says and fixes it.
    ///
    /// # Errors
    /// A main subject is missing, a word is out of its alphabet, or the whole is too large to be
    /// signed by every signer.
    pub fn new(baseline: Baseline) -> Result<Self, StatementError> {
        codec::check(&baseline)?;
        let draft = Self(baseline);
        // The largest that it can become by completion.
        let (serial, expires) = (Serial::MAX, Epoch::new(Epoch::MAX).ok());
        codec::encode(&draft.0, Some(serial), expires)?;
        Ok(draft)
    }

    /// Reads a draft file, `.statement.json`.
    ///
    /// # Errors
    /// It is no draft, not canonical, or already complete.
    pub fn parse(file: &[u8]) -> Result<Self, StatementError> {
        let payload = file.strip_suffix(b"\n").unwrap_or(file);
        match codec::decode(payload)? {
            (baseline, None, None) => Self::new(baseline),
            _ => Err(StatementError::Complete),
        }
    }

    /// The draft file: canonical JSON and a line feed.
    ///
    /// # Errors
    /// Never for a draft that was made: its size was checked.
    pub fn to_bytes(&self) -> Result<Vec<u8>, StatementError> {
        let mut bytes = codec::encode(&self.0, None, None)?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// What the build says.
    pub fn baseline(&self) -> &Baseline {
        &self.0
    }

    /// The statement that releases this draft under `serial`.
    pub fn complete(&self, serial: Serial, expires: Option<Epoch>) -> Statement {
        Statement {
            baseline: self.0.clone(),
            serial,
            expires,
        }
    }
}

impl Statement {
    /// The media type of the payload.
    pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
    /// The in-toto statement's type.
    pub const TYPE: &str = "https://in-toto.io/Statement/v1";
    /// The type of the predicate. The host name is reserved (RFC 2606), so it can never be
    /// somebody else's; nothing is to be found there.
    pub const PREDICATE_TYPE: &str = "https://karat.example/baseline/v1";

    /// Reads a payload, whoever signed it: for tools that show or complete it. To rely on one, open
    /// its Envelope.
    ///
    /// # Errors
    /// It is no statement, not canonical, or only a draft.
    pub fn parse(payload: &[u8]) -> Result<Self, StatementError> {
        let (baseline, serial, expires) = codec::decode(payload)?;
        let serial = serial.ok_or(StatementError::Draft)?;
        codec::check(&baseline)?;
        Ok(Self {
            baseline,
            serial,
            expires,
        })
    }

    /// The payload to sign.
    ///
    /// # Errors
    /// Its signed form would be larger than [`crate::limits::STATEMENT_MAX`] bytes.
    pub fn to_signed(&self) -> Result<Signed, StatementError> {
        let payload = codec::encode(&self.baseline, Some(self.serial), self.expires)?;
        Ok(Signed::new(Self::PAYLOAD_TYPE, payload))
    }

    /// The draft that this statement completes.
    pub fn draft(&self) -> Draft {
        Draft(self.baseline.clone())
    }

    /// What the build says.
    pub fn baseline(&self) -> &Baseline {
        &self.baseline
    }

    /// The serial of this release.
    pub fn serial(&self) -> Serial {
        self.serial
    }

    /// After this instant it should have been replaced.
    pub fn expires(&self) -> Option<Epoch> {
        self.expires
    }
}

impl Baseline {
    /// `NAME_VERSION`: what every file of this build starts with.
    pub fn stem(&self) -> String {
        format!("{}_{}", self.name, self.version)
    }

    /// The name of a subject: `NAME_VERSION` and its suffix.
    pub fn subject_name(&self, subject: Subject) -> String {
        self.stem() + subject.suffix()
    }

    /// The digest of a subject, if the statement speaks about it.
    pub fn digest(&self, subject: Subject) -> Option<Digest> {
        self.subjects.get(&subject).copied()
    }
}

/// The place of a statement in the row of releases of one image: 1 and more; a later release has a
/// higher one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Serial(u64);

/// Something that is no serial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a serial is a whole number from 1 to {}", Serial::MAX.0)]
pub struct SerialError;

impl Serial {
    /// The first.
    pub const FIRST: Self = Self(1);
    /// The last: 2^53 - 1, the largest whole number that every JSON reader keeps exactly (RFC 8259,
    /// section 6).
    pub const MAX: Self = Self((1 << 53) - 1);

    /// Takes a number.
    ///
    /// # Errors
    /// It is 0 or larger than [`Serial::MAX`].
    pub const fn new(number: u64) -> Result<Self, SerialError> {
        if number == 0 || number > Self::MAX.0 {
            Err(SerialError)
        } else {
            Ok(Self(number))
        }
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The one after.
    ///
    /// # Errors
    /// This is the last.
    pub const fn next(self) -> Result<Self, SerialError> {
        Self::new(self.0.saturating_add(1))
    }
}

impl FromStr for Serial {
    type Err = SerialError;

    fn from_str(text: &str) -> Result<Self, SerialError> {
        Self::new(text.parse().or(Err(SerialError))?)
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
