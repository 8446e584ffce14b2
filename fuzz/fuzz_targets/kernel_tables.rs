#![no_main]

libfuzzer_sys::fuzz_target!(
    init: karat_fuzz::seed("kernel_tables"),
    |bytes: &[u8]| karat_fuzz::run("kernel_tables", bytes)
);
