//! An image in pieces, and what systemd-sysupdate(8) must know to put them into the free slot.
//!
//! Each piece has the id of the partition that it goes into in its name, for the kernel and the
//! initrd look for nothing else.

use std::fmt::Write as _;

use crate::baseline::{ImageName, ImageVersion};

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
    /// The address (HTTPS) of the directory with the pieces and their `SHA256SUMS`.
    pub address: String,
    /// Whether `SHA256SUMS` is signed with OpenPGP, by a key in the image's
    /// `/usr/lib/systemd/import-pubring.gpg`. Without, a server can waste a download: the slot that
    /// it fills does not boot, since the initrd believes the envelope alone.
    pub signed: bool,
    /// Whether the image's trust root asks for a receipt.
    pub receipt: bool,
    /// The systemd of the image: from 254 on it knows where the ESP is mounted, from 257 on the
    /// files are called `.transfer`.
    pub systemd: u32,
}

/// A file of sysupdate.d(5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// Its name, below `/usr/lib/sysupdate.d`.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// An address that does not go into a file of sysupdate.d(5).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "an address of updates is https:// and printable ASCII without blanks, '%' and '@', which systemd would replace"
)]
pub struct SplitError;

impl Piece {
    /// All of them, in the order in which they are brought.
    pub const ALL: [Self; 5] = [
        Self::Verity,
        Self::Root,
        Self::Envelope,
        Self::Receipt,
        Self::Kernel,
    ];

    /// The name of this piece's file. `partition` is the id of the partition that it goes into, as
    /// the bytes of a UUID in the order in which they are written.
    pub fn file_name(
        self,
        name: &ImageName,
        version: &ImageVersion,
        partition: [u8; 16],
    ) -> String {
        let stem = format!("{}_{}", name.as_str(), version.as_str());
        match self {
            Self::Verity | Self::Root => format!("{stem}_{}{}", uuid(partition), self.suffix()),
            Self::Envelope | Self::Receipt | Self::Kernel => format!("{stem}{}", self.suffix()),
        }
    }

    const fn suffix(self) -> &'static str {
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

impl Split {
    /// The files of sysupdate.d(5) for both slots of an image, in the order in which they are read.
    ///
    /// # Errors
    /// The address cannot stand in them.
    pub fn transfers(&self) -> Result<Vec<Transfer>, SplitError> {
        let printable = |byte: u8| byte.is_ascii_graphic() && byte != b'%' && byte != b'@';
        let address = self.address.trim_end_matches('/');
        if !address.starts_with("https://") || !address.bytes().all(printable) {
            return Err(SplitError);
        }
        let end = if self.systemd >= 257 {
            "transfer"
        } else {
            "conf"
        };
        let wanted = |piece: &Piece| *piece != Piece::Receipt || self.receipt;
        Ok(Piece::ALL
            .into_iter()
            .filter(wanted)
            .map(|piece| Transfer {
                name: format!("{}.{end}", piece.transfer()),
                text: self.text(piece, address),
            })
            .collect())
    }

    fn text(&self, piece: Piece, address: &str) -> String {
        let (name, suffix) = (self.name.as_str(), piece.suffix());
        let verify = if self.signed { "yes" } else { "no" };
        // The version that runs is never written over.
        let mut text = format!("[Transfer]\nProtectVersion=%A\nVerify={verify}\n\n");
        let id = if piece.partition_type().is_some() {
            "_@u"
        } else {
            ""
        };
        let _ = write!(
            text,
            "[Source]\nType=url-file\nPath={address}/\nMatchPattern={name}_@v{id}{suffix}\n\n[Target]\n"
        );
        if let Some(kind) = piece.partition_type() {
            let _ = write!(
                text,
                "Type=partition\nPath=auto\nMatchPattern={name}_@v\nMatchPartitionType={kind}\nReadOnly=yes\n"
            );
            return text;
        }
        let directory = if piece == Piece::Kernel {
            "/EFI/Linux"
        } else {
            "/karat"
        };
        let place = if self.systemd >= 254 {
            format!("Path={directory}\nPathRelativeTo=esp\n")
        } else {
            format!("Path=/efi{directory}\n")
        };
        text.push_str("Type=regular-file\n");
        text.push_str(&place);
        if piece == Piece::Kernel {
            let _ = write!(
                text,
                "MatchPattern={name}_@v+@l-@d.efi {name}_@v+@l.efi {name}_@v.efi\nTriesLeft=3\nTriesDone=0\n"
            );
        } else {
            let _ = writeln!(text, "MatchPattern={name}_@v{suffix}");
        }
        text.push_str("Mode=0444\nInstancesMax=2\n");
        text
    }
}

/// A UUID as it is written (RFC 9562, section 4).
fn uuid(bytes: [u8; 16]) -> String {
    let mut text = String::with_capacity(36);
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(systemd: u32) -> Split {
        Split {
            name: ImageName::parse("web").unwrap(),
            address: "https://images.example/web/".to_owned(),
            signed: false,
            receipt: systemd >= 257,
            systemd,
        }
    }

    #[test]
    fn names_have_the_partition_where_there_is_one() {
        let (name, version) = (
            ImageName::parse("web").unwrap(),
            ImageVersion::parse("2026.11.1").unwrap(),
        );
        let id = *b"\x01\x23\x45\x67\x89\xab\xcd\xef\x01\x23\x45\x67\x89\xab\xcd\xef";
        let named = Piece::ALL.map(|piece| piece.file_name(&name, &version, id));
        let stem = "web_2026.11.1";
        let with_id = format!("{stem}_01234567-89ab-cdef-0123-456789abcdef");
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
    fn the_files_are_those_of_the_systemd_that_reads_them() {
        let new = split(257).transfers().unwrap();
        let names: Vec<&str> = new.iter().map(|each| each.name.as_str()).collect();
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
            new[1].text,
            "[Transfer]\nProtectVersion=%A\nVerify=no\n\n\
             [Source]\nType=url-file\nPath=https://images.example/web/\nMatchPattern=web_@v_@u.root\n\n\
             [Target]\nType=partition\nPath=auto\nMatchPattern=web_@v\nMatchPartitionType=root\nReadOnly=yes\n"
        );
        assert_eq!(
            new[4].text,
            "[Transfer]\nProtectVersion=%A\nVerify=no\n\n\
             [Source]\nType=url-file\nPath=https://images.example/web/\nMatchPattern=web_@v.efi\n\n\
             [Target]\nType=regular-file\nPath=/EFI/Linux\nPathRelativeTo=esp\n\
             MatchPattern=web_@v+@l-@d.efi web_@v+@l.efi web_@v.efi\nTriesLeft=3\nTriesDone=0\n\
             Mode=0444\nInstancesMax=2\n"
        );
        let old = split(252).transfers().unwrap();
        assert_eq!(old.len(), 4, "no receipt was asked for");
        assert_eq!(old[3].name, "50-kernel.conf");
        assert!(old[3].text.contains("\nPath=/efi/EFI/Linux\nMatchPattern"));
    }

    #[test]
    fn an_address_is_no_place_for_directives() {
        for address in [
            "http://images.example",
            "https://a\nVerify=no",
            "https://a/%H",
            "https://a/@v",
            "https://a b",
        ] {
            let address = address.to_owned();
            let split = Split {
                address,
                ..split(257)
            };
            assert_eq!(split.transfers(), Err(SplitError));
        }
    }
}
