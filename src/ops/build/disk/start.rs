//! What firmware starts: from an image's kernel to a unified kernel image.

use std::collections::BTreeSet;

use super::DiskImageError;
use super::prepare::OS_RELEASE;
use crate::boot::{Plan, Root};
use crate::image::initrd::{self, Cause, Initrd, Kernel, Modules};
use crate::image::measure::{Measurements, predict};
use crate::image::uki::{self, Stub};
use crate::layout::Uuid;
use crate::layout::pe::Machine;
use crate::layout::verity::Verity;
use crate::path::ImagePath;
use crate::template::{Disk, Template};
use crate::tree::{Blobs, Sealed, Tree};

/// The files of an image that firmware and initrd need.
pub(super) struct Sources<'a> {
    pub(super) tree: &'a Tree<Sealed>,
    pub(super) blobs: &'a dyn Blobs,
    pub(super) template: &'a Template,
    pub(super) disk: &'a Disk,
    pub(super) machine: Machine,
    /// The agent's program.
    pub(super) agent: &'a [u8],
    /// The pinned trust root, as signed.
    pub(super) trust: &'a [u8],
}

/// What the image brings to be started, read and checked.
pub(super) struct Ready {
    kernel: Kernel,
    modules: Modules,
    cmdline: String,
    stub: Vec<u8>,
    program: Vec<u8>,
    os_release: Vec<u8>,
    loader: Vec<u8>,
}

/// What is started, and by what.
pub(super) struct Started {
    /// The unified kernel image.
    pub(super) uki: Vec<u8>,
    /// The boot loader.
    pub(super) loader: Vec<u8>,
}

impl Started {
    /// What a boot of it measures.
    pub(super) fn measure(&self) -> Result<Measurements, DiskImageError> {
        Ok(predict(self.uki.as_slice(), Some(&self.loader))?)
    }
}

/// What the command line says of consoles; where it says nothing, a disk has the screen, and the serial
/// line that clouds show.
const CONSOLE: &str = "console=";

impl Sources<'_> {
    /// Reads all that does not depend on the root's hash.
    pub(super) fn ready(&self) -> Result<Ready, DiskImageError> {
        let kernel = Kernel::only(self.tree, self.blobs)?;
        Ok(Ready {
            modules: Modules::choose(&kernel, self.tree, self.blobs, &self.causes())?,
            cmdline: self.cmdline()?,
            stub: self.read(&path(&self.machine.stub_path())?)?,
            program: self.read(&kernel.image()?)?,
            os_release: self.read(&path(OS_RELEASE)?)?,
            loader: self.read(&path(&self.machine.loader_path())?)?,
            kernel,
        })
    }

    /// The unified kernel image for a root that is checked against `verity`.
    pub(super) fn start(
        &self,
        ready: Ready,
        verity: &Verity,
        state: Option<Uuid>,
    ) -> Result<Started, DiskImageError> {
        let Ready {
            kernel,
            modules,
            cmdline,
            stub,
            program,
            os_release,
            loader,
        } = ready;
        let [data, tree] = verity.partitions();
        let plan = Plan {
            name: self.template.image.name.clone(),
            version: self.template.image.version.clone(),
            root: Root {
                hash: verity.root(),
                data,
                tree,
            },
            cmdline: cmdline.clone(),
            modules: modules.load_order().cloned().collect(),
            writable: self.disk.writable.clone(),
            etc: self.disk.etc,
            state,
            on_failure: self.disk.on_failure,
            on_corruption: self.disk.on_corruption,
        };
        let boot = plan.to_bytes()?;
        let parts = initrd::Parts {
            agent: self.agent,
            boot: &boot,
            trust_root: self.trust,
            modules: &modules,
        };
        let initrd = Initrd::assemble(&parts, kernel.compression())?;
        let stub = Stub::parse(&stub)?;
        let uki = uki::bytes_of(&uki::Parts {
            stub: &stub,
            kernel: &program,
            initrd: initrd.bytes(),
            cmdline: &cmdline,
            os_release: &os_release,
            uname: Some(kernel.version()),
            sbat: "",
            splash: None,
        })?;
        Ok(Started { uki, loader })
    }

    /// All hardware that a disk may lie behind, and what the root needs.
    fn causes(&self) -> BTreeSet<Cause> {
        let wanted = |cause: &Cause| match cause {
            Cause::Overlay => self.disk.etc != crate::boot::Etc::ReadOnly,
            Cause::Ext4 => self.disk.keeps(),
            _ => true,
        };
        Cause::ALL.into_iter().filter(wanted).collect()
    }

    /// The kernel's command line: what template and rules put into `/etc/kernel/cmdline`.
    fn cmdline(&self) -> Result<String, DiskImageError> {
        let path = path("/etc/kernel/cmdline")?;
        let text = match self.tree.content(&path) {
            Some(_) => String::from_utf8(self.read(&path)?).ok(),
            None => Some(String::new()),
        };
        let text = text.ok_or(DiskImageError::CommandLine)?;
        let mut words: Vec<&str> = text.split_ascii_whitespace().collect();
        if !words.iter().any(|word| word.starts_with(CONSOLE)) {
            words.extend(match self.machine {
                Machine::X64 => ["console=tty0", "console=ttyS0"].as_slice(),
                // Its firmware says which one there is (SPCR).
                Machine::Aa64 => ["console=tty0"].as_slice(),
            });
        }
        Ok(words.join(" "))
    }

    /// A file of the image, symbolic links followed.
    fn read(&self, path: &ImagePath) -> Result<Vec<u8>, DiskImageError> {
        let content = self.tree.content(path);
        let content = content.ok_or_else(|| DiskImageError::Missing(path.clone()))?;
        let bytes = self.blobs.read(&content);
        bytes.map_err(|error| DiskImageError::Read {
            path: path.clone(),
            error,
        })
    }
}

fn path(text: &str) -> Result<ImagePath, DiskImageError> {
    Ok(ImagePath::parse(text)?)
}
