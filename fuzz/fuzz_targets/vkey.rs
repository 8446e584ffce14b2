#![no_main]

libfuzzer_sys::fuzz_target!(
    init: karat_fuzz::seed("vkey"),
    |bytes: &[u8]| karat_fuzz::run("vkey", bytes)
);
