//! karat builds hardened golden images from templates, signs what they contain, and proves that
//! instances still match.
//!
//! # Data flow
//! ```text
//! Template ─resolve▶ Lockfile ─fetch▶ Packages ─unpack/configure/overlay▶ Tree<Open> ─seal▶ Tree<Sealed>
//!        ┌── Manifest (every path) · Expectations (what may vary) ◀────────────────────────────┤
//!        ▼                                                                                     ▼
//!     Statement ◀───────────────────────────── digests ◀──────────────────────── Outputs (tar, OCI)
//!        │ sign
//!        ▼
//!     Envelope + TrustRoot ─open▶ Verified<Baseline> ─appraise(Evidence)▶ Verdict + Drift
//! ```
//!
//! # Layers
//! A module imports only from lines above its own; `tests/it/layers.rs` checks it.
//!
//! | line | modules | what they know |
//! |---|---|---|
//! | 1 | [`digest`] [`path`] [`json`] [`limits`] [`order`] | SHA-256; absolute, normal image paths; strict and canonical JSON; every cap on hostile input; sorting with little code |
//! | 2 | [`tree`] [`key`] | the file tree as a value; keys, signatures, the trust root, the one threshold loop |
//! | 3 | [`manifest`] [`envelope`] [`tlog`] [`layout`] | the canonical mtree(5) list; DSSE; the transparency log's formats and proofs; what lies on disks |
//! | 4 | [`baseline`] [`expect`] [`peers`] | the signed statement; what may vary; who a segment's peers are |
//! | 5 | [`appraise`] [`boot`] [`disk`] [`instance`] | Evidence against Baseline gives a Verdict; what an initrd is told and how it judges; a disk verified as it lies; what an instance is told and remembers |
//! | | [`sys`] | the only module that touches the machine; what it scans is Evidence |
//! | | *wall* | above it is all that `karat-agent` contains |
//! | 6 | [`deb`] [`harden`] [`image`] [`progress`] [`segment`] [`written`] | packages, versions, relations, archives' metadata; hardening rules; tar, OCI, initrds, containers of disks, compression; what a long operation says; what may reach what; TOML with places |
//! | 7 | [`template`] [`lock`] | what the user writes; what it resolved to |
//! | 8 | [`archive`] [`stage`] [`log`] [`responsibility`] | mirrors and the cache; unpack, configure, overlay, normalise; the log operator's side; whose each control is, and which evidence there is |
//! | 9 | [`ops`] | one file per user verb; no printing |
//! | 10 | [`cli`] | arguments, rendering, exit codes, hints; the only place that prints |

pub mod digest;
pub mod json;
pub mod limits;
pub mod order;
pub mod path;

pub mod key;
pub mod tree;

pub mod envelope;
pub mod layout;
pub mod manifest;
pub mod tlog;

pub mod baseline;
pub mod expect;
pub mod peers;

pub mod appraise;
pub mod boot;
pub mod disk;
pub mod instance;
pub mod sys;

#[cfg(feature = "build")]
pub mod deb;
#[cfg(feature = "build")]
pub mod harden;
#[cfg(feature = "build")]
pub mod image;
#[cfg(feature = "build")]
pub mod progress;
#[cfg(feature = "build")]
pub mod segment;
#[cfg(feature = "build")]
pub mod written;

#[cfg(feature = "build")]
pub mod lock;
#[cfg(feature = "build")]
pub mod template;

#[cfg(feature = "build")]
pub mod archive;
#[cfg(feature = "build")]
pub mod log;
#[cfg(feature = "build")]
pub mod responsibility;
#[cfg(feature = "build")]
pub mod stage;

#[cfg(feature = "build")]
pub mod ops;

pub mod cli;
