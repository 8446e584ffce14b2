#![no_main]

libfuzzer_sys::fuzz_target!(
    init: karat_fuzz::seed("successor"),
    |bytes: &[u8]| karat_fuzz::run("successor", bytes)
);
