//! Fixtures made by code, and the outside judges.
