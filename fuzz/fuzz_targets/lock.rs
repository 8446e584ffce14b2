#![no_main]

libfuzzer_sys::fuzz_target!(
    init: karat_fuzz::seed("lock"),
    |bytes: &[u8]| karat_fuzz::run("lock", bytes)
);
