#![no_main]

libfuzzer_sys::fuzz_target!(
    init: karat_fuzz::seed("tile"),
    |bytes: &[u8]| karat_fuzz::run("tile", bytes)
);
