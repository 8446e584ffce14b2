//! Reading TOML tables key by key: values with their places, and a list of what was not asked for.
//!
//! | file | what |
//! |---|---|
//! | `place` | [`At`]: a value and the [`Span`] that states it; [`Item`] |
//! | `sink` | [`Sink`]: everything found wrong |
//! | `table` | [`Reader`]: a table, its keys and the tables in it |
//! | `scalar` `list` | the kinds of values |

mod list;
mod place;
mod scalar;
mod sink;
mod table;

pub(crate) use place::{At, Item, Span};
pub(crate) use sink::Sink;
pub(crate) use table::Reader;
