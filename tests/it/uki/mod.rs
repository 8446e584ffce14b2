//! Unified kernel images: assembled, read, signed, measured, booted.

mod assemble;
mod boot;
mod commands;
mod hostile;
mod judges;
mod material;
mod measure;
mod sign;

pub use boot::{BOOTED, initrd};
pub use material::Material;

use karat::image::uki::{Parts, Stub, Uki, assemble};

use crate::support::pe;

pub const CMDLINE: &str = "console=ttyS0 panic=-1 quiet";
pub const OS_RELEASE: &str =
    "ID=debian\nPRETTY_NAME=\"Web 1\"\nIMAGE_ID=\"web\"\nIMAGE_VERSION=\"1\"\n";

/// An image of parts that were made by code.
pub fn made(machine: u16, version: &str) -> Uki {
    let stub = pe::stub(machine, version).build();
    of(&stub, &pe::kernel(machine, "6.1.0-test"))
}

/// An image of this stub and this kernel.
pub fn of(stub: &[u8], kernel: &[u8]) -> Uki {
    let stub = Stub::parse(stub).unwrap();
    assemble(&parts(&stub, kernel)).unwrap()
}

pub fn parts<'a>(stub: &'a Stub<'a>, kernel: &'a [u8]) -> Parts<'a> {
    Parts {
        stub,
        kernel,
        initrd: b"an initrd",
        cmdline: CMDLINE,
        os_release: OS_RELEASE.as_bytes(),
        uname: None,
        sbat: "",
        splash: None,
    }
}
