#![no_main]

libfuzzer_sys::fuzz_target!(
    init: karat_fuzz::seed("erofs"),
    |bytes: &[u8]| karat_fuzz::run("erofs", bytes)
);
