//! Which modules an initrd takes along, and what for.

use std::fmt;

/// What a kernel module is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// Disks of QEMU, KVM and most clouds.
    Virtio,
    /// `NVMe` disks: AWS, newer Azure and Google machines, hardware.
    Nvme,
    /// SATA disks, and the IDE disks of older virtual machines.
    Ahci,
    /// SCSI disks behind any controller, and the controllers of `VMware`.
    Scsi,
    /// Disks of Xen.
    Xen,
    /// Disks of Hyper-V and Azure.
    HyperV,
    /// The TPM, which the verdict is extended into.
    Tpm,
    /// The firmware's variables: whether Secure Boot is on.
    Firmware,
    /// dm-verity.
    Verity,
    /// The root's file system.
    Erofs,
    /// An `/etc` that may change.
    Overlay,
    /// The state partition.
    Ext4,
}

impl Cause {
    /// All of them, in the order in which their modules are loaded: disks first, for they take a
    /// while to appear.
    pub const ALL: [Self; 12] = [
        Self::Virtio,
        Self::Nvme,
        Self::Ahci,
        Self::Scsi,
        Self::Xen,
        Self::HyperV,
        Self::Tpm,
        Self::Firmware,
        Self::Verity,
        Self::Erofs,
        Self::Overlay,
        Self::Ext4,
    ];

    /// Its name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Virtio => "virtio",
            Self::Nvme => "nvme",
            Self::Ahci => "ahci",
            Self::Scsi => "scsi",
            Self::Xen => "xen",
            Self::HyperV => "hyper-v",
            Self::Tpm => "tpm",
            Self::Firmware => "firmware",
            Self::Verity => "verity",
            Self::Erofs => "erofs",
            Self::Overlay => "overlay",
            Self::Ext4 => "ext4",
        }
    }

    /// Its modules, by the names that the kernel knows them by. A kernel need not have all of them:
    /// those for clouds know little hardware, and other architectures other processors.
    pub const fn modules(self) -> &'static [&'static str] {
        match self {
            Self::Virtio => &["virtio_pci", "virtio_mmio", "virtio_blk", "virtio_scsi"],
            Self::Nvme => &["nvme"],
            Self::Ahci => &["ahci", "ata_piix"],
            Self::Scsi => &["sd_mod", "vmw_pvscsi", "mptspi"],
            Self::Xen => &["xen_blkfront"],
            // pci_hyperv: the `NVMe` disks of Azure lie behind it.
            Self::HyperV => &["hv_vmbus", "hv_storvsc", "pci_hyperv"],
            Self::Tpm => &["tpm_crb", "tpm_tis"],
            Self::Firmware => &["efivarfs"],
            // Debian's kernels have SHA-256 built in, in plain C; these use the processor's own
            // instructions, which makes every read of the root three times as fast.
            Self::Verity => &["sha256_ssse3", "sha2_ce", "dm_mod", "dm_verity"],
            Self::Erofs => &["erofs"],
            Self::Overlay => &["overlay"],
            Self::Ext4 => &["ext4"],
        }
    }

    /// The module without which there is no root; a kernel has it, or is refused.
    pub const fn indispensable(self) -> Option<&'static str> {
        match self {
            Self::Verity => Some("dm_verity"),
            Self::Erofs => Some("erofs"),
            Self::Overlay => Some("overlay"),
            Self::Ext4 => Some("ext4"),
            Self::Virtio
            | Self::Nvme
            | Self::Ahci
            | Self::Scsi
            | Self::Xen
            | Self::HyperV
            | Self::Tpm
            | Self::Firmware => None,
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
