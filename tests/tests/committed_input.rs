//! Inputs that are committed to first and proven later: one commitment, however often; nobody else's; of no other input.

use halo2curves_axiom::bn256::Fr;
use laminate_engine::error::VerifyError;
use laminate_engine::field::Scalar;
use laminate_engine::fold::FoldMode;
use laminate_model::artifact::{self, Kind};
use laminate_model::program::{ACTIVATION_BOUND, Program};
use laminate_model::proof::NativeProof;
use laminate_model::statement::Statement;
use laminate_prover::exec::{self, ExecError};
use laminate_prover::input::{CommittedInput, Input, InputError};
use laminate_prover::prove::{Links, Model, WeightSecret, prove_linked};
use laminate_tests::sequence::{self, Shape};
use laminate_tests::{Case, TestSrs, mlp};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

/// Proofs of one model.
struct Prover {
    case: Case,
    model: Model,
    secret: WeightSecret,
    srs: TestSrs,
    rng: ChaCha20Rng,
}

impl Prover {
    fn new(case: Case) -> Self {
        let srs = TestSrs::new(b"committed input", 14);
        let mut rng = ChaCha20Rng::seed_from_u64(7);
        let model = Model::new(case.program.clone(), &case.weights).expect("model");
        let secret = model.commit(&srs.powers, &mut rng).expect("commit");
        Self {
            case,
            model,
            secret,
            srs,
            rng,
        }
    }

    fn prove(&mut self, rows: &[Vec<i32>], salt: Option<Fr>) -> (Statement<Fr>, NativeProof) {
        let trace = exec::run(&self.case.program, &self.case.weights, rows).expect("run");
        let links = Links {
            input_salt: salt,
            ..Links::default()
        };
        prove_linked(
            &self.model,
            &self.secret,
            &trace,
            &links,
            &self.srs.powers,
            FoldMode::On,
            &mut self.rng,
            &|_| {},
        )
        .expect("prove")
    }

    fn verify(&self, statement: &Statement<Fr>, proof: &NativeProof) -> Result<(), VerifyError> {
        let verifier = &self.model.verifier;
        verifier.verify_native(statement, proof, &self.srs.tau_g2)
    }
}

fn rows(committed: &CommittedInput, program: &Program) -> Vec<Vec<i32>> {
    match committed.open(program).expect("open") {
        Input::Rows(rows) => rows,
        Input::Tokens(_) => panic!("tokens"),
    }
}

fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

/// A hundred proofs of one committed input state one commitment, and nothing else of them is the same; a proof of another
/// row under its salt states another, and is refused with that one.
#[test]
fn a_hundred_proofs_state_one_commitment() {
    let mut prover = Prover::new(mlp(3, 1, &[3, 4, 2]));
    let program = prover.case.program.clone();
    let first = vec![vec![100, -200, 300]];
    let committed =
        CommittedInput::new(&program, &Input::Rows(first.clone()), &mut rng(1)).expect("commit");
    let salt = committed.salt.0;
    let mut salts = std::collections::HashSet::new();
    let mut last = None;
    for _ in 0..100 {
        let bytes = artifact::encode(Kind::Input, false, &committed).expect("encode");
        let (_, read): (_, CommittedInput) = artifact::decode(Kind::Input, &bytes).expect("file");
        let (statement, proof) = prover.prove(&rows(&read, &program), Some(read.salt.0));
        assert_eq!(statement.input_commitment, committed.commitment.0);
        assert!(salts.insert(format!("{:?}", proof.transcript_salt)));
        assert!(
            proof
                .trace_rows
                .iter()
                .all(|row| salts.insert(format!("{row:?}"))),
            "blinds are fresh"
        );
        last = Some((statement, proof));
    }
    let (statement, proof) = last.expect("a proof");
    assert_eq!(prover.verify(&statement, &proof), Ok(()));

    let other = vec![vec![100, -200, 301]];
    let (honest, other_proof) = prover.prove(&other, Some(salt));
    assert_ne!(honest.input_commitment, committed.commitment.0);
    assert_eq!(prover.verify(&honest, &other_proof), Ok(()));
    let mut claimed = honest.clone();
    claimed.input_commitment = committed.commitment.0;
    assert!(prover.verify(&claimed, &other_proof).is_err());
    // Nor with the committed values put into the proof.
    let mut forged = other_proof;
    forged.input.clone_from(&proof.input);
    assert!(prover.verify(&claimed, &forged).is_err());

    // Without a committed input, and by another commitment to the same row, the commitment is another one.
    let (fresh, _) = prover.prove(&first, None);
    let again = CommittedInput::new(&program, &Input::Rows(first), &mut rng(2)).expect("commit");
    let all = [
        fresh.input_commitment,
        again.commitment.0,
        committed.commitment.0,
    ];
    assert!(all[0] != all[1] && all[1] != all[2] && all[0] != all[2]);
}

#[test]
fn what_does_not_fit_is_refused() {
    let case = mlp(3, 1, &[3, 4, 2]);
    let program = &case.program;
    let commit = |rows: &[&[i32]]| {
        let rows = rows.iter().map(|r| r.to_vec()).collect();
        CommittedInput::new(program, &Input::Rows(rows), &mut rng(1))
    };
    assert!(commit(&[]).is_err() && commit(&[&[1, 2]]).is_err());
    assert!(
        commit(&[&[1, 2, 3][..]; 3]).is_err(),
        "more rows than slots"
    );
    assert!(commit(&[&[1, 2, 1 << 15]]).is_err());
    assert!(commit(&[&[1, 2, -(1 << 15)]]).is_ok());
    let tokens = CommittedInput::new(program, &Input::Tokens(vec![1, 2]), &mut rng(1));
    assert_eq!(tokens, Err(InputError::Exec(ExecError::NotSequence)));

    let good = commit(&[&[1, 2, 3]]).expect("commit");
    assert_eq!(
        good.values,
        [1, 2, 3, 1, 2, 3],
        "the last row fills the batch"
    );
    let altered = |change: &dyn Fn(&mut CommittedInput)| {
        let mut bad = good.clone();
        change(&mut bad);
        bad.open(program).expect_err("altered")
    };
    type Change = &'static dyn Fn(&mut CommittedInput);
    let opens: [Change; 4] = [
        &|c| c.values[0] = 2,
        &|c| c.values.swap(1, 2),
        &|c| c.salt = Scalar(c.salt.0 + Fr::from(1)),
        &|c| c.commitment = Scalar(c.commitment.0 + Fr::from(1)),
    ];
    for change in opens {
        assert!(matches!(altered(change), InputError::Commitment { .. }));
    }
    let count = altered(&|c| c.values.truncate(5));
    assert_eq!(
        count,
        InputError::Count {
            found: 5,
            expected: 6
        }
    );
    let digest = altered(&|c| c.program_digest = c.salt);
    assert!(matches!(digest, InputError::Program { .. }));
    // Values that no proof is of, under the commitment that they have.
    for value in [1 << 15, i32::MAX, i32::MIN] {
        let mut bad = good.clone();
        bad.values[4] = value;
        let InputError::Commitment { found, .. } = bad.open(program).expect_err("altered") else {
            panic!("another refusal");
        };
        bad.commitment = Scalar(found);
        let refused = bad.open(program).expect_err("out of range");
        assert!(
            matches!(refused, InputError::Exec(ExecError::Input { .. })),
            "{refused}"
        );
    }
}

/// The salt of another program's committed input gives its commitment, where both take the same values.
#[test]
fn a_salt_is_shared_between_programs_that_take_the_same_values() {
    let (one, other) = (mlp(3, 1, &[3, 4, 2]), mlp(4, 1, &[3, 5, 1]));
    let input = Input::Rows(vec![vec![5, 6, 7], vec![8, 9, 10]]);
    let first = CommittedInput::new(&one.program, &input, &mut rng(1)).expect("commit");
    let salted =
        |case: &Case| CommittedInput::salted(&case.program, &input, first.salt.0).expect("commit");
    let second = salted(&other);
    assert_eq!(second.commitment, first.commitment);
    assert_ne!(second.program_digest, first.program_digest);
    assert!(first.open(&other.program).is_err() && second.open(&other.program).is_ok());
    let mut prover = Prover::new(other);
    let program = prover.case.program.clone();
    let (statement, _) = prover.prove(&rows(&second, &program), Some(second.salt.0));
    assert_eq!(statement.input_commitment, first.commitment.0);
    assert_ne!(
        salted(&mlp(3, 2, &[3, 4, 2])).commitment,
        first.commitment,
        "a larger batch"
    );
}

#[test]
fn tokens_are_committed_to_as_they_are_proven() {
    let mut case = sequence::case(1, &Shape::SMALL, true);
    case.program.row_log = 12;
    let tokens = Input::Tokens(case.tokens.clone());
    let committed = CommittedInput::new(&case.program, &tokens, &mut rng(1)).expect("commit");
    assert_eq!(committed.open(&case.program), Ok(tokens));
    let trace = exec::run_tokens(&case.program, &case.weights, &case.tokens).expect("run");
    let model = Model::new(case.program.clone(), &case.weights).expect("model");
    let srs = TestSrs::new(b"committed input", 14);
    let secret = model.commit(&srs.powers, &mut rng(2)).expect("commit");
    let links = Links {
        input_salt: Some(committed.salt.0),
        ..Links::default()
    };
    let (mut source, quiet) = (rng(3), |_| {});
    let (statement, _) = prove_linked(
        &model,
        &secret,
        &trace,
        &links,
        &srs.powers,
        FoldMode::On,
        &mut source,
        &quiet,
    )
    .expect("prove");
    assert_eq!(statement.input_commitment, committed.commitment.0);

    let commit = |tokens: &[u32]| {
        CommittedInput::new(&case.program, &Input::Tokens(tokens.to_vec()), &mut rng(1))
    };
    let short = commit(&case.tokens[1..]).expect_err("too few");
    assert_eq!(
        short,
        InputError::Exec(ExecError::TokenCount {
            found: 5,
            expected: 6
        })
    );
    let mut foreign = case.tokens.clone();
    foreign[0] = Shape::SMALL.vocab;
    assert!(matches!(
        commit(&foreign),
        Err(InputError::Exec(ExecError::Token { .. }))
    ));
    assert!(CommittedInput::new(&case.program, &Input::Rows(vec![vec![1]]), &mut rng(1)).is_err());
    // Ids outside the vocabulary, or none at all, in a file with their commitment.
    for value in [
        Shape::SMALL.vocab as i32 - ACTIVATION_BOUND as i32,
        -(1 << 15) - 1,
        i32::MAX,
    ] {
        let mut bad = committed.clone();
        bad.values[2] = value;
        let Err(InputError::Commitment { found, .. }) = bad.open(&case.program) else {
            panic!("another refusal");
        };
        bad.commitment = Scalar(found);
        let refused = bad.open(&case.program).expect_err("no token");
        assert!(
            matches!(refused, InputError::Exec(ExecError::Token { .. })),
            "{refused}"
        );
    }
}
