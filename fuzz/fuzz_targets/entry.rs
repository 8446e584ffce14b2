#![no_main]

libfuzzer_sys::fuzz_target!(
    init: karat_fuzz::seed("entry"),
    |bytes: &[u8]| karat_fuzz::run("entry", bytes)
);
