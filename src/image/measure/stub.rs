//! What each release of systemd's stub and boot loader measures.

use crate::image::uki::StubVersion;

/// The sections that a stub extends PCR 11 with, in this order: systemd appends new ones only. With
/// each the first release that does it.
const ORDER: [(&str, u32); 14] = [
    (".linux", 252),
    (".osrel", 252),
    (".cmdline", 252),
    (".initrd", 252),
    (".ucode", 256),
    (".splash", 252),
    (".dtb", 252),
    (".uname", 253),
    (".sbat", 253),
    (".pcrpkey", 252),
    (".profile", 257),
    (".dtbauto", 257),
    (".hwids", 257),
    (".efifw", 258),
];
/// Releases whose behaviour is known: what a later one measures is not guessed.
const KNOWN: std::ops::RangeInclusive<u32> = 252..=258;
/// From this on the kernel inside is never started through the firmware's own check.
const INNER_NEVER: u32 = 258;

/// The names of the sections that this stub measures, in order; `None` where it is not known.
pub(super) fn measured(version: &StubVersion) -> Option<impl Iterator<Item = &'static str>> {
    let major = version.major();
    let names = ORDER.iter().filter(move |(_, since)| *since <= major);
    KNOWN.contains(&major).then(|| names.map(|(name, _)| *name))
}

/// Whether the firmware measures the kernel inside as well, because the stub hands it over by
/// `LoadImage`. With Secure Boot the stub steps in before the firmware's check, which measures.
pub(super) fn measures_inner(version: &StubVersion, secure_boot: bool) -> bool {
    version.major() < INNER_NEVER && !secure_boot
}

/// How often the command line is measured into PCR 12 on its way from boot loader to kernel; `None`
/// where it is not known. systemd-boot 252 hands it to the stub as load options and measures them; the
/// stub 252 takes and measures them again, unless Secure Boot forbids it. Later ones pass nothing on
/// that stands in the image anyway.
pub(super) fn command_line_measured(
    loader: &StubVersion,
    stub: &StubVersion,
    secure_boot: bool,
) -> Option<u8> {
    match (loader.major(), stub.major()) {
        (252, 252) => Some(if secure_boot { 1 } else { 2 }),
        (257..=258, 252..=258) => Some(0),
        _ => None,
    }
}
