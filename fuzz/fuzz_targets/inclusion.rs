#![no_main]

libfuzzer_sys::fuzz_target!(
    init: karat_fuzz::seed("inclusion"),
    |bytes: &[u8]| karat_fuzz::run("inclusion", bytes)
);
