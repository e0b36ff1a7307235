#![no_main]
//! See `laminate_tests::fuzz::folded_proof_of_nobody`.

use std::sync::LazyLock;

use laminate_model::verify::Verifier;
use laminate_tests::{every_op, fuzz};

static VERIFIER: LazyLock<Verifier> =
    LazyLock::new(|| Verifier::new(every_op(3, 0).program).expect("a program"));

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::folded_proof_of_nobody(&VERIFIER, data));
