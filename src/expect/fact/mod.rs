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
//! | `facts` | [`Facts`]: all of them, their order and their rules |
//! | `firewall` | the rules of the packet filter |
//! | `kernel` | kernel settings, command line, modules, taint and lockdown |
//! | `listen` | listening sockets |
//! | `system` | accounts, mounts, preloading, credentials, units |
//! | `wire` | types that are one string in JSON |

mod facts;
mod firewall;
mod kernel;
mod listen;
mod system;
mod wire;

pub use facts::{Facts, FactsError};
pub use firewall::{Firewall, RulesetError, ruleset};
pub use kernel::{
    CmdlineWord, Kernel, Lockdown, ModuleName, Modules, Sysctl, SysctlName, Word, WordRule,
};
pub use listen::{Address, Listen, Listener, Ports, Protocol};
pub use system::{Account, Accounts, CredentialName, Credentials, Mount, Name, Preload, Units};
pub use wire::RuleError;
