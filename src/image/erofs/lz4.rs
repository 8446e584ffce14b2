//! LZ4 blocks of a given length, with as much input as fits (`lz4_Block_format.md` of lz4).
//!
//! EROFS wants clusters of whole blocks. An ordinary compressor takes a given input and makes of it
//! what it can; this one fills a given room, and remembers where the output passed the end of each
//! block, so that the end of a file can be cut there without compressing it again.

/// How many bits a hash has: 64 KiB of places, which stay in the processor's second cache.
const HASH_BITS: u32 = 14;
/// How far back a match may lie.
const DISTANCE_MAX: usize = 65_535;
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

/// Where a hash of the next bytes was met last.
#[derive(Debug)]
pub(super) struct Table(Vec<u32>);

impl Table {
    pub(super) fn new() -> Self {
        Self(vec![0; 1 << HASH_BITS])
    }

    /// Forgets all: what a thread compressed before does not matter.
    pub(super) fn clear(&mut self) {
        self.0.fill(0);
    }

    /// Notes that `word` stands at `at`; gives where one of the same hash stood before.
    fn note(&mut self, word: u64, at: usize) -> usize {
        // The five first bytes, by a large prime.
        let hash = (word << 24).wrapping_mul(889_523_592_379) >> (64 - HASH_BITS);
        let place = usize::try_from(hash)
            .ok()
            .and_then(|slot| self.0.get_mut(slot));
        let before = place.map_or(0, |place| {
            std::mem::replace(place, u32::try_from(at).unwrap_or(0))
        });
        usize::try_from(before).unwrap_or(0)
    }
}

/// Places to end a block at: for each multiple of `every` bytes that the output passed, the last
/// end of a sequence before it, and the input up to there.
#[derive(Debug)]
pub(super) struct Cuts {
    every: usize,
    base: usize,
    places: Vec<(usize, usize)>,
}

impl Cuts {
    pub(super) fn new(every: usize) -> Self {
        Self {
            every,
            base: 0,
            places: Vec::new(),
        }
    }

    fn begin(&mut self, base: usize) {
        self.base = base;
        self.places.clear();
    }

    /// The output, of which `now` is whole, grows to `next` bytes.
    fn pass(&mut self, now: usize, input: usize, next: usize) {
        while (self.places.len() + 1) * self.every < next {
            self.places.push((now, input));
        }
    }

    /// Ends the block that [`fill`] made at its last multiple; gives where the input goes on.
    /// `None` where it has no such multiple.
    pub(super) fn cut(&self, input: &[u8], output: &mut Vec<u8>) -> Option<usize> {
        let (end, from) = self.places.last().copied()?;
        output.truncate(end);
        Some(finish(
            input,
            from,
            output,
            self.base + self.places.len() * self.every,
        ))
    }
}

/// Compresses the bytes of `input` from `start` on, to its end or until `limit` bytes were added to
/// `output`; gives where the input goes on. The bytes before `start` are not referred to.
pub(super) fn fill(
    input: &[u8],
    start: usize,
    output: &mut Vec<u8>,
    limit: usize,
    cuts: &mut Cuts,
    table: &mut Table,
) -> usize {
    let base = output.len();
    cuts.begin(base);
    let last = input.len().saturating_sub(MATCH_END);
    let (mut anchor, mut at) = (start, start);
    let mut tries = 1_usize << SKIP;
    while at < last {
        let Some(word) = word(input, at) else { break };
        let candidate = table.note(word, at);
        let is_match = candidate >= start
            && candidate < at
            && at - candidate <= DISTANCE_MAX
            && self::word(input, candidate).is_some_and(|other| (word ^ other) << 32 == 0);
        if !is_match {
            at += tries >> SKIP;
            tries += 1;
            continue;
        }
        tries = 1 << SKIP;
        let (mut from, mut begin) = (candidate, at);
        while begin > anchor && from > start && input.get(begin - 1) == input.get(from - 1) {
            begin -= 1;
            from -= 1;
        }
        let known = at - begin + MATCH_MIN;
        let length = known + common(input, from + known, begin + known);
        let literals = input.get(anchor..begin).unwrap_or_default();
        let next = output.len() - base + sequence_len(literals.len(), length);
        if next + ENDING > limit {
            return finish(input, anchor, output, base + limit);
        }
        cuts.pass(output.len(), anchor, next + ENDING);
        put(output, literals, begin - from, length);
        at = begin + length;
        anchor = at;
        // What lies inside of a match would be missed otherwise.
        if let Some(word) = self::word(input, at - 2) {
            table.note(word, at - 2);
        }
    }
    let rest = input.len() - anchor;
    let next = output.len() - base + 1 + extra(rest, 15) + rest;
    if next > limit {
        return finish(input, anchor, output, base + limit);
    }
    cuts.pass(output.len(), anchor, next);
    put_last(output, input.get(anchor..).unwrap_or_default());
    input.len()
}

/// Ends a block with as many literals as fit before `end`; gives where the input goes on.
fn finish(input: &[u8], from: usize, output: &mut Vec<u8>, end: usize) -> usize {
    let room = end - output.len();
    let mut count = (room - 1).min(input.len() - from);
    while 1 + extra(count, 15) + count > room {
        count -= 1;
    }
    put_last(output, input.get(from..from + count).unwrap_or_default());
    from + count
}

/// How many bytes are equal from both places on, the last literals not counted.
fn common(input: &[u8], from: usize, begin: usize) -> usize {
    let end = input.len() - LAST_LITERALS;
    let mut length = 0;
    while begin + length + 8 <= end {
        let (Some(a), Some(b)) = (word(input, from + length), word(input, begin + length)) else {
            break;
        };
        if a != b {
            let equal = (a ^ b).trailing_zeros() / 8;
            return length + usize::try_from(equal).unwrap_or(0);
        }
        length += 8;
    }
    while begin + length < end && input.get(from + length) == input.get(begin + length) {
        length += 1;
    }
    length
}

fn word(input: &[u8], at: usize) -> Option<u64> {
    let bytes = input.get(at..)?.first_chunk()?;
    Some(u64::from_le_bytes(*bytes))
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

fn put(output: &mut Vec<u8>, literals: &[u8], distance: usize, length: usize) {
    let matched = length - MATCH_MIN;
    output.push(nibble(literals.len()) << 4 | nibble(matched));
    put_extra(output, literals.len());
    output.extend_from_slice(literals);
    output.extend_from_slice(&u16::try_from(distance).unwrap_or(0).to_le_bytes());
    put_extra(output, matched);
}

fn put_last(output: &mut Vec<u8>, literals: &[u8]) {
    output.push(nibble(literals.len()) << 4);
    put_extra(output, literals.len());
    output.extend_from_slice(literals);
}

fn nibble(length: usize) -> u8 {
    u8::try_from(length.min(15)).unwrap_or(15)
}

fn put_extra(output: &mut Vec<u8>, length: usize) {
    if let Some(mut rest) = length.checked_sub(15) {
        while rest >= 255 {
            output.push(255);
            rest -= 255;
        }
        output.push(u8::try_from(rest).unwrap_or(0));
    }
}
