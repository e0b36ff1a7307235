#![no_main]
//! See `laminate_tests::fuzz::layer_proof`.

libfuzzer_sys::fuzz_target!(|data: &[u8]| laminate_tests::fuzz::layer_proof(data));
