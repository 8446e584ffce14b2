//! Verification, attack by attack.
