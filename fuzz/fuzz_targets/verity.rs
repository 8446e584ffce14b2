#![no_main]

libfuzzer_sys::fuzz_target!(
    init: karat_fuzz::seed("verity"),
    |bytes: &[u8]| karat_fuzz::run("verity", bytes)
);
