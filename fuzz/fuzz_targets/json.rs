#![no_main]

libfuzzer_sys::fuzz_target!(
    init: karat_fuzz::seed("json"),
    |bytes: &[u8]| karat_fuzz::run("json", bytes)
);
