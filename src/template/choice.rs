//! Closed sets of values, and the words by which a template writes them.

use std::fmt;

use super::disk::Writable;
use super::model::{
    Category, Compression, DataClass, Flavour, Format, Initrd, Lifecycle, StatedFlavour,
};
use super::source::{Distribution, Pocket};
use crate::appraise::Expiry;
use crate::boot;
use crate::expect::Class;
use crate::instance::OnFailure;
use crate::segment::Proto;
pub use crate::written::Choice;

impl Choice for Class {
    const WORDS: &'static [(&'static str, Self)] = &[
        (Self::AppendOnly.name(), Self::AppendOnly),
        (Self::GeneratedOnce.name(), Self::GeneratedOnce),
        (Self::State.name(), Self::State),
        (Self::Volatile.name(), Self::Volatile),
    ];
}

impl Choice for Expiry {
    const WORDS: &'static [(&'static str, Self)] = &[
        (Self::Warn.name(), Self::Warn),
        (Self::Enforce.name(), Self::Enforce),
        (Self::Ignore.name(), Self::Ignore),
    ];
}

impl Choice for OnFailure {
    const WORDS: &'static [(&'static str, Self)] = &[
        (Self::Report.name(), Self::Report),
        (Self::Isolate.name(), Self::Isolate),
        (Self::Poweroff.name(), Self::Poweroff),
    ];
}

impl Choice for boot::OnFailure {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("poweroff", Self::Poweroff),
        ("emergency", Self::Emergency),
        ("previous", Self::Previous),
    ];
}

impl Choice for boot::OnCorruption {
    const WORDS: &'static [(&'static str, Self)] =
        &[("panic", Self::Panic), ("restart", Self::Restart)];
}

impl Choice for boot::Etc {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("read-only", Self::ReadOnly),
        ("overlay-tmpfs", Self::OverlayTmpfs),
        ("overlay-state", Self::OverlayState),
    ];
}

impl Choice for Writable {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("no", Self::No),
        ("state", Self::State),
        ("tmpfs", Self::Tmpfs),
    ];
}

impl Choice for Category {
    const WORDS: &'static [(&'static str, Self)] = Self::WORDS;
}

impl Choice for DataClass {
    const WORDS: &'static [(&'static str, Self)] = Self::WORDS;
}

impl Choice for Lifecycle {
    const WORDS: &'static [(&'static str, Self)] = Self::WORDS;
}

impl Choice for Proto {
    const WORDS: &'static [(&'static str, Self)] = Self::WORDS;
}

/// Gives a closed set of values its words.
macro_rules! choices {
    ($($type:ident { $($word:literal => $variant:ident),* $(,)? })*) => {
        $(impl Choice for $type {
            const WORDS: &'static [(&'static str, Self)] = &[$(($word, Self::$variant)),*];
        }
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.word())
            }
        })*
    };
}

choices! {
    Distribution { "debian" => Debian }
    Pocket {
        "updates" => Updates,
        "security" => Security,
        "backports" => Backports,
        "proposed-updates" => ProposedUpdates,
    }
    Initrd { "distribution" => Distribution, "karat" => Karat }
    Flavour { "generic" => Generic, "cloud" => Cloud }
    StatedFlavour { "generic" => Generic, "cloud" => Cloud, "none" => None }
    Format {
        "tar" => Tar,
        "oci" => Oci,
        "erofs" => Erofs,
        "disk" => Disk,
        "qcow2" => Qcow2,
        "vhd" => Vhd,
        "vmdk" => Vmdk,
        "gcp" => Gcp,
        "split" => Split,
    }
    Compression { "zstd" => Zstd, "gzip" => Gzip, "none" => None }
}
