//! Observers of the running system: what it shows of its kernel, sockets, mounts and units.
//!
//! One small file per place. Each parser is a function of bytes, with a cap on what it takes: what
//! the system shows may be shaped by whoever runs programs on it. What cannot be read or understood
//! is said, never guessed.
//!
//! | file | place |
//! |---|---|
//! | `scene` | whether the root that is checked is the one that runs |
//! | `read` | reading a place, and making sure that it is the kernel's |
//! | `kernel` | `/proc/cmdline`, `/proc/modules`, taint, lockdown, settings |
//! | `local` | `/proc/net/packet`, `/proc/net/unix` |
//! | `sockets` | `/proc/net/tcp` and its neighbours |
//! | `mounts` | `/proc/self/mountinfo` |
//! | `preload` | `/etc/ld.so.preload`, `/proc/1/environ` |
//! | `accounts` | `/etc/passwd`, `/etc/shadow`, records of users that systemd reads |
//! | `credentials` | `/run/credentials`, SMBIOS type 11 |
//! | `firewall` | the ruleset, by the image's own `nft` |
//! | `startup` | spools, homes, rules in `/run`: what starts by itself or lets somebody in |
//! | `units` | where systemd looks for units and generators |
//! | `each` | every parser over the same bytes, for fuzzing |

mod accounts;
mod credentials;
#[cfg(feature = "build")]
mod each;
mod firewall;
mod kernel;
mod local;
mod mounts;
mod preload;
mod read;
mod scene;
mod sockets;
mod startup;
mod units;

#[cfg(feature = "build")]
pub use each::read_as_each;
pub use firewall::nft;
pub use scene::{is_running, observe, scene};
