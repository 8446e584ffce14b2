#![no_main]

libfuzzer_sys::fuzz_target!(
    init: karat_fuzz::seed("ruleset"),
    |bytes: &[u8]| karat_fuzz::run("ruleset", bytes)
);
