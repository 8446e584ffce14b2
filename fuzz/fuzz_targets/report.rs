#![no_main]

libfuzzer_sys::fuzz_target!(
    init: karat_fuzz::seed("report"),
    |bytes: &[u8]| karat_fuzz::run("report", bytes)
);
