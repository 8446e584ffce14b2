#![no_main]

libfuzzer_sys::fuzz_target!(
    init: karat_fuzz::seed("template"),
    |bytes: &[u8]| karat_fuzz::run("template", bytes)
);
