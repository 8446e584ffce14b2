#![no_main]

libfuzzer_sys::fuzz_target!(
    init: karat_fuzz::seed("tpm_answer"),
    |bytes: &[u8]| karat_fuzz::run("tpm_answer", bytes)
);
