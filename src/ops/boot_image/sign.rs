//! A signature for Secure Boot.

use std::path::{Path, PathBuf};

use super::BootImageError;
use crate::image::measure::Digests;
use crate::image::secure_boot::{Certificate, PrivateKey, SecureBootError, Unsigned};
use crate::layout::pe::Image;
use crate::limits;
use crate::sys::fs;
use crate::sys::signer::Program;

/// Where the private key is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// A PEM file, not encrypted.
    File(PathBuf),
    /// `command:PROGRAM ARGUMENT…`: a program gets what is to be signed on its standard input and gives
    /// the raw RSA signature on its standard output, as `openssl dgst -sha256 -sign` does.
    Command(Vec<String>),
}

/// Largest signature: of a key of 4096 bits.
const SIGNATURE_MAX: usize = 512;

impl KeySource {
    /// Takes what somebody wrote: `command:…`, or a path.
    ///
    /// # Errors
    /// It names no program.
    pub fn parse(text: &str) -> Result<Self, String> {
        let Some(words) = text.strip_prefix("command:") else {
            return Ok(Self::File(
                text.strip_prefix("file:").unwrap_or(text).into(),
            ));
        };
        let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
        if words.is_empty() {
            return Err("command:PROGRAM [ARGUMENT]... is expected".to_owned());
        }
        Ok(Self::Command(words))
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, BootImageError> {
        match self {
            Self::File(path) => {
                let sign = |bytes: &[u8]| PrivateKey::parse(bytes)?.sign(message);
                let bytes = zeroize::Zeroizing::new(fs::read(path, limits::KEY_FILE_MAX)?);
                sign(&bytes).map_err(|error| failed(path, error))
            }
            Self::Command(words) => {
                let (program, arguments) = words.split_first().map_or_else(
                    || (String::new(), Vec::new()),
                    |(program, arguments)| (program.clone(), arguments.to_vec()),
                );
                let program = Program::new(program, arguments, SIGNATURE_MAX);
                program.ask(message).map_err(BootImageError::Program)
            }
        }
    }
}

/// Signs the file `image` and writes the signed one to `output`, which may be the same. Gives its
/// Authenticode digests.
///
/// # Errors
/// A file cannot be read or written, is not what it should be, or the key is not the certificate's.
pub fn sign(
    image: &Path,
    certificate: &Path,
    key: &KeySource,
    output: &Path,
) -> Result<Digests, BootImageError> {
    let bytes = fs::read(image, limits::PE_MAX)?;
    let parsed = Certificate::parse(&fs::read(certificate, limits::KEY_FILE_MAX)?);
    let parsed = parsed.map_err(|error| failed(certificate, error))?;
    let unsigned = Unsigned::new(&bytes, &parsed).map_err(|error| failed(image, error))?;
    let signature = key.sign(&unsigned.message())?;
    let signed = unsigned
        .finish(&signature)
        .map_err(|error| failed(image, error))?;
    let read = || Digests::authenticode(&Image::read(&signed)?, &signed);
    let digests = read().map_err(|error| failed(image, error.into()))?;
    fs::write_atomic(output, &signed, MODE)?;
    Ok(digests)
}

/// Mode of the file: there is nothing secret in it.
const MODE: u32 = 0o644;

fn failed(path: &Path, error: SecureBootError) -> BootImageError {
    BootImageError::Sign {
        path: path.to_owned(),
        error,
    }
}
