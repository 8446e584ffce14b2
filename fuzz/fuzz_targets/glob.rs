#![no_main]

libfuzzer_sys::fuzz_target!(
    init: karat_fuzz::seed("glob"),
    |bytes: &[u8]| karat_fuzz::run("glob", bytes)
);
