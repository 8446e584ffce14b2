#![no_main]

libfuzzer_sys::fuzz_target!(
    init: karat_fuzz::seed("gpt"),
    |bytes: &[u8]| karat_fuzz::run("gpt", bytes)
);
