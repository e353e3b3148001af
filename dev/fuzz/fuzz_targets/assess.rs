//! See `fuzz::assess`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: fuzz::assess::Case| fuzz::assess::check(&input));
