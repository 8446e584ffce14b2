#![no_main]

libfuzzer_sys::fuzz_target!(
    init: karat_fuzz::seed("rules"),
    |bytes: &[u8]| karat_fuzz::run("rules", bytes)
);
