#![no_main]

libfuzzer_sys::fuzz_target!(
    init: karat_fuzz::seed("inrelease"),
    |bytes: &[u8]| karat_fuzz::run("inrelease", bytes)
);
