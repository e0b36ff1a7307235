//! Public prompts, and vocabularies whose ids have more than 16 bits: honest proofs verify, natively and
//! in the circuit; forged tokens are refused.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use laminate_engine::field::{fr_from_i64, pow2};
use laminate_engine::fold::FoldMode;
use laminate_model::program::ACTIVATION_BOUND;
use laminate_model::statement::{Packing, output_words, unpack};
use laminate_prover::exec;
use laminate_tests::attack::{Attack, Tally, srs};
use laminate_tests::circuit::assert_agreement;
use laminate_tests::forger::Forger;
use laminate_tests::sequence::{self, SequenceCase, Shape};

/// Ids of 17 bits; few slots, as a column of logits has 2^17 entries a slot.
const LARGE: Shape = Shape {
    blocks: 1,
    dim: 8,
    hidden: 4,
    groups: 1,
    queries: 1,
    half: 2,
    vocab: 70_000,
    slots_log: 1,
    tokens: 2,
    prompt: 1,
};

fn public() -> SequenceCase {
    let mut case = sequence::case(5, &Shape::SMALL, true);
    if let Some(sequence) = &mut case.program.sequence {
        sequence.prompt_public = true;
    }
    case
}

fn large() -> SequenceCase {
    let mut case = sequence::case(5, &LARGE, false);
    case.program.row_log = 18;
    case
}

fn forger(case: &SequenceCase) -> Forger {
    let Attack { case, trace, .. } = Attack::new(case.clone());
    Forger::with_trace(&case, &trace, srs())
}

fn id(token: u32) -> Fr {
    fr_from_i64(i64::from(token) - ACTIVATION_BOUND)
}

/// The honest proof holds natively, and the circuit comes to the same public values.
fn accepted(forger: &Forger) {
    let proof = forger.prove(srs(), FoldMode::On);
    let verifier = &forger.verifier;
    verifier
        .verify_native(&forger.statement, &proof, &srs().tau_g2)
        .expect("honest");
    assert_agreement(verifier, &forger.statement, &proof);
}

fn tokens(forger: &Forger) -> Vec<u32> {
    let program = &forger.verifier.program;
    let words = &forger.statement.output_words;
    assert_eq!(words.len(), output_words(program));
    unpack(Packing::of_output(program), words, program.output_len())
        .expect("words")
        .into_iter()
        .map(|v| (i64::from(v) + ACTIVATION_BOUND) as u32)
        .collect()
}

#[test]
fn public_prompts_are_the_committed_ones() {
    let case = public();
    let honest = forger(&case);
    accepted(&honest);
    let shown = tokens(&honest);
    let last = case.trace.tensors[case.program.output][5] + (1 << 15);
    assert_eq!(shown[..6], case.tokens);
    assert_eq!(shown[6..], [last as u32]);

    let mut tally = Tally::new("public prompt");
    for position in 0..7 {
        // The word alone; the word, its input and the commitment to it.
        let mut word = honest.clone();
        word.statement.output_words[0] += pow2(16 * position);
        tally.refuse("a changed public token", "output encoding", &word);
    }
    for position in 0..2 {
        let other = (case.tokens[position] + 1) % 21;
        let mut restated = honest.clone();
        restated.input[position] = id(other);
        tally.refuse(
            "another token than committed",
            "input commitment",
            &restated,
        );
        restated.restate();
        tally.refuse("a prompt that was not proven", "joint sumcheck", &restated);
        restated.known[0][position] = other as usize;
        tally.refuse("a prompt that was not run", "embed", &restated);
        let mut ids = case.tokens.clone();
        ids[position] = other;
        let trace = exec::run_tokens(&case.program, &case.weights, &ids).expect("in range");
        let mut run = forger(&SequenceCase {
            trace,
            ..case.clone()
        });
        run.statement.output_words = honest.statement.output_words.clone();
        tally.refuse("the prompt of another run", "", &run);
    }
    let mut shorter = honest.clone();
    shorter.statement.output_words.pop();
    tally.refuse("no output words", "output words", &shorter);
}

#[test]
fn hidden_prompts_stay_hidden() {
    let case = sequence::case(5, &Shape::SMALL, true);
    assert_ne!(
        case.program.digest().expect("digest"),
        public().program.digest().expect("digest")
    );
    let shown = tokens(&forger(&case));
    assert_eq!(shown.len(), 5);
    assert_eq!(shown[..4], case.tokens[2..]);
}

#[test]
fn ids_of_more_than_16_bits_are_bound() {
    let case = large();
    let honest = forger(&case);
    accepted(&honest);
    assert_eq!(Packing::of_output(&case.program), Packing::Long);
    let shown = tokens(&honest);
    assert_eq!(shown[0], case.tokens[1]);
    println!("tokens {:?}, generated {shown:?}", case.tokens);

    let mut tally = Tally::new("long ids");
    let off = Fr::from(1 << 16);
    for position in 0..2 {
        for off in [off, -off] {
            let mut word = honest.clone();
            word.statement.output_words[0] += pow2(32 * position) * off;
            tally.refuse("a word off by 65,536", "output encoding", &word);
            let mut output = honest.clone();
            output.output[position] += off;
            output.restate();
            tally.refuse("an output off by 65,536", "", &output);
            let mut input = honest.clone();
            input.input[position] += off;
            input.restate();
            tally.refuse("an input off by 65,536", "", &input);
        }
        for beyond in [70_000, (1 << 17) - 1, 1 << 17, 1 << 31] {
            let mut input = honest.clone();
            input.input[position] = id(beyond);
            input.restate();
            tally.refuse("an id beyond the vocabulary", "vocabulary range", &input);
        }
        let mut negative = honest.clone();
        negative.output[position] = -Fr::from(1 + ACTIVATION_BOUND as u64);
        negative.restate();
        tally.refuse("the id -1", "vocabulary range", &negative);
    }
    // Two ids that differ by 65,536 and are both of the vocabulary, proven as the other one.
    for (first, twin) in [(100, 65_636), (65_636, 100)] {
        let ids = [first, case.tokens[1]];
        let trace = exec::run_tokens(&case.program, &case.weights, &ids).expect("in range");
        let run = SequenceCase {
            trace,
            ..case.clone()
        };
        let mut other = forger(&run);
        other.input[0] = id(twin);
        other.restate();
        tally.refuse("a prompt off by 65,536", "", &other);
        other.known[0][0] = twin as usize;
        tally.refuse("the same, proven", "", &other);
    }
    // Two values in one field of a word would be another packing of the same word.
    let mut shifted = honest.clone();
    shifted.output[0] += pow2(32);
    shifted.output[1] -= Fr::ONE;
    tally.refuse("a packing that overflows", "vocabulary range", &shifted);
}
