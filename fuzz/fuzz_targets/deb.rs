#![no_main]

libfuzzer_sys::fuzz_target!(
    init: karat_fuzz::seed("deb"),
    |bytes: &[u8]| karat_fuzz::run("deb", bytes)
);
