#![no_main]

libfuzzer_sys::fuzz_target!(
    init: karat_fuzz::seed("keyring"),
    |bytes: &[u8]| karat_fuzz::run("keyring", bytes)
);
