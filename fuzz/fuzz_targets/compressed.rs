#![no_main]

libfuzzer_sys::fuzz_target!(
    init: karat_fuzz::seed("compressed"),
    |bytes: &[u8]| karat_fuzz::run("compressed", bytes)
);
