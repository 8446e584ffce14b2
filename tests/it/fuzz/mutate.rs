//! Mutations of seeds: the same on every run, so that a failure comes again.

/// Marsaglia's xorshift with 64 bits: enough to choose places.
pub struct Chance(u64);

/// Bytes at which parsers turn.
const EDGES: &[u8] = b"\0\x01\x7f\x80\xff\n\r \t\"'\\/.,:;-+_=*0159azAZ{}[]()<>@#";
/// Words that mean something to some parser.
const WORDS: [&[u8]; 22] = [
    b"\n\n",
    b"\r\n",
    b"..",
    b"../",
    b"//",
    b"00",
    b"-1",
    b"4294967296",
    b"9223372036854775808",
    b"18446744073709551616",
    b"\xe2\x80\x94 ",
    b"\xef\xbb\xbf",
    b"\\u0000",
    b"\xff\xff\xff\xff",
    b"\0\0\0\0",
    b"null",
    b"[]",
    b"{}",
    b"1e400",
    b"=\n",
    b"A==",
    b"\xe2\x80\xae",
];

impl Chance {
    /// Another seed gives other choices; 0 is as good as any.
    pub fn new(seed: u64) -> Self {
        Self(seed ^ 0x9e37_79b9_7f4a_7c15)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below `end`; 0 where that is 0.
    pub fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).unwrap();
        usize::try_from(self.next().checked_rem(end).unwrap_or(0)).unwrap()
    }

    fn pick<'a, T: ?Sized>(&mut self, list: &[&'a T]) -> &'a T {
        list[self.below(list.len())]
    }

    /// One of `seeds`, changed in one to four ways.
    pub fn mutated(&mut self, seeds: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = seeds[self.below(seeds.len())].clone();
        for _ in 0..=self.below(4) {
            self.change(&mut bytes, seeds);
        }
        bytes
    }

    fn change(&mut self, bytes: &mut Vec<u8>, seeds: &[Vec<u8>]) {
        let at = self.below(bytes.len() + 1);
        let length = self.below(1 + (bytes.len() - at).min(64));
        match self.below(9) {
            0 if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
            1 if at < bytes.len() => bytes[at] = EDGES[self.below(EDGES.len())],
            2 => {
                bytes.drain(at..at + length);
            }
            3 => bytes.truncate(at),
            4 => {
                let word = self.pick(&WORDS);
                bytes.splice(at..at, word.iter().copied());
            }
            5 => {
                let word = self.pick(&WORDS);
                let end = (at + word.len()).min(bytes.len());
                bytes.splice(at..end, word.iter().copied());
            }
            6 => {
                let part = bytes[at..at + length].to_vec();
                let times = 1 + self.below(4);
                bytes.splice(at..at, part.repeat(times));
            }
            // The beginning of this one and the end of another.
            7 => {
                let other = &seeds[self.below(seeds.len())];
                bytes.truncate(at);
                bytes.extend(&other[self.below(other.len() + 1)..]);
            }
            // Part of another one in the midst of this one.
            _ => {
                let other = &seeds[self.below(seeds.len())];
                let from = self.below(other.len() + 1);
                let to = from + self.below(1 + (other.len() - from).min(64));
                bytes.splice(at..at + length, other[from..to].iter().copied());
            }
        }
    }
}
