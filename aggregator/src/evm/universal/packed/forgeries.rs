//! The universal contract's forgeries against that of packed proofs, with the word behind the proof that belongs to what is altered; then those of the terms.

use halo2_base::halo2_proofs::halo2curves::CurveAffine;
use halo2_base::halo2_proofs::halo2curves::bn256::{Fq, Fr, G1, G1Affine};
use halo2_base::halo2_proofs::halo2curves::ff::{Field, PrimeField};
use halo2_base::halo2_proofs::halo2curves::group::Curve;

use super::super::forgeries::{
    EQUIVALENT, Honest, KIND, REVERT, balanced, cases, mutants, refuses_by_the_check_for_it,
    without_checks,
};
use super::super::graph::Node;
use super::super::program::VerifierProgram;
use super::super::program::interpreter::Interpreter;
use super::super::tests::{INSTANCES, Setup};
use super::*;
use crate::evm::known_secret::{
    Case, Mutant, Places, Prover, Trial, by_line, deploy, not_canonical, number_after, point,
    replaced, reversed, scalar, with_point,
};
use crate::evm::tests::compiler;
use crate::packed::tests::{claim, of_logs, terms};
use crate::packed::{self, with_limbs};
use crate::srs::development_secret;

/// Terms of a calldata.
const TERMS: usize = 5;

/// A contract, a proof for it, and the calldata that shows it with any terms.
struct Packed {
    honest: Honest,
    /// Where the generator's scalar is; that of the left side and the terms follow.
    shown: usize,
    witness: Witness,
}

impl Packed {
    fn new() -> Self {
        let srs = Srs::development(15).unwrap();
        let setup = Setup::new(KIND, 2);
        let key = PackedKey::commit(&srs, &setup.key, INSTANCES).unwrap();
        let vk = setup.key.get_vk();
        let words = packed_key_words(vk, &key, INSTANCES).unwrap();
        let verifier = generate_packed_universal(&srs, vk, &key, INSTANCES).unwrap();
        let own = claim(&setup, 77, 5).words;
        // The second term's scalar is 0.
        let logs: Vec<Fr> = (13..13 + TERMS as u64).map(Fr::from).collect();
        let scalars: Vec<Fr> = [7, 0, 8, 9, 10].map(Fr::from).into();
        let deferred = of_logs(&logs, &scalars, Fr::ZERO);
        let circuit = setup.circuit(&with_limbs(&own));
        let proof = packed::create_proof(&srs, &setup.key, &key, circuit, &own).unwrap();
        let calldata = encode_packed_calldata(&own, &words, &proof, &deferred).unwrap();
        let shown = 32 * (own.len() + words.len()) + proof.len();
        let mut bad = deferred.clone();
        bad.generator += Fr::ONE;
        let end = shown - 32;
        let program = VerifierProgram::of(verifier.program.clone(), &srs.s_g2());
        let witness = verifier.witness.clone();
        let honest = Honest {
            text: verifier.source.clone(),
            program: Interpreter::read(&program.text).expect("a program"),
            false_accumulator: [&calldata[..shown], &encoded(&bad)].concat(),
            calldata,
            error: G1Affine::generator().into(),
            words: own.len(),
            limbs: 0,
            proof: 32 * (own.len() + words.len()),
            end,
            finish: Box::new(move |calldata| {
                let inverse = verifier.witness.inverse(&calldata[..end]);
                calldata[end..end + 32].copy_from_slice(&word(&inverse.unwrap_or_default()));
            }),
        };
        Self {
            honest,
            shown,
            witness,
        }
    }

    /// A text's last points. What the terms add is left out by showing none: then the sum is the proof's alone.
    fn prover(&self, compiler: &SolcCompiler, text: &str) -> Prover {
        let challenges: Vec<&str> = text
            .lines()
            .filter(|line| line.contains(", mod(mload(0x"))
            .collect();
        let before_fold = challenges[challenges.len() - 2];
        let shown = self.shown;
        Prover {
            bare: deploy(compiler, UNIVERSAL_CONTRACT, &without_checks(text)),
            places: Places {
                lhs: number_after(text, "move(0x80, 0x") - 0xc0,
                challenge: number_after(before_fold, "mstore(0x"),
                pairing: 0,
            },
            last: self.honest.end - 64,
            alone: Box::new(move |calldata| [&calldata[..shown], &[0; 64]].concat()),
        }
    }

    fn with(&self, deferred: &Deferred<Fr, G1Affine>) -> Vec<u8> {
        [&self.honest.calldata[..self.shown], &encoded(deferred)].concat()
    }

    /// Offset of term `index`.
    fn term(&self, index: usize) -> usize {
        self.shown + 64 + 96 * index
    }
}

/// The group operations as calldata shows them.
fn encoded(deferred: &Deferred<Fr, G1Affine>) -> Vec<u8> {
    encode_packed_calldata(&[], &[], &[], deferred).unwrap()
}

/// The value of the fold in a contract of `text`.
fn fold(prover: &Prover, calldata: &[u8]) -> Fr {
    let memory = prover.memory(calldata).expect("computed");
    let at = prover.places.challenge + 32;
    Fr::from_repr(reversed(&memory[at..at + 32])).unwrap()
}

/// The line that copies the last point for the fold, and the one that copies what follows the proof.
fn copies_for_the_fold(text: &str) -> [&str; 2] {
    let lines: Vec<&str> = text.lines().collect();
    let rest = lines.iter().position(|line| {
        line.starts_with("calldatacopy(")
            && line.contains("sub(calldatasize(), 0x")
            && !line.starts_with("calldatacopy(0xc0, sub")
    });
    let rest = rest.expect("the fold hashes what follows the proof");
    [lines[rest - 1], lines[rest]]
}

/// What breaks the rules for terms, with a pairing that holds.
fn cases_of_terms(packed: &Packed, prover: &Prover, compiler: &SolcCompiler) -> Vec<Case> {
    let honest = &packed.honest;
    let good = &honest.calldata;
    let joined = |scalar: u64| packed.with(&terms(78, TERMS, Fr::from(scalar)));
    let mut all = vec![
        Case::accepted("terms of a join", joined(11)),
        Case::accepted("one term", packed.with(&terms(79, 1, Fr::ZERO))),
        Case::accepted("many terms", packed.with(&terms(80, 40, Fr::ZERO))),
    ];
    let mut broken = |name: &str, calldata: Vec<u8>| {
        all.push(balanced(honest, prover, name.to_owned(), calldata));
    };
    for index in 0..TERMS {
        let at = packed.term(index) + 64;
        broken(
            &format!("scalar of term {index} not canonical"),
            not_canonical(good, at),
        );
    }
    broken(
        "scalar on the left not canonical",
        not_canonical(&joined(11), packed.shown + 32),
    );
    let logs: Vec<Fr> = (3..3 + TERMS as u64).map(Fr::from).collect();
    for index in [0, 2] {
        let mut logs = logs.clone();
        logs[index] = Fr::ZERO;
        let scalars = vec![Fr::from(5); TERMS];
        broken(
            "a term at infinity",
            packed.with(&of_logs(&logs, &scalars, Fr::ZERO)),
        );
    }
    let opposite = of_logs(&[Fr::ONE, -Fr::ONE], &[Fr::from(5); 2], Fr::ONE);
    broken("the left side at infinity", packed.with(&opposite));
    // Of the second, the scalar is 0: it is in no sum, and must be a point all the same.
    let mut off = good.clone();
    off[packed.term(1) + 63] ^= 1;
    broken("a term without weight off the curve", off);
    all.push(Case::refused("no term", good[..packed.term(0)].to_vec()));
    all.push(Case::refused(
        "less than no term",
        good[..packed.shown + 32].to_vec(),
    ));
    all.push(Case::refused(
        "a part of a term",
        [&good[..], &[0; 32]].concat(),
    ));
    all.push(Case::refused(
        "false terms",
        honest.false_accumulator.clone(),
    ));
    all.extend(folds(packed, prover, compiler));
    all.extend(beyond_the_terms(packed));
    all.push(without_the_last_scalar(packed));
    all.extend(negated(packed, prover));
    all
}

/// False terms that the last point makes up for, for every fold that it does not enter, and a false proof that a term makes up for, for a fold that terms do
/// not enter.
fn folds(packed: &Packed, prover: &Prover, compiler: &SolcCompiler) -> Vec<Case> {
    let honest = &packed.honest;
    let bad = &honest.false_accumulator;
    let [last, rest] = copies_for_the_fold(&honest.text);
    let without = |line: &str| packed.prover(compiler, &honest.text.replace(line, ""));
    let made_up = |name: &str, fold: Fr| {
        let calldata = prover.balanced_with(bad, honest.error * fold);
        let calldata = calldata.expect("on the curve");
        Case::refused(format!("false terms, folded {name}"), calldata)
    };
    let mut all = vec![
        made_up("by 0", Fr::ZERO),
        made_up("by 1", Fr::ONE),
        made_up("without the last point", fold(&without(last), bad)),
    ];
    // lhs − τ·rhs of a proof with an altered evaluation, made up for by the first term.
    let mut altered = honest.calldata.clone();
    altered[honest.evaluations().start + 31] ^= 1;
    (honest.finish)(&mut altered);
    let own = prover.memory(&(prover.alone)(&altered)).expect("computed");
    let lhs = point(&own, prover.places.lhs).expect("a point");
    let rhs = point(&altered, prover.last).expect("a point");
    let error = G1::from(lhs) - rhs * development_secret();
    let fold = fold(&without(rest), &altered);
    let at = packed.term(0);
    let (first, s) = (point(&altered, at).unwrap(), scalar(&altered, at + 64));
    let first = G1::from(first) - error * (fold * s).invert().unwrap();
    let calldata = with_point(&altered, at, &first.to_affine());
    all.push(Case::refused(
        "a false proof, folded without the terms",
        calldata,
    ));
    all
}

/// One term, and a point before it that is made of the words there: the inverse and the generator's scalar, which is free.
fn beyond_the_terms(packed: &Packed) -> Option<Case> {
    let honest = &packed.honest;
    let bytes = reversed(&honest.calldata[honest.end..honest.end + 32]);
    let x = Option::<Fq>::from(Fq::from_repr(bytes))?;
    let y = Option::<Fq>::from((x.square() * x + Fq::from(3)).sqrt())?;
    let generator = [y, -y]
        .into_iter()
        .find_map(|y| Option::<Fr>::from(Fr::from_repr(y.to_repr())))?;
    let y = Option::<Fq>::from(Fq::from_repr(generator.to_repr()))?;
    let before = Option::<G1Affine>::from(G1Affine::from_xy(x, y))?;
    // s·P + g·G = τ·(P + l·Q)
    let (tau, left, s) = (development_secret(), Fr::from(11), Fr::from(5));
    let p = before * (tau * left) - G1Affine::generator() * generator;
    let p = (p * (s - tau).invert().unwrap()).to_affine();
    let deferred = Deferred {
        terms: vec![(s, p)],
        generator,
        left: vec![left],
    };
    Some(Case::refused(
        "a point before the only term",
        packed.with(&deferred),
    ))
}

/// Terms without the last scalar, which reads as 0: the 96 bytes that the right side's point is taken from begin with the scalar
/// before and the x of the last term, and these two are a point all the same.
fn without_the_last_scalar(packed: &Packed) -> Case {
    let root = |x: Fq| Option::<Fq>::from((x.square() * x + Fq::from(3)).sqrt());
    let of = |x: u64| {
        let y = root(Fq::from(x))?;
        let of = |y: Fq| root(y).map(|own| (x, y, own));
        [y, -y].into_iter().find_map(of)
    };
    let (x, y, own) = (1..).find_map(of).expect("one of four");
    let at =
        |x: Fq, y: Fq| Option::<G1Affine>::from(G1Affine::from_xy(x, y)).expect("on the curve");
    let (right, last) = (at(Fq::from(x), y), at(y, own));
    let second = G1Affine::generator();
    // s·P + x·G = τ·right
    let s = Fr::from(5);
    let first = right * development_secret() - second * Fr::from(x);
    let first = (first * s.invert().unwrap()).to_affine();
    let deferred = Deferred {
        terms: vec![(s, first), (Fr::from(x), second), (Fr::ZERO, last)],
        generator: Fr::ZERO,
        left: vec![Fr::ZERO],
    };
    let calldata = packed.with(&deferred);
    let end = calldata.len() - 32;
    Case::refused("the last scalar left out", calldata[..end].to_vec())
}

/// Words that are not canonical and that the contract negates: `q - (q + w)` is `2^256 - w`, another number than `-w`. With the
/// word behind the proof that fits to that number.
fn negated(packed: &Packed, prover: &Prover) -> Vec<Case> {
    let honest = &packed.honest;
    let word_bound = Fr::from(2).pow_vartime([256]);
    let of = |at: usize| {
        let mut witness = packed.witness.clone();
        let wrapped = Node::Constant(word_bound - scalar(&honest.calldata, at));
        for node in &mut witness.nodes {
            if matches!(node, Node::Negated(of) if packed.witness.nodes[*of] == Node::Calldata(at))
            {
                *node = wrapped;
            }
        }
        let mut calldata = not_canonical(&honest.calldata, at);
        let inverse = witness.inverse(&calldata[..honest.end])?;
        // Of most words nothing that is inverted depends on a negation.
        if Some(inverse) == packed.witness.inverse(&calldata[..honest.end]) {
            return None;
        }
        calldata[honest.end..honest.end + 32].copy_from_slice(&word(&inverse));
        let name = format!("word {} not canonical, negated as it stands", at / 32);
        Some(balanced(honest, prover, name, calldata))
    };
    let cases: Vec<Case> = honest.scalars().into_iter().filter_map(of).collect();
    assert!(!cases.is_empty(), "1/ω is negated");
    cases
}

/// Names of mutants that leave a challenge unreduced which is nowhere negated: all that reads it reduces it.
fn reduced_where_read(text: &str, mutants: &[Mutant]) -> Vec<String> {
    let names = mutants.iter().map(|mutant| &mutant.name);
    let names = names.filter(|name| name.starts_with("not reduced: mstore(0x"));
    let read = |name: &&String| {
        let at = number_after(name, "mstore(0x");
        !text.contains(&format!("sub(q, mload({at:#x}))"))
    };
    names.filter(read).cloned().collect()
}

/// Texts with other folds, and without what terms are read by.
fn mutants_of_terms(text: &str) -> Vec<Mutant> {
    let [last, rest] = copies_for_the_fold(text);
    let mut all = vec![
        replaced(text, "the last point not hashed", last, ""),
        replaced(text, "terms not hashed", rest, ""),
    ];
    let challenge = text.lines().rfind(|line| line.contains(", mod(mload(0x"));
    let challenge = challenge.expect("a challenge");
    let at = number_after(challenge, "mstore(0x");
    for (name, value) in [("fold by 0", 0), ("fold by 1", 1)] {
        let new = format!("mstore({at:#x}, {value})");
        all.push(replaced(text, name, challenge, &new));
    }
    all.extend(by_line(text, "the left side as without a join", |line| {
        let left = line.starts_with("if calldataload(0x") && !line.ends_with(REVERT);
        left.then(|| "if 0 {".to_owned())
    }));
    all
}

fn all_mutants(packed: &Packed) -> Vec<Mutant> {
    let text = &packed.honest.text;
    let mut all = mutants(text, 0);
    all.extend(mutants_of_terms(text));
    all
}

fn all_cases(packed: &Packed, compiler: &SolcCompiler) -> Vec<Case> {
    let prover = packed.prover(compiler, &packed.honest.text);
    let mut all = cases(&packed.honest, &prover);
    all.extend(cases_of_terms(packed, &prover, compiler));
    all
}

#[test]
fn what_passes_the_pairing_of_packed_proofs_is_refused_by_the_check_for_it() {
    let Some(compiler) = compiler() else { return };
    let packed = Packed::new();
    let inverse_of_the_generator = format!(
        "no bound: ok := and(ok, lt(calldataload({:#x}), q))",
        32 * (packed.honest.words + 4)
    );
    let expected = (
        all_cases(&packed, &compiler),
        all_mutants(&packed),
        &[
            ("the last point not hashed", "folded without the last point"),
            ("terms not hashed", "folded without the terms"),
            ("fold by 1", "folded by 1"),
            ("points off the curve are left out", "off the curve"),
            ("no check: if iszero(lt(scalar, q))", "scalar of term 0"),
            ("size not checked", "the last scalar left out"),
            (&inverse_of_the_generator, "negated as it stands"),
        ][..],
    );
    refuses_by_the_check_for_it(&compiler, &packed.honest, expected);
}

#[test]
#[ignore = "compiles a contract for each mutant; scripts/mutate_generated.sh runs it"]
fn every_mutant_of_the_contract_of_packed_proofs_is_noticed() {
    let compiler = compiler().expect("the compiler");
    // The words before the terms are a point for every other proof.
    let packed = (0..32)
        .map(|_| Packed::new())
        .find(|p| beyond_the_terms(p).is_some());
    let packed = packed.expect("one proof of 32");
    // It has no exponentiation, no limbs, and another fold.
    let other = ["staticcall(gas(), 5,", "limb below", "fold "];
    let equivalent = EQUIVALENT.iter().copied();
    let mutants = all_mutants(&packed);
    let reduced = reduced_where_read(&packed.honest.text, &mutants);
    let reason = "it enters `mulmod`, `addmod` and scalars of the precompiles alone, which take it modulo the same order";
    let equivalent: Vec<(&str, &str)> = equivalent
        .filter(|(name, _)| !other.iter().any(|other| name.contains(other)))
        .chain(reduced.iter().map(|name| (name.as_str(), reason)))
        .collect();
    let trial = Trial {
        compiler: &compiler,
        contract: UNIVERSAL_CONTRACT,
        cases: &all_cases(&packed, &compiler),
        equivalent: &equivalent,
    };
    let survivors = trial.survivors(&mutants);
    assert!(survivors.is_empty(), "{survivors:#?}");
}

/// On a chain without a precompile, at whose address there is no code: a call succeeds and leaves the operand as it is.
#[test]
fn a_chain_without_the_precompiles_of_sums_is_refused_for_packed_proofs() {
    let Some(compiler) = compiler() else { return };
    let packed = Packed::new();
    let (text, good) = (&packed.honest.text, &packed.honest.calldata);
    let points: Vec<G1Affine> = (0..TERMS)
        .map(|index| point(good, packed.term(index)).expect("a term"))
        .collect();
    // Without multiplications the terms are summed up as they are; without additions they are left out.
    let sum: G1 = points.iter().map(|point| G1::from(*point)).sum();
    let unscaled = sum - points[TERMS - 1] * development_secret();
    for (precompile, error) in [(7, unscaled), (6, G1::default())] {
        let missing = text.replace(
            &format!("staticcall(gas(), {precompile},"),
            &format!("staticcall(gas(), {:#x},", 0x1000 + precompile),
        );
        let prover = packed.prover(&compiler, &missing);
        let made = prover.balanced_with(good, error).expect("a last point");
        let unchecked = missing.replace("eq(returndatasize(), 0x40)", "1");
        let refused = deploy(&compiler, UNIVERSAL_CONTRACT, &missing);
        let accepting = deploy(&compiler, UNIVERSAL_CONTRACT, &unchecked);
        assert_eq!(refused.call(made.clone()), None, "precompile {precompile}");
        assert!(
            accepting.call(made).is_some(),
            "precompile {precompile}: the case is empty"
        );
    }
}
