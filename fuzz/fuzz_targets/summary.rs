#![no_main]

libfuzzer_sys::fuzz_target!(
    init: karat_fuzz::seed("summary"),
    |bytes: &[u8]| karat_fuzz::run("summary", bytes)
);
