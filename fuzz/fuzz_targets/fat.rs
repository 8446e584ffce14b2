#![no_main]

libfuzzer_sys::fuzz_target!(
    init: karat_fuzz::seed("fat"),
    |bytes: &[u8]| karat_fuzz::run("fat", bytes)
);
