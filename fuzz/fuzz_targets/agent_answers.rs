#![no_main]

libfuzzer_sys::fuzz_target!(
    init: karat_fuzz::seed("agent_answers"),
    |bytes: &[u8]| karat_fuzz::run("agent_answers", bytes)
);
