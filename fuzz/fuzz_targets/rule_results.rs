#![no_main]

libfuzzer_sys::fuzz_target!(
    init: karat_fuzz::seed("rule_results"),
    |bytes: &[u8]| karat_fuzz::run("rule_results", bytes)
);
