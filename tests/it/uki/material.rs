//! Debian's own kernel, stubs and boot loaders.

use std::path::{Path, PathBuf};

use crate::support::toolbox;

/// Where they are.
pub struct Material(PathBuf);

/// A release of Debian.
#[derive(Clone, Copy, Debug)]
pub enum Release {
    Bookworm,
    Trixie,
}

impl Material {
    pub fn get() -> Option<Self> {
        if std::env::consts::ARCH != "x86_64" {
            crate::support::skip("the machine that is emulated is an x86-64");
            return None;
        }
        toolbox::boot_material().map(Self)
    }

    pub fn stub_path(&self, release: Release) -> PathBuf {
        self.efi(release).join("linuxx64.efi.stub")
    }

    pub fn stub(&self, release: Release) -> Vec<u8> {
        std::fs::read(self.stub_path(release)).unwrap()
    }

    pub fn loader(&self, release: Release) -> Vec<u8> {
        std::fs::read(self.efi(release).join("systemd-bootx64.efi")).unwrap()
    }

    pub fn kernel_path(&self) -> PathBuf {
        let entries = std::fs::read_dir(self.0.join("bookworm/boot")).unwrap();
        let mut names = entries.map(|entry| entry.unwrap().path());
        names
            .find(|path| path.to_string_lossy().contains("vmlinuz-"))
            .unwrap()
    }

    pub fn kernel(&self) -> Vec<u8> {
        std::fs::read(self.kernel_path()).unwrap()
    }

    pub fn shell(&self) -> Vec<u8> {
        std::fs::read(self.0.join("bookworm/bin/busybox")).unwrap()
    }

    /// What kernel command lines, and nothing else, are put into (systemd-stub(7)).
    pub fn addon_stub(&self) -> PathBuf {
        self.efi(Release::Trixie).join("addonx64.efi.stub")
    }

    pub fn ukify(&self) -> PathBuf {
        self.0.join("trixie/usr/lib/systemd/ukify")
    }

    fn efi(&self, release: Release) -> PathBuf {
        let release = match release {
            Release::Bookworm => "bookworm",
            Release::Trixie => "trixie",
        };
        let efi = Path::new("usr/lib/systemd/boot/efi");
        self.0.join(release).join(efi)
    }
}
