//! The log operator's side: appends that survive anything, and what is refused.

mod commands;
mod crash;
mod disk;
mod disorder;
mod hostile;
mod whole;
