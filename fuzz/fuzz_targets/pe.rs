#![no_main]

libfuzzer_sys::fuzz_target!(
    init: karat_fuzz::seed("pe"),
    |bytes: &[u8]| karat_fuzz::run("pe", bytes)
);
