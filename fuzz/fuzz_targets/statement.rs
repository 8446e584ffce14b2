#![no_main]

libfuzzer_sys::fuzz_target!(
    init: karat_fuzz::seed("statement"),
    |bytes: &[u8]| karat_fuzz::run("statement", bytes)
);
