//! The log operator's side: appends that survive anything, and what is refused.

mod commands;
mod crash;
mod disk;
mod fork;
mod hostile;
mod notices;
mod whole;
mod witness;
mod witnessing;
