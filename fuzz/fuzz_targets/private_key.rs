#![no_main]

libfuzzer_sys::fuzz_target!(
    init: karat_fuzz::seed("private_key"),
    |bytes: &[u8]| karat_fuzz::run("private_key", bytes)
);
