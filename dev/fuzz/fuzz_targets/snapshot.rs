//! See `fuzz::snapshot`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::snapshot::check(data));
