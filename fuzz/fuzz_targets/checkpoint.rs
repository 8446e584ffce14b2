#![no_main]

libfuzzer_sys::fuzz_target!(
    init: karat_fuzz::seed("checkpoint"),
    |bytes: &[u8]| karat_fuzz::run("checkpoint", bytes)
);
