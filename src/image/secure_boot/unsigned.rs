//! An image on its way to a signature.

use super::signed_data::{attributes, indirect_data, message, signed_data};
use super::{Certificate, SecureBootError};
use crate::image::uki::set_checksum;
use crate::layout::pe::{Image, field_offset};
use crate::limits;

/// An image, a certificate, and what is to be signed for them.
#[derive(Debug)]
pub struct Unsigned<'a> {
    bytes: Vec<u8>,
    image: Image,
    certificate: &'a Certificate,
    indirect_data: Vec<u8>,
    attributes: Vec<u8>,
}

/// Certificates begin and end at multiples of this many bytes.
const ALIGN: usize = 8;
/// `wRevision` and `wCertificateType` of `WIN_CERTIFICATE`: revision 2, PKCS#7 `SignedData`.
const KIND: [u8; 4] = [0x00, 0x02, 0x02, 0x00];

impl<'a> Unsigned<'a> {
    /// Takes a PE32+ image. One whose length is no multiple of eight is filled up with zeros first, which changes
    /// its digest, as each signer has to; images that karat assembles never are.
    ///
    /// # Errors
    /// It is no image, or has no place for a certificate table.
    pub fn new(image: &[u8], certificate: &'a Certificate) -> Result<Self, SecureBootError> {
        let mut bytes = image.to_vec();
        pad(&mut bytes);
        let image = Image::read(&bytes)?;
        if !image.headers().names_certificates() {
            return Err(SecureBootError::TooMany);
        }
        let indirect_data = indirect_data(&image.authenticode_sha256(&bytes)?);
        Ok(Self {
            attributes: attributes(&indirect_data),
            indirect_data,
            bytes,
            image,
            certificate,
        })
    }

    /// What is to be signed by `RSASSA-PKCS1-v1_5` with SHA-256.
    pub fn message(&self) -> Vec<u8> {
        message(&self.attributes)
    }

    /// The image with this signature appended, behind those that it has.
    ///
    /// # Errors
    /// The signature does not verify under the certificate, or the image has too many.
    pub fn finish(self, signature: &[u8]) -> Result<Vec<u8>, SecureBootError> {
        self.certificate.verify(&self.message(), signature)?;
        let data = signed_data(
            &self.indirect_data,
            &self.attributes,
            self.certificate,
            signature,
        );
        let mut bytes = self.bytes;
        let length = u32::try_from(data.len().saturating_add(ALIGN))
            .map_err(|_length| SecureBootError::TooMany)?;
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(&KIND);
        bytes.extend_from_slice(&data);
        pad(&mut bytes);

        let table = self.image.signed_end();
        let end = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let size = end.saturating_sub(table);
        if size > limits::PE_CERTIFICATES_MAX {
            return Err(SecureBootError::TooMany);
        }
        let start = usize::try_from(self.image.headers().start).unwrap_or(usize::MAX);
        let entry = start.saturating_add(field_offset::CERTIFICATES);
        for (place, number) in [(entry, table), (entry.saturating_add(4), size)] {
            let number = u32::try_from(number).map_err(|_number| SecureBootError::TooMany)?;
            let field = bytes.get_mut(place..).and_then(<[u8]>::first_chunk_mut);
            *field.ok_or(SecureBootError::TooMany)? = number.to_le_bytes();
        }
        set_checksum(&mut bytes, start);
        // What was made is read again: the digest must still be the one that was signed.
        let signed = Image::read(&bytes)?;
        if indirect_data(&signed.authenticode_sha256(&bytes)?) != self.indirect_data {
            return Err(SecureBootError::Wrong);
        }
        Ok(bytes)
    }
}

/// Fills up to a multiple of eight bytes.
fn pad(bytes: &mut Vec<u8>) {
    bytes.resize(bytes.len().next_multiple_of(ALIGN), 0);
}
