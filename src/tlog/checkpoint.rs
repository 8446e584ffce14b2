//! Checkpoints (<https://c2sp.org/tlog-checkpoint@v1.0.0>).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::hash::empty_root;
use crate::digest::Digest;

/// What a log says about itself: the text of a checkpoint, whoever signed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's name: the first line.
    pub origin: String,
    /// Size and root of its tree.
    pub head: TreeHead,
    /// Further lines, without a meaning here.
    pub extensions: Vec<String>,
}

/// A Merkle tree as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TreeHead {
    /// How many leaves it has.
    pub size: u64,
    /// Its root (RFC 6962, section 2.1).
    pub root: Digest,
}

/// Why text is no checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// Not three lines or more that are not empty.
    #[error("checkpoint: it is not origin, size, root and further lines, none of them empty")]
    Lines,
    /// The size is no decimal number, or too large.
    #[error("checkpoint: the size is no decimal number below 2^63 in its one spelling")]
    Size,
    /// The root is not the base64 of 32 bytes.
    #[error("checkpoint: the root is not the base64 of 32 bytes")]
    Root,
    /// A tree without leaves has one root only.
    #[error("checkpoint: the root of an empty tree is another")]
    EmptyRoot,
}

impl TreeHead {
    /// The tree without leaves.
    pub fn empty() -> Self {
        Self {
            size: 0,
            root: empty_root(),
        }
    }

    /// Largest size: positions stay whole numbers with a sign, as other implementations have them.
    pub const SIZE_MAX: u64 = (1 << 63) - 1;
}

impl Checkpoint {
    /// Reads the text of a note, which ends with a line feed.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let lines = text.strip_suffix('\n').ok_or(CheckpointError::Lines)?;
        let lines: Vec<&str> = lines.split('\n').collect();
        let [origin, size, root, extensions @ ..] = lines.as_slice() else {
            return Err(CheckpointError::Lines);
        };
        if lines.iter().any(|line| line.is_empty()) {
            return Err(CheckpointError::Lines);
        }
        let size = number(size).ok_or(CheckpointError::Size)?;
        let root = digest(root).ok_or(CheckpointError::Root)?;
        let head = TreeHead { size, root };
        if size == 0 && head != TreeHead::empty() {
            return Err(CheckpointError::EmptyRoot);
        }
        Ok(Self {
            origin: (*origin).to_owned(),
            head,
            extensions: extensions.iter().map(|line| (*line).to_owned()).collect(),
        })
    }

    /// The text to sign.
    pub fn to_text(&self) -> String {
        let mut text = format!(
            "{}\n{}\n{}\n",
            self.origin,
            self.head.size,
            STANDARD.encode(self.head.root.as_bytes())
        );
        for line in &self.extensions {
            text.push_str(line);
            text.push('\n');
        }
        text
    }
}

/// A decimal number in its one spelling, up to [`TreeHead::SIZE_MAX`].
pub(super) fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let leading = text.len() > 1 && text.starts_with('0');
    let number: u64 = text.parse().ok().filter(|_| digits && !leading)?;
    (number <= TreeHead::SIZE_MAX).then_some(number)
}

/// Standard base64 of 32 bytes.
pub(crate) fn digest(text: &str) -> Option<Digest> {
    let bytes = STANDARD.decode(text).ok()?;
    bytes.try_into().ok().map(Digest::from_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";
    const EMPTY: &str = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";

    #[test]
    fn text_round_trips() {
        for text in [
            format!("example.com/behind-the-sofa\n20852163\n{ROOT}\n"),
            format!("a name with spaces\n1\n{ROOT}\nmore\nand more\n"),
            format!("o\n0\n{EMPTY}\n"),
            format!("o\n9223372036854775807\n{ROOT}\n"),
        ] {
            assert_eq!(Checkpoint::parse(&text).unwrap().to_text(), text);
        }
    }

    #[test]
    fn each_rule_has_its_error() {
        use CheckpointError as Error;
        for (text, error) in [
            ("", Error::Lines),
            ("\n", Error::Lines),
            ("o\n1\n", Error::Lines),
            (&format!("o\n1\n{ROOT}"), Error::Lines),
            (&format!("\n1\n{ROOT}\n"), Error::Lines),
            (&format!("o\n1\n{ROOT}\n\n"), Error::Lines),
            (&format!("o\n\n1\n{ROOT}\n"), Error::Lines),
            (&format!("o\n01\n{ROOT}\n"), Error::Size),
            (&format!("o\n00\n{ROOT}\n"), Error::Size),
            (&format!("o\n+1\n{ROOT}\n"), Error::Size),
            (&format!("o\n-1\n{ROOT}\n"), Error::Size),
            (&format!("o\n1 \n{ROOT}\n"), Error::Size),
            (&format!("o\n1e3\n{ROOT}\n"), Error::Size),
            (&format!("o\n9223372036854775808\n{ROOT}\n"), Error::Size),
            (&format!("o\n99999999999999999999\n{ROOT}\n"), Error::Size),
            (&format!("o\n1\n{ROOT} \n"), Error::Root),
            (
                &format!("o\n1\n{}\n", ROOT.trim_end_matches('=')),
                Error::Root,
            ),
            (
                &format!("o\n1\n{}\n", ROOT.replace("2I=", "2J=")),
                Error::Root,
            ),
            (&format!("o\n1\n{}\n", ROOT.replace('/', "_")), Error::Root),
            ("o\n1\nAAAA\n", Error::Root),
            (&format!("o\n0\n{ROOT}\n"), Error::EmptyRoot),
        ] {
            assert_eq!(Checkpoint::parse(text), Err(error), "{text:?}");
        }
    }
}
