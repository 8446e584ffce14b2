#![no_main]

libfuzzer_sys::fuzz_target!(
    init: karat_fuzz::seed("cpio"),
    |bytes: &[u8]| karat_fuzz::run("cpio", bytes)
);
