#![no_main]

libfuzzer_sys::fuzz_target!(
    init: karat_fuzz::seed("oci"),
    |bytes: &[u8]| karat_fuzz::run("oci", bytes)
);
