//! dm-verity, by the device mapper's ioctls (`linux/dm-ioctl.h`).

use std::fs::{File, OpenOptions};
use std::io;
use std::path::PathBuf;

use rustix::ioctl::{Direction, Ioctl, IoctlOutput, Opcode, opcode};

use super::Device;
use crate::boot::mapper::{HEAD, device, named, verity_table};
use crate::boot::{Cleared, OnCorruption};
use crate::layout::Uuid;
use crate::sys::fs::{IoContext as _, IoError};

/// Where the device mapper is told what to do.
const CONTROL: &str = "/dev/mapper/control";
/// The device's name, and the start of its id as veritysetup(8) has it, so that its tools know it.
const NAME: &str = "root";
const ID: &str = "CRYPT-VERITY-";
/// `DM_DEV_CREATE`.
const CREATE: u8 = 3;
/// `DM_DEV_SUSPEND`, which without its flag starts the device.
const START: u8 = 6;
/// `DM_TABLE_LOAD`.
const LOAD: u8 = 9;

/// Has the kernel make a device of two others, in which every block is checked as it is read.
///
/// # Errors
/// A step that the kernel refused.
pub(super) fn open(
    cleared: &Cleared,
    on_corruption: OnCorruption,
    [data, tree]: [&str; 2],
    id: Uuid,
) -> Result<PathBuf, IoError> {
    let numbers = [Device::number(data)?, Device::number(tree)?];
    let control = OpenOptions::new().read(true).write(true).open(CONTROL);
    let control = control.at("open", CONTROL)?;
    let id = format!("{ID}{}-{NAME}", id.to_string().replace('-', ""));
    tell(&control, CREATE, named(NAME, &id))?;
    let table = verity_table(NAME, cleared.verity(), numbers, on_corruption);
    tell(&control, LOAD, table)?;
    let answer = tell(&control, START, named(NAME, ""))?;
    let number = device(&answer);
    let number = number.ok_or_else(|| refused(io::Error::other("it names no device")))?;
    Ok(format!("/dev/dm-{}", number.minor).into())
}

fn tell(control: &File, command: u8, bytes: Vec<u8>) -> Result<Vec<u8>, IoError> {
    let message = Message::new(command, bytes).map_err(refused)?;
    #[expect(unsafe_code, reason = "the device mapper has no other interface")]
    // SAFETY: `Message` keeps what the kernel's documentation of dm-ioctl asks for: see there.
    let answer = unsafe { rustix::ioctl::ioctl(control, message) };
    answer.map_err(|errno| refused(errno.into()))
}

fn refused(error: io::Error) -> IoError {
    IoError::new("tell the device mapper through", CONTROL, error)
}

/// A `struct dm_ioctl` and what follows it, whose own `data_size` is the length of the buffer.
struct Message {
    bytes: Vec<u8>,
    command: u8,
}

impl Message {
    /// Takes a message only if it says its own size: the kernel reads and writes that many bytes.
    fn new(command: u8, bytes: Vec<u8>) -> io::Result<Self> {
        let said = bytes.get(12..).and_then(|rest| rest.first_chunk::<4>());
        let said = said.map(|said| usize::try_from(u32::from_ne_bytes(*said)));
        if bytes.len() < HEAD || said != Some(Ok(bytes.len())) {
            return Err(io::Error::other("a message of another size than it says"));
        }
        Ok(Self { bytes, command })
    }
}

#[expect(
    unsafe_code,
    reason = "rustix leaves the meaning of an ioctl to its caller"
)]
// SAFETY: the number is `_IOWR(0xfd, command, struct dm_ioctl)`, for commands that read and write at
// most the first `data_size` bytes at the pointer (`copy_params` and `ctl_ioctl` in the kernel's
// `drivers/md/dm-ioctl.c`). `Message::new` made sure that the buffer has exactly so many. Any bytes
// that the kernel writes are a valid `u8`. The buffer lives in `self` until the call is over.
unsafe impl Ioctl for Message {
    type Output = Vec<u8>;

    const IS_MUTATING: bool = true;

    fn opcode(&self) -> Opcode {
        opcode::from_components(Direction::ReadWrite, 0xfd, self.command, HEAD)
    }

    fn as_ptr(&mut self) -> *mut std::ffi::c_void {
        self.bytes.as_mut_ptr().cast()
    }

    unsafe fn output_from_ptr(
        _: IoctlOutput,
        answer: *mut std::ffi::c_void,
    ) -> rustix::io::Result<Vec<u8>> {
        // SAFETY: `answer` is what `as_ptr` gave, of at least `HEAD` bytes, still alive.
        let head = unsafe { std::slice::from_raw_parts(answer.cast::<u8>(), HEAD) };
        Ok(head.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_message_of_the_size_that_it_says() {
        let good = named("root", "");
        let message = Message::new(CREATE, good.clone()).unwrap();
        // As the kernel's headers have it: DM_DEV_CREATE.
        assert_eq!(message.opcode(), 0xc138_fd03);
        let mut longer = good.clone();
        longer.push(0);
        for bytes in [longer, good[..HEAD - 1].to_vec(), Vec::new()] {
            assert!(Message::new(CREATE, bytes).is_err());
        }
    }

    #[test]
    fn the_answer_is_the_buffer_itself() {
        let mut message = Message::new(START, named("root", "x")).unwrap();
        let safe = message.bytes.get(..HEAD).unwrap().to_vec();
        let pointer = message.as_ptr();
        #[expect(unsafe_code, reason = "what the kernel's answer is read by")]
        // SAFETY: the pointer is that of a living buffer of `HEAD` bytes.
        let answer = unsafe { Message::output_from_ptr(0, pointer) };
        assert_eq!(answer.unwrap(), safe);
    }
}
