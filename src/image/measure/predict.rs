//! From files to the values of registers.

use super::document::{Measurements, Pcr, Undetermined};
use super::pcr::Register;
use super::{Digests, MeasuredSection, sections, stub};
use crate::appraise::{Verdict, verdict_event};
use crate::image::uki::StubVersion;
use crate::layout::Source;
use crate::layout::pe::{Image, PeError};

/// Why nothing can be predicted.
#[derive(Debug, thiserror::Error)]
pub enum MeasureError {
    /// The image.
    #[error(transparent)]
    Image(#[from] PeError),
    /// The boot loader.
    #[error("the boot loader: {0}")]
    Loader(PeError),
    /// The kernel inside.
    #[error("the kernel inside: {0}")]
    Kernel(PeError),
    /// It is no unified kernel image of systemd's stub.
    #[error("it is no unified kernel image: {0}")]
    NoUki(&'static str),
}

/// The phases of a boot, as systemd-pcrphase.service(8) extends PCR 11 by them; karat's own initrd
/// extends the first two.
const PHASES: [&str; 4] = ["enter-initrd", "leave-initrd", "sysinit", "ready"];
/// EV_EFI_ACTION before the first boot option is started (PFP, section 10.4.4).
const CALLING: &[u8] = b"Calling EFI Application from Boot Option";
/// EV_SEPARATOR: firmware is done with this register.
const SEPARATOR: &[u8] = &[0; 4];
/// Largest os-release; real ones have some 400 bytes.
const OS_RELEASE_MAX: u32 = 64 << 10;

/// Predicts what a boot of this unified kernel image measures. `loader` is the boot loader that starts
/// it, if firmware does not do so itself.
///
/// # Errors
/// One of them is no PE32+ image, or the image was not assembled from systemd's stub.
pub fn predict<S: Source + ?Sized>(
    source: &S,
    loader: Option<&[u8]>,
) -> Result<Measurements, MeasureError> {
    let image = Image::read(source)?;
    let version = StubVersion::read(&image, source)?.ok_or(MeasureError::NoUki(
        "its section .sdmagic does not say \"systemd-stub\" and a version",
    ))?;
    for name in [".linux", ".initrd", ".osrel"] {
        if image.section(name)?.is_none() {
            return Err(MeasureError::NoUki("it has no .linux, .initrd or .osrel"));
        }
    }
    if image.section(".profile")?.is_some() {
        return Err(MeasureError::NoUki(
            "it has profiles, so that what it measures is chosen at boot",
        ));
    }
    let authenticode = Digests::authenticode(&image, source)?;
    let loader = loader.map(loader_digests).transpose()?;
    let sections = sections(&image, source)?;

    let mut pcrs = Vec::new();
    let mut undetermined = Vec::new();
    let inner = inner_kernel(&image, source)?;
    for secure_boot in [false, true] {
        let inner = stub::measures_inner(&version, secure_boot).then_some(&inner);
        pcrs.push(pcr4(loader.as_ref(), &authenticode, inner, secure_boot));
    }
    undetermined.push(Undetermined {
        pcr: 7,
        reason: "the machine's own Secure Boot variables and the certificate that its firmware \
                 accepted are in it"
            .to_owned(),
    });
    match image_name(&image, source)? {
        Some((name, number)) => pcrs.push(Pcr {
            pcr: 8,
            when: Verdict::Match.name().to_owned(),
            values: Register::ZERO
                .measure(verdict_event(Verdict::Match, &name, &number).as_bytes())
                .values(),
        }),
        None => undetermined.push(Undetermined {
            pcr: 8,
            reason: "the image's os-release has no IMAGE_ID and IMAGE_VERSION".to_owned(),
        }),
    }
    match pcr11(&version, &sections) {
        Ok(values) => pcrs.extend(values),
        Err(reason) => undetermined.push(Undetermined { pcr: 11, reason }),
    }
    for pcr in [12, 13] {
        pcrs.push(Pcr {
            pcr,
            when: String::new(),
            values: Register::ZERO.values(),
        });
    }
    Ok(Measurements {
        format: Measurements::FORMAT,
        stub: version.to_string(),
        architecture: image.headers().machine.efi_name(),
        authenticode,
        loader,
        sections,
        pcrs,
        undetermined,
    })
}

/// What firmware has measured when the kernel runs, where its first boot option was this disk.
fn pcr4(
    loader: Option<&Digests>,
    image: &Digests,
    inner: Option<&Digests>,
    secure_boot: bool,
) -> Pcr {
    let before = Register::ZERO.measure(CALLING).measure(SEPARATOR);
    let started = loader.into_iter().chain([image]).chain(inner);
    let register = started.fold(before, |register, digests| register.extend(digests));
    let when = if secure_boot {
        "secure-boot"
    } else {
        "no-secure-boot"
    };
    Pcr {
        pcr: 4,
        when: when.to_owned(),
        values: register.values(),
    }
}

/// What the stub measures, then each phase.
fn pcr11(version: &StubVersion, sections: &[MeasuredSection]) -> Result<Vec<Pcr>, String> {
    let names = stub::measured(version).ok_or_else(|| {
        format!("which sections systemd-stub {version} measures is not known to this karat")
    })?;
    let mut register = Register::ZERO;
    for name in names {
        let measured = |section: &&MeasuredSection| section.name == name && section.size > 0;
        for section in sections.iter().filter(measured) {
            let digests = section.digests.ok_or_else(|| {
                format!("the image does not have all bytes of its section {name}")
            })?;
            let mut text = name.as_bytes().to_vec();
            text.push(0);
            register = register.measure(&text).extend(&digests);
        }
    }
    let pcr = |when: &str, register: Register| Pcr {
        pcr: 11,
        when: when.to_owned(),
        values: register.values(),
    };
    let mut values = vec![pcr("", register)];
    let mut path = String::new();
    for phase in PHASES {
        if !path.is_empty() {
            path.push(':');
        }
        path.push_str(phase);
        register = register.measure(phase.as_bytes());
        values.push(pcr(&path, register));
    }
    Ok(values)
}

fn loader_digests(bytes: &[u8]) -> Result<Digests, MeasureError> {
    let image = Image::read(bytes).map_err(MeasureError::Loader)?;
    Digests::authenticode(&image, bytes).map_err(MeasureError::Loader)
}

/// What firmware measures of the kernel inside, where the stub hands it over.
fn inner_kernel<S: Source + ?Sized>(image: &Image, source: &S) -> Result<Digests, MeasureError> {
    let missing = MeasureError::NoUki("it has no .linux");
    let section = image.section(".linux")?.ok_or(missing)?;
    let kernel = section.part(source)?;
    let inner = Image::read(&kernel).map_err(MeasureError::Kernel)?;
    Digests::authenticode(&inner, &kernel).map_err(MeasureError::Kernel)
}

/// `IMAGE_ID` and `IMAGE_VERSION` of the image's os-release(5).
fn image_name<S: Source + ?Sized>(
    image: &Image,
    source: &S,
) -> Result<Option<(String, String)>, PeError> {
    let Some(section) = image.section(".osrel")? else {
        return Ok(None);
    };
    let bytes = section.bytes(source, OS_RELEASE_MAX)?;
    let text = String::from_utf8_lossy(&bytes);
    let value = |key: &str| {
        let mut lines = text.lines().rev();
        let value = lines.find_map(|line| line.strip_prefix(key)?.strip_prefix('='))?;
        let value = value
            .strip_prefix('"')
            .map_or(Some(value), |rest| rest.strip_suffix('"'))?;
        let plain = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_graphic());
        plain.then(|| value.to_owned())
    };
    Ok(value("IMAGE_ID").zip(value("IMAGE_VERSION")))
}
