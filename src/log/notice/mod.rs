//! What a log is told beside signatures and trust roots: that a key, or releases of an image, should
//! be used no more.
//!
//! ```text
//! {"log":"example.com/log","revoke":{"from":7,"key":"MCow…","reason":"laptop stolen"},"spec":"karat-notice/1"}
//! {"log":"example.com/log","retire":{"from":1,"image":"web","reason":"CVE","through":3},"spec":"karat-notice/1"}
//! ```
//! It is a word of the keys in charge at a place of the log, and changes no trust root. The format:
//! `docs/formats/log.md`.
//!
//! | file | what |
//! |---|---|
//! | `value` | [`Notice`]: a [`Revocation`] or a [`Retirement`] |
//! | `wire` | its bytes: one spelling |
//! | `open` | [`OpenedNotice`]: the one door from an envelope |
//! | `error` | [`NoticeError`]: the rules |

mod error;
mod open;
#[cfg(test)]
mod tests;
mod value;
mod wire;

pub use error::NoticeError;
pub use open::OpenedNotice;
pub use value::{Notice, Retirement, Revocation};
