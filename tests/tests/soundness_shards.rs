//! Forgeries of models in shards: of the list, of the boundaries between shards, and of the tokens that
//! one end was fed and the other chose.

use std::sync::OnceLock;

use halo2curves_axiom::bn256::{Fr, G1Affine};
use halo2curves_axiom::ff::Field;
use laminate_engine::error::{Check, VerifyError};
use laminate_engine::fold::FoldMode;
use laminate_model::program::{Program, Sequence, Shard};
use laminate_model::proof::NativeProof;
use laminate_model::shards::{ShardError, ShardSet};
use laminate_model::statement::Statement;
use laminate_prover::exec::{self, Trace};
use laminate_prover::prove::{Links, WeightSecret};
use laminate_tests::Case;
use laminate_tests::attack::srs;
use laminate_tests::forger::Forger;
use laminate_tests::shards::{self, Run, Sharded, model, options};

/// Three shards: two blocks, two blocks, one block.
fn honest() -> &'static (Sharded, Run) {
    static HONEST: OnceLock<(Sharded, Run)> = OnceLock::new();
    HONEST.get_or_init(|| {
        let compiled = shards::compile(&model(1, 5, false), &options(true), 2);
        let sharded = Sharded::new(compiled, srs(), 1);
        let run = sharded.run(&sharded.tokens(&[4, 11]), 1, srs());
        assert_eq!(verdict(&sharded, &run), Ok(()), "honest");
        (sharded, run)
    })
}

/// The honest run of another prompt.
fn other() -> &'static Run {
    static OTHER: OnceLock<Run> = OnceLock::new();
    OTHER.get_or_init(|| {
        let sharded = &honest().0;
        let run = sharded.run(&sharded.tokens(&[5, 11]), 2, srs());
        assert_eq!(verdict(sharded, &run), Ok(()), "another honest run");
        run
    })
}

fn verdict(sharded: &Sharded, run: &Run) -> Result<(), ShardError> {
    sharded
        .set
        .verify(&run.statements, &run.proofs, &srs().tau_g2)
}

/// Whether a shard's proof holds on its own.
fn holds(sharded: &Sharded, run: &Run, shard: usize) -> bool {
    let verifier = &sharded.set.verifiers()[shard];
    let (statement, proof) = (&run.statements[shard], &run.proofs[shard]);
    verifier
        .verify_native(statement, proof, &srs().tau_g2)
        .is_ok()
}

/// Puts shard `from` of another run in the place of shard `at`.
fn replace(run: &mut Run, at: usize, other: &Run, from: usize) {
    run.statements[at] = other.statements[from].clone();
    run.proofs[at] = other.proofs[from].clone();
}

fn programs(sharded: &Sharded) -> Vec<Program> {
    sharded.shards.iter().map(|s| s.0.clone()).collect()
}

fn commitments(sharded: &Sharded) -> Vec<Fr> {
    sharded
        .secrets
        .iter()
        .map(WeightSecret::commitment)
        .collect()
}

#[test]
fn shards_left_out_doubled_or_reordered_are_refused() {
    let (sharded, run) = honest();
    let (programs, weights) = (programs(sharded), commitments(sharded));
    let mut tried = 0;
    for order in [
        vec![],
        vec![0],
        vec![0, 1],
        vec![0, 2],
        vec![1, 2],
        vec![0, 1, 1],
        vec![0, 0, 2],
        vec![0, 2, 1],
        vec![1, 0, 2],
        vec![2, 1, 0],
        vec![0, 1, 1, 2],
        vec![0, 1, 2, 2],
    ] {
        let list = order.iter().map(|i| programs[*i].clone()).collect();
        let of = order.iter().map(|i| weights[*i]).collect();
        let error = ShardSet::new(list, of).expect_err("SOUNDNESS: a list is accepted");
        let named = matches!(error, ShardError::Place { .. } | ShardError::Count { .. });
        assert!(named, "{order:?}: {error}");
        let statements: Vec<Statement<Fr>> =
            order.iter().map(|i| run.statements[*i].clone()).collect();
        let proofs: Vec<NativeProof> = order.iter().map(|i| run.proofs[*i].clone()).collect();
        let error = sharded
            .set
            .verify(&statements, &proofs, &srs().tau_g2)
            .expect_err("SOUNDNESS: a set is accepted");
        let named = matches!(error, ShardError::Foreign { .. } | ShardError::Count { .. });
        assert!(named, "{order:?}: {error}");
        tried += 2;
    }
    // Proofs in another order than their statements, and too few of them.
    let mut swapped = run.clone();
    swapped.proofs.swap(0, 1);
    let error = verdict(sharded, &swapped).expect_err("SOUNDNESS: swapped proofs");
    assert!(
        matches!(error, ShardError::Proof { shard: 0, .. }),
        "{error}"
    );
    swapped.proofs.pop();
    assert!(matches!(
        verdict(sharded, &swapped),
        Err(ShardError::Count { .. })
    ));
    println!("lists of shards: {} tried, 0 accepted", tried + 2);
}

#[test]
fn programs_that_are_not_of_one_model_are_refused() {
    let (sharded, _) = honest();
    let weights = commitments(sharded);
    let alter = |shard: usize, change: &dyn Fn(&mut Program)| {
        let mut programs = programs(sharded);
        change(&mut programs[shard]);
        ShardSet::new(programs, weights.clone()).expect_err("SOUNDNESS: a list is accepted")
    };
    let sequence =
        |change: &dyn Fn(&mut Sequence)| alter(1, &|p| p.sequence.iter_mut().for_each(change));
    let place = |index, count| sequence(&|s| s.shard = Some(Shard { index, count }));
    for error in [
        place(1, 4),
        place(2, 3),
        place(0, 3),
        sequence(&|s| s.shard = None),
    ] {
        assert!(
            matches!(error, ShardError::Place { place: 1, .. }),
            "{error}"
        );
    }
    for error in [
        sequence(&|s| s.vocab += 1),
        sequence(&|s| s.prompt += 1),
        sequence(&|s| s.tokens -= 1),
        sequence(&|s| s.prompt_public = true),
        alter(1, &|p| p.row_log = 16),
        alter(2, &|p| {
            let input = p.input;
            p.tensors[input].scale += 1;
        }),
    ] {
        assert!(matches!(error, ShardError::Unlike { .. }), "{error}");
    }
    // Twice the slots, with all that follows from them.
    let error = alter(1, &|p| {
        let slots = p.slots() as u32;
        p.batch_log += 1;
        let axes = p.tensors.iter_mut().flat_map(|t| &mut t.axes);
        axes.filter(|a| **a == slots).for_each(|a| *a *= 2);
        for table in &mut p.rope {
            table.cos.extend(table.cos.clone());
            table.sin.extend(table.sin.clone());
        }
    });
    assert_eq!(
        error,
        ShardError::Unlike {
            shard: 1,
            what: "its slots"
        }
    );
    // A shard that reads what it may not, or gives out what is no boundary.
    for error in [
        alter(0, &|p| p.output = p.input),
        alter(0, &|p| p.output = p.carry.expect("stacked").entry),
        alter(0, &|p| p.output = p.carry.expect("stacked").input),
        alter(1, &|p| p.output = p.input),
        alter(1, &|p| p.tensors[p.input].bits = 16),
        alter(2, &|p| p.output = p.input),
        place(3, 3),
    ] {
        let named = matches!(error, ShardError::Program { .. } | ShardError::Place { .. });
        assert!(named, "{error}");
    }
    let few = ShardSet::new(programs(sharded), weights[..2].to_vec());
    assert!(matches!(few, Err(ShardError::Count { .. })));
    println!("programs of other models: 18 tried, 0 accepted");
}

#[test]
fn shards_of_another_run_are_refused() {
    let (sharded, run) = honest();
    let other = other();
    let mut tried = 0;
    for parts in [
        vec![0],
        vec![1],
        vec![2],
        vec![0, 1],
        vec![1, 2],
        vec![0, 2],
    ] {
        let mut mixed = run.clone();
        for shard in &parts {
            replace(&mut mixed, *shard, other, *shard);
            assert!(holds(sharded, &mixed, *shard));
        }
        let error = verdict(sharded, &mixed).expect_err("SOUNDNESS: mixed runs are accepted");
        assert!(
            matches!(error, ShardError::Boundary { .. }),
            "{parts:?}: {error}"
        );
        // The same with the boundaries' scalars made to fit.
        for shard in 1..3 {
            mixed.statements[shard].boundary_in = mixed.statements[shard - 1].boundary_out;
        }
        let error = verdict(sharded, &mixed).expect_err("SOUNDNESS: mixed runs are accepted");
        let by_proof = |error: &VerifyError| {
            *error
                == VerifyError::Check {
                    check: Check::Boundary,
                }
        };
        let named = matches!(&error, ShardError::Proof { error, .. } if by_proof(error))
            || matches!(error, ShardError::Token { .. });
        assert!(named, "{parts:?}: {error}");
        tried += 2;
    }
    println!("shards of another run: {tried} tried, 0 accepted");
}

#[test]
fn another_models_shards_are_refused() {
    let (sharded, run) = honest();
    // The same programs with one other weight, under a commitment of its own.
    let mut compiled = shards::compile(&model(1, 5, false), &options(true), 2);
    for shard in &mut compiled {
        let weight = &mut shard.weights.dense[1].weight[3];
        *weight = if *weight > 0 {
            *weight - 1
        } else {
            *weight + 1
        };
    }
    let twin = Sharded::new(compiled, srs(), 9);
    assert_eq!(twin.set.digest(), sharded.set.digest());
    let twin_run = twin.run(&run.tokens, 1, srs());
    // Other scales.
    let foreign = Sharded::new(
        shards::compile(&model(2, 5, false), &options(true), 2),
        srs(),
        1,
    );
    assert_ne!(foreign.set.digest(), sharded.set.digest());
    let foreign_run = foreign.run(&foreign.tokens(&[4, 11]), 1, srs());
    let mut tried = 0;
    for shard in 0..3 {
        for (other, what) in [
            (&twin_run, "weight commitment"),
            (&foreign_run, "program digest"),
        ] {
            let mut mixed = run.clone();
            replace(&mut mixed, shard, other, shard);
            let error = verdict(sharded, &mixed).expect_err("SOUNDNESS: another model's shard");
            assert_eq!(error, ShardError::Foreign { shard, what });
            // Its proof under this model's statement.
            mixed.statements[shard] = run.statements[shard].clone();
            let error = verdict(sharded, &mixed).expect_err("SOUNDNESS: another model's proof");
            assert!(matches!(error, ShardError::Proof { .. }), "{error}");
            tried += 2;
        }
    }
    println!("another model's shards: {tried} tried, 0 accepted");
}

/// A forger who claims that `trace` is a run of a shard.
fn forger(sharded: &Sharded, shard: usize, trace: &Trace, links: &Links) -> Forger {
    let (program, weights) = &sharded.shards[shard];
    let case = Case {
        program: program.clone(),
        weights: weights.clone(),
        inputs: vec![],
    };
    let mut forger = Forger::with_trace(&case, trace, srs());
    forger.link(links, srs());
    forger
}

fn refused(forger: &Forger, what: &str) -> String {
    for mode in [FoldMode::On, FoldMode::Off] {
        if let Err(error) = forger.verdict(srs(), mode) {
            return error.to_string();
        }
    }
    panic!("SOUNDNESS: {what} is accepted")
}

#[test]
fn boundary_rows_of_other_values_or_blinds_are_refused() {
    let (sharded, run) = honest();
    let other = other();
    let mut tried = 0;
    for shard in 0..3 {
        let honest = forger(sharded, shard, &run.traces[shard], &run.links[shard]);
        assert_eq!(honest.verdict(srs(), FoldMode::On), Ok(()), "honest");
        assert_eq!(
            honest.statement.boundary_in,
            run.statements[shard].boundary_in
        );
        assert_eq!(
            honest.statement.boundary_out,
            run.statements[shard].boundary_out
        );
        let foreign = forger(sharded, shard, &other.traces[shard], &other.links[shard]);
        for boundary in honest.verifier.layout.boundaries.clone() {
            // The rows of another run under the honest trace, stated as they are.
            let mut swapped = honest.clone();
            for limb in &boundary.limbs {
                let range = limb.offset..limb.offset + (1 << limb.log);
                swapped.trace.values[range.clone()].copy_from_slice(&foreign.trace.values[range]);
            }
            swapped.link(&other.links[shard], srs());
            if boundary.input {
                assert_eq!(
                    swapped.statement.boundary_in,
                    other.statements[shard].boundary_in
                );
            }
            assert!(refused(&swapped, "a boundary of another run").contains("batching"));
            // One value, high or low limb, in place or on padding.
            for (i, limb) in boundary.limbs.iter().enumerate() {
                for at in [5 + 10 * i, (1 << limb.log) - 1] {
                    let mut changed = honest.clone();
                    changed.trace.values[limb.offset + at] ^= 1;
                    changed.link(&run.links[shard], srs());
                    assert!(refused(&changed, "a changed value").contains("batching"));
                    tried += 1;
                }
            }
            // The honest proof's statement with the other boundary.
            let mut stated = honest.clone();
            let scalar = match boundary.input {
                true => &mut stated.statement.boundary_in,
                false => &mut stated.statement.boundary_out,
            };
            *scalar = scalar.map(|s| s + Fr::ONE);
            assert!(refused(&stated, "another boundary").contains("boundary commitment"));
            tried += 2;
        }
    }
    // Two that do not share their blinds hold on their own.
    for shard in 1..3 {
        let mut links = run.links[shard].clone();
        let blinds = links.input.as_mut().expect("a link");
        blinds[3] += Fr::ONE;
        let mut forged = run.clone();
        let trace = &run.traces[shard];
        (forged.statements[shard], forged.proofs[shard]) =
            sharded.prove(shard, trace, &links, FoldMode::On, srs());
        assert!(holds(sharded, &forged, shard));
        let before = shard - 1;
        let error = verdict(sharded, &forged).expect_err("SOUNDNESS: other blinds are accepted");
        assert_eq!(error, ShardError::Boundary { shard, before });
        tried += 1;
    }
    println!("boundary rows: {tried} tried, 0 accepted");
}

/// The points of the rows, put into a proof that was made with others.
#[test]
fn boundary_points_of_another_proof_are_refused() {
    let (sharded, run) = honest();
    let other = other();
    let mut tried = 0;
    for shard in 0..3 {
        let verifier = &sharded.set.verifiers()[shard];
        let row_log = verifier.layout.geometry.row_log;
        for boundary in &verifier.layout.boundaries {
            for row in boundary.rows(row_log) {
                let points: [G1Affine; 2] = [
                    other.proofs[shard].trace_rows[row],
                    -run.proofs[shard].trace_rows[row],
                ];
                for point in points {
                    let mut forged = run.clone();
                    let rows = &mut forged.proofs[shard].trace_rows;
                    rows[row] = point;
                    let scalar = verifier.boundary_commitment(boundary.input, rows);
                    let neighbour = if boundary.input { shard - 1 } else { shard + 1 };
                    match boundary.input {
                        true => forged.statements[shard].boundary_in = scalar,
                        false => forged.statements[shard].boundary_out = scalar,
                    }
                    let error = verdict(sharded, &forged).expect_err("SOUNDNESS: another row");
                    assert!(matches!(error, ShardError::Boundary { .. }), "{error}");
                    match boundary.input {
                        true => forged.statements[neighbour].boundary_out = scalar,
                        false => forged.statements[neighbour].boundary_in = scalar,
                    }
                    let error = verdict(sharded, &forged).expect_err("SOUNDNESS: another row");
                    assert!(matches!(error, ShardError::Proof { .. }), "{error}");
                    tried += 2;
                }
            }
        }
    }
    println!("boundary points: {tried} tried, 0 accepted");
}

#[test]
fn boundaries_that_are_missing_or_too_many_are_refused() {
    let (sharded, run) = honest();
    let mut tried = 0;
    for shard in 0..3 {
        for input in [true, false] {
            let mut forged = run.clone();
            let statement = &mut forged.statements[shard];
            let scalar = match input {
                true => &mut statement.boundary_in,
                false => &mut statement.boundary_out,
            };
            *scalar = match scalar {
                Some(_) => None,
                None => Some(Fr::ONE),
            };
            assert!(!holds(sharded, &forged, shard));
            assert!(verdict(sharded, &forged).is_err(), "SOUNDNESS: accepted");
            tried += 1;
        }
    }
    // Statements alone, whose proofs a circuit has checked: neighbours that both say nothing, and too few of them.
    for before in 0..2 {
        let mut forged = run.statements.clone();
        forged[before].boundary_out = None;
        forged[before + 1].boundary_in = None;
        let shard = before + 1;
        let error = sharded.set.check_statements(&forged);
        assert_eq!(error, Err(ShardError::Boundary { shard, before }));
        let few = sharded.set.check_statements(&run.statements[..shard]);
        let (what, found, expected) = ("statements", shard, 3);
        assert_eq!(
            few,
            Err(ShardError::Count {
                what,
                found,
                expected
            })
        );
        tried += 2;
    }
    println!("boundaries: {tried} tried, 0 accepted");
}

#[test]
fn tokens_that_were_not_chosen_are_refused() {
    let (sharded, run) = honest();
    let mut tried = 0;
    for position in 2..6 {
        // Every shard runs honestly on a token that the model did not say.
        let mut tokens = run.tokens.clone();
        tokens[position] = (tokens[position] + 1) % 21;
        let fed = sharded.run(&tokens, 3, srs());
        assert!((0..3).all(|shard| holds(sharded, &fed, shard)));
        let error = verdict(sharded, &fed).expect_err("SOUNDNESS: a token that was not chosen");
        assert!(matches!(error, ShardError::Token { .. }), "{error}");
        // … and says in its words that it was fed the model's, or chose what was fed.
        let mut said = fed.clone();
        said.statements[0].output_words = run.statements[0].output_words.clone();
        assert!(
            verdict(sharded, &said).is_err(),
            "SOUNDNESS: words are accepted"
        );
        let mut chose = fed.clone();
        chose.statements[2].output_words = run.statements[2].output_words.clone();
        assert!(
            verdict(sharded, &chose).is_err(),
            "SOUNDNESS: words are accepted"
        );
        tried += 3;
    }
    for shard in [0, 2] {
        let mut none = run.clone();
        none.statements[shard].output_words.clear();
        assert_eq!(verdict(sharded, &none), Err(ShardError::Words { shard }));
        tried += 1;
    }
    println!("fed tokens: {tried} tried, 0 accepted");
}

/// What comes in beyond the stream's width would be part of every norm.
#[test]
fn values_in_the_padding_of_the_residual_stream_are_refused() {
    let (sharded, run) = honest();
    let mut tried = 0;
    for shard in [1, 2] {
        let (program, weights) = &sharded.shards[shard];
        let residual = run.traces[shard - 1].residual(&sharded.shards[shard - 1].0);
        for (slot, feature) in [(0, 12), (3, 15), (7, 13)] {
            let mut hidden = residual.to_vec();
            hidden[16 * slot + feature] = 1000;
            let trace = exec::run_residual(program, weights, &hidden).expect("in range");
            let forged = forger(sharded, shard, &trace, &run.links[shard]);
            let error = refused(&forged, "a value in the padding");
            assert!(error.contains("batching"), "{error}");
            tried += 1;
        }
    }
    println!("padding of the residual stream: {tried} tried, 0 accepted");
}
