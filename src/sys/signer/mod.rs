//! Private keys that are held elsewhere: each is asked for signatures and never for the key.
//!
//! Whatever comes back is verified by the strict rules before it is used, so a holder that errs or
//! lies produces an error and nothing else.
//!
//! | file | who holds the key |
//! |---|---|
//! | `agent` | ssh-agent(1), over its socket |
//! | `command` | whatever a program of the user's asks: a key service, another machine |
//! | `token` | a PKCS#11 token; feature `pkcs11` |

mod agent;
mod command;
#[cfg(feature = "pkcs11")]
mod token;

pub use agent::{AgentError, AgentSigner, agent_answer};
pub use command::{CommandSigner, Program};
#[cfg(feature = "pkcs11")]
pub use token::{Lookup, TokenError, TokenSigner};
