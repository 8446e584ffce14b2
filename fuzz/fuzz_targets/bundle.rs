#![no_main]

libfuzzer_sys::fuzz_target!(
    init: karat_fuzz::seed("bundle"),
    |bytes: &[u8]| karat_fuzz::run("bundle", bytes)
);
