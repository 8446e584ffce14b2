//! SHA-256 of two or three messages at a time with the SHA extensions of x86.
//!
//! One message keeps a core waiting: each `sha256rnds2` needs the result of the one before it. The
//! rounds of independent messages fill that wait. This is one of the two places of the program with
//! `unsafe` in it (the other is `sys`); its safe twin is `sha2`, to which tests compare it.
//!
//! Source: FIPS 180-4 section 6.2.2; Intel's manual, volume 2, for the instructions.

#![expect(unsafe_code, reason = "instructions that a processor may lack")]
#![expect(
    clippy::unused_self,
    reason = "`self` is the proof that makes the call sound"
)]
#![expect(
    clippy::cast_ptr_alignment,
    reason = "read and written by instructions for unaligned vectors"
)]
#![expect(clippy::many_single_char_names, reason = "three lanes, three states")]

use std::arch::x86_64::{
    __m128i, _mm_add_epi32, _mm_alignr_epi8, _mm_blend_epi16, _mm_loadu_si128, _mm_set_epi32,
    _mm_set_epi64x, _mm_sha256msg1_epu32, _mm_sha256msg2_epu32, _mm_sha256rnds2_epu32,
    _mm_shuffle_epi8, _mm_shuffle_epi32, _mm_storeu_si128,
};

use super::blocks::{Block, State};

/// The proof that this processor has the instructions.
#[derive(Clone, Copy)]
pub(super) struct ShaNi(());

impl ShaNi {
    /// Asks the processor.
    pub(super) fn detect() -> Option<Self> {
        let has_all = is_x86_feature_detected!("sha")
            && is_x86_feature_detected!("ssse3")
            && is_x86_feature_detected!("sse4.1");
        has_all.then_some(Self(()))
    }

    /// Takes the blocks of two messages; those that one has more than the other are left out.
    pub(super) fn two(self, states: [&mut State; 2], blocks: [&[Block]; 2]) {
        // SAFETY: `self` exists only where the processor has `sha`, `ssse3` and `sse4.1`.
        unsafe { two(states, blocks) }
    }

    /// Takes the blocks of three messages; those that one has more than the shortest are left out.
    pub(super) fn three(self, states: [&mut State; 3], blocks: [&[Block]; 3]) {
        // SAFETY: as in `two`.
        unsafe { three(states, blocks) }
    }
}

/// One message's working variables: the eight of the state as the instructions want them, and the
/// last sixteen words of its schedule.
struct Lane {
    abef: __m128i,
    cdgh: __m128i,
    /// The state before the block.
    start: (__m128i, __m128i),
    w0: __m128i,
    w1: __m128i,
    w2: __m128i,
    w3: __m128i,
}

// What follows are macros because a function would not be inlined where a build is made for size,
// and variables that leave the registers cost what the interleaving gains.

/// Reads a state.
macro_rules! load {
    ($state:expr) => {{
        let pointer: *const State = $state;
        let pointer = pointer.cast::<__m128i>();
        // SAFETY: a state has 32 bytes: two vectors, which need not be aligned.
        let (dcba, hgfe) = unsafe { (_mm_loadu_si128(pointer), _mm_loadu_si128(pointer.add(1))) };
        let cdab = _mm_shuffle_epi32::<0xb1>(dcba);
        let efgh = _mm_shuffle_epi32::<0x1b>(hgfe);
        Lane {
            abef: _mm_alignr_epi8::<8>(cdab, efgh),
            cdgh: _mm_blend_epi16::<0xf0>(efgh, cdab),
            start: (efgh, efgh),
            w0: efgh,
            w1: efgh,
            w2: efgh,
            w3: efgh,
        }
    }};
}

/// Writes a state back.
macro_rules! store {
    ($lane:ident, $state:expr) => {{
        let feba = _mm_shuffle_epi32::<0x1b>($lane.abef);
        let dchg = _mm_shuffle_epi32::<0xb1>($lane.cdgh);
        let pointer: *mut State = $state;
        let pointer = pointer.cast::<__m128i>();
        // SAFETY: as where it was read; `pointer` comes from an exclusive reference.
        unsafe {
            _mm_storeu_si128(pointer, _mm_blend_epi16::<0xf0>(feba, dchg));
            _mm_storeu_si128(pointer.add(1), _mm_alignr_epi8::<8>(dchg, feba));
        }
    }};
}

/// Reads the sixteen big-endian words of a block.
macro_rules! words {
    ($lane:ident, $block:expr) => {{
        let swap = _mm_set_epi64x(0x0c0d_0e0f_0809_0a0b, 0x0405_0607_0001_0203);
        let pointer: *const Block = $block;
        let pointer = pointer.cast::<__m128i>();
        // SAFETY: a block has 64 bytes: four vectors, which need not be aligned.
        unsafe {
            $lane.w0 = _mm_shuffle_epi8(_mm_loadu_si128(pointer), swap);
            $lane.w1 = _mm_shuffle_epi8(_mm_loadu_si128(pointer.add(1)), swap);
            $lane.w2 = _mm_shuffle_epi8(_mm_loadu_si128(pointer.add(2)), swap);
            $lane.w3 = _mm_shuffle_epi8(_mm_loadu_si128(pointer.add(3)), swap);
        }
    }};
}

/// Four rounds with the words `$w` and constants `$k`.
macro_rules! rounds {
    ($k:expr, $w:ident, $($lane:ident)+) => {
        $(
            let sum = _mm_add_epi32($lane.$w, $k);
            $lane.cdgh = _mm_sha256rnds2_epu32($lane.cdgh, $lane.abef, sum);
            let sum = _mm_shuffle_epi32::<0x0e>(sum);
            $lane.abef = _mm_sha256rnds2_epu32($lane.abef, $lane.cdgh, sum);
        )+
    };
}

/// The next four words of the schedule, in the place of the oldest.
macro_rules! schedule {
    ($w0:ident, $w1:ident, $w2:ident, $w3:ident, $($lane:ident)+) => {
        $(
            let sum = _mm_sha256msg1_epu32($lane.$w0, $lane.$w1);
            let sum = _mm_add_epi32(sum, _mm_alignr_epi8::<4>($lane.$w3, $lane.$w2));
            $lane.$w0 = _mm_sha256msg2_epu32(sum, $lane.$w3);
        )+
    };
}

/// Four constants of FIPS 180-4 section 4.2.2, the first in the lowest place.
macro_rules! k {
    ($a:literal, $b:literal, $c:literal, $d:literal) => {
        _mm_set_epi32(
            u32::cast_signed($d),
            u32::cast_signed($c),
            u32::cast_signed($b),
            u32::cast_signed($a),
        )
    };
}

/// All sixty-four rounds over one block of each message, whose words are read already.
macro_rules! block {
    ($($lane:ident)+) => {
        $( $lane.start = ($lane.abef, $lane.cdgh); )+
        rounds!(k!(0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5), w0, $($lane)+);
        schedule!(w0, w1, w2, w3, $($lane)+);
        rounds!(k!(0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5), w1, $($lane)+);
        schedule!(w1, w2, w3, w0, $($lane)+);
        rounds!(k!(0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3), w2, $($lane)+);
        schedule!(w2, w3, w0, w1, $($lane)+);
        rounds!(k!(0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174), w3, $($lane)+);
        schedule!(w3, w0, w1, w2, $($lane)+);
        rounds!(k!(0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc), w0, $($lane)+);
        schedule!(w0, w1, w2, w3, $($lane)+);
        rounds!(k!(0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da), w1, $($lane)+);
        schedule!(w1, w2, w3, w0, $($lane)+);
        rounds!(k!(0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7), w2, $($lane)+);
        schedule!(w2, w3, w0, w1, $($lane)+);
        rounds!(k!(0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967), w3, $($lane)+);
        schedule!(w3, w0, w1, w2, $($lane)+);
        rounds!(k!(0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13), w0, $($lane)+);
        schedule!(w0, w1, w2, w3, $($lane)+);
        rounds!(k!(0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85), w1, $($lane)+);
        schedule!(w1, w2, w3, w0, $($lane)+);
        rounds!(k!(0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3), w2, $($lane)+);
        schedule!(w2, w3, w0, w1, $($lane)+);
        rounds!(k!(0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070), w3, $($lane)+);
        schedule!(w3, w0, w1, w2, $($lane)+);
        rounds!(k!(0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5), w0, $($lane)+);
        rounds!(k!(0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3), w1, $($lane)+);
        rounds!(k!(0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208), w2, $($lane)+);
        rounds!(k!(0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2), w3, $($lane)+);
        $(
            $lane.abef = _mm_add_epi32($lane.abef, $lane.start.0);
            $lane.cdgh = _mm_add_epi32($lane.cdgh, $lane.start.1);
        )+
    };
}

/// Two messages.
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn two([a, b]: [&mut State; 2], [a_blocks, b_blocks]: [&[Block]; 2]) {
    let (mut x, mut y) = (load!(a), load!(b));
    for (first, second) in a_blocks.iter().zip(b_blocks) {
        words!(x, first);
        words!(y, second);
        block!(x y);
    }
    store!(x, a);
    store!(y, b);
}

/// Three messages.
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn three([a, b, c]: [&mut State; 3], [a_blocks, b_blocks, c_blocks]: [&[Block]; 3]) {
    let (mut x, mut y, mut z) = (load!(a), load!(b), load!(c));
    for ((first, second), third) in a_blocks.iter().zip(b_blocks).zip(c_blocks) {
        words!(x, first);
        words!(y, second);
        words!(z, third);
        block!(x y z);
    }
    store!(x, a);
    store!(y, b);
    store!(z, c);
}
