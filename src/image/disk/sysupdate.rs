//! An image in pieces, and what systemd-sysupdate(8) must know to put them into the free slot.
//!
//! Each piece has the id of the partition that it goes into in its name, for the kernel and the
//! initrd look for nothing else.

use std::fmt::Write as _;

use crate::baseline::{ImageName, ImageVersion};
use crate::layout::Uuid;
use crate::limits;

/// A piece of an image that updates bring by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Piece {
    /// The hash tree of the root.
    Verity,
    /// The root's file system.
    Root,
    /// The signed statement.
    Envelope,
    /// The proof that it is in the log.
    Receipt,
    /// The unified kernel image. It comes last: what boots is there once it is there.
    Kernel,
}

/// Where an image's updates come from.
#[derive(Clone, Debug)]
pub struct Split {
    /// The image's name.
    pub name: ImageName,
    /// The directory with the pieces and their `SHA256SUMS`.
    pub address: Address,
    /// Whether the image's trust root names a log, so that each version has a receipt.
    pub receipt: bool,
}

/// The address of a directory that updates come from: `https://`, printable ASCII without blanks, and
/// none of `%`, `@` and `\`, which systemd would replace; without a `/` at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address(String);

/// A file of sysupdate.d(5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// Its name, below `/usr/lib/sysupdate.d`.
    pub name: String,
    /// Its text.
    pub text: String,
}

impl Piece {
    /// All of them, in the order in which they are brought.
    pub const ALL: [Self; 5] = [
        Self::Verity,
        Self::Root,
        Self::Envelope,
        Self::Receipt,
        Self::Kernel,
    ];

    /// The name of this piece's file. `partition` is the id of the partition that it goes into.
    pub fn file_name(self, name: &ImageName, version: &ImageVersion, partition: Uuid) -> String {
        let stem = format!("{}_{}", name.as_str(), version.as_str());
        match self {
            Self::Verity | Self::Root => format!("{stem}_{partition}{}", self.suffix()),
            Self::Envelope | Self::Receipt | Self::Kernel => format!("{stem}{}", self.suffix()),
        }
    }

    /// What the name of its file ends in.
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Verity => ".verity",
            Self::Root => ".root",
            Self::Envelope => ".dsse.json",
            Self::Receipt => ".tlog-proof",
            Self::Kernel => ".efi",
        }
    }

    /// The stem of this piece's file of sysupdate.d(5); they are read in the order of their names.
    const fn transfer(self) -> &'static str {
        match self {
            Self::Verity => "10-verity",
            Self::Root => "20-root",
            Self::Envelope => "30-envelope",
            Self::Receipt => "40-receipt",
            Self::Kernel => "50-kernel",
        }
    }

    const fn partition_type(self) -> Option<&'static str> {
        match self {
            Self::Verity => Some("root-verity"),
            Self::Root => Some("root"),
            Self::Envelope | Self::Receipt | Self::Kernel => None,
        }
    }
}

impl Address {
    /// The rule, for people.
    pub const RULE: &str = "an address of updates is https:// and visible ASCII, without any of '%', '@', '\\' and '\"'";

    /// Takes an address.
    pub fn parse(text: &str) -> Option<Self> {
        let plain = |byte: u8| byte.is_ascii_graphic() && !b"%@\\\"".contains(&byte);
        let text = text.trim_end_matches('/');
        let rest = text.strip_prefix("https://")?;
        let fits = !rest.is_empty() && text.len() <= limits::UPDATES_ADDRESS_MAX;
        (fits && rest.bytes().all(plain)).then(|| Self(text.to_owned()))
    }

    /// The address as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Split {
    /// Where the files are.
    pub const DIRECTORY: &str = "/usr/lib/sysupdate.d";

    /// The files of sysupdate.d(5) for both slots of an image, in the order in which they are read.
    ///
    /// None of them asks for a signature over `SHA256SUMS` (`Verify=no`): whoever serves another update
    /// wastes a download and fills a slot that does not start, since the initrd believes the envelope
    /// alone.
    pub fn transfers(&self) -> Vec<Transfer> {
        let wanted = |piece: &Piece| *piece != Piece::Receipt || self.receipt;
        let pieces = Piece::ALL.into_iter().filter(wanted);
        let transfers = pieces.map(|piece| Transfer {
            name: format!("{}.transfer", piece.transfer()),
            text: self.text(piece),
        });
        transfers.collect()
    }

    fn text(&self, piece: Piece) -> String {
        let (name, suffix) = (self.name.as_str(), piece.suffix());
        let address = self.address.as_str();
        let id = if piece.partition_type().is_some() {
            "_@u"
        } else {
            ""
        };
        // The version that runs is never written over.
        let mut text = format!(
            "[Transfer]\nProtectVersion=%A\nVerify=no\n\n\
             [Source]\nType=url-file\nPath={address}/\nMatchPattern={name}_@v{id}{suffix}\n\n[Target]\n"
        );
        if let Some(kind) = piece.partition_type() {
            // The empty slot is marked so that nobody mounts it; a filled one is as it was built.
            let _ = write!(
                text,
                "Type=partition\nPath=auto\nMatchPattern={name}_@v\nMatchPartitionType={kind}\n\
                 ReadOnly=yes\nPartitionNoAuto=no\n"
            );
            return text;
        }
        let (directory, target) = match piece {
            Piece::Kernel => (
                "/EFI/Linux",
                format!(
                    "{name}_@v+@l-@d.efi {name}_@v+@l.efi {name}_@v.efi\nTriesLeft=3\nTriesDone=0"
                ),
            ),
            _ => ("/karat", format!("{name}_@v{suffix}")),
        };
        let _ = write!(
            text,
            "Type=regular-file\nPath={directory}\nPathRelativeTo=esp\nMatchPattern={target}\n\
             InstancesMax=2\n"
        );
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(receipt: bool) -> Split {
        Split {
            name: ImageName::parse("web").unwrap(),
            address: Address::parse("https://images.example/web/").unwrap(),
            receipt,
        }
    }

    #[test]
    fn names_have_the_partition_where_there_is_one() {
        let (name, version) = (
            ImageName::parse("web").unwrap(),
            ImageVersion::parse("2026.11.1").unwrap(),
        );
        let id = Uuid::from_bytes([0x5a; 16]);
        let named = Piece::ALL.map(|piece| piece.file_name(&name, &version, id));
        let stem = "web_2026.11.1";
        let with_id = format!("{stem}_5a5a5a5a-5a5a-5a5a-5a5a-5a5a5a5a5a5a");
        assert_eq!(
            named,
            [
                format!("{with_id}.verity"),
                format!("{with_id}.root"),
                format!("{stem}.dsse.json"),
                format!("{stem}.tlog-proof"),
                format!("{stem}.efi"),
            ]
        );
    }

    #[test]
    fn each_piece_has_its_file() {
        let transfers = split(true).transfers();
        let names: Vec<&str> = transfers.iter().map(|each| each.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "10-verity.transfer",
                "20-root.transfer",
                "30-envelope.transfer",
                "40-receipt.transfer",
                "50-kernel.transfer"
            ]
        );
        assert_eq!(
            transfers[1].text,
            "[Transfer]\nProtectVersion=%A\nVerify=no\n\n\
             [Source]\nType=url-file\nPath=https://images.example/web/\nMatchPattern=web_@v_@u.root\n\n\
             [Target]\nType=partition\nPath=auto\nMatchPattern=web_@v\nMatchPartitionType=root\n\
             ReadOnly=yes\nPartitionNoAuto=no\n"
        );
        assert_eq!(
            transfers[4].text,
            "[Transfer]\nProtectVersion=%A\nVerify=no\n\n\
             [Source]\nType=url-file\nPath=https://images.example/web/\nMatchPattern=web_@v.efi\n\n\
             [Target]\nType=regular-file\nPath=/EFI/Linux\nPathRelativeTo=esp\n\
             MatchPattern=web_@v+@l-@d.efi web_@v+@l.efi web_@v.efi\nTriesLeft=3\nTriesDone=0\n\
             InstancesMax=2\n"
        );
        assert_eq!(split(false).transfers().len(), 4, "no receipt is asked for");
    }

    #[test]
    fn an_address_is_no_place_for_directives() {
        let parsed = |text| Address::parse(text).map(|it| it.as_str().to_owned());
        let good = "https://images.example:8443/web";
        assert_eq!(parsed(good).as_deref(), Some(good));
        assert_eq!(parsed(&format!("{good}/")).as_deref(), Some(good));
        let long = format!("https://{}", "a".repeat(limits::UPDATES_ADDRESS_MAX));
        for address in [
            "http://images.example",
            "https://",
            "https://a\nVerify=no",
            "https://a/%H",
            "https://a/@v",
            "https://a\\x20b",
            "https://a b",
            &long,
        ] {
            assert_eq!(Address::parse(address), None, "{address}");
        }
    }
}
