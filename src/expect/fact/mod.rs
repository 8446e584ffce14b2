//! Runtime facts: what must hold on the running system, beyond its files.
//!
//! ```text
//! "facts":{"listen":{"allow":["tcp *:22"],"origin":"template:verify"},
//!          "sysctl":[{"name":"net.ipv4.ip_forward","origin":"template:kernel","value":"0"}]}
//! ```
//!
//! Each kind is stated or it is not looked at. What each means: `docs/formats/expectations.md`.
//!
//! | file | what |
//! |---|---|
//! | `allowed` | lists of what may be there: credentials, sockets, units |
//! | `facts` | [`Facts`]: all of them, their order and their rules |
//! | `firewall` | the rules of the packet filter |
//! | `kernel` | kernel settings, command line, modules, taint and lockdown |
//! | `listen` | listening sockets |
//! | `raw` | facts as JSON has them |
//! | `socket` | packet and Unix sockets |
//! | `system` | accounts, mounts, preloading |
//! | `wire` | types that are one string in JSON |

mod allowed;
mod facts;
mod firewall;
mod kernel;
mod listen;
mod raw;
mod socket;
mod system;
mod wire;

pub use allowed::{Allowed, Credentials, Listen, PacketSockets, Startup, Units, UnixSockets};
pub use facts::{Facts, FactsError};
pub use firewall::{Firewall, RulesetError, ruleset};
pub use kernel::{
    CmdlineWord, Kernel, Lockdown, ModuleName, Modules, Sysctl, SysctlName, Word, WordRule,
};
pub use listen::{Address, Listener, Ports, Protocol};
pub use socket::{Packet, SocketName};
pub use system::{Account, Accounts, CredentialName, Mount, Name, Preload};
pub use wire::RuleError;
