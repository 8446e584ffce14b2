//! MD5 (RFC 1321), for `md5sums` alone: dpkg writes that file for packages that bring none, and its
//! `--audit` asks for it. Nothing in karat trusts such a digest.

use std::fmt::Write as _;

const SHIFTS: [[u32; 4]; 4] = [
    [7, 12, 17, 22],
    [5, 9, 14, 20],
    [4, 11, 16, 23],
    [6, 10, 15, 21],
];

/// `floor(2^32 * |sin(n + 1)|)`
const SINES: [u32; 64] = [
    0xd76a_a478,
    0xe8c7_b756,
    0x2420_70db,
    0xc1bd_ceee,
    0xf57c_0faf,
    0x4787_c62a,
    0xa830_4613,
    0xfd46_9501,
    0x6980_98d8,
    0x8b44_f7af,
    0xffff_5bb1,
    0x895c_d7be,
    0x6b90_1122,
    0xfd98_7193,
    0xa679_438e,
    0x49b4_0821,
    0xf61e_2562,
    0xc040_b340,
    0x265e_5a51,
    0xe9b6_c7aa,
    0xd62f_105d,
    0x0244_1453,
    0xd8a1_e681,
    0xe7d3_fbc8,
    0x21e1_cde6,
    0xc337_07d6,
    0xf4d5_0d87,
    0x455a_14ed,
    0xa9e3_e905,
    0xfcef_a3f8,
    0x676f_02d9,
    0x8d2a_4c8a,
    0xfffa_3942,
    0x8771_f681,
    0x6d9d_6122,
    0xfde5_380c,
    0xa4be_ea44,
    0x4bde_cfa9,
    0xf6bb_4b60,
    0xbebf_bc70,
    0x289b_7ec6,
    0xeaa1_27fa,
    0xd4ef_3085,
    0x0488_1d05,
    0xd9d4_d039,
    0xe6db_99e5,
    0x1fa2_7cf8,
    0xc4ac_5665,
    0xf429_2244,
    0x432a_ff97,
    0xab94_23a7,
    0xfc93_a039,
    0x655b_59c3,
    0x8f0c_cc92,
    0xffef_f47d,
    0x8584_5dd1,
    0x6fa8_7e4f,
    0xfe2c_e6e0,
    0xa301_4314,
    0x4e08_11a1,
    0xf753_7e82,
    0xbd3a_f235,
    0x2ad7_d2bb,
    0xeb86_d391,
];

/// MD5 of bytes that come in parts.
#[derive(Clone, Debug)]
pub struct Md5 {
    state: [u32; 4],
    block: Vec<u8>,
    length: u64,
}

impl Default for Md5 {
    fn default() -> Self {
        Self {
            state: [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476],
            block: Vec::with_capacity(64),
            length: 0,
        }
    }
}

impl Md5 {
    /// Takes further bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        let count = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.length = self.length.wrapping_add(count);
        self.push(bytes);
    }

    /// The digest as md5sum(1) writes it.
    pub fn finish(mut self) -> String {
        let bits = self.length.wrapping_mul(8);
        self.push(&[0x80]);
        while self.block.len() != 56 {
            self.push(&[0]);
        }
        self.push(&bits.to_le_bytes());
        let bytes = self.state.iter().flat_map(|word| word.to_le_bytes());
        bytes.fold(String::with_capacity(32), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    fn push(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = 64_usize.saturating_sub(self.block.len());
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.block.extend_from_slice(now);
            bytes = later;
            if self.block.len() == 64 {
                self.compress();
                self.block.clear();
            }
        }
    }

    fn compress(&mut self) {
        let mut words = [0_u32; 16];
        for (word, bytes) in words.iter_mut().zip(self.block.chunks_exact(4)) {
            *word = bytes.try_into().map_or(0, u32::from_le_bytes);
        }
        let [mut a, mut b, mut c, mut d] = self.state;
        for (at, sine) in SINES.iter().enumerate() {
            let (round, word) = match at / 16 {
                0 => ((b & c) | (!b & d), at),
                1 => ((d & b) | (!d & c), at * 5 + 1),
                2 => (b ^ c ^ d, at * 3 + 5),
                _ => (c ^ (b | !d), at * 7),
            };
            let word = words.get(word % 16).copied().unwrap_or(0);
            let shift = SHIFTS.get(at / 16).and_then(|row| row.get(at % 4));
            let sum = a
                .wrapping_add(round)
                .wrapping_add(*sine)
                .wrapping_add(word)
                .rotate_left(shift.copied().unwrap_or(0));
            (a, b, c, d) = (d, b.wrapping_add(sum), b, c);
        }
        for (state, change) in self.state.iter_mut().zip([a, b, c, d]) {
            *state = state.wrapping_add(change);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Md5;

    /// RFC 1321, appendix A.5.
    #[test]
    fn known_answers() {
        for (text, digest) in [
            ("", "d41d8cd98f00b204e9800998ecf8427e"),
            ("abc", "900150983cd24fb0d6963f7d28e17f72"),
            (
                "12345678901234567890123456789012345678901234567890123456789012345678901234567890",
                "57edf4a22be3c955ac49da2e2107b67a",
            ),
        ] {
            let mut whole = Md5::default();
            whole.update(text.as_bytes());
            assert_eq!(whole.finish(), digest);
            let mut parts = Md5::default();
            text.bytes().for_each(|byte| parts.update(&[byte]));
            assert_eq!(parts.finish(), digest);
        }
    }
}
