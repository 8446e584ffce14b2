//! One suite of an archive: its Release, verified, and its indexes, checked.

use std::io::Read;
use std::path::Path;

use super::cache::CacheError;
use super::{Cache, FetchError, Location, Network};
use crate::deb::openpgp::{self, Keyring, OpenPgpError};
use crate::deb::release::{Form, Index, Layout, Release, ReleaseError, Wanted};
use crate::deb::{Architecture, IndexError, Source, Universe};
use crate::limits;
use crate::lock::{LockedRelease, SourceName};
use crate::sys::fs;
use crate::tree::Epoch;

/// A suite to take packages from, or a flat repository: then its suite ends in `/`.
#[derive(Clone, Debug)]
pub struct Repository {
    /// What a lock calls it.
    pub name: SourceName,
    /// The base of its archive.
    pub location: Location,
    /// The components; a flat repository has none.
    pub components: Vec<String>,
    /// The keys that may sign it.
    pub keyring: Keyring,
    /// What apt would give to its packages; `None` leaves it to the Release.
    pub priority: Option<i16>,
}

/// The conditions for a Release file.
#[derive(Clone, Copy, Debug)]
pub struct Conditions<'a> {
    /// The architecture.
    pub architecture: &'a Architecture,
    /// The time, in seconds since 1970, at which signatures and Release must hold.
    pub now: u64,
    /// The Release that was used before: no older one is accepted.
    pub not_before: Option<Epoch>,
}

/// Why a suite cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RepositoryError {
    /// It has no InRelease: there is no such suite there, or no archive at all.
    #[error("{name} is not at {location}: there is no InRelease")]
    NoRelease {
        /// Which suite.
        name: SourceName,
        /// Where it should be.
        location: Location,
    },
    /// Its InRelease is not signed as it must be.
    #[error("{name} from {location} is not trusted: {source}")]
    Untrusted {
        /// Which suite.
        name: SourceName,
        /// Where it came from.
        location: Location,
        /// The rule of the key policy that it breaks.
        source: OpenPgpError,
    },
    /// Its Release is not the one asked for, or not in force.
    #[error("{name} from {location} is refused: {source}")]
    Release {
        /// Which suite.
        name: SourceName,
        /// Where it came from.
        location: Location,
        /// The rule that it breaks.
        source: Box<ReleaseError>,
    },
    /// An index was not there in any form.
    #[error("{name} from {location} lacks its index {index}: {source}")]
    NoIndex {
        /// Which suite.
        name: SourceName,
        /// Where it came from.
        location: Location,
        /// Its path.
        index: String,
        /// Why the last form could not be had.
        source: Box<FetchError>,
    },
    /// A compressed index does not decompress to the bytes that the Release names.
    #[error("{name} from {location}: the index {index} is damaged: {source}")]
    DamagedIndex {
        /// Which suite.
        name: SourceName,
        /// Where it came from.
        location: Location,
        /// Its path.
        index: String,
        /// What is wrong.
        source: Box<CacheError>,
    },
    /// An index is malformed.
    #[error("{name}: {source}")]
    Index {
        /// Which suite.
        name: SourceName,
        /// What is wrong.
        source: Box<IndexError>,
    },
    /// An index is not UTF-8.
    #[error("{name}: the index {index} is not UTF-8")]
    NotText {
        /// Which suite.
        name: SourceName,
        /// Its path.
        index: String,
    },
    /// It could not be fetched.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The cache cannot be used.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// A file cannot be read.
    #[error(transparent)]
    Io(#[from] fs::IoError),
}

impl Repository {
    /// Fetches the Release, verifies it, and adds the indexes to `universe`.
    ///
    /// Offline, the Release accepted last is verified anew, and everything comes from the cache.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn load(
        &self,
        conditions: &Conditions<'_>,
        network: &Network,
        cache: &Cache,
        universe: &mut Universe,
    ) -> Result<LockedRelease, RepositoryError> {
        let (release, locked) = self.release(conditions, network, cache)?;
        let indexes = self.indexes(&release, conditions.architecture);
        for index in indexes.map_err(|source| self.refused(source))? {
            let text = self.index(&release, &index, network, cache)?;
            let added = universe.add(self.source(&release, &index.component), text);
            added.map_err(|source| RepositoryError::Index {
                name: self.name.clone(),
                source: Box::new(source),
            })?;
        }
        Ok(locked)
    }

    fn layout(&self) -> Layout {
        Layout::of(self.name.suite())
    }

    fn indexes(
        &self,
        release: &Release,
        architecture: &Architecture,
    ) -> Result<Vec<Index>, ReleaseError> {
        match self.layout() {
            Layout::Flat => Ok(vec![release.flat_index()?]),
            Layout::Suite => {
                let mut all = Vec::new();
                for component in &self.components {
                    all.extend(release.indexes(component, architecture)?);
                }
                Ok(all)
            }
        }
    }

    fn release(
        &self,
        conditions: &Conditions<'_>,
        network: &Network,
        cache: &Cache,
    ) -> Result<(Release, LockedRelease), RepositoryError> {
        let location = self.location.join(&self.dist("InRelease"));
        let place = location.to_string();
        let remembers = network.is_offline() && matches!(location, Location::Http(_));
        let bytes = if remembers {
            cache
                .release(&place, limits::RELEASE_MAX)?
                .ok_or_else(|| FetchError::Offline(location.clone()))?
        } else {
            match network.get(&location, limits::RELEASE_MAX) {
                Err(FetchError::NotFound(_)) => {
                    return Err(RepositoryError::NoRelease {
                        name: self.name.clone(),
                        location: self.location.clone(),
                    });
                }
                bytes => bytes?,
            }
        };
        let signed = openpgp::verify(&bytes, &self.keyring, conditions.now).map_err(|source| {
            RepositoryError::Untrusted {
                name: self.name.clone(),
                location: self.location.clone(),
                source,
            }
        })?;
        let release =
            Release::parse(&signed, self.layout()).map_err(|source| self.refused(source))?;
        let wanted = Wanted {
            suite: self.name.suite(),
            components: &self.components,
            architecture: conditions.architecture,
            now: conditions.now,
            not_before: conditions.not_before,
        };
        release
            .check(&wanted)
            .map_err(|source| self.refused(source))?;
        if !remembers {
            cache.keep_release(&place, &bytes)?;
        }
        let locked = LockedRelease {
            name: self.name.clone(),
            date: release.date,
            valid_until: release.valid_until,
            digest: signed.digest(),
            signed_by: signed.signers().to_vec(),
        };
        Ok((release, locked))
    }

    /// The text of an index, from the cache or from the smallest form that is there.
    fn index(
        &self,
        release: &Release,
        index: &Index,
        network: &Network,
        cache: &Cache,
    ) -> Result<String, RepositoryError> {
        let path = match cache.find(&index.plain)? {
            Some(path) => path,
            None => self.fetch_index(release, index, network, cache)?,
        };
        fs::read_text(&path, limits::PACKAGES_INDEX_MAX).map_err(|error| {
            if error.source.kind() == std::io::ErrorKind::InvalidData {
                RepositoryError::NotText {
                    name: self.name.clone(),
                    index: index.path.clone(),
                }
            } else {
                error.into()
            }
        })
    }

    fn fetch_index(
        &self,
        release: &Release,
        index: &Index,
        network: &Network,
        cache: &Cache,
    ) -> Result<std::path::PathBuf, RepositoryError> {
        let mut last = FetchError::NotFound(self.location.clone());
        for (path, form, content) in &index.forms {
            let plain = self.location.join(&self.dist(path));
            let by_hash = release.by_hash.then(|| {
                let directory = path.rsplit_once('/').map_or("", |(directory, _)| directory);
                let slash = if directory.is_empty() { "" } else { "/" };
                let name = format!("{directory}{slash}by-hash/SHA256/{}", content.digest);
                self.location.join(&self.dist(&name))
            });
            for place in by_hash.into_iter().chain([plain]) {
                let fetched = match network.fetch(&place, content, cache, &|_| ()) {
                    Ok(fetched) => fetched,
                    // Another form or name may still be there.
                    Err(error @ FetchError::NotFound(_)) => {
                        last = error;
                        continue;
                    }
                    Err(error) => return Err(error.into()),
                };
                return match form {
                    Form::Plain => Ok(fetched),
                    Form::Xz | Form::Gzip => {
                        let unpacked = unpack(&fetched, *form, index, cache);
                        unpacked.map_err(|source| RepositoryError::DamagedIndex {
                            name: self.name.clone(),
                            location: self.location.clone(),
                            index: index.path.clone(),
                            source: Box::new(source),
                        })
                    }
                };
            }
        }
        Err(RepositoryError::NoIndex {
            name: self.name.clone(),
            location: self.location.clone(),
            index: index.path.clone(),
            source: Box::new(last),
        })
    }

    /// A path below the Release, as one below the base.
    fn dist(&self, path: &str) -> String {
        match (self.layout(), self.name.suite()) {
            (Layout::Suite, suite) => format!("dists/{suite}/{path}"),
            (Layout::Flat, "/" | "./") => path.to_owned(),
            (Layout::Flat, directory) => format!("{directory}{path}"),
        }
    }

    fn source(&self, release: &Release, component: &str) -> Source {
        let by_release = match (release.not_automatic, release.but_automatic_upgrades) {
            (true, true) => Source::BUT_AUTOMATIC_UPGRADES_PRIORITY,
            (true, false) => Source::NOT_AUTOMATIC_PRIORITY,
            (false, _) => Source::DEFAULT_PRIORITY,
        };
        let site = self.location.authority().unwrap_or_default();
        Source {
            name: self.name.to_string(),
            archive: release.suite.clone(),
            codename: release.codename.clone(),
            origin: release.origin.clone(),
            label: release.label.clone(),
            version: release.version.clone(),
            component: component.to_owned(),
            site: site.split(':').next().unwrap_or_default().to_owned(),
            priority: self.priority.unwrap_or(by_release),
        }
    }

    fn refused(&self, source: ReleaseError) -> RepositoryError {
        RepositoryError::Release {
            name: self.name.clone(),
            location: self.location.clone(),
            source: Box::new(source),
        }
    }
}

/// Decompresses into the cache; what is longer or other than the Release says is refused there.
fn unpack(
    file: &Path,
    form: Form,
    index: &Index,
    cache: &Cache,
) -> Result<std::path::PathBuf, CacheError> {
    let file = std::io::BufReader::new(fs::open(file)?);
    let reader: Box<dyn Read> = match form {
        Form::Xz => {
            let stream = liblzma::stream::Stream::new_stream_decoder(limits::XZ_MEMORY_MAX, 0)
                .map_err(|error| CacheError::Source(error.into()))?;
            Box::new(liblzma::bufread::XzDecoder::new_stream(file, stream))
        }
        Form::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(file)),
        Form::Plain => Box::new(file),
    };
    cache.add(&index.plain, reader)
}
