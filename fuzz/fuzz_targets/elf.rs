#![no_main]

libfuzzer_sys::fuzz_target!(
    init: karat_fuzz::seed("elf"),
    |bytes: &[u8]| karat_fuzz::run("elf", bytes)
);
