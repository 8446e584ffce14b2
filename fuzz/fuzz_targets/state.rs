#![no_main]

libfuzzer_sys::fuzz_target!(
    init: karat_fuzz::seed("state"),
    |bytes: &[u8]| karat_fuzz::run("state", bytes)
);
