#![no_main]

libfuzzer_sys::fuzz_target!(
    init: karat_fuzz::seed("image_tar"),
    |bytes: &[u8]| karat_fuzz::run("image_tar", bytes)
);
