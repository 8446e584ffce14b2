//! All stanzas of all `Packages` indexes that a resolution may choose from.
//!
//! An index is parsed once, when it is added: every stanza must have a valid name, version,
//! architecture, `Filename`, `Size` and `SHA256`, and no field of interest twice. Relation fields
//! stay text until a resolution reaches their stanza; only `Provides` is read at once.
//!
//! | file | what |
//! |---|---|
//! | `value` | [`Universe`]: the stanzas, found by name and by what they provide |
//! | `record` | [`Record`]: one stanza |
//! | `source` | [`Source`]: the index that a stanza comes from |
//! | `field` | the values of fields: [`MultiArch`], [`Priority`], [`RelationField`] |
//! | `entry` `span` | parsing a stanza; what is kept of it |
//! | `error` | [`IndexError`], [`StanzaRule`] |

mod entry;
mod error;
mod field;
mod record;
mod source;
mod span;
mod value;

pub use error::{IndexError, StanzaRule};
pub use field::{MultiArch, Priority, RelationField};
pub use record::{Record, RecordId};
pub use source::{Source, SourceId};
pub use value::Universe;

#[cfg(test)]
mod tests;
