//! All parsers of this module over the same bytes: the door for fuzzing, which must not depend on what
//! the machine shows.

use super::{accounts, credentials, kernel, local, mounts, preload, sockets};
use crate::expect::fact::Protocol;

/// Reads `bytes` as what each place would show; gives how many places' parsers took them.
#[doc(hidden)]
pub fn read_as_each(bytes: &[u8]) -> usize {
    drop(kernel::cmdline_words(bytes));
    drop(preload::loader_variables(bytes));
    [
        accounts::passwd(bytes).is_ok(),
        accounts::shadow_passwords(bytes).is_ok(),
        credentials::oem_credentials(bytes).is_ok(),
        kernel::lockdown_in_force(bytes.to_vec()).is_ok(),
        kernel::module_names(bytes.to_vec()).is_ok(),
        local::listening(bytes).is_ok(),
        local::packet_sockets(bytes.to_vec()).is_ok(),
        mounts::parse(bytes).is_ok(),
        sockets::parse(bytes.to_vec(), Protocol::Tcp, "0A").is_ok(),
    ]
    .into_iter()
    .filter(|is_taken| *is_taken)
    .count()
}
