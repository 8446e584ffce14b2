//! Memory for several threads.
//!
//! The allocator of musl, which the agent is linked with, has one lock for all threads. Where each of
//! them takes and gives back some memory for every file, one in twenty processor seconds passes in
//! waiting for that lock, most of it asleep. Here small pieces come from a supply of the thread's
//! own, which needs no lock: one list of free pieces for each size, filled from blocks that the
//! system's allocator gives. Large pieces are left to that.
//!
//! A piece that is given back joins the supply of the thread that gives it back. The supply of a
//! thread that ends is not used again: at most one block, of which the system gives only the pages
//! that were touched, and what it had been given back. Threads that walk live as long as a scan; those
//! that decode a part of a manifest end with it, and what they took lives on in its entries.
//!
//! Its safe twin is the system's allocator: a test asks both for the same.

#![expect(unsafe_code, reason = "an allocator gives out memory")]
#![expect(
    clippy::cast_ptr_alignment,
    reason = "all pieces are aligned to more than an address needs"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ptr;

/// The allocator of a program; nothing but `#[global_allocator]` needs it.
#[derive(Clone, Copy, Debug, Default)]
pub struct PerThread;

/// Sizes and alignments are multiples of so many bytes.
const UNIT: usize = 16;
/// Largest size that a thread has a supply of.
const SMALL_MAX: usize = 256;
/// One list for each multiple of [`UNIT`] up to [`SMALL_MAX`].
const SIZES: usize = SMALL_MAX / UNIT;
/// Bytes that are asked for at a time.
const BLOCK: usize = 256 << 10;

/// What a thread has.
struct Supply {
    /// The first free piece of each size, or null; each holds the address of the next.
    free: [Cell<*mut u8>; SIZES],
    /// What is left of the newest block, and how many bytes that is.
    rest: Cell<*mut u8>,
    left: Cell<usize>,
}

thread_local! {
    // Made before the program runs and without a destructor, so that using it allocates nothing.
    static SUPPLY: Supply = const {
        Supply {
            free: [const { Cell::new(ptr::null_mut()) }; SIZES],
            rest: Cell::new(ptr::null_mut()),
            left: Cell::new(0),
        }
    };
}

impl Supply {
    /// A piece of `place + 1` units; null where the system has no more.
    fn take(&self, place: usize) -> *mut u8 {
        let Some(free) = self.free.get(place) else {
            return ptr::null_mut();
        };
        let piece = free.get();
        if piece.is_null() {
            return self.cut(place);
        }
        // SAFETY: pieces in the lists are free, aligned to `UNIT`, at least as large as an address,
        // and `give` wrote the next one's into them.
        free.set(unsafe { piece.cast::<*mut u8>().read() });
        piece
    }

    /// Takes back a piece of `place + 1` units.
    ///
    /// # Safety
    /// [`Supply::take`] gave it, of the same place, on this thread or another, and nobody uses it.
    unsafe fn give(&self, piece: *mut u8, place: usize) {
        if let Some(free) = self.free.get(place) {
            // SAFETY: the piece is large enough and aligned, and ours by the contract above.
            unsafe { piece.cast::<*mut u8>().write(free.get()) };
            free.set(piece);
        }
    }

    /// A new piece off the newest block.
    #[cold]
    fn cut(&self, place: usize) -> *mut u8 {
        let size = (place + 1) * UNIT;
        if self.left.get() < size {
            let Ok(layout) = Layout::from_size_align(BLOCK, UNIT) else {
                return ptr::null_mut();
            };
            // SAFETY: the layout is not empty.
            let block = unsafe { System.alloc(layout) };
            if block.is_null() {
                return block;
            }
            self.rest.set(block);
            self.left.set(BLOCK);
        }
        let piece = self.rest.get();
        // Within the block, or at its end: `size` bytes are left.
        self.rest.set(piece.wrapping_add(size));
        self.left.set(self.left.get() - size);
        piece
    }
}

/// The list that pieces of this layout belong to; none for what is left to the system.
fn place(layout: Layout) -> Option<usize> {
    let is_small = layout.size() <= SMALL_MAX && layout.align() <= UNIT;
    is_small.then(|| layout.size().saturating_sub(1) / UNIT)
}

// SAFETY: a piece is given to one caller at a time: it leaves its list, or the rest of a block, before
// it is handed out, and comes back by `dealloc` alone. It is as large as its layout wants, rounded up
// to units, and aligned to a unit, since blocks are and all pieces are whole units. Nothing here
// unwinds: there is no panic in it, and the thread's supply has no destructor, so that it is there as
// long as the thread is. Nothing is inlined: memory is asked for in a thousand places.
unsafe impl GlobalAlloc for PerThread {
    #[inline(never)]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match place(layout) {
            Some(place) => SUPPLY.with(|supply| supply.take(place)),
            // SAFETY: the caller's contract is the same.
            None => unsafe { System.alloc(layout) },
        }
    }

    #[inline(never)]
    unsafe fn dealloc(&self, piece: *mut u8, layout: Layout) {
        match place(layout) {
            // SAFETY: `alloc` gave it for this layout, hence of this place; the caller is done with it.
            Some(place) => SUPPLY.with(|supply| unsafe { supply.give(piece, place) }),
            // SAFETY: `place` says the same as when it was taken, so that it is the system's.
            None => unsafe { System.dealloc(piece, layout) },
        }
    }

    #[inline(never)]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if place(layout).is_none() {
            // The system knows what is zero already.
            // SAFETY: the caller's contract is the same.
            return unsafe { System.alloc_zeroed(layout) };
        }
        // SAFETY: as above; and the piece is as large as the layout says.
        unsafe {
            let piece = self.alloc(layout);
            if !piece.is_null() {
                piece.write_bytes(0, layout.size());
            }
            piece
        }
    }

    #[inline(never)]
    unsafe fn realloc(&self, piece: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let Ok(wanted) = Layout::from_size_align(size, layout.align()) else {
            return ptr::null_mut();
        };
        match (place(layout), place(wanted)) {
            // SAFETY: the system's before and after; the caller's contract is the same.
            (None, None) => unsafe { System.realloc(piece, layout, size) },
            (Some(before), Some(after)) if before == after => piece,
            // SAFETY: the new piece overlaps no other, and both hold what is copied.
            _ => unsafe {
                let new = self.alloc(wanted);
                if !new.is_null() {
                    ptr::copy_nonoverlapping(piece, new, layout.size().min(size));
                    self.dealloc(piece, layout);
                }
                new
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A piece of both allocators, which must hold the same bytes.
    struct Pair {
        ours: *mut u8,
        theirs: *mut u8,
        layout: Layout,
    }

    // SAFETY: whoever has the pair has the only pointers to its pieces.
    unsafe impl Send for Pair {}

    impl Pair {
        fn new(layout: Layout, is_zeroed: bool, byte: u8) -> Self {
            // SAFETY: the layout is not empty.
            let (ours, theirs) = unsafe {
                if is_zeroed {
                    (PerThread.alloc_zeroed(layout), System.alloc_zeroed(layout))
                } else {
                    (PerThread.alloc(layout), System.alloc(layout))
                }
            };
            assert!(!ours.is_null() && !theirs.is_null());
            assert_eq!(ours.addr() % layout.align(), 0);
            let pair = Self {
                ours,
                theirs,
                layout,
            };
            if is_zeroed {
                pair.check();
            }
            pair.fill(byte);
            pair
        }

        fn fill(&self, byte: u8) {
            // SAFETY: both are as large as the layout.
            unsafe {
                self.ours.write_bytes(byte, self.layout.size());
                self.theirs.write_bytes(byte, self.layout.size());
            }
        }

        fn check(&self) {
            // SAFETY: both are as large as the layout, and were written.
            let [ours, theirs] = [self.ours, self.theirs]
                .map(|it| unsafe { std::slice::from_raw_parts(it, self.layout.size()) });
            assert!(ours == theirs, "{:?}", self.layout);
        }

        fn resize(&mut self, size: usize, byte: u8) {
            let kept = self.layout.size().min(size);
            // SAFETY: the pieces are of this layout, and the size is not zero.
            unsafe {
                self.ours = PerThread.realloc(self.ours, self.layout, size);
                self.theirs = System.realloc(self.theirs, self.layout, size);
                self.layout = Layout::from_size_align(size, self.layout.align()).unwrap();
                self.ours.add(kept).write_bytes(byte, size - kept);
                self.theirs.add(kept).write_bytes(byte, size - kept);
            }
            assert_eq!(self.ours.addr() % self.layout.align(), 0);
            self.check();
        }

        fn free(self) {
            self.check();
            // SAFETY: the pieces are of this layout, and go with the pair.
            unsafe {
                PerThread.dealloc(self.ours, self.layout);
                System.dealloc(self.theirs, self.layout);
            }
        }
    }

    /// Marsaglia's xorshift: the same numbers in each run.
    struct Numbers(u64);

    impl Numbers {
        fn next(&mut self, below: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            usize::try_from(self.0 % u64::try_from(below).unwrap()).unwrap()
        }

        fn byte(&mut self) -> u8 {
            u8::try_from(self.next(256)).unwrap()
        }

        fn size(&mut self) -> usize {
            1 + match self.next(8) {
                0 => self.next(5000),
                1 => SMALL_MAX - 2 + self.next(4),
                _ => self.next(SMALL_MAX),
            }
        }
    }

    /// Some thousand pieces of all sizes that come, change and go.
    fn churn(numbers: &mut Numbers, held: &mut Vec<Pair>) {
        for _ in 0..20_000 {
            match numbers.next(8) {
                0..4 => {
                    let align = 1 << numbers.next(7);
                    let layout = Layout::from_size_align(numbers.size(), align).unwrap();
                    held.push(Pair::new(layout, numbers.next(4) == 0, numbers.byte()));
                }
                4 if !held.is_empty() => {
                    let at = numbers.next(held.len());
                    held[at].resize(numbers.size(), numbers.byte());
                }
                _ if !held.is_empty() => {
                    let at = numbers.next(held.len());
                    held.swap_remove(at).free();
                }
                _ => {}
            }
        }
    }

    #[test]
    fn pieces_hold_what_the_systems_own_hold_also_when_other_threads_give_them_back() {
        let mut held = Vec::new();
        for round in 0..4 {
            let parts: Vec<Vec<Pair>> = std::thread::scope(|scope| {
                let rest = held.len().div_ceil(3).max(1);
                let mut parts = Vec::new();
                while !held.is_empty() {
                    parts.push(held.split_off(held.len().saturating_sub(rest)));
                }
                parts.resize_with(3, Vec::new);
                let threads: Vec<_> = (0..)
                    .zip(parts)
                    .map(|(thread, mut part): (u64, _)| {
                        scope.spawn(move || {
                            churn(&mut Numbers(0x9e37 + 8 * round + thread), &mut part);
                            part
                        })
                    })
                    .collect();
                threads.into_iter().map(|it| it.join().unwrap()).collect()
            });
            held = parts.into_iter().flatten().collect();
        }
        for pair in held {
            pair.free();
        }
    }

    #[test]
    fn a_piece_that_was_given_back_is_the_next_of_its_size() {
        let layout = Layout::from_size_align(40, 8).unwrap();
        // SAFETY: the layout is not empty, and each piece is given back once.
        unsafe {
            let first = PerThread.alloc(layout);
            let second = PerThread.alloc(layout);
            assert_eq!(second.addr() - first.addr(), 48);
            PerThread.dealloc(first, layout);
            assert_eq!(PerThread.alloc(layout), first);
            PerThread.dealloc(first, layout);
            PerThread.dealloc(second, layout);
        }
    }
}
