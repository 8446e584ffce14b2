//! Key files, trust roots, signatures; openssl as judge.
