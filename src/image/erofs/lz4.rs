//! LZ4 blocks of a given length, with as much input as fits (`lz4_Block_format.md` of lz4).
//!
//! EROFS wants clusters of whole blocks. An ordinary compressor takes a given input and makes of it
//! what it can; this one fills a given room, and remembers where the output passed the end of each
//! block, so that the end of a file can be cut there without compressing it again.

use std::ops::Range;

/// How many bits a hash has: 32 KiB of places, which stay in the processor's first cache.
const HASH_BITS: u32 = 14;
const PLACES: usize = 1 << HASH_BITS;
/// The last match starts so many bytes before the end of the input at least (the format's rule).
const MATCH_END: usize = 12;
/// The last so many bytes are literals (the format's rule).
const LAST_LITERALS: usize = 5;
/// A shortest match.
const MATCH_MIN: usize = 4;
/// What ends a block early: a token and eight literals, which keep both rules.
const ENDING: usize = 9;
/// After so many misses (a power of two) the search takes longer steps.
const SKIP: u32 = 6;
/// What is loaded and compared at once.
const WORD: usize = size_of::<u64>();
/// Literals that are copied at once, with what follows them.
const STRIDE: usize = 16;
/// Room behind a block, so that a short sequence is written at once.
const SLACK: usize = 32;

/// Where a hash of the next bytes was met last: the low 16 bits of a place. So far a match may lie back,
/// so that whatever distance comes of it is one of the format; whether the same bytes stand there, they
/// themselves say.
#[derive(Debug)]
pub(super) struct Table(Vec<u16>);

impl Table {
    pub(super) fn new() -> Self {
        Self(vec![0; PLACES])
    }

    /// Forgets all: what a thread compressed before does not matter.
    pub(super) fn clear(&mut self) {
        self.0.fill(0);
    }
}

/// A block in the making.
#[derive(Debug)]
pub(super) struct Output {
    room: Vec<u8>,
    length: usize,
    limit: usize,
}

impl Output {
    /// A block of at most `limit` bytes.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            room: vec![0; limit + SLACK],
            length: 0,
            limit,
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.room.get(..self.length).unwrap_or_default()
    }

    fn push(&mut self, byte: u8) {
        if let Some(place) = self.room.get_mut(self.length) {
            *place = byte;
        }
        self.length += 1;
    }

    fn extend(&mut self, bytes: &[u8]) {
        if let Some(place) = self.room.get_mut(self.length..self.length + bytes.len()) {
            place.copy_from_slice(bytes);
        }
        self.length += bytes.len();
    }

    fn sequence(&mut self, source: &[u8], literals: Range<usize>, distance: u16, length: usize) {
        let (matched, count) = (length - MATCH_MIN, literals.len());
        let from = source.get(literals.start..literals.start + STRIDE);
        let from = from.and_then(|from| from.first_chunk::<STRIDE>());
        let into = self.room.get_mut(self.length..self.length + SLACK);
        let into = into.and_then(|into| into.first_chunk_mut::<SLACK>());
        if count < 15
            && let (Some(from), Some(into)) = (from, into)
        {
            let [token, room @ ..] = into;
            *token = nibble(count) << 4 | nibble(matched);
            if let Some(into) = room.first_chunk_mut() {
                *into = *from;
            }
            if let Some(into) = room.get_mut(count..count + 2) {
                into.copy_from_slice(&distance.to_le_bytes());
            }
            self.length += 1 + count + 2;
        } else {
            self.push(nibble(count) << 4 | nibble(matched));
            self.more(count);
            self.extend(source.get(literals).unwrap_or_default());
            self.extend(&distance.to_le_bytes());
        }
        self.more(matched);
    }

    /// The last sequence, which has no match.
    fn end(&mut self, literals: &[u8]) {
        self.push(nibble(literals.len()) << 4);
        self.more(literals.len());
        self.extend(literals);
    }

    /// What of a length is not in the token.
    fn more(&mut self, length: usize) {
        if let Some(mut rest) = length.checked_sub(15) {
            while rest >= 255 {
                self.push(255);
                rest -= 255;
            }
            self.push(u8::try_from(rest).unwrap_or(0));
        }
    }
}

/// Places to end a block at: for each multiple of `every` bytes that the output passed, the last
/// end of a sequence before it, and the input up to there.
#[derive(Debug)]
pub(super) struct Cuts {
    every: usize,
    places: Vec<(usize, usize)>,
}

impl Cuts {
    pub(super) fn new(every: usize) -> Self {
        Self {
            every,
            places: Vec::new(),
        }
    }

    /// The output, of which `now` is whole, grows to `next` bytes.
    fn pass(&mut self, now: usize, input: usize, next: usize) {
        while (self.places.len() + 1) * self.every < next {
            self.places.push((now, input));
        }
    }

    /// Ends the block that [`fill`] made at its last multiple; gives how much of the input is in it.
    /// `None` where it has no such multiple.
    pub(super) fn cut(&self, source: &[u8], output: &mut Output) -> Option<usize> {
        let (end, from) = self.places.last().copied()?;
        output.length = end;
        Some(finish(source, from, output, self.places.len() * self.every))
    }
}

/// Compresses `source` up to its end, or until the output is full; gives how much of it is in there.
pub(super) fn fill(
    source: &[u8],
    output: &mut Output,
    cuts: &mut Cuts,
    table: &mut Table,
) -> usize {
    let limit = output.limit;
    output.length = 0;
    cuts.places.clear();
    let mut next_cut = cuts.every;
    let last = source.len().saturating_sub(MATCH_END);
    let Some(places) = table.0.first_chunk_mut::<PLACES>() else {
        return 0;
    };
    let (mut anchor, mut at) = (0, 0_u32);
    loop {
        // Literals that do not fit end the block, whatever follows them.
        let far = last.min(anchor + limit);
        let front = source.get(..far + WORD - 1).unwrap_or_default();
        let Some((found, differ, distance)) = search(source, front, at, places) else {
            break;
        };
        let back = usize::from(distance);
        let mut begin = found;
        while begin > anchor
            && begin > back
            && source.get(begin - 1) == source.get(begin - 1 - back)
        {
            begin -= 1;
        }
        // A match starts before `last`: the word that was loaded keeps off the last literals.
        let length = if differ == 0 {
            WORD + common(source, found + WORD - back, found + WORD)
        } else {
            usize::try_from(differ.trailing_zeros() / 8).unwrap_or(0)
        };
        let length = found - begin + length;
        let next = output.length + sequence_len(begin - anchor, length) + ENDING;
        if next > limit {
            return finish(source, anchor, output, limit);
        }
        if next > next_cut {
            cuts.pass(output.length, anchor, next);
            next_cut = (cuts.places.len() + 1) * cuts.every;
        }
        output.sequence(source, anchor..begin, distance, length);
        anchor = begin + length;
        at = u32::try_from(anchor).unwrap_or(u32::MAX);
        // What lies inside of a match would be missed otherwise.
        if let Some(word) = word(source, at - 2) {
            note(places, word, low(at - 2));
        }
    }
    let rest = source.get(anchor..).unwrap_or_default();
    let next = output.length + 1 + extra(rest.len(), 15) + rest.len();
    if next > limit {
        return finish(source, anchor, output, limit);
    }
    cuts.pass(output.length, anchor, next);
    output.end(rest);
    source.len()
}

/// The next place from `at` on, within `front`, where bytes stand that stood somewhere before: with what
/// differs in the first eight of them, and how far back that is.
#[inline]
fn search(
    source: &[u8],
    front: &[u8],
    mut at: u32,
    places: &mut [u16; PLACES],
) -> Option<(usize, u64, u16)> {
    let mut tries = 1_u32 << SKIP;
    loop {
        let word = word(front, at)?;
        let here = low(at);
        let distance = here.wrapping_sub(note(places, word, here));
        // Before the start lies nothing that is this short.
        if let Some(other) = self::word(source, at.wrapping_sub(u32::from(distance))) {
            let differ = word ^ other;
            if differ << 32 == 0 && distance != 0 {
                return Some((index(at), differ, distance));
            }
        }
        at += tries >> SKIP;
        tries += 1;
    }
}

/// Notes that `word` stands at `at`; gives where one of the same hash stood before.
#[inline]
fn note(places: &mut [u16; PLACES], word: u64, at: u16) -> u16 {
    // The five first bytes, by a large prime.
    let hash = (word << 24).wrapping_mul(889_523_592_379) >> (u64::BITS - HASH_BITS);
    let slot = usize::try_from(hash).unwrap_or(0);
    match places.get_mut(slot) {
        Some(place) => std::mem::replace(place, at),
        None => at,
    }
}

/// Ends a block with as many literals as fit before `end`; gives how much of the input is in it.
fn finish(source: &[u8], from: usize, output: &mut Output, end: usize) -> usize {
    let room = end - output.length;
    let mut count = (room - 1).min(source.len() - from);
    while 1 + extra(count, 15) + count > room {
        count -= 1;
    }
    output.end(source.get(from..from + count).unwrap_or_default());
    from + count
}

/// How many bytes are equal from both places on, the last literals not counted.
fn common(source: &[u8], from: usize, begin: usize) -> usize {
    let end = source.len() - LAST_LITERALS;
    let from = source.get(from..).unwrap_or_default();
    let begin = source.get(begin..end).unwrap_or_default();
    let mut length = 0;
    for (a, b) in from.as_chunks().0.iter().zip(begin.as_chunks().0) {
        let differ = u64::from_le_bytes(*a) ^ u64::from_le_bytes(*b);
        if differ != 0 {
            return length + usize::try_from(differ.trailing_zeros() / 8).unwrap_or(0);
        }
        length += WORD;
    }
    let rest = from.iter().zip(begin).skip(length);
    length + rest.take_while(|(a, b)| a == b).count()
}

fn word(source: &[u8], at: u32) -> Option<u64> {
    let bytes = source.get(index(at)..index(at) + WORD)?.first_chunk()?;
    Some(u64::from_le_bytes(*bytes))
}

fn low(at: u32) -> u16 {
    let [a, b, ..] = at.to_le_bytes();
    u16::from_le_bytes([a, b])
}

fn index(at: u32) -> usize {
    usize::try_from(at).unwrap_or(usize::MAX)
}

/// How many bytes a length takes besides its four bits in the token, which hold less than `full`.
fn extra(length: usize, full: usize) -> usize {
    if length < full {
        0
    } else {
        (length - full) / 255 + 1
    }
}

fn sequence_len(literals: usize, length: usize) -> usize {
    1 + extra(literals, 15) + literals + 2 + extra(length, 15 + MATCH_MIN)
}

fn nibble(length: usize) -> u8 {
    u8::try_from(length.min(15)).unwrap_or(15)
}
