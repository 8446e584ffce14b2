#![no_main]

libfuzzer_sys::fuzz_target!(
    init: karat_fuzz::seed("packages"),
    |bytes: &[u8]| karat_fuzz::run("packages", bytes)
);
