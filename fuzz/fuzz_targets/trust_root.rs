#![no_main]

libfuzzer_sys::fuzz_target!(
    init: karat_fuzz::seed("trust_root"),
    |bytes: &[u8]| karat_fuzz::run("trust_root", bytes)
);
