#![no_main]

libfuzzer_sys::fuzz_target!(
    init: karat_fuzz::seed("note"),
    |bytes: &[u8]| karat_fuzz::run("note", bytes)
);
