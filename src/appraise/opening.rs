//! Material that is opened while others look already at what it will be compared with: what is
//! observed does not depend on what was signed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use super::door::{Material, Opened};
use super::evidence::{Observed, UNEXPECTED_MAX, Want};
use super::expected::{Expected, Known, Listed};
use crate::manifest::Manifest;
use crate::path::ImagePath;

/// Material that is opened once, by whoever asks first; all others wait for what the door gives.
#[derive(Debug)]
pub struct Opening {
    material: Mutex<Option<Material>>,
    opened: OnceLock<Opened>,
    is_given_up: AtomicBool,
}

impl Opening {
    /// Material that nobody has opened yet.
    pub fn new(material: Material) -> Self {
        Self {
            material: Mutex::new(Some(material)),
            opened: OnceLock::new(),
            is_given_up: AtomicBool::new(false),
        }
    }

    /// What the door gives.
    pub fn opened(&self) -> &Opened {
        self.opened.get_or_init(|| {
            let mut material = self.material.lock().unwrap_or_else(PoisonError::into_inner);
            // Had somebody taken it and failed, there would be nothing to compare with.
            let material = material.take();
            material.map_or_else(Opened::default, Material::open)
        })
    }

    /// What the door gave, to keep.
    pub fn into_opened(self) -> Opened {
        self.opened();
        self.opened.into_inner().unwrap_or_default()
    }

    /// Nothing will be compared, whatever the door gives: who looks may stop.
    pub fn give_up(&self) {
        self.is_given_up.store(true, Ordering::Relaxed);
    }

    fn manifest(&self) -> Option<&Manifest> {
        let (manifest, _) = self.opened().expected.as_ref()?;
        Some(manifest)
    }
}

impl Expected for Opening {
    fn known(&self) -> Known {
        if self.is_given_up.load(Ordering::Relaxed) {
            return Known::Never;
        }
        match self.opened.get().map(|opened| &opened.expected) {
            None => Known::NotYet,
            Some(None) => Known::Never,
            Some(Some(_)) => Known::Yes,
        }
    }

    fn whole_up_to(&self) -> u64 {
        UNEXPECTED_MAX
    }

    fn want(&self, path: &ImagePath, size: u64) -> Want {
        let nothing = Want {
            whole: false,
            prefix: None,
        };
        self.manifest()
            .map_or(nothing, |manifest| Listed(manifest).want(path, size))
    }

    fn large(&self, size: u64) -> Vec<(ImagePath, u64)> {
        self.manifest()
            .map(|manifest| Listed(manifest).large(size))
            .unwrap_or_default()
    }

    fn find(&self, path: &ImagePath) -> Option<usize> {
        Listed(self.manifest()?).find(path)
    }

    fn place(&self, seen: &Observed) -> Option<usize> {
        Listed(self.manifest()?).place(seen)
    }
}
