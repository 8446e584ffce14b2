#![no_main]

libfuzzer_sys::fuzz_target!(
    init: karat_fuzz::seed("notice"),
    |bytes: &[u8]| karat_fuzz::run("notice", bytes)
);
