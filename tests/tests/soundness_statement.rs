//! Statements that say something else than the proof shows, by a prover who has them in the transcript from the start:
//! each is refused by the one check that compares it, and by that name.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use laminate_engine::error::{Check, VerifyError};
use laminate_engine::fold::FoldMode;
use laminate_tests::forger::Forger;
use laminate_tests::{TestSrs, every_op};

#[test]
fn each_field_of_a_statement_is_compared() {
    let srs = TestSrs::new(b"statement", 14);
    let honest = Forger::new(&every_op(3, 1), &srs);
    assert_eq!(honest.verdict(&srs, FoldMode::On), Ok(()));
    let mut tried = 0;
    let mut refuse = |check: Check, change: &dyn Fn(&mut Forger)| {
        let mut forged = honest.clone();
        change(&mut forged);
        for mode in [FoldMode::On, FoldMode::Off] {
            let found = forged.verdict(&srs, mode);
            assert_eq!(
                found,
                Err(VerifyError::Check { check }),
                "SOUNDNESS: {check}"
            );
            tried += 1;
        }
    };
    refuse(Check::Linear("program digest"), &|f| {
        f.statement.program_digest += Fr::ONE
    });
    refuse(Check::WeightCommitment, &|f| {
        f.statement.weight_commitment += Fr::ONE
    });
    refuse(Check::InputCommitment, &|f| {
        f.statement.input_commitment += Fr::ONE
    });
    refuse(Check::InputCommitment, &|f| f.input_salt += Fr::ONE);
    for word in 0..honest.statement.output_words.len() {
        refuse(Check::OutputWords, &|f| {
            f.statement.output_words[word] += Fr::ONE
        });
    }
    // Values and statement agree; the trace has others.
    refuse(Check::Batching, &|f| {
        f.output[0] += Fr::ONE;
        f.restate();
    });
    refuse(Check::Batching, &|f| {
        f.input[1] += Fr::ONE;
        f.restate();
    });
    println!("other statements: {tried} tried, 0 accepted");
}
