#![no_main]

libfuzzer_sys::fuzz_target!(
    init: karat_fuzz::seed("policy"),
    |bytes: &[u8]| karat_fuzz::run("policy", bytes)
);
