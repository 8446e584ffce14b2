//! As in the tests.

#[path = "../../tests/it/image/fixture.rs"]
pub mod fixture;
