//! Versions of packages and their order (Debian Policy 5.6.12, deb-version(7)).

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::name::{excerpt, text_traits};

/// Longest version; real ones stay below 60 bytes.
const VERSION_MAX: usize = 255;

/// A version: `[epoch:]upstream[-revision]`.
///
/// Its order is dpkg's. Two spellings may be one version (`1.0` and `0:1.0-0`); they compare equal,
/// but keep their text.
///
/// ```
/// use karat::deb::Version;
///
/// let [old, new]: [Version; 2] = ["1.0~rc1", "1.0"].map(|text| text.parse().expect("a version"));
/// assert!(old < new);
/// ```
#[derive(Clone)]
pub struct Version(Box<str>);

impl Version {
    /// The version as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `text` is a version.
    pub fn is_valid(text: &str) -> bool {
        check(text).is_ok()
    }
}

impl FromStr for Version {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, VersionError> {
        match check(text) {
            Ok(()) => Ok(Self(text.into())),
            Err(rule) => Err(VersionError {
                text: excerpt(text),
                rule,
            }),
        }
    }
}

/// Text that is not a version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a version: {rule}")]
pub struct VersionError {
    /// The text, or its beginning.
    pub text: String,
    /// The broken rule.
    pub rule: &'static str,
}

/// Compares two versions as dpkg does. The texts need not be valid: the order is total over all
/// texts.
pub(super) fn compare(a: &str, b: &str) -> Ordering {
    if a == b {
        return Ordering::Equal;
    }
    let (a, b) = (Parts::of(a), Parts::of(b));
    compare_numbers(a.epoch, b.epoch)
        .then_with(|| compare_part(a.upstream, b.upstream))
        .then_with(|| compare_part(a.revision, b.revision))
}

struct Parts<'a> {
    epoch: &'a [u8],
    upstream: &'a [u8],
    revision: &'a [u8],
}

impl<'a> Parts<'a> {
    fn of(text: &'a str) -> Self {
        let (epoch, rest) = text.split_once(':').unwrap_or(("", text));
        let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, ""));
        Self {
            epoch: epoch.as_bytes(),
            upstream: upstream.as_bytes(),
            revision: revision.as_bytes(),
        }
    }
}

/// Compares what is between colons and hyphens: stretches of non-digits and of digits in turn.
fn compare_part(mut a: &[u8], mut b: &[u8]) -> Ordering {
    while !a.is_empty() || !b.is_empty() {
        let (text_a, text_b);
        (text_a, a) = split(a, |byte| !byte.is_ascii_digit());
        (text_b, b) = split(b, |byte| !byte.is_ascii_digit());
        let (digits_a, digits_b);
        (digits_a, a) = split(a, |byte| byte.is_ascii_digit());
        (digits_b, b) = split(b, |byte| byte.is_ascii_digit());
        let order = compare_texts(text_a, text_b).then_with(|| compare_numbers(digits_a, digits_b));
        if order.is_ne() {
            return order;
        }
    }
    Ordering::Equal
}

fn split(bytes: &[u8], of_kind: impl Fn(u8) -> bool) -> (&[u8], &[u8]) {
    let end = bytes
        .iter()
        .position(|byte| !of_kind(*byte))
        .unwrap_or(bytes.len());
    bytes.split_at_checked(end).unwrap_or((bytes, &[]))
}

/// `~` sorts before the end, the end before letters, letters before all else.
fn compare_texts(a: &[u8], b: &[u8]) -> Ordering {
    let weight = |byte: Option<&u8>| match byte {
        Some(b'~') => -1,
        None => 0,
        Some(letter) if letter.is_ascii_alphabetic() => i32::from(*letter),
        Some(other) => i32::from(*other) + 256,
    };
    (0..a.len().max(b.len()))
        .map(|at| weight(a.get(at)).cmp(&weight(b.get(at))))
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

/// Compares numbers of any length; no digits count as zero.
fn compare_numbers(a: &[u8], b: &[u8]) -> Ordering {
    let (_, a) = split(a, |byte| byte == b'0');
    let (_, b) = split(b, |byte| byte == b'0');
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

fn check(text: &str) -> Result<(), &'static str> {
    if text.len() > VERSION_MAX {
        return Err("it is too long");
    }
    let rest = match text.split_once(':') {
        Some((epoch, rest)) => {
            if epoch.is_empty() || !epoch.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err("its epoch is not a number");
            }
            if epoch.parse::<i32>().is_err() {
                return Err("its epoch is too large");
            }
            rest
        }
        None => text,
    };
    let (upstream, revision) = match rest.rsplit_once('-') {
        Some((_, "")) => return Err("its revision is empty"),
        Some((upstream, revision)) => (upstream, revision),
        None => (rest, "0"),
    };
    if !upstream.starts_with(|first: char| first.is_ascii_alphanumeric()) {
        return Err("it does not start with a digit or a letter");
    }
    let upstream_byte =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'+' | b'-' | b'~' | b':');
    let revision_byte =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'+' | b'~');
    if !upstream.bytes().all(upstream_byte) || !revision.bytes().all(revision_byte) {
        return Err("only letters, digits and . + - ~ : may stand in it");
    }
    Ok(())
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Version {}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        compare(&self.0, &other.0)
    }
}

impl Hash for Version {
    /// Equal versions may be spelt differently, so only what equality cannot change is hashed: the
    /// digits of the upstream version before the first non-digit, without leading zeros.
    fn hash<H: Hasher>(&self, state: &mut H) {
        let parts = Parts::of(&self.0);
        let (digits, _) = split(parts.upstream, |byte| byte.is_ascii_digit());
        let (_, significant) = split(digits, |byte| byte == b'0');
        significant.hash(state);
    }
}

text_traits!(Version);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Each row is in ascending order.
    const ASCENDING: &[&[&str]] = &[
        &[
            "1.0~~", "1.0~~a", "1.0~", "1.0", "1.0-1", "1.0a", "1.0+b", "1.0.1",
        ],
        &["0.9", "1", "1:0.1", "2:0"],
        &[
            "1-1~bpo12+1",
            "1-1",
            "1-1+b1",
            "1-1+deb12u1",
            "1-1.1",
            "1-2",
        ],
        &["2.9", "2.10", "2.010.1", "2.100"],
        &["1.0~rc1-1", "1.0-1", "1.0-1ubuntu1", "1.0-10"],
        &["99999999999999999999998", "99999999999999999999999"],
        &["1a", "1b", "1+", "1."],
        &[
            "6.12.9-1~bpo12+1",
            "6.12.9-1",
            "6.12.11-1",
            "6.12.11-1+deb13u1",
        ],
    ];
    const EQUAL: &[(&str, &str)] = &[
        ("1.0", "0:1.0"),
        ("1.0", "1.0-0"),
        ("1.01", "1.1"),
        ("1.0", "1.0-00"),
        ("00:1", "1"),
        ("1.a", "1.a0"),
    ];

    #[test]
    fn the_order_is_the_policy_s() {
        for row in ASCENDING {
            for (at, low) in row.iter().enumerate() {
                for high in &row[at + 1..] {
                    assert_eq!(compare(low, high), Ordering::Less, "{low} {high}");
                    assert_eq!(compare(high, low), Ordering::Greater, "{high} {low}");
                }
            }
        }
        for (a, b) in EQUAL {
            assert_eq!(compare(a, b), Ordering::Equal, "{a} {b}");
        }
    }

    #[test]
    fn texts_that_are_not_versions_are_refused() {
        let long = "1".repeat(300);
        for bad in [
            "",
            ":1",
            "a:1",
            "-1",
            "1-",
            "1:",
            "1 0",
            "1_0",
            "1/0",
            "..",
            "99999999999:1",
            "1\n",
            "1-1:1-é",
            "+1",
            &long,
        ] {
            assert!(bad.parse::<Version>().is_err(), "{bad:?}");
        }
        for good in [
            "1",
            "1:2:3-4",
            "2.0-alpha-1",
            "1.0~rc1+dfsg-1~deb12u1",
            "r6-2",
        ] {
            assert!(good.parse::<Version>().is_ok(), "{good:?}");
        }
    }

    proptest! {
        #[test]
        fn the_order_is_total(a in "[0-9a-c.~+:-]{0,8}", b in "[0-9a-c.~+:-]{0,8}",
                              c in "[0-9a-c.~+:-]{0,8}") {
            prop_assert_eq!(compare(&a, &b), compare(&b, &a).reverse());
            if compare(&a, &b).is_le() && compare(&b, &c).is_le() {
                prop_assert!(compare(&a, &c).is_le());
            }
        }

        #[test]
        fn equal_versions_hash_alike(a in "[01]{1,3}[.a]?[01]{0,2}(-0?[01])?",
                                     b in "[01]{1,3}[.a]?[01]{0,2}(-0?[01])?") {
            let [a, b]: [Version; 2] = [a, b].map(|text| text.parse().unwrap());
            let digest = |version: &Version| {
                let mut state = std::hash::DefaultHasher::new();
                version.hash(&mut state);
                state.finish()
            };
            if a == b {
                prop_assert_eq!(digest(&a), digest(&b));
            }
        }
    }
}
