#![no_main]

libfuzzer_sys::fuzz_target!(
    init: karat_fuzz::seed("fact_rules"),
    |bytes: &[u8]| karat_fuzz::run("fact_rules", bytes)
);
