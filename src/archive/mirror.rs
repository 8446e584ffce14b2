//! Which mirror: the command line's, the environment's, the template's, or the machine's own.

use std::path::Path;

use super::apt;
use super::keys::{self, DebianArchive};
use super::repository::Repository;
use super::{Location, LocationError};
use crate::deb::openpgp::{Keyring, OpenPgpError};
use crate::lock::{SourceName, SourceNameError};
use crate::sys::fs::{self, IoError};
use crate::template::{self, DEBIAN, DEBIAN_SECURITY, Pocket};

/// Mirrors that somebody named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Named {
    /// The archive.
    pub main: Option<String>,
    /// The security archive.
    pub security: Option<String>,
}

/// The mirrors to use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mirrors {
    /// The archive.
    pub main: Location,
    /// The security archive; `None` where nobody knows one.
    pub security: Option<Location>,
}

/// Why it is not known where packages come from.
#[derive(Debug, thiserror::Error)]
pub enum MirrorError {
    /// Nobody names a mirror.
    #[error(
        "no mirror of Debian is known: neither --mirror, KARAT_MIRROR, the template nor {directory} names one{}",
        and_unread(unreadable)
    )]
    NoMirror {
        /// Where apt's sources would be.
        directory: String,
        /// Which of apt's files could not be read: one of them may name a mirror.
        unreadable: Vec<IoError>,
    },
    /// Nobody names a mirror of the security archive.
    #[error(
        "no mirror of Debian's security archive is known: neither --security-mirror, KARAT_SECURITY_MIRROR, the template nor apt's sources name one, and {main} does not end in /debian"
    )]
    NoSecurityMirror {
        /// The mirror of the archive.
        main: Location,
    },
    /// A named mirror cannot be understood.
    #[error(transparent)]
    Location(#[from] LocationError),
    /// karat has no keys of this release, and the template gives none.
    #[error("karat has no archive keys of the suite {0}: name some in [source] keyring")]
    UnknownRelease(String),
    /// A keyring cannot be used.
    #[error("the keyring {keyring} cannot be used: {source}")]
    Keyring {
        /// Which one.
        keyring: String,
        /// Why.
        source: OpenPgpError,
    },
    /// A name cannot stand in a lock.
    #[error("{name}: {source}")]
    Name {
        /// The name.
        name: String,
        /// Why.
        source: SourceNameError,
    },
    /// apt's sources cannot be listed.
    #[error(transparent)]
    Io(#[from] IoError),
}

impl Mirrors {
    /// Chooses the mirrors: `flags`, else `environment`, else the template's, else those of apt's
    /// sources in `directory`.
    ///
    /// Where only the archive's mirror is named, security updates come from that directory itself
    /// if it has them or from the one beside it, for `file:`; else from apt's security mirror; else
    /// from `…/debian-security` beside a mirror that ends in `/debian`.
    ///
    /// # Errors
    /// No mirror of the archive is known, or one is malformed.
    pub fn choose(
        source: &template::Source,
        flags: &Named,
        environment: &Named,
        directory: &Path,
    ) -> Result<Self, MirrorError> {
        let named = |flag: &Option<String>, variable: &Option<String>, own: Option<&str>| {
            let text = flag.as_deref().or(variable.as_deref()).or(own);
            text.map(str::parse::<Location>).transpose()
        };
        let own = |uri: &Option<template::Uri>| uri.as_ref().map(|uri| uri.as_str().to_owned());
        let (main, security) = (own(&source.mirror), own(&source.security_mirror));
        let main = named(&flags.main, &environment.main, main.as_deref())?;
        let security = named(&flags.security, &environment.security, security.as_deref())?;
        let found = match (&main, &security) {
            (Some(_), Some(_)) => apt::Discovery::default(),
            _ => apt::discover(directory)?,
        };
        let apt::Discovery {
            mirrors: found,
            unreadable,
        } = found;
        let Some(main) = main.or(found.main) else {
            return Err(MirrorError::NoMirror {
                directory: directory.display().to_string(),
                unreadable,
            });
        };
        let security = match security {
            Some(named) => Some(named),
            None => beside(&main, source)?
                .or(found.security)
                .or_else(|| main.security_sibling()),
        };
        Ok(Self { main, security }.at(source))
    }

    /// At the moment that the template asks for: a directory of that name below the mirror.
    fn at(self, source: &template::Source) -> Self {
        let Some(snapshot) = &source.snapshot else {
            return self;
        };
        let at = |location: Location| location.join(snapshot.as_str());
        Self {
            main: at(self.main),
            security: self.security.map(at),
        }
    }

    /// The suites that a template takes packages from, in the order in which apt would name them.
    ///
    /// # Errors
    /// A mirror or a key is missing.
    pub fn repositories(&self, source: &template::Source) -> Result<Vec<Repository>, MirrorError> {
        let suite = source.suite.as_str();
        let components = words(&source.components);
        let mut repositories = vec![self.debian(source, suite, &components)?];
        for pocket in &source.pockets {
            let suite = format!("{suite}-{pocket}");
            repositories.push(match pocket {
                Pocket::Security => self.security(source, &suite, &components)?,
                Pocket::Updates | Pocket::Backports | Pocket::ProposedUpdates => {
                    self.debian(source, &suite, &components)?
                }
            });
        }
        for extra in &source.extra {
            let name = extra.name.as_str();
            repositories.push(Repository {
                name: source_name(name, extra.suite.as_str())?,
                location: extra.uri.as_str().parse()?,
                components: words(&extra.components),
                keyring: keyring(&extra.key)?,
                priority: extra.priority.map(clamp),
            });
        }
        Ok(repositories)
    }

    fn debian(
        &self,
        source: &template::Source,
        suite: &str,
        components: &[String],
    ) -> Result<Repository, MirrorError> {
        Ok(Repository {
            name: source_name(DEBIAN, suite)?,
            location: self.main.clone(),
            components: components.to_vec(),
            keyring: debian_keys(source, DebianArchive::Main)?,
            priority: None,
        })
    }

    fn security(
        &self,
        source: &template::Source,
        suite: &str,
        components: &[String],
    ) -> Result<Repository, MirrorError> {
        let Some(location) = self.security.clone() else {
            return Err(MirrorError::NoSecurityMirror {
                main: self.main.clone(),
            });
        };
        Ok(Repository {
            name: source_name(DEBIAN_SECURITY, suite)?,
            location,
            components: components.to_vec(),
            keyring: debian_keys(source, DebianArchive::Security)?,
            priority: None,
        })
    }
}

/// The security archive in a directory of this machine: the mirror itself, or the one beside it.
fn beside(main: &Location, source: &template::Source) -> Result<Option<Location>, MirrorError> {
    let has = |location: &Location| match location {
        Location::File(path) => {
            fs::exists(path.join(format!("dists/{}-security", source.suite.as_str())))
        }
        Location::Http(_) => Ok(false),
    };
    for candidate in [Some(main.clone()), main.security_sibling()]
        .into_iter()
        .flatten()
    {
        if has(&candidate)? {
            return Ok(Some(candidate));
        }
    }
    Ok(None)
}

fn debian_keys(source: &template::Source, archive: DebianArchive) -> Result<Keyring, MirrorError> {
    if let Some(own) = &source.keyring {
        return keyring(own);
    }
    let suite = source.suite.as_str();
    keys::debian(suite, archive)
        .map_err(|source| MirrorError::Keyring {
            keyring: format!("of {suite}, shipped with karat,"),
            source,
        })?
        .ok_or_else(|| MirrorError::UnknownRelease(suite.to_owned()))
}

fn keyring(file: &template::SourceFile) -> Result<Keyring, MirrorError> {
    Keyring::parse(&file.body.bytes).map_err(|source| MirrorError::Keyring {
        keyring: file.source.clone(),
        source,
    })
}

/// What may have been missed.
fn and_unread(unreadable: &[IoError]) -> String {
    let told = unreadable.iter().map(ToString::to_string);
    let told: Vec<String> = told.collect();
    if told.is_empty() {
        String::new()
    } else {
        format!("; {}", told.join("; "))
    }
}

fn source_name(archive: &str, suite: &str) -> Result<SourceName, MirrorError> {
    SourceName::new(archive, suite).map_err(|source| MirrorError::Name {
        name: format!("{archive}/{suite}"),
        source,
    })
}

fn words(components: &[template::ComponentName]) -> Vec<String> {
    components
        .iter()
        .map(|one| one.as_str().to_owned())
        .collect()
}

/// Templates allow what apt allows; the limits are the same.
fn clamp(priority: i32) -> i16 {
    i16::try_from(priority).unwrap_or(if priority < 0 { i16::MIN } else { i16::MAX })
}
