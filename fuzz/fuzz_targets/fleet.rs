#![no_main]

libfuzzer_sys::fuzz_target!(
    init: karat_fuzz::seed("fleet"),
    |bytes: &[u8]| karat_fuzz::run("fleet", bytes)
);
