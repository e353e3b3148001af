//! See `fuzz::exemptions`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::exemptions::check(data));
