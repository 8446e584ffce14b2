//! From causes to modules in load order.

use std::collections::BTreeSet;

use super::index::Order;
use super::{Cause, InitrdError, Kernel};
use crate::digest::Digest;
use crate::limits;
use crate::path::ImagePath;
use crate::tree::{Blobs, Tree};

/// The modules of an initrd, in the order in which they are loaded, and what was not to be had.
#[derive(Clone, Debug)]
pub struct Modules {
    loaded: Vec<Module>,
    built_in: Vec<(Cause, &'static str)>,
    missing: Vec<(Cause, &'static str)>,
}

/// One module.
#[derive(Clone, Debug)]
pub struct Module {
    /// Where it lies in the initrd: as in the image, without the suffix of a compression.
    pub path: ImagePath,
    /// Its plain bytes, with the signature behind them.
    pub bytes: Vec<u8>,
    /// SHA-256 of them.
    pub digest: Digest,
    /// What it is there for: the first cause that it was met under.
    pub cause: Cause,
}

impl Modules {
    /// Finds the modules for `causes`, with all that they depend on.
    ///
    /// A module for hardware that a kernel does not have is left out and told; so is what is built
    /// in.
    ///
    /// # Errors
    /// The kernel has no dm-verity, no EROFS, or something else that a cause cannot do without; or a
    /// module cannot be read.
    pub fn choose<S>(
        kernel: &Kernel,
        tree: &Tree<S>,
        blobs: &dyn Blobs,
        causes: &BTreeSet<Cause>,
    ) -> Result<Self, InitrdError> {
        let mut modules = Self {
            loaded: Vec::new(),
            built_in: Vec::new(),
            missing: Vec::new(),
        };
        let mut order = Order::default();
        let mut total = 0_u64;
        for cause in Cause::ALL
            .into_iter()
            .filter(|cause| causes.contains(cause))
        {
            for name in cause.modules() {
                if kernel.index.is_built_in(name) {
                    modules.built_in.push((cause, name));
                } else if kernel.index.path(name).is_some() {
                    kernel.index.load(name, &mut order)?;
                } else if cause.indispensable() == Some(name) {
                    return Err(InitrdError::Required {
                        kernel: kernel.version().to_owned(),
                        module: name,
                        cause,
                    });
                } else {
                    modules.missing.push((cause, name));
                }
            }
            for name in order.names.iter().skip(modules.loaded.len()) {
                let relative = kernel.index.path(name).unwrap_or_default();
                let (path, bytes) = kernel.module(tree, blobs, relative)?;
                let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
                total = total.saturating_add(length);
                if total > limits::INITRD_MODULES_MAX {
                    let max = limits::INITRD_MODULES_MAX;
                    return Err(InitrdError::Size { path, max });
                }
                modules.loaded.push(Module {
                    digest: Digest::of(&bytes),
                    path,
                    bytes,
                    cause,
                });
            }
        }
        Ok(modules)
    }

    /// The modules, in the order in which they are loaded.
    pub fn iter(&self) -> impl Iterator<Item = &Module> {
        self.loaded.iter()
    }

    /// Their paths in the initrd, in the order in which they are loaded: the member `modules` of
    /// `boot.json`.
    pub fn load_order(&self) -> impl Iterator<Item = &ImagePath> {
        self.loaded.iter().map(|module| &module.path)
    }

    /// What the kernel has built in, and what for.
    pub fn built_in(&self) -> &[(Cause, &'static str)] {
        &self.built_in
    }

    /// What the kernel does not have, and what it would be for.
    pub fn missing(&self) -> &[(Cause, &'static str)] {
        &self.missing
    }
}
