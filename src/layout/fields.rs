//! Little-endian numbers at fixed places of a structure of fixed size.

/// A structure's bytes.
///
/// Places and sizes are constants of a format. A place behind the end reads as zeros; no reader has
/// one, and none may panic.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    /// The bytes from `at` on, as many as the type says.
    pub(super) fn array<const N: usize>(self, at: usize) -> [u8; N] {
        let bytes = self.0.get(at..).unwrap_or_default();
        bytes.first_chunk().copied().unwrap_or([0; N])
    }

    /// `length` bytes from `at` on.
    pub(super) fn bytes(self, at: usize, length: usize) -> &'a [u8] {
        let bytes = self.0.get(at..).unwrap_or_default();
        bytes.get(..length).unwrap_or_default()
    }

    pub(super) fn u16(self, at: usize) -> u16 {
        u16::from_le_bytes(self.array(at))
    }

    pub(super) fn u32(self, at: usize) -> u32 {
        u32::from_le_bytes(self.array(at))
    }

    pub(super) fn u64(self, at: usize) -> u64 {
        u64::from_le_bytes(self.array(at))
    }
}

/// Whether there is nothing in these bytes.
pub(super) fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}
