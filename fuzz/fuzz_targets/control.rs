#![no_main]

libfuzzer_sys::fuzz_target!(
    init: karat_fuzz::seed("control"),
    |bytes: &[u8]| karat_fuzz::run("control", bytes)
);
