//! From files to the values of registers.

use super::document::{Measurements, Pcr, Undetermined};
use super::pcr::Register;
use super::{Digests, MeasuredSection, sections, stub};
use crate::image::uki::{StubVersion, is_command_line};
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
/// `EV_EFI_ACTION` before the first boot option is started (PFP, section 10.4.4).
const CALLING: &[u8] = b"Calling EFI Application from Boot Option";
/// `EV_SEPARATOR`: firmware is done with this register.
const SEPARATOR: &[u8] = &[0; 4];
/// Why PCR 7 is not predicted.
const PCR_7: &str = "the machine's own Secure Boot variables are in it, and the certificate that its \
    firmware accepted";
/// Why PCR 8 is not predicted.
const PCR_8: &str = "the digest of the initrd's own report is in it, which tells of the machine and of \
    what the state partition remembers";
/// Largest command line; real ones have some 30 bytes.
const CMDLINE_MAX: u32 = 64 << 10;

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
    let loader = loader.map(Loader::read).transpose()?;
    let sections = sections(&image, source)?;
    let inner = inner_kernel(&image, source)?;

    let mut found = Found::default();
    let pcr4 = |secure_boot| {
        let inner = stub::measures_inner(&version, secure_boot).then_some(&inner);
        let loader = loader.as_ref().map(|loader| &loader.digests);
        pcr4(loader, &authenticode, inner)
    };
    found.by_secure_boot(4, [pcr4(false), pcr4(true)]);
    found.undetermined(7, PCR_7);
    found.undetermined(8, PCR_8);
    match pcr11(&version, &sections) {
        Ok(values) => {
            for (when, register) in values {
                found.pcr(11, &when, register);
            }
        }
        Err(reason) => found.undetermined(11, &reason),
    }
    let cmdline = command_line(&image, source)?;
    match pcr12(loader.as_ref(), &version, cmdline.as_deref()) {
        Ok(registers) => found.by_secure_boot(12, registers),
        Err(reason) => found.undetermined(12, reason),
    }
    found.pcr(13, "", Register::ZERO);
    Ok(Measurements {
        format: Measurements::FORMAT,
        stub: version.to_string(),
        architecture: image.headers().machine.efi_name(),
        authenticode,
        loader: loader.map(|loader| loader.digests),
        sections,
        pcrs: found.pcrs,
        undetermined: found.undetermined,
    })
}

/// A boot loader: its digests, and its release where it is systemd-boot.
struct Loader {
    digests: Digests,
    version: Option<StubVersion>,
}

impl Loader {
    fn read(bytes: &[u8]) -> Result<Self, MeasureError> {
        let read = || {
            let image = Image::read(bytes)?;
            Ok(Self {
                digests: Digests::authenticode(&image, bytes)?,
                version: StubVersion::of_loader(&image, bytes)?,
            })
        };
        read().map_err(MeasureError::Loader)
    }
}

/// What was found so far.
#[derive(Default)]
struct Found {
    pcrs: Vec<Pcr>,
    undetermined: Vec<Undetermined>,
}

impl Found {
    fn pcr(&mut self, pcr: u8, when: &str, register: Register) {
        self.pcrs.push(Pcr {
            pcr,
            when: when.to_owned(),
            values: register.values(),
        });
    }

    /// Values without and with Secure Boot: one where they are the same.
    fn by_secure_boot(&mut self, pcr: u8, [without, with]: [Register; 2]) {
        if without == with {
            self.pcr(pcr, "", with);
        } else {
            self.pcr(pcr, "no-secure-boot", without);
            self.pcr(pcr, "secure-boot", with);
        }
    }

    fn undetermined(&mut self, pcr: u8, reason: &str) {
        let reason = reason.to_owned();
        self.undetermined.push(Undetermined { pcr, reason });
    }
}

/// What firmware has measured when the kernel runs, where its first boot option was this disk.
fn pcr4(loader: Option<&Digests>, image: &Digests, inner: Option<&Digests>) -> Register {
    let before = Register::ZERO.measure(CALLING).measure(SEPARATOR);
    let started = loader.into_iter().chain([image]).chain(inner);
    started.fold(before, Register::extend)
}

/// What boot loader and stub have measured of the command line.
fn pcr12(
    loader: Option<&Loader>,
    stub: &StubVersion,
    cmdline: Option<&str>,
) -> Result<[Register; 2], &'static str> {
    let Some(loader) = loader else {
        return Ok([Register::ZERO; 2]);
    };
    let unknown = "what this boot loader passes to this stub is not known to this karat";
    let loader = loader.version.as_ref().ok_or(unknown)?;
    let register = |secure_boot| {
        let times = stub::command_line_measured(loader, stub, secure_boot).ok_or(unknown)?;
        let mut register = Register::ZERO;
        for _ in 0..times {
            let cmdline =
                cmdline.ok_or("its command line is not one that is passed on as it is")?;
            let text: Vec<u8> = cmdline
                .encode_utf16()
                .chain([0])
                .flat_map(u16::to_le_bytes)
                .collect();
            register = register.measure(&text);
        }
        Ok::<_, &'static str>(register)
    };
    Ok([register(false)?, register(true)?])
}

/// What the stub measures, then each phase.
fn pcr11(
    version: &StubVersion,
    sections: &[MeasuredSection],
) -> Result<Vec<(String, Register)>, String> {
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
    let mut values = vec![(String::new(), register)];
    let mut path = String::new();
    for phase in PHASES {
        if !path.is_empty() {
            path.push(':');
        }
        path.push_str(phase);
        register = register.measure(phase.as_bytes());
        values.push((path.clone(), register));
    }
    Ok(values)
}

/// What firmware measures of the kernel inside, where the stub hands it over.
fn inner_kernel<S: Source + ?Sized>(image: &Image, source: &S) -> Result<Digests, MeasureError> {
    let missing = MeasureError::NoUki("it has no .linux");
    let section = image.section(".linux")?.ok_or(missing)?;
    let kernel = section.part(source)?;
    let inner = Image::read(&kernel).map_err(MeasureError::Kernel)?;
    Digests::authenticode(&inner, &kernel).map_err(MeasureError::Kernel)
}

/// The command line, where programs pass it on as it is.
fn command_line<S: Source + ?Sized>(image: &Image, source: &S) -> Result<Option<String>, PeError> {
    let Some(section) = image.section(".cmdline")? else {
        return Ok(None);
    };
    let text = String::from_utf8(section.bytes(source, CMDLINE_MAX)?);
    Ok(text.ok().filter(|text| is_command_line(text)))
}
