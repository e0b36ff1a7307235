#![no_main]
//! See `laminate_tests::fuzz::artifact`.

libfuzzer_sys::fuzz_target!(|data: &[u8]| laminate_tests::fuzz::artifact(data));
