//! What the user writes: a template in TOML, resolved to a [`Template`].
//!
//! [`load`] reads a template and all that it extends, merges them, checks every rule and reads the
//! files that they bring along. What is wrong is reported all at once, each with code, place and
//! help ([`Diagnostics`]). The format is described in `docs/formats/template.md`.
//!
//! ```text
//! file ─toml▶ DeTable ─reader, parse▶ Raw ─merge (per parent)▶ Raw ─finish▶ Template
//! ```

mod charter;
mod choice;
mod digest;
mod disk;
mod disk_schema;
mod facts;
mod finish;
mod harden;
mod load;
mod logins;
mod merge;
mod model;
mod names;
mod parse;
mod raw;
mod schema;
mod segment;
mod segment_schema;
mod show;
mod source;

use crate::written::{diagnostic, nearest, reader};

pub use charter::{Chartered, load_charter};
pub use choice::Choice;
pub use diagnostic::{Code, Diagnostic, Diagnostics, Location};
pub use disk::{Bytes, Disk};
pub use harden::Harden;
pub use load::{Files, Loaded, load, load_all};
pub use logins::LOGINS;
pub use model::{
    Agent, Category, Compression, DataClass, FileEntry, FileKind, Flavour, Format, Group, Image,
    Initrd, Kernel, Lifecycle, Mutable, Outputs, Owner, PackageSpec, Segment, Services, Template,
    User, Verify,
};
pub use names::{
    AccountName, ComponentName, DEBIAN, DEBIAN_SECURITY, Date, PackageName, RepositoryName,
    SegmentName, Snapshot, SshKey, SuiteName, SysctlKey, UnitName, Uri, VersionText, Word,
};
pub use schema::schema;
pub use source::{Body, Distribution, Pin, PinTarget, Pocket, Repository, Source, SourceFile};
