//! Reads one template file: each key with its rule.
//!
//! | file | what |
//! |---|---|
//! | `template` | the template itself, `[image]`, `[segment]`, `[verify]`, `[outputs]` |
//! | `source` | `[source]` with its pins and further repositories |
//! | `files` | `[[files]]` |
//! | `accounts` | `[[groups]]`, `[[users]]` |
//! | `facts` | `[verify.facts]` |
//! | `system` | `[services]`, `[kernel]` |
//! | `rules` | what several of them share: paths, lines, modes, owners |

mod accounts;
mod facts;
mod files;
mod rules;
mod source;
mod system;
mod template;

pub(super) use template::read;
