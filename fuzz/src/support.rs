//! As in the tests.

#[path = "../../tests/it/support/deb.rs"]
pub mod deb;
#[path = "../../tests/it/support/log.rs"]
pub mod log;
#[path = "../../tests/it/support/pe.rs"]
pub mod pe;
#[path = "../../tests/it/support/pgp.rs"]
pub mod pgp;
