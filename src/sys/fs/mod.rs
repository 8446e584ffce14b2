//! Files on this machine: reads with a cap, writes that are whole or absent, errors with the path.
//!
//! | file | what |
//! |---|---|
//! | `error` | [`IoError`]: what was tried, on which path; [`IoContext`] |
//! | `read` | opening and reading, with a cap |
//! | `inherited` | file descriptors that the process was started with |
//! | `look` | what is there, without reading it |
//! | `change` | names, modes and directories |
//! | `atomic` | files and directories that appear whole or not at all |
//! | `lock` | advisory locks |

mod atomic;
mod change;
mod error;
mod inherited;
mod lock;
mod look;
mod read;

pub use atomic::{AtomicDir, AtomicFile, remove_temporaries, sync_parent, write_atomic};
pub use change::{make_dirs, remove_tree, rename, set_mode};
pub use error::{IoContext, IoError};
pub use inherited::{inherited, read_inherited};
pub use lock::{Lock, open_locked};
pub use look::{
    absolute, exists, is_dir, is_real_dir, list, list_up_to, mode_and_owner, program_dir, spare,
};
pub use read::{open, open_directory, read, read_all, read_beneath, read_text};
