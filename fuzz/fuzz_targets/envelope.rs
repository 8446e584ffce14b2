#![no_main]

libfuzzer_sys::fuzz_target!(
    init: karat_fuzz::seed("envelope"),
    |bytes: &[u8]| karat_fuzz::run("envelope", bytes)
);
