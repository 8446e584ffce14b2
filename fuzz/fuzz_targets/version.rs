#![no_main]

libfuzzer_sys::fuzz_target!(
    init: karat_fuzz::seed("version"),
    |bytes: &[u8]| karat_fuzz::run("version", bytes)
);
