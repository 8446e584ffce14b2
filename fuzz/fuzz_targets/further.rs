#![no_main]

libfuzzer_sys::fuzz_target!(
    init: karat_fuzz::seed("further"),
    |bytes: &[u8]| karat_fuzz::run("further", bytes)
);
