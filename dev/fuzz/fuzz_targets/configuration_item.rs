//! See `fuzz::configuration_item`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::configuration_item::check(data));
