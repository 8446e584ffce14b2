//! Debian packages and their metadata as values.
//!
//! | file | what |
//! |---|---|
//! | `archive` | reading `.deb` files (deb(5)) |
//! | `name` | [`PackageName`], [`Architecture`] |
//! | `version` | [`Version`] and its order (Debian Policy 5.6.12) |
//! | `relation` | `Depends` and its relatives (Debian Policy 7) |
//! | `control` | stanzas and fields (deb822(5)) |
//! | `openpgp` | which signatures on archive metadata count |
//! | `origin` | which source package an installed one was built from |
//! | `universe` | [`Universe`]: all stanzas of all `Packages` indexes, one [`Record`] each |
//! | `release` | [`Release`](release::Release): what an archive says about itself |
//! | `resolve` | [`resolve()`]: which packages a request needs, as apt would choose them |

pub mod archive;
pub mod control;
mod name;
pub mod openpgp;
mod origin;
pub mod relation;
pub mod release;
pub mod resolve;
mod universe;
mod version;

pub use name::{Architecture, NameError, PackageName};
pub use origin::{SourcePackage, SourcePackages};
pub use relation::{Relation, RelationError};
pub use resolve::{Request, Resolution, ResolveError, resolve};
pub use universe::{
    IndexError, MultiArch, Priority, Record, RecordId, RelationField, Source, SourceId, StanzaRule,
    Universe,
};
pub use version::{Version, VersionError};
