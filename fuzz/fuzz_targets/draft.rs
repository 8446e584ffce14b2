#![no_main]

libfuzzer_sys::fuzz_target!(
    init: karat_fuzz::seed("draft"),
    |bytes: &[u8]| karat_fuzz::run("draft", bytes)
);
