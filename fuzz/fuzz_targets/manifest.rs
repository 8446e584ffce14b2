#![no_main]

libfuzzer_sys::fuzz_target!(
    init: karat_fuzz::seed("manifest"),
    |bytes: &[u8]| karat_fuzz::run("manifest", bytes)
);
