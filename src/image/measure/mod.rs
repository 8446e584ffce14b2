//! Predicted measurements: what the registers of a TPM hold after an image has booted.
//!
//! A TPM's register (PCR) is only ever extended: `PCR = H(PCR ‖ H(event))`. Firmware, boot loader and
//! stub extend known events, so whoever has the files knows the values: [`predict`] computes them for
//! a unified kernel image, for both banks, and says why where it cannot. The document, and what is
//! extended when, are written down in `docs/formats/measure.md`.
//!
//! Sources: TCG PC Client Platform Firmware Profile, section 3.3.4; systemd-stub(7),
//! systemd-measure(1), systemd-pcrphase.service(8); UAPI Group, TPM PCR registry.

mod digests;
mod document;
mod pcr;
mod predict;
mod sections;
mod stub;

pub use digests::{Digest384, Digests};
pub use document::{Measurements, Pcr, Undetermined};
pub use predict::{MeasureError, predict};
pub use sections::{MeasuredSection, sections};
