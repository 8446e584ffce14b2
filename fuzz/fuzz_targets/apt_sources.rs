#![no_main]

libfuzzer_sys::fuzz_target!(
    init: karat_fuzz::seed("apt_sources"),
    |bytes: &[u8]| karat_fuzz::run("apt_sources", bytes)
);
