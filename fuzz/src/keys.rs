//! As in the tests.

#[path = "../../tests/it/keys/fixture.rs"]
pub mod fixture;
