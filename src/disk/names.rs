//! What the names of files on the EFI system partition mean.

use crate::baseline::{ImageName, ImageVersion};

/// The boot loader's settings, `loader/loader.conf`: systemd-boot shows no menu, lets nobody edit command
/// lines, enrols no keys, and starts nothing but the unified kernel images beside it.
pub const LOADER_CONF: &str = "\
timeout 0
editor no
auto-entries no
auto-firmware no
secure-boot-enroll off
";

/// What a file is, by its path. Anything that has no name here is nobody's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BootName<'a> {
    /// The boot loader, where firmware or systemd looks for it, for `x64` or `aa64`.
    Loader(&'static str),
    /// The boot loader's settings.
    Settings,
    /// A unified kernel image, of the image called `NAME_VERSION`.
    Kernel(&'a str),
    /// The Envelope of the image called `NAME_VERSION`.
    Envelope(&'a str),
    /// Its Receipt.
    Receipt(&'a str),
    /// A newer trust root, by its version.
    TrustRoot(u64),
    /// None of these.
    Unknown,
}

/// The files with fixed names; firmware does not mind their case.
const FIXED: [(&str, BootName<'static>); 5] = [
    ("EFI/BOOT/BOOTX64.EFI", BootName::Loader("x64")),
    ("EFI/BOOT/BOOTAA64.EFI", BootName::Loader("aa64")),
    ("EFI/systemd/systemd-bootx64.efi", BootName::Loader("x64")),
    ("EFI/systemd/systemd-bootaa64.efi", BootName::Loader("aa64")),
    ("loader/loader.conf", BootName::Settings),
];
/// The directories.
const DIRECTORIES: [&str; 7] = [
    "EFI",
    "EFI/BOOT",
    "EFI/Linux",
    "EFI/systemd",
    "karat",
    "karat/trust",
    "loader",
];
/// Where unified kernel images lie, and how their names end.
const KERNELS: (&str, &str) = ("EFI/Linux/", ".efi");
/// Where Envelope and Receipt lie, and how their names end.
const DELIVERED: &str = "karat/";
const ENVELOPE: &str = ".dsse.json";
const RECEIPT: &str = ".tlog-proof";
/// Where newer trust roots lie, and how their names end.
const TRUST: (&str, &str) = ("karat/trust/", ".json");

impl<'a> BootName<'a> {
    /// What the file at `path` is.
    pub fn of(path: &'a str) -> Self {
        let fixed = FIXED
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(path));
        if let Some((_, name)) = fixed {
            return name.clone();
        }
        if let Some(name) = between(path, KERNELS.0, KERNELS.1) {
            let stem = uncounted(name);
            return if is_stem(stem) {
                Self::Kernel(stem)
            } else {
                Self::Unknown
            };
        }
        let version = between(path, TRUST.0, TRUST.1).and_then(version_of);
        if let Some(version) = version {
            return Self::TrustRoot(version);
        }
        let stem = |suffix| between(path, DELIVERED, suffix).filter(|stem| is_stem(stem));
        if let Some(stem) = stem(ENVELOPE) {
            return Self::Envelope(stem);
        }
        stem(RECEIPT).map_or(Self::Unknown, Self::Receipt)
    }

    /// Whether a directory is one of those that hold such files.
    pub fn is_directory(path: &str) -> bool {
        DIRECTORIES.iter().any(|it| it.eq_ignore_ascii_case(path))
    }

    /// Whether a file has a name that an interrupted update leaves: of systemd-sysupdate(8) while it was
    /// written, or of fsck.fat(8) for clusters of no file. The next update takes it away.
    pub fn is_left_over(path: &str) -> bool {
        let name = path.rsplit_once('/').map_or(path, |(_, name)| name);
        let number = between(path, "FSCK", ".REC");
        number.is_some_and(|it| it.len() == 4 && it.bytes().all(|byte| byte.is_ascii_digit()))
            || name.starts_with(".#")
    }

    /// The word in reports.
    pub const fn role(&self) -> &'static str {
        match self {
            Self::Loader(_) => "loader",
            Self::Settings => "loader-settings",
            Self::Kernel(_) => "kernel-image",
            Self::Envelope(_) => "envelope",
            Self::Receipt(_) => "receipt",
            Self::TrustRoot(_) => "trust-root",
            Self::Unknown => "unknown",
        }
    }

    /// Where the Envelope of `stem` lies.
    pub fn envelope_path(stem: &str) -> String {
        [DELIVERED, stem, ENVELOPE].concat()
    }

    /// Where its Receipt lies.
    pub fn receipt_path(stem: &str) -> String {
        [DELIVERED, stem, RECEIPT].concat()
    }

    /// Where its unified kernel image lies once its boot was blessed.
    pub fn kernel_path(stem: &str) -> String {
        [KERNELS.0, stem, KERNELS.1].concat()
    }
}

/// A version in its one spelling: no sign, no zero in front.
pub fn version_of(text: &str) -> Option<u64> {
    let version: u64 = text.parse().ok()?;
    (version.to_string() == text).then_some(version)
}

/// `NAME_VERSION`.
fn is_stem(text: &str) -> bool {
    text.split_once('_').is_some_and(|(name, version)| {
        ImageName::parse(name).is_ok() && ImageVersion::parse(version).is_ok()
    })
}

/// What stands between a directory and a suffix, whatever their case.
fn between<'a>(path: &'a str, directory: &str, suffix: &str) -> Option<&'a str> {
    let (start, rest) = path.split_at_checked(directory.len())?;
    let (name, end) = rest.split_at_checked(rest.len().checked_sub(suffix.len())?)?;
    let fits = start.eq_ignore_ascii_case(directory)
        && end.eq_ignore_ascii_case(suffix)
        && !name.contains('/');
    fits.then_some(name)
}

/// Without the boot loader's counter, `+LEFT` or `+LEFT-DONE` (systemd-boot(7), boot counting), which a
/// boot changes.
fn uncounted(name: &str) -> &str {
    let is_number =
        |text: &str| (1..=4).contains(&text.len()) && text.bytes().all(|it| it.is_ascii_digit());
    let Some((stem, counter)) = name.rsplit_once('+') else {
        return name;
    };
    let is_counter = match counter.split_once('-') {
        Some((left, done)) => is_number(left) && is_number(done),
        None => is_number(counter),
    };
    if is_counter { stem } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_count_and_no_others() {
        for (path, name) in [
            ("EFI/BOOT/BOOTX64.EFI", BootName::Loader("x64")),
            ("efi/boot/bootaa64.efi", BootName::Loader("aa64")),
            ("loader/loader.conf", BootName::Settings),
            ("EFI/Linux/web_1.efi", BootName::Kernel("web_1")),
            ("EFI/Linux/web_1+3.efi", BootName::Kernel("web_1")),
            (
                "EFI/LINUX/web_1.0~rc1+0-3.EFI",
                BootName::Kernel("web_1.0~rc1"),
            ),
            ("karat/web_1.dsse.json", BootName::Envelope("web_1")),
            ("karat/web_1.tlog-proof", BootName::Receipt("web_1")),
            ("karat/trust/2.json", BootName::TrustRoot(2)),
        ] {
            assert_eq!(BootName::of(path), name, "{path}");
        }
        for path in [
            "EFI/BOOT/BOOTIA32.EFI",
            "EFI/Linux/web_1+.efi",
            "EFI/Linux/web_1+x.efi",
            "EFI/Linux/web_1+1+1.efi",
            "EFI/Linux/web.efi",
            "EFI/Linux/Web_1.efi",
            "EFI/Linux/web_1.efi.extra.d/x.addon.efi",
            "loader/entries/web.conf",
            "loader/random-seed",
            "loader/addons/x.addon.efi",
            "loader/credentials/x.cred",
            "karat/trust/02.json",
            "karat/trust/x.json",
            "karat/WEB_1.DSSE.JSON",
            "karat/web_1.mtree",
            "web_1.dsse.json",
            "",
        ] {
            assert_eq!(BootName::of(path), BootName::Unknown, "{path}");
        }
        assert!(BootName::is_directory("efi/linux") && !BootName::is_directory("loader/addons"));
    }

    #[test]
    fn what_an_interrupted_update_leaves() {
        for path in [
            "FSCK0000.REC",
            "karat/.#sysupdateweb_2.dsse.json0123456789abcdef",
        ] {
            assert!(BootName::is_left_over(path), "{path}");
            assert_eq!(BootName::of(path), BootName::Unknown, "{path}");
        }
        for path in [
            "FSCK.REC",
            "karat/FSCK0000.REC",
            "FSCK00x0.REC",
            "karat/x.#",
        ] {
            assert!(!BootName::is_left_over(path), "{path}");
        }
    }
}
