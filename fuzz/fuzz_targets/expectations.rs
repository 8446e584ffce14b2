#![no_main]

libfuzzer_sys::fuzz_target!(
    init: karat_fuzz::seed("expectations"),
    |bytes: &[u8]| karat_fuzz::run("expectations", bytes)
);
