//! Fiat–Shamir inventory: every absorb and every challenge of the verifier, and what each depends on.
//!
//! The listing is compared with a checked-in text, so no message can appear, move or vanish unseen; the
//! accounting shows that every scalar of a proof is absorbed exactly where the listing says.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use halo2curves_axiom::bn256::{Fr, G1Affine};
use halo2curves_axiom::ff::Field;
use laminate_engine::backend::Native;
use laminate_engine::fold::FoldMode;
use laminate_engine::transcript::Event;
use laminate_model::proof::NativeProof;
use laminate_model::statement::{Statement, VALUES_PER_WORD};
use laminate_model::verify::Verifier;
use laminate_tests::fields::{count, point_name, scalar_name, with_point, with_scalar};
use laminate_tests::recorder::{Recorder, Squeeze, squeezes};
use laminate_tests::sequence::{self, Shape};
use laminate_tests::{Proven, TestSrs, every_op, golden, programs, prove_case, prove_trace};

/// Absorbed values that are not messages of the prover.
const DERIVED: [&str; 3] = [
    "protocol version",
    "fork seed and index",
    "final states of the parts",
];
/// Fields that reach the transcript only through a hash that the statement carries.
const HASHED: [&str; 5] = [
    "weight salt",
    "weight rows",
    "input salt",
    "input",
    "output",
];

fn proven(mode: FoldMode) -> Proven {
    prove_case(&every_op(3, 1), &TestSrs::new(b"inventory", 14), mode, 1)
}

/// A language model of blocks that are stacked, proven folded.
fn sequence_proven() -> Proven {
    let case = sequence::case(5, &Shape::SMALL, true);
    let model = (&case.program, &case.weights);
    prove_trace(
        model,
        &case.trace,
        &TestSrs::new(b"inventory", 18),
        FoldMode::On,
        1,
    )
}

/// Challenges of a run that goes on past failed checks, and those checks.
fn run(proven: &Proven, statement: &Statement<Fr>, proof: &NativeProof) -> (Vec<Squeeze>, usize) {
    let mut recorder = Recorder::default();
    let (_, log) = proven
        .model
        .verifier
        .verify(&mut recorder, statement, proof)
        .expect("shape");
    (squeezes(&log, &recorder.states), recorder.failed.len())
}

#[test]
fn every_message_is_listed() {
    let mut text = String::from(
        "# Every absorb and challenge of the verifier, for a program of every op with two slots.\n\
         # \"name n\": n scalars; \"xN\": N times in a row. The order is the order in the transcript.\n",
    );
    for mode in [FoldMode::On, FoldMode::Off] {
        writeln!(text, "\n## fold {mode:?}").expect("a string");
        list(&mut text, &proven(mode));
    }
    golden::check("fs_inventory.txt", text.as_bytes());
}

#[test]
fn every_message_of_a_sequence_is_listed() {
    let mut text = String::from(
        "# Every absorb and challenge of the verifier, for a small language model of three blocks, folded.\n\
         # \"name n\": n scalars; \"xN\": N times in a row. The order is the order in the transcript.\n",
    );
    list(&mut text, &sequence_proven());
    golden::check("fs_inventory_sequence.txt", text.as_bytes());
}

/// Appends the events of a run on an honest proof.
fn list(text: &mut String, proven: &Proven) {
    let mut recorder = Recorder::default();
    let (_, log) = proven
        .model
        .verifier
        .verify(&mut recorder, &proven.statement, &proven.proof)
        .expect("an honest proof");
    assert!(recorder.failed.is_empty());
    for (name, events) in &log.transcripts {
        writeln!(text, "\n[{name}]").expect("a string");
        let lines = events.iter().map(|event| match event {
            Event::Absorb(label, count) => format!("  absorb    {label} {count}"),
            Event::Challenge(label, count) => format!("  challenge {label} {count}"),
        });
        text.push_str(&repeated(lines.collect()));
    }
}

/// Runs of one line, and of two lines in turn, are counted.
fn repeated(lines: Vec<String>) -> String {
    let mut out = String::new();
    let mut rest = lines.as_slice();
    while !rest.is_empty() {
        let period = |n: usize| {
            let head = rest.get(..n)?;
            let times = rest.chunks(n).take_while(|c| *c == head).count();
            (times > 1).then_some((n, times))
        };
        let (n, times) = period(1).or_else(|| period(2)).unwrap_or((1, 1));
        for line in &rest[..n] {
            let suffix = if times > 1 {
                format!(" x{times}")
            } else {
                String::new()
            };
            writeln!(out, "{line}{suffix}").expect("a string");
        }
        rest = &rest[n * times..];
    }
    out
}

/// Alters every scalar and point in turn; each must change the very challenge that follows its absorb,
/// every later one of its transcript, and the batching challenges; forks stay independent.
#[test]
fn every_scalar_is_absorbed_before_the_next_challenge() {
    for mode in [FoldMode::On, FoldMode::Off] {
        let tried = account_for(&proven(mode));
        println!(
            "fold {mode:?}: {tried} fields altered, each reached the challenge after it; 0 omitted"
        );
    }
}

/// The same for a language model, whose outputs that are not published are absorbed too.
#[test]
fn every_scalar_of_a_sequence_is_absorbed_before_the_next_challenge() {
    let tried = account_for(&sequence_proven());
    println!("sequence: {tried} fields altered, each reached the challenge after it; 0 omitted");
}

/// A shard's statement has a boundary at both ends; like all of its fields they reach the seed, and with it every
/// challenge, though the rows that they commit to are absorbed as well.
#[test]
fn every_field_of_a_shards_statement_is_absorbed() {
    let verifier = Verifier::new(programs::middle_shard()).expect("a program");
    let honest = Statement {
        program_digest: verifier.digest,
        weight_commitment: Fr::from(2),
        input_commitment: Fr::from(3),
        boundary_in: Some(Fr::from(4)),
        boundary_out: Some(Fr::from(5)),
        output_words: vec![],
    };
    let rows = [G1Affine::generator(); 3];
    let seed = |statement: &Statement<Fr>, rows: &[G1Affine]| {
        let salt = Fr::from(9);
        let (_, seed) = verifier.start(&mut Native, &salt, statement, &[], rows);
        seed
    };
    let expected = seed(&honest, &rows);
    let others = statements(&honest);
    assert_eq!(others.len(), honest.fields().len());
    for (name, other) in others {
        assert_ne!(seed(&other, &rows), expected, "{name}");
    }
    for i in 0..rows.len() {
        let mut other = rows;
        other[i] = -other[i];
        assert_ne!(seed(&honest, &other), expected, "row {i}");
    }
}

fn account_for(proven: &Proven) -> usize {
    let (honest, failed) = run(proven, &proven.statement, &proven.proof);
    assert_eq!(failed, 0, "honest proof");
    let mut account: BTreeMap<usize, usize> = BTreeMap::new();
    let mut tried = 0;
    let mut hidden = 0usize;
    let last = |p: &NativeProof| match p.openings.as_slice() {
        [opening] => Some(opening.pcs.opening),
        _ => None,
    };
    for (name, size, proof) in alterations(&proven.proof) {
        let (altered, failed) = run(proven, &proven.statement, &proof);
        let changed = changes(&honest, &altered);
        if name == "output" && !changed.is_empty() {
            // Not in an output word: packed and absorbed by itself, ahead of the seed.
            reaches(&name, &honest, &changed);
            assert_eq!(changed[0], 0, "an unpublished output misses the seed");
            hidden += 1;
        } else if last(&proof) != last(&proven.proof) {
            // The last message of all: no challenge follows, the pairing is about it.
            assert!(changed.is_empty(), "{name}");
        } else if HASHED.contains(&name.as_str()) {
            assert!(failed > 0, "{name}: neither absorbed nor bound by a hash");
            assert!(
                changed.is_empty(),
                "{name}: absorbed now; take it from the list of hashed fields"
            );
        } else {
            reaches(&name, &honest, &changed);
            *account.entry(changed[0]).or_default() += size;
        }
        tried += 1;
    }
    for (name, statement) in statements(&proven.statement) {
        let (altered, failed) = run(proven, &statement, &proven.proof);
        let changed = changes(&honest, &altered);
        assert_eq!(
            changed.len(),
            honest.iter().filter(|s| !s.values.is_empty()).count(),
            "{name}: some challenge stays"
        );
        assert!(failed > 0, "{name}");
        *account.entry(0).or_default() += 1;
        tried += 1;
    }
    let outputs = &proven.proof.output;
    assert_eq!(hidden, proven.model.verifier.hidden_output(outputs).len());
    *account.entry(0).or_default() += hidden.div_ceil(VALUES_PER_WORD);
    for (i, squeeze) in honest.iter().enumerate() {
        let absorbed = squeeze
            .absorbed
            .iter()
            .filter(|(label, _)| !DERIVED.contains(label));
        let expected: usize = absorbed.map(|(_, n)| n).sum();
        let found = account.get(&i).copied().unwrap_or(0);
        // A squeeze of no challenges cannot change; its absorbs count for the next.
        assert_eq!(
            found, expected,
            "{} {:?}: absorbed here {:?}",
            squeeze.transcript, squeeze.label, squeeze.absorbed
        );
    }
    tried
}

fn alterations(proof: &NativeProof) -> Vec<(String, usize, NativeProof)> {
    let (scalars, points) = count(proof);
    let scalar = |i| {
        (
            scalar_name(proof, i),
            1,
            with_scalar(proof, i, |s| s + Fr::ONE),
        )
    };
    // The negated point changes one of three scalars, so a point counts for all it encodes to.
    let point = |i| {
        (
            point_name(proof, i),
            3,
            with_point(proof, i, |p: G1Affine| -p),
        )
    };
    (0..scalars)
        .map(scalar)
        .chain((0..points).map(point))
        .collect()
}

fn statements(honest: &Statement<Fr>) -> Vec<(String, Statement<Fr>)> {
    let alter = |name: &str, f: &dyn Fn(&mut Statement<Fr>)| {
        let mut statement = honest.clone();
        f(&mut statement);
        (name.to_string(), statement)
    };
    let mut out = vec![
        alter("program digest", &|s| s.program_digest += Fr::ONE),
        alter("weight commitment", &|s| s.weight_commitment += Fr::ONE),
        alter("input commitment", &|s| s.input_commitment += Fr::ONE),
    ];
    if honest.boundary_in.is_some() {
        out.push(alter("boundary in", &|s| {
            s.boundary_in = s.boundary_in.map(|b| b + Fr::ONE)
        }));
    }
    if honest.boundary_out.is_some() {
        out.push(alter("boundary out", &|s| {
            s.boundary_out = s.boundary_out.map(|b| b + Fr::ONE)
        }));
    }
    out.extend(
        (0..honest.output_words.len())
            .map(|i| alter("output word", &|s| s.output_words[i] += Fr::ONE)),
    );
    out
}

/// Indices of the squeezes whose challenges differ.
fn changes(honest: &[Squeeze], altered: &[Squeeze]) -> Vec<usize> {
    assert_eq!(honest.len(), altered.len());
    (0..honest.len())
        .filter(|i| honest[*i].values != altered[*i].values)
        .collect()
}

/// From the first changed squeeze on, all of its transcript and all later ones of the main transcript
/// change, and no other fork does, unless the seed itself changed.
fn reaches(name: &str, honest: &[Squeeze], changed: &[usize]) {
    let Some(first) = changed.first() else {
        panic!("{name}: no challenge depends on it")
    };
    let home = &honest[*first].transcript;
    for (i, squeeze) in honest
        .iter()
        .enumerate()
        .filter(|(_, s)| !s.values.is_empty())
    {
        let later = i >= *first
            && (*first == 0 || squeeze.transcript == *home || squeeze.transcript == "main");
        assert_eq!(
            changed.contains(&i),
            later,
            "{name}: {} {:?} ({i})",
            squeeze.transcript,
            squeeze.label
        );
    }
}
