//! karat's own disk: what lies where, and how it is called.

use super::{ALIGNMENT, Plan, PlanError, Wanted};
use crate::digest::Digest;
use crate::layout::Uuid;
use crate::layout::gpt::{Attributes, Kind, Machine};
use crate::layout::verity::Verity;

/// What a bootable disk of an image is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// What the UUIDs are made of that the root hash does not give: a digest of the image's inputs.
    pub seed: Digest,
    /// What the state partition's UUID is made of: what all versions of an image have in common, so that
    /// a later one finds it.
    pub lineage: Digest,
    /// Whose root file system it is.
    pub machine: Machine,
    /// The label of the slot that is filled: `NAME_VERSION`.
    pub label: String,
    /// What the root file system is checked against; its hash names the slot's partitions.
    pub verity: Verity,
    /// Bytes of the EFI system partition.
    pub esp: u64,
    /// Bytes of each partition for a root file system.
    pub root: u64,
    /// Bytes of each partition for a tree of hashes.
    pub tree: u64,
    /// How many versions the disk has room for.
    pub slots: Slots,
    /// Bytes of the state partition at least, if there is one: it takes what is left of the disk.
    pub state: Option<u64>,
    /// Bytes of the whole disk, if they are not just what it needs.
    pub size: Option<u64>,
}

/// How many versions a disk has room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slots {
    /// One: it is replaced by another disk.
    One,
    /// Two: the other one is filled by an update.
    Two,
}

/// The label of a slot that an update may fill (systemd-sysupdate's `sysupdate.d(5)`).
const EMPTY: &str = "_empty";

impl Layout {
    /// Where the first root lies behind an EFI system partition of `esp` bytes.
    pub const fn root_start(esp: u64) -> u64 {
        ALIGNMENT.saturating_add(match esp.checked_next_multiple_of(ALIGNMENT) {
            Some(esp) => esp,
            None => u64::MAX,
        })
    }

    /// The unique id of the state partition, if there is one.
    pub fn state_id(&self) -> Option<Uuid> {
        self.state.map(|_| Uuid::derived(&self.lineage, "state"))
    }

    /// Where it all lies.
    ///
    /// # Errors
    /// A slot is too small for what shall lie there, the label is too long, or all of it does not fit the disk.
    pub fn plan(&self) -> Result<Plan, PlanError> {
        for (what, size, needed) in [
            ("root partition", self.root, self.verity.data_size()),
            ("verity partition", self.tree, self.verity.tree_size()),
        ] {
            if size < needed {
                return Err(PlanError::Slot { what, size, needed });
            }
        }
        let id = |what: &str| Uuid::derived(&self.seed, what);
        let [root, tree] = self.verity.partitions();
        let mut wanted = vec![Self::partition(Kind::Esp, id("esp"), "esp", self.esp)];
        wanted.extend(self.slot(&self.label, root, tree, Attributes::READ_ONLY));
        if self.slots == Slots::Two {
            // Nothing is to be found in it; what looks for a root passes over it.
            let attributes = Attributes::READ_ONLY.and(Attributes::NO_AUTO);
            let (root, tree) = (id("empty root"), id("empty verity"));
            wanted.extend(self.slot(EMPTY, root, tree, attributes));
        }
        if let Some(size) = self.state {
            let id = Uuid::derived(&self.lineage, "state");
            let mut state = Self::partition(Kind::Linux, id, "state", size);
            state.attributes = Attributes::GROW;
            wanted.push(state);
        }
        Plan::new(id("disk"), wanted, self.size, self.state.is_some())
    }

    fn slot(&self, label: &str, root: Uuid, tree: Uuid, attributes: Attributes) -> [Wanted; 2] {
        [
            (Kind::Root(self.machine), root, self.root),
            (Kind::RootVerity(self.machine), tree, self.tree),
        ]
        .map(|(kind, id, size)| {
            let mut wanted = Self::partition(kind, id, label, size);
            wanted.attributes = attributes;
            wanted
        })
    }

    fn partition(kind: Kind, id: Uuid, name: &str, size: u64) -> Wanted {
        Wanted {
            kind,
            id,
            name: name.to_owned(),
            size,
            attributes: Attributes::default(),
        }
    }
}
