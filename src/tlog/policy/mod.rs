//! Who must sign a log's checkpoints and cosign them, as text that other tools read and write, too
//! (<https://c2sp.org/tlog-policy>).
//!
//! ```text
//! log example.com/log+0a1b2c3d+AQ…
//! witness w1 example.org/w1+01234567+BA… https://witness.example.org/
//! witness w2 example.net/w2+89abcdef+BA…
//! group witnesses 2 w1 w2
//! quorum witnesses
//! ```
//! Items are separated by blanks and tabs; empty lines and lines that begin with `#` are left out. A
//! group counts as cosigned when so many of its members are: `any`, `all`, or a number of them.
//!
//! | file | what |
//! |---|---|
//! | `value` | [`Policy`]; that of a trust root; writing it |
//! | `parse` | reading one |
//! | `open` | the door from a note to a checkpoint that a policy believes |

mod open;
mod parse;
mod value;

pub use open::{PolicyCheckpoint, PolicyRefusal};
pub use parse::{PolicyParseError, PolicyRule};
pub use value::{Policy, PolicyError, PolicyGroup, PolicyLog, PolicyMember, PolicyWitness};
