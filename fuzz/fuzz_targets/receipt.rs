#![no_main]

libfuzzer_sys::fuzz_target!(
    init: karat_fuzz::seed("receipt"),
    |bytes: &[u8]| karat_fuzz::run("receipt", bytes)
);
