#![no_main]

libfuzzer_sys::fuzz_target!(
    init: karat_fuzz::seed("monitor_memory"),
    |bytes: &[u8]| karat_fuzz::run("monitor_memory", bytes)
);
