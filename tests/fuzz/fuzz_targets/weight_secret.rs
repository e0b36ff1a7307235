#![no_main]
//! See `laminate_tests::fuzz::weight_secret`.

libfuzzer_sys::fuzz_target!(|data: &[u8]| laminate_tests::fuzz::weight_secret(data));
