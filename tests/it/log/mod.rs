//! The log operator's side: appends that survive anything, and what is refused.

mod bucket;
mod commands;
mod crash;
mod disk;
mod hostile;
mod whole;
