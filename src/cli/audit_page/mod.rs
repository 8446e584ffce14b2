//! What an audit says, as one HTML file: `karat audit --html FILE`.
//!
//! The file needs nothing else: no network, no fonts, no scripts but its own, which a policy in it
//! (Content-Security-Policy, by the digests of both) holds it to. Without JavaScript all is there, and
//! the filters are not. The same report gives the same bytes.
//!
//! | file | what |
//! |---|---|
//! | `page` | the whole file, its policy, its sections in order |
//! | `html` | text that can be nothing else, numbers, times, people |
//! | `head` | the verdict, and how much there was |
//! | `findings` | what was found, the worst first |
//! | `chart` | where an index stands in a drawing |
//! | `timeline` | entries in their order, in bins where they are many |
//! | `lives` | the lives of keys |
//! | `facts` | trust roots, images, notices, witnesses, changes |
//! | `entries` | the table of entries and their signatures |

mod chart;
mod entries;
mod facts;
mod findings;
mod head;
pub(in crate::cli) mod html;
mod lives;
pub(super) mod page;
#[cfg(test)]
mod tests;
mod timeline;

pub use page::page;
pub(super) use page::{STYLE, sha256};
