//! A program of the image that may be run, because it is what was signed.
//!
//! Some things only a program of the image can tell, such as `nft`. It may be run only as the bytes
//! that the manifest lists, and so may all that it loads: [`Program::verify`] is the one door.
//!
//! | file | what |
//! |---|---|
//! | `elf` | which loader and which libraries a program names |
//! | `resolve` | where a path leads by the manifest alone |
//! | `verified` | [`Program`]: all of its bytes, compared |

mod elf;
mod resolve;
mod verified;

pub use elf::{ElfError, Needs};
pub use verified::{Object, Program, ProgramError, Read};
