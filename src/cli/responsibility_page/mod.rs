//! A responsibility report as one HTML file: `karat responsibility report --html FILE`.
//!
//! As the page of an audit, whose style and helpers it shares: the file needs nothing else, a policy in
//! it holds it to its own style and script, without JavaScript all is there but the filters, and the
//! same report gives the same bytes.
//!
//! | file | what |
//! |---|---|
//! | `page` | the whole file, its sections in order |
//! | `head` | what it comes to, and how many controls are in which state |
//! | `open` | what nobody has shown: the worst first |
//! | `chart` | each domain by state |
//! | `sides` | what has evidence, and what is the provider's |
//! | `evidence` | pieces of evidence, wherever they stand |
//! | `sources` | images, log and fleet: what evidence is from |
//! | `table` | all controls |

mod chart;
mod evidence;
mod head;
mod open;
mod page;
mod sides;
mod sources;
mod table;

pub(super) use page::page;
