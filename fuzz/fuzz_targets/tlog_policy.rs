#![no_main]

libfuzzer_sys::fuzz_target!(
    init: karat_fuzz::seed("tlog_policy"),
    |bytes: &[u8]| karat_fuzz::run("tlog_policy", bytes)
);
