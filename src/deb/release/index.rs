//! The indexes that a Release lists.

use super::{Release, ReleaseError};
use crate::deb::Architecture;
use crate::limits;
use crate::tree::Content;

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

impl Release {
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
