#![no_main]

libfuzzer_sys::fuzz_target!(
    init: karat_fuzz::seed("disk"),
    |bytes: &[u8]| karat_fuzz::run("disk", bytes)
);
