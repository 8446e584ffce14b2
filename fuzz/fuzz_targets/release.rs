#![no_main]

libfuzzer_sys::fuzz_target!(
    init: karat_fuzz::seed("release"),
    |bytes: &[u8]| karat_fuzz::run("release", bytes)
);
