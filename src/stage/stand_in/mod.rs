//! Programs of packages in whose place karat answers while scripts run, with the same effect.
//!
//! Debian's scripts start some programs so often that loading these takes longer than all the
//! scripts do: `deb-systemd-helper`, in Perl, 43 times for a web server, 31 ms each, for a change of
//! a few bytes. karat answers in its place what it knows exactly, in a millisecond. Three rules
//! keep that honest:
//!
//! - only a program whose bytes are known, by SHA-256, is stood in for;
//! - whatever is not known exactly (another action, an option, a unit file that is written in an
//!   unusual way, a state that a fresh image does not have) is left to the program itself, before
//!   anything was changed;
//! - tests run both over the same files and compare trees and exit codes.
//!
//! | file | what |
//! |---|---|
//! | `install` | what a unit file says about links, as `deb-systemd-helper` reads it |
//! | `deb_systemd_helper` | its actions |
//! | `deb-systemd-helper.sh` | what scripts find at its place: asks karat, or starts the program |
//!
//! How a question reaches karat: [`crate::sys::sandbox::StandIn`].

mod deb_systemd_helper;
mod install;

use crate::sys::sandbox::StandIn;

/// All of them.
pub const ALL: &[StandIn] = &[deb_systemd_helper::STAND_IN];
