//! What a root says of its systemd units: systemd.unit(5), read as the service manager would.
//!
//! A unit is the first file of its name in the unit directories, plus the drop-ins of all of them. An
//! instance (`postgresql@17-main.service`) is a file of the template's name (`postgresql@.service`). A
//! link from one unit's name to another's is a second name of that one (`sshd.service`), whose drop-ins
//! count as well. What generators and people put into `/run` lasts for one boot: it is nothing of a root.

//!
//! | file | what |
//! |---|---|
//! | `name` | [`UnitName`] |
//! | `unit` | [`Unit`]: what files of a unit assign |
//! | `find` | where units stand, and what a root has for one |
//! | `drop_in` | which drop-ins a unit has, in their order |
//! | `start` | what starts a unit |

mod drop_in;
mod find;
mod name;
mod start;
mod unit;

pub(super) use find::{Found, UnitFiles, all, find, own_name};
pub(super) use name::UnitName;
pub(super) use start::{started, starters};
pub(super) use unit::Unit;
