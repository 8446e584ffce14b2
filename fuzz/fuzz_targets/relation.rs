#![no_main]

libfuzzer_sys::fuzz_target!(
    init: karat_fuzz::seed("relation"),
    |bytes: &[u8]| karat_fuzz::run("relation", bytes)
);
