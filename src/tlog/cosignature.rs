//! Cosignatures of checkpoints (<https://c2sp.org/tlog-cosignature@v1.0.0>), the Ed25519 kind.

use crate::key::{PublicKey, Signature, Signer, SignerError};

use super::{Note, NoteKey, NoteName, NoteSignature};

/// The bytes of a cosignature, not yet checked: when it was made, and the signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cosignature {
    /// When the witness says that it saw the checkpoint, in seconds since 1970.
    pub time: u64,
    /// The signature over [`cosignature_message`].
    pub signature: Signature,
}

/// What a witness signs: that at `time` the checkpoint `text` was the largest that it knew.
pub fn cosignature_message(time: u64, text: &str) -> Vec<u8> {
    format!("cosignature/v1\ntime {time}\n{text}").into_bytes()
}

impl Cosignature {
    /// Takes the 72 bytes of a signature line; `None` where they are no such structure.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let (time, signature) = bytes.split_first_chunk()?;
        let time = u64::from_be_bytes(*time);
        let signature = Signature::from_bytes(signature.try_into().ok()?);
        (time <= u64::MAX >> 1).then_some(Self { time, signature })
    }

    /// The bytes of a signature line.
    pub fn to_bytes(self) -> Vec<u8> {
        [&self.time.to_be_bytes()[..], self.signature.as_bytes()].concat()
    }
}

impl Note {
    /// Adds the cosignature of `signer`, who cosigns as `name`, made at `time`.
    ///
    /// # Errors
    /// The signer fails, or returns a signature that does not verify under its own key.
    pub fn cosign(
        &mut self,
        name: &NoteName,
        signer: &dyn Signer,
        time: u64,
    ) -> Result<(), SignerError> {
        let message = cosignature_message(time, self.text());
        let key: PublicKey = signer.public_key();
        let signature = signer.sign(&message)?;
        key.verify(&message, &signature)?;
        let cosignature = Cosignature { time, signature };
        self.add(NoteSignature {
            name: name.clone(),
            id: NoteKey::cosigner(name.clone(), key).id(),
            bytes: cosignature.to_bytes(),
        });
        Ok(())
    }
}
