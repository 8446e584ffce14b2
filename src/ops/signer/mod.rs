//! What signs: where a private key is, as a command line or a workspace names it.

mod settings;
mod spec;
mod uri;

pub use settings::{SettingsError, configured};
pub use spec::{KeySpec, OpenKeyError};
pub use uri::{TokenUri, UriError};
