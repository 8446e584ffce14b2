//! What each class of expectations lets pass: `docs/formats/expectations.md`.

use super::capability::CAPABILITY;
use super::evidence::ObservedKind;
use super::{Change, NotChecked, Observed};
use crate::expect::{Class, Mutable};
use crate::manifest::Entry;
use crate::tree::Kind;

/// Whether a listed path may differ so.
pub(super) fn allows_change(
    mutable: &Mutable,
    entry: &Entry,
    seen: &Observed,
    change: &Change,
) -> bool {
    if entry.kind == Kind::Directory {
        return false;
    }
    match mutable.class {
        Class::Volatile => true,
        Class::State => !is_privileged(seen),
        Class::AppendOnly => match change {
            Change::Content { expected, observed } => {
                observed.size > expected.size && observed.prefix == Some(expected.digest)
            }
            _ => false,
        },
        Class::GeneratedOnce => match change {
            Change::Content { .. } => true,
            Change::Mode { observed, .. } => mutable.mode == Some(*observed),
            _ => false,
        },
    }
}

/// Whether a listed path may go.
pub(super) fn allows_removal(class: Class, entry: &Entry) -> bool {
    match class {
        Class::Volatile => true,
        Class::State => entry.kind != Kind::Directory,
        Class::AppendOnly | Class::GeneratedOnce => false,
    }
}

/// Whether a path that is not listed may be there.
pub(super) fn allows_addition(mutable: &Mutable, seen: &Observed) -> bool {
    let is_file = matches!(seen.kind, ObservedKind::Regular(_));
    match mutable.class {
        Class::Volatile => true,
        Class::State => !is_privileged(seen),
        Class::AppendOnly => {
            !is_privileged(seen) && (is_file || seen.kind == ObservedKind::Directory)
        }
        Class::GeneratedOnce => {
            let mode_fits = match mutable.mode {
                Some(mode) => seen.mode == mode,
                None => seen.mode.bits() & 0o022 == 0,
            };
            is_file && mode_fits && seen.uid == 0 && !is_privileged(seen)
        }
    }
}

/// Whether what could not be checked may be anything anyway.
pub(super) fn may_stay_unseen(mutable: &Mutable, item: &NotChecked) -> bool {
    let is_whole = !item.reason.covers_below() || mutable.path.as_str().ends_with("/**");
    mutable.class == Class::Volatile && is_whole
}

/// A set-id program, a file with capabilities, or a device: what no service keeps as its state.
fn is_privileged(seen: &Observed) -> bool {
    let is_set_id = matches!(seen.kind, ObservedKind::Regular(_)) && seen.mode.bits() & 0o6000 != 0;
    let is_device = matches!(
        seen.kind,
        ObservedKind::BlockDevice(_) | ObservedKind::CharDevice(_)
    );
    let has_capability = seen
        .xattrs
        .as_ref()
        .is_some_and(|xattrs| xattrs.contains_key(CAPABILITY));
    is_set_id || is_device || has_capability
}
