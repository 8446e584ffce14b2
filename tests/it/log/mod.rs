//! The log operator's side: appends that survive anything, and what is refused.

mod bucket;
mod commands;
mod crash;
mod disk;
mod disorder;
mod far;
mod fork;
mod hostile;
mod notices;
#[cfg(feature = "s3")]
mod s3;
mod whole;
mod witness;
mod witnessing;
