//! What statements hide and show: an output that is committed to, public columns, public weights. By a prover who has a
//! forgery in the transcript from the start, each is refused by the one check that compares it, and by that name.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use laminate_aggregator::circuit::AggregationCircuit;
use laminate_engine::backend::Native;
use laminate_engine::error::{Check, VerifyError};
use laminate_engine::field::{Scalar, fr_from_i64, pow2};
use laminate_engine::fold::FoldMode;
use laminate_model::binding::{Binding, Column, MAX_COLUMN_NAME, PublicInput};
use laminate_model::program::{Program, ProgramError};
use laminate_model::proof::NativeProof;
use laminate_model::public::outputs;
use laminate_model::statement::{self, Packing, Statement, output_words};
use laminate_model::verify::Verifier;
use laminate_prover::exec;
use laminate_prover::output::CommittedOutput;
use laminate_prover::prove::{Bound, Links, Model, ProveError, WeightSecret};
use laminate_tests::circuit::{assert_agreement, satisfied};
use laminate_tests::forger::Forger;
use laminate_tests::{Case, TestSrs, mlp, prove_folded, sequence};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

/// Twenty values and two outputs, two rows a proof.
const WIDTH: usize = 20;
const SLOTS: usize = 2;

fn columns(indices: &[u32]) -> PublicInput {
    let column = |index: &u32| Column {
        index: *index,
        name: format!("column {index}"),
    };
    PublicInput::Columns(indices.iter().map(column).collect())
}

fn case(binding: Binding) -> Case {
    let mut case = mlp(5, 1, &[WIDTH, 4, 2]);
    case.program.binding = binding;
    case.program.check().expect("program");
    case
}

fn hidden() -> Binding {
    Binding {
        output_hidden: true,
        ..Binding::NONE
    }
}

fn shown(indices: &[u32]) -> Binding {
    Binding {
        input: columns(indices),
        ..Binding::NONE
    }
}

fn public_weights() -> Binding {
    Binding {
        weights_public: true,
        ..Binding::NONE
    }
}

/// Tries forgeries of one prover.
struct Trial<'a> {
    srs: &'a TestSrs,
    honest: Forger,
    tried: usize,
}

impl<'a> Trial<'a> {
    fn new(binding: Binding, srs: &'a TestSrs) -> Self {
        let honest = Forger::new(&case(binding), srs);
        assert_eq!(honest.verdict(srs, FoldMode::On), Ok(()));
        assert_eq!(honest.verdict(srs, FoldMode::Off), Ok(()));
        Self {
            srs,
            honest,
            tried: 0,
        }
    }

    fn refuse(&mut self, what: &str, check: Check, change: impl Fn(&mut Forger)) {
        let mut forged = self.honest.clone();
        change(&mut forged);
        let found = forged.verdict(self.srs, FoldMode::On);
        let expected = Err(VerifyError::Check { check });
        assert_eq!(found, expected, "SOUNDNESS: {what}");
        self.tried += 1;
    }

    fn misshapen(&mut self, what: &str, change: impl Fn(&mut Forger)) {
        let mut forged = self.honest.clone();
        change(&mut forged);
        let found = forged.verdict(self.srs, FoldMode::On);
        let shape = matches!(found, Err(VerifyError::Shape { .. }));
        assert!(shape, "SOUNDNESS: {what}: {found:?}");
        self.tried += 1;
    }
}

fn words(f: &mut Forger) -> &mut Vec<Fr> {
    &mut f.statement.output_words
}

#[test]
fn a_hidden_output_is_the_one_that_is_committed_to() {
    let srs = TestSrs::new(b"disclosure", 14);
    let mut trial = Trial::new(
        Binding {
            context: true,
            ..hidden()
        },
        &srs,
    );
    assert_eq!(trial.honest.statement.output_words.len(), 2);
    let commit = Check::OutputCommitment;
    for change in [Fr::ONE, -Fr::ONE, pow2(240)] {
        trial.refuse("another word", commit, |f| words(f)[1] += change);
    }
    trial.refuse("no word", commit, |f| words(f)[1] = Fr::ZERO);
    trial.refuse("context for commitment", commit, |f| words(f).swap(0, 1));
    trial.refuse("the input's commitment", commit, |f| {
        words(f)[1] = f.statement.input_commitment
    });
    trial.refuse("the output itself", commit, |f| {
        words(f)[1] = statement::pack(&mut Native, Packing::Short, &f.output)[0]
    });
    for change in [Fr::ONE, -Fr::ONE] {
        trial.refuse("another salt", commit, |f| {
            *f.output_salt.as_mut().expect("a salt") += change
        });
    }
    trial.refuse("the input's salt", commit, |f| {
        f.output_salt = Some(f.input_salt)
    });
    // The same values, as an input or in the other packing, and fewer or more of them.
    trial.refuse("in the domain of inputs", commit, |f| {
        let salt = f.output_salt.expect("a salt");
        words(f)[1] = statement::input_commitment(&mut Native, Packing::Short, &salt, &f.output)
    });
    for packing in [Packing::Long, Packing::Wide] {
        trial.refuse("another packing", commit, |f| {
            let salt = f.output_salt.expect("a salt");
            words(f)[1] = statement::output_commitment(&mut Native, packing, &salt, &f.output)
        });
    }
    for count in [0, 1, 3, 5] {
        trial.refuse("another number of values", commit, |f| {
            let salt = f.output_salt.expect("a salt");
            let mut values = f.output.clone();
            values.resize(count, Fr::ZERO);
            words(f)[1] = statement::output_commitment(&mut Native, Packing::Short, &salt, &values)
        });
    }
    for place in 0..2 * SLOTS {
        trial.refuse("another value", commit, |f| f.output[place] += Fr::ONE);
    }
    trial.refuse("swapped values", commit, |f| f.output.swap(0, 1));
    // Values that pack to the same words.
    trial.refuse("wrapped values", Check::ValueRange, |f| {
        f.output[0] += pow2(16);
        f.output[1] -= Fr::ONE;
    });
    trial.misshapen("no salt", |f| f.output_salt = None);
    trial.misshapen("no commitment", |f| {
        words(f).pop();
    });
    trial.misshapen("two commitments", |f| {
        let word = words(f)[1];
        words(f).push(word)
    });
    trial.misshapen("the output beside it", |f| {
        let packed = statement::pack(&mut Native, Packing::Short, &f.output);
        words(f).extend(packed)
    });
    println!("hidden outputs: {} tried, 0 accepted", trial.tried);
}

/// A commitment to an output that the model does not give, opened, once the challenges are known, as the one it gives.
#[test]
fn a_hidden_output_is_not_chosen_later() {
    let srs = TestSrs::new(b"disclosure", 14);
    let mut tried = 0;
    for place in 0..2 * SLOTS {
        let mut forger = Forger::new(&case(hidden()), &srs);
        let honest = forger.output.clone();
        forger.output[place] += Fr::ONE;
        forger.restate();
        let verdict = |proof| {
            let (verifier, statement) = (&forger.verifier, &forger.statement);
            verifier.verify_native(statement, &proof, &srs.tau_g2)
        };
        let kept = verdict(forger.prove(&srs, FoldMode::On));
        assert!(kept.is_err(), "SOUNDNESS: an output that was not computed");
        let check = Check::OutputCommitment;
        for salt in [forger.output_salt, Some(Fr::from(5))] {
            let proof = forger.prove_with(&srs, FoldMode::On, |proof, _| {
                proof.output.clone_from(&honest);
                proof.output_salt = salt;
            });
            assert_eq!(
                verdict(proof),
                Err(VerifyError::Check { check }),
                "SOUNDNESS: opened as another output"
            );
            tried += 1;
        }
        tried += 1;
    }
    println!("outputs that are chosen later: {tried} tried, 0 accepted");
}

#[test]
fn public_columns_are_those_of_the_input() {
    let srs = TestSrs::new(b"disclosure", 14);
    // Sixteen values of both rows: two words.
    let chosen = [0, 2, 3, 5, 8, 11, 13, 19];
    let mut trial = Trial::new(shown(&chosen), &srs);
    let check = Check::InputWords;
    let pack = |values: &[Fr]| statement::pack(&mut Native, Packing::Short, values);
    let of = |f: &Forger, indices: &[u32]| columns(indices).select(WIDTH, &f.input);
    assert_eq!(
        trial.honest.statement.output_words[..2],
        pack(&of(&trial.honest, &chosen))
    );
    assert_eq!(trial.honest.statement.output_words.len(), 3);
    for word in [0, 1] {
        for change in [Fr::ONE, pow2(16), pow2(240)] {
            trial.refuse("another word", check, |f| words(f)[word] += change);
        }
    }
    trial.refuse("swapped words", check, |f| words(f).swap(0, 1));
    trial.refuse("the output before them", check, |f| {
        words(f).rotate_right(1)
    });
    trial.refuse("another output", Check::OutputWords, |f| {
        words(f)[2] += Fr::ONE
    });
    // Each column moved to one that is not public, two exchanged, and the rows exchanged.
    for place in 0..chosen.len() {
        for other in [1, 4, 18] {
            trial.refuse("another column", check, |f| {
                let mut moved = chosen;
                moved[place] = other;
                let values = pack(&of(f, &moved));
                words(f)[..2].copy_from_slice(&values)
            });
        }
        trial.refuse("columns out of order", check, |f| {
            let mut turned = chosen;
            turned.swap(place, (place + 1) % chosen.len());
            let values = pack(&of(f, &turned));
            words(f)[..2].copy_from_slice(&values)
        });
    }
    trial.refuse("rows out of order", check, |f| {
        let mut values = of(f, &chosen);
        values.rotate_left(chosen.len());
        assert_ne!(values, of(f, &chosen));
        let values = pack(&values);
        words(f)[..2].copy_from_slice(&values)
    });
    trial.refuse("columns of another input", check, |f| {
        f.input[2] += Fr::ONE;
        let packing = Packing::Short;
        f.statement.input_commitment =
            statement::input_commitment(&mut Native, packing, &f.input_salt, &f.input)
    });
    trial.refuse("wrapped values", Check::ValueRange, |f| {
        f.input[2] += pow2(16);
        f.input[3] -= Fr::ONE;
    });
    trial.misshapen("a word less", |f| {
        words(f).remove(0);
    });
    trial.misshapen("all columns", |f| {
        let values = pack(&f.input);
        words(f).splice(..2, values);
    });
    println!("public columns: {} tried, 0 accepted", trial.tried);
}

/// Commits with a salt, which is right but for the program, whose weights are public.
fn salted(f: &mut Forger, srs: &TestSrs, salt: Fr) {
    f.secret.salt = Scalar(salt);
    f.register(srs, |_| ());
}

#[test]
fn public_weights_have_no_salt() {
    let srs = TestSrs::new(b"disclosure", 14);
    let mut trial = Trial::new(public_weights(), &srs);
    let check = Check::WeightSalt;
    assert_eq!(trial.honest.secret.salt.0, Fr::ZERO);
    for salt in [Fr::ONE, -Fr::ONE, pow2(200)] {
        trial.refuse("a salt", check, |f| salted(f, &srs, salt));
        trial.refuse("a salt that is not stated", Check::WeightCommitment, |f| {
            f.secret.salt = Scalar(salt)
        });
    }
    // Committed to under the program that has a salt.
    let other = Forger::new(&case(Binding::NONE), &srs);
    trial.refuse("the commitment of a hidden model", check, |f| {
        f.secret = other.secret.clone();
        f.statement.weight_commitment = f.secret.commitment()
    });
    trial.refuse("without the salt", Check::WeightCommitment, |f| {
        f.statement.weight_commitment = other.statement.weight_commitment
    });
    println!("public weights: {} tried, 0 accepted", trial.tried);

    // The commitment follows from weights and reference string.
    let case = case(public_weights());
    let mut commitments = vec![];
    for seed in [1, 2] {
        let model = Model::new(case.program.clone(), &case.weights).expect("model");
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let secret = model.commit(&srs.powers, &mut rng).expect("commit");
        commitments.push(secret.commitment());
        let given = model.commit_salted(&srs.powers, Fr::ONE);
        assert!(matches!(given, Err(ProveError::Salted)));
    }
    let own = trial.honest.statement.weight_commitment;
    assert_eq!(commitments, [own, own]);
}

fn model(binding: &Binding) -> (Model, exec::Trace) {
    let case = case(binding.clone());
    let trace = exec::run(&case.program, &case.weights, &case.inputs).expect("run");
    let model = Model::new(case.program, &case.weights).expect("model");
    (model, trace)
}

fn prove(binding: &Binding, srs: &TestSrs, seed: u64) -> (Model, Statement<Fr>, NativeProof) {
    let (model, trace) = model(binding);
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let secret = model.commit(&srs.powers, &mut rng).expect("commit");
    let links = Links {
        bound: Bound {
            context: binding.context.then(|| Fr::from(77)),
            ..Bound::default()
        },
        ..Links::default()
    };
    let proven = prove_folded((&model, &secret), &trace, &links, srs, &mut rng);
    let (statement, proof) = proven.expect("prove");
    (model, statement, proof)
}

fn bindings() -> Vec<Binding> {
    let all = Binding {
        input: PublicInput::All,
        ..Binding::NONE
    };
    let everything = Binding {
        context: true,
        input: columns(&[1, 7]),
        ..hidden()
    };
    vec![
        Binding::NONE,
        hidden(),
        shown(&[1, 7]),
        shown(&[1, 8]),
        all,
        public_weights(),
        everything,
    ]
}

/// Of each kind of statement, a proof shown as one of each other kind: as it is, and with digest and words as they would be.
#[test]
fn proofs_are_of_no_other_program() {
    let srs = TestSrs::new(b"disclosure", 14);
    let proven: Vec<_> = bindings().iter().map(|b| prove(b, &srs, 3)).collect();
    let mut tried = 0;
    for (from, (own, statement, proof)) in proven.iter().enumerate() {
        let verdict = |verifier: &Verifier, statement: &Statement<Fr>| {
            verifier.verify_native(statement, proof, &srs.tau_g2)
        };
        assert_eq!(verdict(&own.verifier, statement), Ok(()));
        assert_agreement(&own.verifier, statement, proof);
        for (to, (other, theirs, _)) in proven.iter().enumerate() {
            if from == to {
                continue;
            }
            let verifier = &other.verifier;
            assert!(
                verdict(verifier, statement).is_err(),
                "SOUNDNESS: {from} as {to}"
            );
            let mut restated = theirs.clone();
            restated.weight_commitment = statement.weight_commitment;
            restated.input_commitment = statement.input_commitment;
            let mut given = proof.clone();
            given.output_salt = given
                .output_salt
                .or(Some(Fr::ONE))
                .filter(|_| verifier.program.binding.output_hidden);
            if let Some(salt) = &given.output_salt {
                let last = restated.output_words.last_mut().expect("a word");
                *last =
                    statement::output_commitment(&mut Native, Packing::Short, salt, &given.output);
            }
            assert!(
                verifier
                    .verify_native(&restated, &given, &srs.tau_g2)
                    .is_err(),
                "SOUNDNESS: {from} restated as {to}"
            );
            tried += 2;
        }
    }
    println!("other programs: {tried} tried, 0 accepted");
}

#[test]
fn a_prover_opens_what_it_hides() {
    let srs = TestSrs::new(b"disclosure", 14);
    let binding = hidden();
    let (model, statement, proof) = prove(&binding, &srs, 3);
    let program = &model.verifier.program;
    let opening = CommittedOutput::of_proof(program, &statement, &proof).expect("hidden");
    let packing = Packing::of_output(program);
    let stated = &statement.output_words[0];
    let opened = opening.open(packing, program.output_len(), stated);
    let values: Vec<Fr> = opened
        .expect("opens")
        .iter()
        .map(|v| fr_from_i64((*v).into()))
        .collect();
    assert_eq!(values, proof.output);
    // The same output has another commitment each time, and opens as that of no other proof.
    let (_, again, other) = prove(&binding, &srs, 4);
    assert_eq!(other.output, proof.output);
    assert_ne!(again.output_words, statement.output_words);
    let moved = opening.open(packing, program.output_len(), &again.output_words[0]);
    assert!(moved.is_err(), "SOUNDNESS: opens two proofs");
    let (plain, statement, proof) = prove(&Binding::NONE, &srs, 3);
    let none = CommittedOutput::of_proof(&plain.verifier.program, &statement, &proof);
    assert_eq!(none, None);
}

#[test]
fn salted_secrets_of_public_weights_prove_nothing() {
    let srs = TestSrs::new(b"disclosure", 14);
    let (open, trace) = model(&public_weights());
    let (plain, _) = model(&Binding::NONE);
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    let secret: WeightSecret = plain.commit(&srs.powers, &mut rng).expect("commit");
    let links = Links::default();
    let proven = prove_folded((&open, &secret), &trace, &links, &srs, &mut rng);
    assert!(matches!(proven, Err(ProveError::Salted)));
}

/// The circuit refuses what the native verifier refuses, by its constraints.
#[test]
fn circuits_refuse_other_disclosures() {
    let srs = TestSrs::new(b"disclosure", 14);
    let small = |binding: Binding| {
        let mut case = mlp(5, 0, &[4, 2]);
        case.program.binding = binding;
        Forger::new(&case, &srs)
    };
    let holds = |forger: &Forger| {
        let proof = forger.prove(&srs, FoldMode::On);
        satisfied(&forger.verifier, &forger.statement, &proof)
    };
    let everything = small(Binding {
        input: columns(&[1, 3]),
        weights_public: true,
        ..hidden()
    });
    assert!(holds(&everything));
    type Change<'a> = &'a dyn Fn(&mut Forger);
    let changes: [(&str, Change<'_>); 4] = [
        ("another commitment", &|f| words(f)[1] += Fr::ONE),
        ("another salt", &|f| f.output_salt = Some(Fr::ONE)),
        ("another column", &|f| {
            let values = columns(&[0, 3]).select(4, &f.input);
            words(f)[0] = statement::pack(&mut Native, Packing::Short, &values)[0]
        }),
        ("salted weights", &|f| salted(f, &srs, Fr::ONE)),
    ];
    for (what, change) in changes {
        let mut forged = everything.clone();
        change(&mut forged);
        assert!(!holds(&forged), "SOUNDNESS: {what} in the circuit");
    }
    println!("in the circuit: {} tried, 0 accepted", changes.len());
}

/// Statements without a hidden output or named columns have the words that they had: packed here by hand.
#[test]
fn other_statements_keep_their_words() {
    let srs = TestSrs::new(b"disclosure", 14);
    let pack = |values: &[Fr]| -> Vec<Fr> {
        let word = |values: &[Fr]| -> Fr {
            let fields = values.iter().enumerate();
            fields
                .map(|(i, v)| (v + Fr::from(1 << 15)) * pow2(16 * i))
                .sum()
        };
        values.chunks(15).map(word).collect()
    };
    for (context, public, weights_public) in [
        (false, false, false),
        (true, false, false),
        (false, true, false),
        (true, true, false),
        (false, false, true),
    ] {
        let binding = Binding {
            context,
            input: match public {
                true => PublicInput::All,
                false => PublicInput::Hidden,
            },
            weights_public,
            ..Binding::NONE
        };
        let (model, statement, proof) = prove(&binding, &srs, 3);
        let mut expected = vec![];
        expected.extend(context.then(|| Fr::from(77)));
        if public {
            expected.extend(pack(&proof.input));
        }
        let before = expected.len();
        expected.extend(pack(&proof.output));
        assert_eq!(statement.output_words, expected);
        let program = &model.verifier.program;
        assert_eq!(outputs(program) as usize, 15 * before + 2 * SLOTS);
    }
    let program = case(hidden()).program;
    assert_eq!((output_words(&program), outputs(&program)), (1, 15));
}

#[test]
fn disclosures_that_no_program_can_have_are_refused() {
    let refused = |what: &str, change: &dyn Fn(&mut Program)| {
        let mut program = mlp(5, 0, &[20, 4, 1]).program;
        change(&mut program);
        let found = program.check();
        let bound = matches!(found, Err(ProgramError::Bound { .. }));
        assert!(bound, "SOUNDNESS: {what}: {found:?}");
    };
    for indices in [&[][..], &[20], &[u32::MAX], &[3, 3], &[3, 2], &[0, 5, 4]] {
        refused("columns", &|p| p.binding.input = columns(indices));
    }
    let named = |names: &[&str]| {
        let column = |(index, name): (usize, &&str)| Column {
            index: index as u32,
            name: (*name).into(),
        };
        PublicInput::Columns(names.iter().enumerate().map(column).collect())
    };
    refused("one name twice", &|p| {
        p.binding.input = named(&["age", "age"])
    });
    refused("a long name", &|p| {
        p.binding.input = named(&["a".repeat(MAX_COLUMN_NAME + 1).as_str()])
    });
    for names in [&["", ""][..], &["age", ""], &["a", "b"]] {
        let mut program = mlp(5, 0, &[20, 4, 1]).program;
        program.binding.input = named(names);
        assert_eq!(program.check(), Ok(()));
    }
    let mut tokens = sequence::case(5, &sequence::Shape::SMALL, false).program;
    tokens.binding = hidden();
    let found = tokens.check().expect_err("SOUNDNESS: hidden tokens");
    assert!(found.to_string().contains("hidden output"), "{found}");
    tokens.binding = public_weights();
    assert_eq!(tokens.check(), Ok(()));
    for binding in [hidden(), shown(&[1]), public_weights()] {
        let mut weights = mlp(5, 0, &[20, 4, 1]).program.weights_program();
        assert_eq!(weights.check(), Ok(()));
        weights.binding = binding.clone();
        assert!(weights.check().is_err(), "SOUNDNESS: of weights alone");
        let mut shard = sequence::case(5, &sequence::Shape::SMALL, false).program;
        shard.binding = binding;
        let sequence = shard.sequence.as_mut().expect("tokens");
        sequence.shard = Some(laminate_model::program::Shard { index: 0, count: 2 });
        let found = shard.check().expect_err("SOUNDNESS: of a shard");
        assert!(found.to_string().contains("binding of a shard"), "{found}");
    }
}

#[test]
fn digests_tell_disclosures_apart() {
    let mut digests: Vec<Fr> = bindings()
        .into_iter()
        .map(|binding| {
            let program = case(binding).program;
            let bytes = postcard::to_stdvec(&program).expect("encode");
            assert_eq!(
                postcard::from_bytes::<Program>(&bytes).expect("decode"),
                program
            );
            program.digest().expect("digest")
        })
        .collect();
    // A name is part of the program, too.
    let mut program = case(shown(&[1, 7])).program;
    if let PublicInput::Columns(columns) = &mut program.binding.input {
        columns[0].name = "income".into();
    }
    digests.push(program.digest().expect("digest"));
    let count = digests.len();
    digests.sort_unstable();
    digests.dedup();
    assert_eq!((digests.len(), count), (8, 8));
}

/// What each costs a circuit of the fraud model's size.
#[test]
fn circuits_of_a_fraud_model_have_no_more_rows() {
    for binding in [Binding::NONE, hidden(), shown(&[1, 7]), public_weights()] {
        let mut program = mlp(5, 0, &[29, 64, 32, 1]).program;
        program.binding = binding.clone();
        let verifier = Verifier::new(program).expect("program");
        let (report, params) = AggregationCircuit::cost(&verifier, FoldMode::On).expect("circuit");
        let params = params.expect("a shape");
        println!("{binding:?}: {params:?}\n{report}");
        assert_eq!(params.k, 14);
    }
}
