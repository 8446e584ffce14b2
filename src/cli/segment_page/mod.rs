//! What may reach what, as one SVG drawing and as one HTML file: `karat segment graph`.
//!
//! The file needs nothing else: no network, no fonts, no scripts but its own, which a policy in it
//! (Content-Security-Policy, by digests) holds it to. Without JavaScript all is there. The same fleet
//! gives the same bytes.
//!
//! | file | what |
//! |---|---|
//! | `scene` | boxes and arrows: segments, or categories where they are too many to draw |
//! | `layout` | where each box stands |
//! | `route` | which way each arrow takes, and where its words stand |
//! | `svg` | the drawing |
//! | `page` | the whole file, its policy, its sections in order |
//! | `tables` | reachability, what falls with what, every flow |

mod layout;
mod page;
mod route;
mod scene;
mod svg;
mod tables;

pub use page::page;
pub use svg::svg;
