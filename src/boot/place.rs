//! Where the running system may write.

use crate::limits;
use crate::path::{ImagePath, PathError};

/// A directory of the image in which the running system may write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Which directory.
    pub path: ImagePath,
    /// Where what is written goes.
    pub kind: PlaceKind,
}

/// Where what is written goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlaceKind {
    /// To the state partition: it stays.
    State,
    /// Into memory: it is gone with the next boot.
    Tmpfs {
        /// The most bytes that it may take; `None`: half of the memory, as Linux has it (tmpfs(5)).
        size: Option<u64>,
    },
}

/// Places in bytewise order of their paths, so that one comes before those within it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places(Vec<Place>);

/// Why there can be no such places.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    /// No path.
    #[error("{0}")]
    Path(#[from] PathError),
    /// A path that is not UTF-8, or holds what must be escaped: nobody could write it.
    #[error("the path of a place is visible ASCII")]
    Letters,
    /// The kernel's own, the root as a whole, or what the system's programs are run from.
    #[error(
        "{0} is never made writable: only directories below /var, /tmp, /srv, /home and the like are"
    )]
    Forbidden(String),
    /// Not in order, or twice.
    #[error("{0} does not come after the place before it")]
    Order(String),
    /// Both would keep what is written there.
    #[error("{0} is kept within another place that is kept: name the outer one alone")]
    Nested(String),
    /// More than there can be.
    #[error("there are more than {} places", limits::BOOT_PLACES_MAX)]
    TooMany,
    /// Less than a page.
    #[error("the size of {0} is less than 4096 bytes")]
    Size(String),
}

/// What is never writable as a place: the kernel's file systems, what programs are run from, and
/// `/etc`, which has its own word.
const FORBIDDEN: [&str; 12] = [
    "/bin", "/boot", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/proc", "/run", "/sbin", "/sys",
    "/usr",
];

impl Places {
    /// Checks places.
    ///
    /// # Errors
    /// The rule that they break.
    pub fn new(places: Vec<Place>) -> Result<Self, PlaceError> {
        if places.len() > limits::BOOT_PLACES_MAX {
            return Err(PlaceError::TooMany);
        }
        let mut before: Option<&ImagePath> = None;
        for place in &places {
            let text = text(&place.path)?;
            if is_forbidden(&place.path) {
                return Err(PlaceError::Forbidden(text.to_owned()));
            }
            if before.is_some_and(|before| *before >= place.path) {
                return Err(PlaceError::Order(text.to_owned()));
            }
            let holds =
                |outer: &Place| outer.path != place.path && place.path.is_within(&outer.path);
            match place.kind {
                PlaceKind::State => {
                    let mut kept = places.iter().filter(|it| it.kind == PlaceKind::State);
                    if kept.any(holds) {
                        return Err(PlaceError::Nested(text.to_owned()));
                    }
                }
                PlaceKind::Tmpfs { size } => {
                    if size.is_some_and(|size| size < 4096) {
                        return Err(PlaceError::Size(text.to_owned()));
                    }
                }
            }
            before = Some(&place.path);
        }
        Ok(Self(places))
    }

    /// All of them, each after those that it lies within.
    pub fn iter(&self) -> impl Iterator<Item = &Place> {
        self.0.iter()
    }

    /// Whether any of them keeps what is written there.
    pub fn keep(&self) -> bool {
        self.0.iter().any(|place| place.kind == PlaceKind::State)
    }
}

/// A path as text; visible ASCII alone, so that it means the same to every program.
pub(super) fn text(path: &ImagePath) -> Result<&str, PlaceError> {
    let is_visible = path.as_bytes().iter().all(u8::is_ascii_graphic);
    std::str::from_utf8(path.as_bytes())
        .ok()
        .filter(|_| is_visible)
        .ok_or(PlaceError::Letters)
}

fn is_forbidden(path: &ImagePath) -> bool {
    let first = path.components().next();
    first.is_none_or(|first| {
        FORBIDDEN
            .iter()
            .any(|name| name.as_bytes().get(1..) == Some(first))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(path: &str, kind: PlaceKind) -> Place {
        Place {
            path: ImagePath::parse(path).unwrap(),
            kind,
        }
    }

    #[test]
    fn what_may_be_written() {
        let tmpfs = PlaceKind::Tmpfs { size: None };
        let state = PlaceKind::State;
        let good = vec![
            place("/tmp", tmpfs),
            place("/var", state),
            place("/var/tmp", tmpfs),
        ];
        assert!(Places::new(good.clone()).unwrap().keep());
        assert!(!Places::new(good[..1].to_vec()).unwrap().keep());
        let refused = |places: Vec<Place>| Places::new(places).unwrap_err().to_string();
        for path in [
            "/",
            "/usr",
            "/usr/lib/x",
            "/etc",
            "/run/x",
            "/boot/efi",
            "/proc",
        ] {
            assert!(
                refused(vec![place(path, tmpfs)]).contains("never made writable"),
                "{path}"
            );
        }
        let twice = vec![place("/tmp", tmpfs), place("/tmp", state)];
        assert!(refused(twice).contains("does not come after"));
        let nested = vec![place("/var", state), place("/var/lib/pg", state)];
        assert!(refused(nested).contains("within another place"));
        let small = PlaceKind::Tmpfs { size: Some(1) };
        assert!(refused(vec![place("/tmp", small)]).contains("less than 4096"));
        assert!(refused(vec![place("/a\nb", tmpfs)]).contains("visible ASCII"));
        let many = (100..165)
            .map(|n| place(&format!("/p{n}"), tmpfs))
            .collect();
        assert!(refused(many).contains("more than 64"));
    }
}
