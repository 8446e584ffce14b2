#![no_main]

libfuzzer_sys::fuzz_target!(
    init: karat_fuzz::seed("controls"),
    |bytes: &[u8]| karat_fuzz::run("controls", bytes)
);
