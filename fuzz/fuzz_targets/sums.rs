#![no_main]

libfuzzer_sys::fuzz_target!(
    init: karat_fuzz::seed("sums"),
    |bytes: &[u8]| karat_fuzz::run("sums", bytes)
);
