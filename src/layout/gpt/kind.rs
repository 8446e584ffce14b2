//! What partitions are for (UAPI.2 Discoverable Partitions Specification).

use crate::layout::Uuid;

/// What a partition is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The EFI system partition.
    Esp,
    /// The root file system.
    Root(Machine),
    /// The verity tree over a root file system.
    RootVerity(Machine),
    /// Linux data; karat's state partition.
    Linux,
    /// What is mounted on `/var`.
    Var,
    /// Anything else.
    Other(Uuid),
}

/// An architecture whose root file systems have types of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Machine {
    /// Debian's `amd64`.
    X86_64,
    /// Debian's `arm64`.
    Arm64,
}

/// How a partition is to be treated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attributes(pub u64);

/// The types that have a name here.
const KINDS: [(Kind, u128); 7] = [
    (Kind::Esp, 0xc12a_7328_f81f_11d2_ba4b_00a0_c93e_c93b),
    (
        Kind::Root(Machine::X86_64),
        0x4f68_bce3_e8cd_4db1_96e7_fbca_f984_b709,
    ),
    (
        Kind::Root(Machine::Arm64),
        0xb921_b045_1df0_41c3_af44_4c6f_280d_3fae,
    ),
    (
        Kind::RootVerity(Machine::X86_64),
        0x2c73_57ed_ebd2_46d9_aec1_23d4_37ec_2bf5,
    ),
    (
        Kind::RootVerity(Machine::Arm64),
        0xdf33_00ce_d69f_4c92_978c_9bfb_0f38_d820,
    ),
    (Kind::Linux, 0x0fc6_3daf_8483_4772_8e79_3d69_d847_7de4),
    (Kind::Var, 0x4d21_b016_b534_45c2_a9fb_5c16_e091_fd2d),
];

impl Kind {
    /// What a type stands for.
    pub fn of(uuid: Uuid) -> Self {
        let named = KINDS
            .iter()
            .find(|(_, number)| number.to_be_bytes() == uuid.to_bytes());
        named.map_or(Self::Other(uuid), |(kind, _)| *kind)
    }

    /// Its type.
    pub fn uuid(self) -> Uuid {
        if let Self::Other(uuid) = self {
            return uuid;
        }
        let named = KINDS.iter().find(|(kind, _)| *kind == self);
        named.map_or(Uuid::NIL, |(_, number)| {
            Uuid::from_bytes(number.to_be_bytes())
        })
    }
}

impl Attributes {
    /// The file system is grown to the size of its partition when it is mounted.
    pub const GROW: Self = Self(1 << 59);
    /// It is mounted read-only.
    pub const READ_ONLY: Self = Self(1 << 60);
    /// It is left alone by what mounts partitions by their types.
    pub const NO_AUTO: Self = Self(1 << 63);

    /// These and others.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `other` are among these.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_type() {
        for (kind, _) in KINDS {
            assert_ne!(kind.uuid(), Uuid::NIL);
            assert_eq!(Kind::of(kind.uuid()), kind);
        }
        let other = Uuid::from_bytes([9; 16]);
        assert_eq!(Kind::of(other), Kind::Other(other));
        assert_eq!(Kind::Other(other).uuid(), other);
    }
}
