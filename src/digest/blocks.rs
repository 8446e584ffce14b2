//! SHA-256's compression function over whole blocks: of one message, or of many at once.

/// 64 bytes: what the function takes at a time.
pub(super) type Block = [u8; 64];
/// The eight working variables, a to h.
pub(super) type State = [u32; 8];

/// What the variables are before the first block (FIPS 180-4 section 5.3.3).
pub(super) const INITIAL: State = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// Blocks that a message still has to take.
pub(super) struct Run<'a> {
    /// Its variables.
    pub(super) state: &'a mut State,
    /// The blocks.
    pub(super) blocks: &'a [Block],
}

/// Takes the blocks of one message.
pub(super) fn compress(state: &mut State, blocks: &[Block]) {
    sha2::block_api::compress256(state, blocks);
}

/// Takes the blocks of many messages, several at a time where the processor can.
pub(super) fn compress_all<'a, R: Iterator<Item = Run<'a>>>(runs: R) {
    let mut runs = runs.filter(|run| !run.blocks.is_empty());
    #[cfg(target_arch = "x86_64")]
    if let Some(kernel) = super::sha_ni::ShaNi::detect() {
        return interleave(kernel, &mut runs);
    }
    for run in runs {
        compress(run.state, run.blocks);
    }
}

/// Three messages at a time; where one ends the next takes its place.
#[cfg(target_arch = "x86_64")]
fn interleave<'a>(kernel: super::sha_ni::ShaNi, runs: &mut impl Iterator<Item = Run<'a>>) {
    let mut active: [Option<Run<'a>>; 3] = [runs.next(), runs.next(), runs.next()];
    loop {
        match &mut active {
            [Some(a), Some(b), Some(c)] => {
                let count = a.blocks.len().min(b.blocks.len()).min(c.blocks.len());
                let blocks = [a.take(count), b.take(count), c.take(count)];
                kernel.three([&mut *a.state, &mut *b.state, &mut *c.state], blocks);
            }
            [Some(a), Some(b), None] | [Some(a), None, Some(b)] | [None, Some(a), Some(b)] => {
                let count = a.blocks.len().min(b.blocks.len());
                let blocks = [a.take(count), b.take(count)];
                kernel.two([&mut *a.state, &mut *b.state], blocks);
            }
            [Some(a), None, None] | [None, Some(a), None] | [None, None, Some(a)] => {
                compress(a.state, std::mem::take(&mut a.blocks));
            }
            [None, None, None] => return,
        }
        for place in &mut active {
            if place.as_ref().is_none_or(|run| run.blocks.is_empty()) {
                *place = runs.next();
            }
        }
    }
}

impl<'a> Run<'a> {
    /// The next blocks, at most `count`.
    #[cfg(target_arch = "x86_64")]
    fn take(&mut self, count: usize) -> &'a [Block] {
        let (taken, left) = self.blocks.split_at_checked(count).unwrap_or_default();
        self.blocks = left;
        taken
    }
}
