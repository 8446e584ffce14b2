//! Files on this machine: reads with a cap, writes that are whole or absent, errors with the path.
//!
//! | file | what |
//! |---|---|
//! | `error` | [`IoError`]: what was tried, on which path; [`IoContext`] |
//! | `read` | opening and reading, with a cap |
//! | `gather` | writing many pieces with few calls |
//! | `inherited` | file descriptors that the process was started with |
//! | `look` | what is there, without reading it |
//! | `change` | names, modes and directories |
//! | `atomic` | files and directories that appear whole or not at all |
//! | `beneath` | a directory in which nothing is a link |
//! | `lock` | advisory locks |
//! | `source` | bytes at an offset |
//! | `ours` | files that nobody else can have written |

mod atomic;
#[cfg(feature = "build")]
mod beneath;
mod change;
mod error;
mod gather;
mod inherited;
mod lock;
mod look;
mod ours;
mod read;
mod source;

pub use atomic::{
    AtomicDir, AtomicFile, remove_temporaries, sync_parent, write_as_made, write_atomic,
};
#[cfg(feature = "build")]
pub use beneath::{Beneath, Listed, ListedKind};
pub use change::{make_dirs, remove_tree, rename, set_mode};
pub use error::{IoContext, IoError};
pub use gather::write_all_at;
pub use inherited::{inherited, read_inherited};
pub use lock::{Lock, open_locked};
pub use look::{
    absolute, exists, is_dir, is_real_dir, list, list_up_to, mode_and_owner, program_dir,
    refuse_special, spare,
};
pub use ours::{directory_is_ours, read_ours, same};
pub use read::{open, open_directory, read, read_all, read_beneath, read_text};
pub use source::FileSource;
