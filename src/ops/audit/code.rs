//! What an audit can find. Codes stay what they are; new ones are added.

use serde::{Serialize, Serializer};

/// How much a finding weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Cryptography says that something is false: exit code 11. Cannot be acknowledged away.
    Fault,
    /// A rule of the trust roots, or of good order, was broken: exit code 10.
    Policy,
    /// Something could not be read, so it was not checked: exit code 13.
    Incomplete,
    /// Worth knowing; no exit code.
    Note,
}

impl Severity {
    /// All, the worst first.
    pub const ALL: [Self; 4] = [Self::Fault, Self::Policy, Self::Incomplete, Self::Note];

    /// The word in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fault => "fault",
            Self::Policy => "policy",
            Self::Incomplete => "incomplete",
            Self::Note => "note",
        }
    }
}

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal, $severity:ident, $title:literal;)+) => {
        /// What was found. The hundreds tell about what: 1 the log's own files, 2 trust roots, 3
        /// signatures, 4 images and serials, 5 envelopes elsewhere, 6 revocations and retirements, 7
        /// independence, 8 entries as such, 9 the audit's own inputs.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Code {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Code {
            /// All codes, in their order.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The code as it is written: `KA` and three digits.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }

            /// How much it weighs.
            pub const fn severity(self) -> Severity {
                match self { $(Self::$name => Severity::$severity),+ }
            }

            /// What it is, in a few words.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title),+ }
            }
        }
    };
}

codes! {
    /// A checkpoint that no key of the log signed, or of another log.
    ForeignCheckpoint = "KA101", Fault, "a checkpoint is not the log's";
    /// A checkpoint whose root is not that of its entries.
    WrongRoot = "KA102", Fault, "a checkpoint does not fit its entries";
    /// A tile or bundle that is not what the entries make.
    WrongTile = "KA103", Fault, "a file of the log is not what its entries make";
    /// A tile, bundle or checkpoint that is not there.
    MissingFile = "KA104", Incomplete, "a file of the log is missing";
    /// A kept checkpoint is larger than the published one.
    SetBack = "KA105", Fault, "the log was set back";
    /// Two signed checkpoints that cannot both be true.
    Fork = "KA106", Fault, "the log was forked";
    /// The newest trust root does not believe the published checkpoint.
    Untrusted = "KA107", Fault, "the trust root does not believe the log";
    /// Fewer witnesses cosigned the published checkpoint than the trust root wants.
    NoQuorum = "KA108", Policy, "too few witnesses cosigned";
    /// Entries that no checkpoint could vouch for, because something before them is missing.
    Unchecked = "KA109", Incomplete, "entries could not be checked";
    /// No earlier checkpoints are kept, or they cannot be listed.
    NoHistory = "KA110", Incomplete, "earlier checkpoints are not at hand";
    /// Files that no checkpoint needs.
    Leftover = "KA111", Note, "a file that no checkpoint needs";
    /// One kept checkpoint that is larger than the published one, and fits it.
    Unpublished = "KA112", Incomplete, "a checkpoint is kept that is not published";

    /// A trust root in the log that is not of the lineage of the given one.
    ForeignRoot = "KA201", Fault, "a trust root of another lineage";
    /// A trust root in the log that its predecessor does not vouch for.
    RefusedRoot = "KA202", Fault, "a trust root that does not follow";
    /// Two different trust roots of one version, both vouched for.
    ForkedRoot = "KA203", Fault, "two trust roots of one version";
    /// A trust root that stands in the log after a newer one.
    LateRoot = "KA204", Policy, "a trust root was logged after a newer one";
    /// A trust root of the lineage that the log does not have.
    UnloggedRoot = "KA205", Policy, "a trust root is not in the log";
    /// Trust roots between two that are there are not at hand.
    BrokenLineage = "KA206", Incomplete, "the lineage of trust roots has a hole";
    /// A trust root that gives one key two roles.
    TwoRoles = "KA207", Fault, "one key in two roles";

    /// Too few keys signed that count.
    BelowThreshold = "KA301", Policy, "too few signatures count";
    /// A key signed after its end.
    EndedKey = "KA302", Policy, "signed by a key after its end";
    /// A key signed before its beginning.
    EarlyKey = "KA303", Policy, "signed by a key before its beginning";
    /// A key signed where a revocation reaches.
    RevokedKey = "KA304", Policy, "signed by a revoked key";
    /// A key signed what is for another role.
    WrongRole = "KA305", Policy, "signed by a key of another role";
    /// A key signed an image that it may not sign.
    WrongImage = "KA306", Policy, "signed by a key that may not sign this image";
    /// A signature of a key that no trust root names.
    UnknownKey = "KA307", Policy, "signed by a key that nobody knows";
    /// A signature that names a key and does not verify under it.
    BadSignature = "KA308", Fault, "a signature does not verify";
    /// A key signed one envelope twice.
    DoubleSignature = "KA309", Policy, "one key signed twice";

    /// Serials of an image that the log does not have.
    SerialGap = "KA401", Policy, "serials are missing";
    /// A serial that was logged after a higher one.
    LateSerial = "KA402", Policy, "an older serial was signed after a newer one";
    /// One serial, two statements.
    SerialConflict = "KA403", Policy, "one serial for two statements";
    /// The very same envelope again.
    Duplicate = "KA404", Policy, "the same envelope was logged twice";
    /// A serial below the lowest that the trust root in force let count.
    BelowMinimum = "KA405", Policy, "signed below the lowest serial that counts";
    /// A retired baseline that was signed or logged again.
    RetiredSigned = "KA406", Policy, "a retired baseline was signed again";

    /// An envelope that the log does not have.
    Unlogged = "KA501", Policy, "an envelope is not in the log";
    /// An envelope that cannot be read.
    UnreadableEnvelope = "KA502", Incomplete, "an envelope could not be read";
    /// An envelope with signatures that the log does not have.
    MoreSignatures = "KA503", Note, "an envelope has signatures that are not logged";
    /// An envelope of a retired baseline lies where envelopes are in use.
    RetiredInUse = "KA504", Policy, "a retired baseline is in use";

    /// A revocation or retirement that too few signed.
    RefusedNotice = "KA601", Policy, "a revocation or retirement that does not count";
    /// A revocation that the newest trust root does not have.
    PendingRevocation = "KA602", Policy, "a revocation is not in the trust root";
    /// A revocation of a key that no trust root names.
    StrangeRevocation = "KA603", Policy, "a revocation of a key that nobody knows";

    /// Nobody but who keeps the log vouches for its history.
    NotIndependent = "KA701", Note, "history not independent";

    /// An entry of a kind that this karat does not know.
    UnknownKind = "KA801", Note, "an entry of an unknown kind";
    /// An entry that is none of karat's.
    ForeignEntry = "KA802", Note, "an entry that is none of karat's";
    /// An entry of karat's that cannot be read.
    Malformed = "KA803", Policy, "an entry that cannot be read";
    /// An entry that is not in its one spelling.
    OtherSpelling = "KA804", Policy, "an entry in another spelling";

    /// An acknowledgement of something that was not found, or that does not exist.
    StaleAcknowledgement = "KA901", Note, "an acknowledgement of nothing";
    /// An acknowledgement of what cannot be acknowledged.
    RefusedAcknowledgement = "KA902", Policy, "a fault cannot be acknowledged";
    /// Outputs that could not be compared.
    NotCompared = "KA903", Incomplete, "outputs could not be compared";
    /// A list of packages, or the list of outputs that names it, which is not the one that was signed.
    OtherSbom = "KA904", Policy, "an SBOM that is not the signed one";
}

impl Code {
    /// Reads a code; `None` where there is no such.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == text)
    }
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::Code;

    #[test]
    fn codes_are_unique_and_in_order() {
        let texts: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert!(texts.is_sorted_by(|one, next| one < next), "{texts:?}");
        for code in Code::ALL {
            assert_eq!(Code::parse(code.as_str()), Some(*code));
        }
        assert_eq!(Code::parse("KA000"), None);
    }
}
