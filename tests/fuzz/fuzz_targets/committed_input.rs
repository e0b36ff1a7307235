#![no_main]
//! See `laminate_tests::fuzz::committed_input`.

use std::sync::LazyLock;

use laminate_tests::{Case, every_op};

static CASE: LazyLock<Case> = LazyLock::new(|| every_op(3, 0));

libfuzzer_sys::fuzz_target!(|data: &[u8]| laminate_tests::fuzz::committed_input(&CASE.program, data));
