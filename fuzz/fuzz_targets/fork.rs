#![no_main]

libfuzzer_sys::fuzz_target!(
    init: karat_fuzz::seed("fork"),
    |bytes: &[u8]| karat_fuzz::run("fork", bytes)
);
