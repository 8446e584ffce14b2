//! Expectations: what may vary on an instance.
