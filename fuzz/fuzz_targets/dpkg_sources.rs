#![no_main]

libfuzzer_sys::fuzz_target!(
    init: karat_fuzz::seed("dpkg_sources"),
    |bytes: &[u8]| karat_fuzz::run("dpkg_sources", bytes)
);
