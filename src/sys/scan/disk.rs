//! Reading from files whose bytes may still be on the disk.
//!
//! What the page cache holds is taken from there at once. Where that fails, the disk is asked for what
//! will be needed next as well, before anybody waits for the first of it: a disk does its best with
//! many requests.

use std::io::IoSliceMut;
use std::num::NonZero;
use std::os::fd::OwnedFd;

use rustix::fs::Advice;
use rustix::io::{Errno, ReadWriteFlags};

/// Bytes of a large file that the disk is asked for at once.
const WINDOW: u64 = 2 << 20;

/// What a thread knows about where bytes come from.
pub(super) struct Disk {
    /// Whether the kernel tells what its cache holds (`RWF_NOWAIT`, preadv2(2)).
    tells: bool,
    /// Whether something had to be waited for lately.
    is_cold: bool,
}

impl Disk {
    pub(super) fn new() -> Self {
        Self {
            tells: true,
            is_cold: false,
        }
    }

    /// Whether something had to be waited for since this was asked last.
    pub(super) fn was_cold(&mut self) -> bool {
        std::mem::take(&mut self.is_cold)
    }

    /// Reads at a position as many bytes as there are, at most as many as `buffer` takes.
    pub(super) fn read(
        &mut self,
        file: &OwnedFd,
        buffer: &mut [u8],
        position: u64,
    ) -> Result<usize, Errno> {
        if self.tells {
            let slice = &mut [IoSliceMut::new(buffer)];
            match rustix::io::preadv2(file, slice, position, ReadWriteFlags::NOWAIT) {
                // A part may be all that the cache holds; nothing may be the end of the file.
                Ok(count) if count > 0 => return Ok(count),
                Ok(_) | Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    self.is_cold = true;
                    ask(file, position, WINDOW);
                }
                Err(_) => self.tells = false,
            }
        }
        loop {
            match rustix::io::pread(file, &mut *buffer, position) {
                Err(Errno::INTR) => {}
                answer => return answer,
            }
        }
    }
}

/// Asks the disk for bytes without waiting for them. That it may not listen does no harm.
pub(super) fn ask(file: &OwnedFd, position: u64, length: u64) {
    let length = NonZero::new(length);
    _ = rustix::fs::fadvise(file, position, length, Advice::WillNeed);
}
