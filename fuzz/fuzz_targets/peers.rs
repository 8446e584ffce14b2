#![no_main]

libfuzzer_sys::fuzz_target!(
    init: karat_fuzz::seed("peers"),
    |bytes: &[u8]| karat_fuzz::run("peers", bytes)
);
