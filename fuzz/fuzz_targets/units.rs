#![no_main]

libfuzzer_sys::fuzz_target!(
    init: karat_fuzz::seed("units"),
    |bytes: &[u8]| karat_fuzz::run("units", bytes)
);
