//! See `fuzz::notice`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::notice::check(data));
