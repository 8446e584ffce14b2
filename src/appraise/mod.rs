//! Evidence against a baseline gives a verdict.
