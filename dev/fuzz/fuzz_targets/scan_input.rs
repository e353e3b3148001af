//! See `fuzz::scan_input`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::scan_input::check(data));
