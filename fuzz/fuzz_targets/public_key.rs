#![no_main]

libfuzzer_sys::fuzz_target!(
    init: karat_fuzz::seed("public_key"),
    |bytes: &[u8]| karat_fuzz::run("public_key", bytes)
);
