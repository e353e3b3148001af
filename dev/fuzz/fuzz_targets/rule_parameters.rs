//! See `fuzz::rule_parameters`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::rule_parameters::check(data));
