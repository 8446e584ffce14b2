#![no_main]

libfuzzer_sys::fuzz_target!(
    init: karat_fuzz::seed("consistency"),
    |bytes: &[u8]| karat_fuzz::run("consistency", bytes)
);
