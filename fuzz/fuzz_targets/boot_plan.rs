#![no_main]

libfuzzer_sys::fuzz_target!(
    init: karat_fuzz::seed("boot_plan"),
    |bytes: &[u8]| karat_fuzz::run("boot_plan", bytes)
);
