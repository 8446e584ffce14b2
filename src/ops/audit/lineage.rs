//! The trust roots that the given one belongs to: those that led to it, and those that it leads to.

use std::sync::Arc;

use super::Who;
use crate::digest::Digest;
use crate::key::{
    Attribution, Candidates, Maker, Position, PublicKey, Role, RoleKey, Signed, TrustError,
    TrustRoot,
};
use crate::limits;
use crate::path::Escaped;

/// A row of trust roots, each vouched for by the one before it. It starts as the one that somebody
/// chose to trust, and grows at both ends.
#[derive(Debug)]
pub(super) struct Lineage {
    links: Vec<Link>,
    /// Those that may follow once others are there, with the entries that hold them.
    waiting: Vec<(u64, Signed)>,
    /// Every key of the newest version, which has all keys of those before.
    candidates: Arc<Candidates>,
    generation: u32,
}

/// One trust root of the lineage.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) root: TrustRoot,
    pub(super) signed: Signed,
    /// The first entry that has it.
    pub(super) index: Option<u64>,
}

/// What became of a trust root that was offered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Offer {
    /// It is of the lineage.
    Taken(u64),
    /// Nothing links it with the lineage yet.
    Waits,
    /// The lineage has another one of this version, and the one before vouches for both.
    Forked(u64),
    /// The lineage has another one of this version.
    Foreign(u64),
    /// It breaks a rule.
    Refused(TrustError),
}

impl Lineage {
    /// The lineage of the trust root that somebody chose to trust.
    ///
    /// # Errors
    /// It breaks a rule, or too few of its own root keys signed it.
    pub(super) fn pinned(signed: Signed) -> Result<Self, TrustError> {
        let root = TrustRoot::pinned(&signed)?;
        let mut lineage = Self {
            links: Vec::new(),
            waiting: Vec::new(),
            candidates: Arc::default(),
            generation: 0,
        };
        lineage.link(lineage.links.len(), root, signed);
        Ok(lineage)
    }

    /// The newest trust root: it decides.
    pub(super) fn newest(&self) -> &TrustRoot {
        // There is always one.
        #[expect(
            clippy::indexing_slicing,
            reason = "a lineage starts with one, and only grows"
        )]
        &self.links[self.links.len().saturating_sub(1)].root
    }

    /// All, the oldest first.
    pub(super) fn links(&self) -> &[Link] {
        &self.links
    }

    /// All keys that a signature may be of.
    pub(super) fn candidates(&self) -> Arc<Candidates> {
        Arc::clone(&self.candidates)
    }

    /// Changes whenever there are more [`Lineage::candidates`].
    pub(super) fn generation(&self) -> u32 {
        self.generation
    }

    /// The trust root in force at an index: the newest of those that were logged up to there, or the
    /// oldest at hand.
    pub(super) fn in_force(&self, index: u64) -> &TrustRoot {
        let logged = |link: &&Link| link.index.is_some_and(|logged| logged <= index);
        let link = self.links.iter().rev().find(logged);
        // Without any trust root in the log, nothing is known of the past but the newest.
        let is_logged = self.links.iter().any(|link| link.index.is_some());
        let oldest = if is_logged { self.links.first() } else { None };
        link.or(oldest)
            .map_or_else(|| self.newest(), |link| &link.root)
    }

    /// A key as the newest trust root has it.
    pub(super) fn key(&self, key: &PublicKey) -> Option<(Role, &RoleKey)> {
        let roles = &self.newest().document().roles;
        roles.iter().find_map(|(role, keys)| {
            let found = keys.keys.iter().find(|it| it.key == *key)?;
            Some((*role, found))
        })
    }

    /// Who holds a key.
    pub(super) fn who(&self, key: &PublicKey) -> Who {
        let known = self.key(key);
        Who {
            key: Some(key.id()),
            name: known.and_then(|(_, key)| escaped(key.name.as_deref())),
            role: known.map(|(role, _)| role),
        }
    }

    /// Those who made signatures, each once.
    pub(super) fn makers(&self, by: &Attribution) -> Vec<Who> {
        let mut people: Vec<Who> = Vec::new();
        for maker in by.makers() {
            let who = match maker {
                Maker::Key(key) => self.who(key),
                Maker::Nobody(hint) => Who {
                    key: *hint,
                    name: None,
                    role: None,
                },
            };
            if !people.contains(&who) {
                people.push(who);
            }
        }
        people
    }

    /// Offers a trust root, which the entry `index` holds, if one does.
    pub(super) fn offer(&mut self, index: Option<u64>, signed: &Signed) -> Offer {
        let digest = Digest::of(&signed.payload);
        if let Some(link) = self.links.iter_mut().find(|it| it.root.digest() == digest) {
            if link.index.is_none() {
                link.index = index;
            }
            return Offer::Taken(link.root.version());
        }
        if let Ok(root) = self.newest().successor(signed) {
            let version = root.version();
            self.link(self.links.len(), root, signed.clone());
            self.set_index(version, index);
            return Offer::Taken(version);
        }
        let root = match TrustRoot::pinned(signed) {
            Ok(root) => root,
            Err(error) => return Offer::Refused(error),
        };
        let version = root.version();
        let (oldest, newest) = (self.oldest(), self.newest().version());
        if version.checked_add(1) == Some(oldest) {
            let first = self.links.first().map(|link| root.successor(&link.signed));
            return match first {
                Some(Ok(_)) => {
                    self.link(0, root, signed.clone());
                    self.set_index(version, index);
                    Offer::Taken(version)
                }
                _ => Offer::Foreign(version),
            };
        }
        if (oldest..=newest).contains(&version) {
            let before = self.links.iter().map(|link| &link.root);
            let before = before.filter(|root| root.version().checked_add(1) == Some(version));
            return match before.map(|root| root.successor(signed)).next() {
                Some(Ok(_)) => Offer::Forked(version),
                _ => Offer::Foreign(version),
            };
        }
        if newest.checked_add(1) == Some(version) {
            return match self.newest().successor(signed) {
                Err(error) => Offer::Refused(error),
                Ok(_) => Offer::Taken(version),
            };
        }
        if let Some(index) = index
            && self.waiting.len() < limits::NEWER_ROOTS_MAX
        {
            self.waiting.push((index, signed.clone()));
        }
        Offer::Waits
    }

    /// Offers those that waited, as long as one of them finds its place; gives what became of them.
    pub(super) fn settle(&mut self) -> Vec<(u64, Offer)> {
        let mut settled = Vec::new();
        loop {
            let before = settled.len();
            for (index, signed) in std::mem::take(&mut self.waiting) {
                match self.offer(Some(index), &signed) {
                    Offer::Waits => {}
                    offer => settled.push((index, offer)),
                }
            }
            if settled.len() == before {
                return settled;
            }
        }
    }

    fn oldest(&self) -> u64 {
        self.links.first().map_or(0, |link| link.root.version())
    }

    fn set_index(&mut self, version: u64, index: Option<u64>) {
        let link = self
            .links
            .iter_mut()
            .find(|it| it.root.version() == version);
        if let Some(link) = link {
            link.index = link.index.or(index);
        }
    }

    fn link(&mut self, place: usize, root: TrustRoot, signed: Signed) {
        let keys = root.document().roles.values().flat_map(|role| &role.keys);
        let mut grown = false;
        let candidates = Arc::make_mut(&mut self.candidates);
        for key in keys {
            grown |= candidates.insert(key.key);
        }
        self.generation = self.generation.saturating_add(u32::from(grown));
        self.links.insert(
            place,
            Link {
                root,
                signed,
                index: None,
            },
        );
    }
}

/// A name as the report shows it.
pub(super) fn escaped(name: Option<&str>) -> Option<String> {
    name.map(|name| Escaped(name.as_bytes()).to_string())
}

impl Link {
    /// Whether a key may have signed this trust root: a live root key of it, or of the one before.
    pub(super) fn has_root_key(root: &TrustRoot, key: &PublicKey) -> bool {
        let role = root.role(Role::Root);
        role.is_some_and(|role| role.at(Position::Unlogged).contains(key))
    }
}
