//! What to do about each finding.

use super::Code;

impl Code {
    /// What to do.
    pub const fn next(self) -> &'static str {
        match self {
            Self::ForeignCheckpoint => {
                "find out who put it there; compare with `karat trust show`: origin, log keys"
            }
            Self::WrongRoot | Self::WrongTile => {
                "rely on nothing of this copy; compare it with a mirror, and ask who keeps the log"
            }
            Self::MissingFile | Self::Unchecked => "fetch the file from a mirror and audit again",
            Self::SetBack => {
                "find the files that were published since; until then, newer releases may be hidden"
            }
            Self::Fork => {
                "keep the evidence, show it to everybody who relies on the log, and end the log's key"
            }
            Self::Untrusted => "compare with `karat trust show`: origin, log keys, witnesses",
            Self::NoQuorum => "let the witnesses cosign: `karat log cosign LOG` asks them again",
            Self::NoHistory => {
                "audit where the log keeps checkpoints/, or keep the checkpoint of each audit for --since"
            }
            Self::Unpublished => {
                "audit again: somebody may be adding or copying; if it stays, `karat log append` there finishes \
                 what was interrupted, or the checkpoint was set back"
            }
            Self::Leftover => {
                "an interrupted append leaves such files; the next one writes over them"
            }
            Self::ForeignRoot | Self::RefusedRoot | Self::TwoRoles | Self::RefusedNotice => {
                "find out who logged it; nothing is judged by it"
            }
            Self::ForkedRoot => {
                "the root keys signed two truths: replace them, see docs/guides/key-ceremony.md"
            }
            Self::LateRoot => "log each trust root before anything is signed under it",
            Self::UnloggedRoot => "`karat log append LOG keys/trust/N.json` logs it",
            Self::BrokenLineage => {
                "bring the missing versions: keys/trust/N.json beside the trust root"
            }
            Self::BelowThreshold => "let further keys sign, and log the envelope again",
            Self::EndedKey | Self::RevokedKey => {
                "use nothing that it alone vouches for; sign again with a key that counts"
            }
            Self::EarlyKey => "log the trust root that begins the key first",
            Self::WrongRole => "use each key for its own role; find out why this one signed",
            Self::WrongImage => {
                "find out why it signed; its `images` in the trust root may be too narrow"
            }
            Self::UnknownKey => "find out whose key it is; `karat trust update` can add it",
            Self::BadSignature => {
                "find out who wrote it: somebody claims to be the holder of that key"
            }
            Self::DoubleSignature => "nothing is lost: it counts once; find out what made it",
            Self::SerialGap => {
                "ask for these releases: they were signed and not logged, or never existed"
            }
            Self::LateSerial => {
                "find out why an older release was signed anew: it could replace a newer one"
            }
            Self::SerialConflict => {
                "use neither before it is known which one was meant; sign anew under the next serial"
            }
            Self::Duplicate => "nothing is lost; karat does not add what is there already",
            Self::BelowMinimum => "sign it under a serial that counts",
            Self::RetiredSigned => {
                "find out why; raise the lowest serial so that instances refuse it: karat trust update"
            }
            Self::Unlogged => "`karat log append LOG FILE` logs it, if it should count",
            Self::UnreadableEnvelope => "look at the file",
            Self::MoreSignatures => "log the envelope again to make them count",
            Self::RetiredInUse => {
                "deploy a newer baseline; instances obey the trust root's lowest serial"
            }
            Self::PendingRevocation => {
                "`karat key revoke` makes the trust root that instances obey"
            }
            Self::StrangeRevocation => "find out which key was meant",
            Self::NotIndependent => "name witnesses in the trust root: docs/guides/log.md",
            Self::UnknownKind | Self::ForeignEntry => "a newer karat, or another program, wrote it",
            Self::Malformed => "find out what wrote it; it counts for nothing",
            Self::OtherSpelling => {
                "log it again as karat writes it: no receipt can prove this entry"
            }
            Self::StaleAcknowledgement => "take it out of the file",
            Self::RefusedAcknowledgement => "clear the fault up",
            Self::NotCompared => "`karat diff` on the two says more",
            Self::OtherSbom => {
                "take the files of the build that was signed; find out who wrote the other ones"
            }
        }
    }
}
