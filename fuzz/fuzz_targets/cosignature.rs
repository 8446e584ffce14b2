#![no_main]

libfuzzer_sys::fuzz_target!(
    init: karat_fuzz::seed("cosignature"),
    |bytes: &[u8]| karat_fuzz::run("cosignature", bytes)
);
