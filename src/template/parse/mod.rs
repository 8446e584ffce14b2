//! Reads one template file: each key with its rule.
//!
//! | file | what |
//! |---|---|
//! | `template` | the template itself, `[image]`, `[verify]`, `[outputs]` |
//! | `source` | `[source]` with its pins and further repositories |
//! | `files` | `[[files]]` |
//! | `accounts` | `[[groups]]`, `[[users]]` |
//! | `segment`, `harden`, `disk` | `[segment]`, `[harden]`, `[disk]` |
//! | `facts` | `[verify.facts]` |
//! | `system` | `[services]`, `[kernel]` |
//! | `rules` | what several of them share: paths, lines, modes, owners |

mod accounts;
mod disk;
mod facts;
mod files;
mod harden;
mod rules;
mod segment;
mod source;
mod system;
mod template;

pub(super) use rules::line;
pub(super) use segment::port;
pub(super) use template::read;
