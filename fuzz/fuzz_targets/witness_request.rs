#![no_main]

libfuzzer_sys::fuzz_target!(
    init: karat_fuzz::seed("witness_request"),
    |bytes: &[u8]| karat_fuzz::run("witness_request", bytes)
);
