//! Mounting the root, and going over to it.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Stdio;

use rustix::mount::{MountFlags, mount, mount_move};

use super::device::path_of;
use super::{Device, esp, mapper};
use crate::appraise::Material;
use crate::boot::{Chosen, Cleared, Plan, Report};
use crate::layout::verity::Superblock;
use crate::sys::fs::{self, IoContext as _, IoError};
use crate::sys::process;

/// Where the root is mounted before it is one.
const HERE: &str = "/sysroot";
/// Where the running system finds what was delivered with the image.
const DELIVERED: &str = "/run/karat/baseline";
/// A link to the EFI system partition.
const ESP: &str = "/run/karat/esp";
/// What takes over.
const INIT: &str = "/sbin/init";
/// The kernel's file systems, which go along.
const KERNEL: [&str; 4] = ["/dev", "/proc", "/sys", "/run"];

/// The image's root, mounted and checked by the kernel as it is read.
#[derive(Debug)]
pub struct NewRoot(());

impl NewRoot {
    /// Has the kernel check the root against what was signed, and mounts it.
    ///
    /// # Errors
    /// The kernel refused.
    pub fn mount(
        cleared: &Cleared,
        plan: &Plan,
        disk: &Device,
        chosen: &Chosen,
        superblock: &Superblock,
    ) -> Result<Self, IoError> {
        let [data, tree] = [&chosen.data, &chosen.tree].map(|it| disk.partition(it));
        let names = [&*data?, &*tree?];
        let device = mapper::open(cleared, plan.on_corruption, names, superblock.uuid)?;
        fs::make_dirs(HERE, 0o755)?;
        let flags = MountFlags::RDONLY | MountFlags::NODEV;
        mount(&device, HERE, "erofs", flags, None).at("mount", &device)?;
        Ok(Self(()))
    }

    /// Makes it the root: the kernel's file systems go along, and what the initrd holds is given
    /// back.
    ///
    /// # Errors
    /// A step that the kernel refused.
    pub fn enter(self, plan: &Plan) -> Result<(), IoError> {
        for path in KERNEL {
            mount_move(path, format!("{HERE}{path}")).at("move", path)?;
        }
        for path in &plan.modules {
            // Memory that would stay taken; nothing depends on it.
            drop(std::fs::remove_file(OsStr::from_bytes(path.as_bytes())));
        }
        for path in [Plan::PATH, Plan::TRUST, "/init"] {
            drop(std::fs::remove_file(path));
        }
        rustix::process::chdir(HERE).at("enter", HERE)?;
        mount_move(".", "/").at("move", HERE)?;
        rustix::process::chroot(".").at("enter", HERE)?;
        rustix::process::chdir("/").at("enter", "/")
    }
}

/// Leaves the report of this boot, and what was delivered with the image, to the running system; and
/// which partition that came from, by the kernel's name: systemd mounts it to write to it.
///
/// # Errors
/// It cannot be written.
pub fn hand_over(report: &Report, material: &Material, esp: &str) -> Result<(), IoError> {
    let path = Path::new(Report::PATH);
    fs::make_dirs(path.parent().unwrap_or(path), 0o755)?;
    fs::write_atomic(path, report.as_bytes(), 0o644)?;
    rustix::fs::symlink(path_of(esp), ESP).at("make", ESP)?;
    esp::hand_over(material, Path::new(DELIVERED))
}

/// Becomes the image's own first process. It comes back only where that failed.
pub fn leave() -> IoError {
    let mut init = process::command(INIT);
    // What the kernel gives a first process: its console, and this environment.
    init.stdin(Stdio::inherit()).env("TERM", "linux");
    let error: io::Error = init.env("HOME", "/").exec();
    IoError::new("start", INIT, error)
}
