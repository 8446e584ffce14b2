//! The partition table and the EFI system partition.

use std::collections::BTreeSet;

use super::BootName;
use super::trouble::{MEND, Trouble as _, WRITE_AGAIN, finding};
use crate::appraise::{Finding, Neighbour, NewerRoot, Verdict};
use crate::layout::fat::{File, Volume};
use crate::layout::gpt::{Disk, Kind, Partition};
use crate::layout::{Part, Source, SourceError};
use crate::limits;
use crate::path::Escaped;

/// A disk whose table and EFI system partition were read whole.
pub struct Survey<'a> {
    pub(super) source: &'a dyn Source,
    /// The table.
    pub disk: Disk,
    /// Which partition the EFI system partition is.
    pub esp: Partition,
    /// What is on it.
    pub volume: Volume,
    pub(super) part: Part<'a, dyn Source + 'a>,
}

impl<'a> Survey<'a> {
    /// Reads both; `None`, with a finding, where one of them is not to be relied on.
    ///
    /// # Errors
    /// This machine cannot read the disk.
    pub fn read(
        source: &'a dyn Source,
        findings: &mut Vec<Finding>,
    ) -> Result<Option<Self>, SourceError> {
        let mut refuse = |message| {
            findings.push(finding(Verdict::Untrusted, message, WRITE_AGAIN));
            Ok(None)
        };
        let disk = match Disk::read(source) {
            Ok(disk) => disk,
            Err(error) => return refuse(error.about_the_disk()?),
        };
        let mut found = disk.partitions.iter().filter(|it| it.kind == Kind::Esp);
        let esp = match (found.next(), found.next()) {
            (Some(esp), None) => esp.clone(),
            (None, _) => return refuse("there is no EFI system partition".to_owned()),
            (Some(one), Some(other)) => {
                let (one, other) = (one.number, other.number);
                return refuse(format!(
                    "partitions {one} and {other} are both EFI system partitions: firmware may take either"
                ));
            }
        };
        let part = match esp.of(source) {
            Ok(part) => part,
            Err(error) => return refuse(format!("partition table: {}", error.about_the_disk()?)),
        };
        match Volume::read(&part) {
            Ok(volume) => Ok(Some(Self {
                source,
                disk,
                esp,
                volume,
                part,
            })),
            Err(error) => {
                // Nobody can tell what a power failure left from what somebody hides there.
                let message = format!("the EFI system partition: {}", error.about_the_disk()?);
                findings.push(finding(Verdict::Untrusted, message, MEND));
                Ok(None)
            }
        }
    }

    /// `NAME_VERSION` of all images that have a kernel image or an Envelope there.
    pub fn stems(&self) -> BTreeSet<String> {
        let stems = self
            .volume
            .files
            .iter()
            .filter_map(|file| match BootName::of(&file.path) {
                BootName::Kernel(stem) | BootName::Envelope(stem) => Some(stem.to_owned()),
                _ => None,
            });
        stems.collect()
    }

    /// The file at `path`, of at most `cap` bytes: hostile, nothing of it checked.
    ///
    /// # Errors
    /// This machine cannot read the disk.
    pub fn neighbour(&self, path: &str, cap: u64) -> Result<Neighbour, SourceError> {
        let (mut bytes, mut unread) = (None, None);
        match self
            .volume
            .file(path)
            .map(|file| file.read(&self.part, cap))
        {
            None => {}
            Some(Ok(read)) => bytes = Some(read),
            Some(Err(error)) => unread = Some(error.about_the_disk()?),
        }
        Ok(Neighbour {
            path: Escaped(path.as_bytes()).to_string(),
            bytes,
            unread,
        })
    }

    /// The newer trust roots, by version.
    ///
    /// # Errors
    /// This machine cannot read the disk.
    pub fn newer_roots(&self) -> Result<Vec<NewerRoot>, SourceError> {
        let mut roots = Vec::new();
        for file in &self.volume.files {
            let BootName::TrustRoot(version) = BootName::of(&file.path) else {
                continue;
            };
            if roots.len() < limits::NEWER_ROOTS_MAX {
                let file = self.neighbour(&file.path, limits::TRUST_ROOT_MAX)?;
                roots.push(NewerRoot { version, file });
            }
        }
        crate::order::sort_by(&mut roots, |a, b| a.version.cmp(&b.version));
        Ok(roots)
    }

    /// The kernel images of `stem`, whatever their counters say.
    pub(super) fn kernels(&self, stem: &str) -> Vec<&File> {
        let is_it = |file: &&File| BootName::of(&file.path) == BootName::Kernel(stem);
        self.volume.files.iter().filter(is_it).collect()
    }
}

impl std::fmt::Debug for Survey<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Survey")
            .field("disk", &self.disk)
            .field("volume", &self.volume)
            .finish_non_exhaustive()
    }
}
