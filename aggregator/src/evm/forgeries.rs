//! What the contract of one key refuses although its pairing holds, each calldata against the check that is there for it.
//!
//! The mutants of the text are compiled and run by `scripts/mutate_generated.sh`; a few of them always.

use halo2_base::halo2_proofs::halo2curves::{
    bn256::{Fr, G1},
    ff::{Field, PrimeField},
};

use super::{
    SolcCompiler, VERIFIER_CONTRACT, accumulator_limbs, encode_calldata, generate_verifier,
    known_secret::{
        Case, Mutant, Places, Prover, Trial, accumulator_hash, by_line, deploy, not_canonical,
        number_after, off_curve, replaced, scalar, with_scalar,
    },
    tests::{Setup, compiler, instances},
};
use crate::srs::development_secret;

const CHECKED: &str = "success := and(validate_ec_point(x, y), success)";

/// The text that refuses nothing and returns its memory.
fn without_checks(text: &str) -> String {
    let size = places(text).pairing + 0x20;
    text.replace("if iszero(success) { revert(0, 0) }", "")
        .replace("return(0, 0)", &format!("return(0, {size:#x})"))
}

fn places(text: &str) -> Places {
    let challenge = text
        .lines()
        .rfind(|line| line.contains(", mod(hash, f_q))"));
    Places {
        lhs: number_after(text, "keccak256(0x"),
        challenge: number_after(challenge.expect("a challenge"), "mstore(0x"),
        pairing: number_after(text, "eq(mload(0x"),
    }
}

/// A circuit, its contract and calldata that it accepts.
struct Honest {
    text: String,
    calldata: Vec<u8>,
    /// Calldata with a false accumulator that the circuit proves.
    false_accumulator: Vec<u8>,
    /// `lhs − τ·rhs` of it, in the contract's names.
    error: G1,
}

impl Honest {
    fn new() -> Self {
        let setup = Setup::new();
        let good = setup.accumulator(77);
        let mut bad = good.clone();
        bad.left = setup.accumulator(78).left;
        let error = G1::from(bad.right) - bad.left * development_secret();
        let mut count = 0;
        let [good, bad] = [good, bad].map(|accumulator| {
            let statement = instances(&accumulator_limbs(&accumulator), 5);
            count = statement.len();
            encode_calldata(&statement, &setup.prove(&statement))
        });
        let text = generate_verifier(&setup.srs, setup.key.get_vk(), count);
        Self {
            text: text.unwrap().source,
            calldata: good,
            false_accumulator: bad,
            error,
        }
    }

    fn prover(&self, compiler: &SolcCompiler) -> Prover {
        Prover {
            bare: deploy(compiler, VERIFIER_CONTRACT, &without_checks(&self.text)),
            places: places(&self.text),
            last: self.calldata.len() - 64,
            alone: Box::new(<[u8]>::to_vec),
        }
    }

    /// Offsets after a beginning of a line, in the order of the text.
    fn offsets(&self, before: &str) -> Vec<usize> {
        let lines = self.text.lines().filter(|line| line.contains(before));
        lines.map(|line| number_after(line, before)).collect()
    }

    /// Of the points, the last left out.
    fn points(&self) -> Vec<usize> {
        let mut points = self.offsets("let x := calldataload(0x");
        assert_eq!(points.pop(), Some(self.calldata.len() - 64));
        points
    }

    /// Of instances and evaluations.
    fn scalars(&self) -> Vec<usize> {
        self.offsets(", mod(calldataload(0x")
    }
}

/// The limb at a word changed so that the sum of the limbs stays: a carry moved down, or 2^256 more.
fn aliased_limb(calldata: &[u8], index: usize) -> Vec<u8> {
    let at = 32 * index;
    if index % 3 == 2 {
        return with_scalar(calldata, at, scalar(calldata, at) + Fr::from_u128(1 << 80));
    }
    let lower = with_scalar(calldata, at, scalar(calldata, at) + Fr::from_u128(1 << 88));
    with_scalar(&lower, at + 32, scalar(calldata, at + 32) - Fr::ONE)
}

/// Calldata that passes the pairing and breaks one rule each, then what the pairing itself must refuse.
fn cases(honest: &Honest, prover: &Prover) -> Vec<Case> {
    let good = &honest.calldata;
    let mut cases = vec![Case::accepted("the honest proof", good.clone())];
    // Its caller refuses these (`accepts_what_the_wrapper_must_refuse`).
    cases.extend(honest.scalars().into_iter().map(|at| {
        let name = format!("word {} not canonical", at / 32);
        Case::accepted(name, not_canonical(good, at))
    }));
    let mut broken = |name: String, calldata: Vec<u8>| {
        let balanced = prover
            .balanced(&calldata)
            .unwrap_or_else(|| panic!("{name}"));
        assert!(prover.pairing_holds(&balanced), "{name}");
        cases.push(Case::refused(name, balanced));
    };
    for index in 0..12 {
        broken(format!("limb {index} aliased"), aliased_limb(good, index));
    }
    for at in honest.points() {
        let mut infinity = good.clone();
        infinity[at..at + 64].fill(0);
        broken(format!("point at {at:#x} at infinity"), infinity);
    }
    let mut infinity = good.clone();
    infinity[..12 * 32].fill(0);
    broken("accumulator at infinity".into(), infinity);
    let off = off_curve(prover, good, &honest.points(), &|_| {});
    assert!(off.len() + 1 >= honest.points().len(), "{}", off.len());
    cases.extend(off);
    let folds = [
        ("left out", Fr::ZERO),
        ("by 1", Fr::ONE),
        (
            "by a hash of itself",
            accumulator_hash(&honest.false_accumulator),
        ),
    ];
    cases.extend(folds.map(|(how, fold)| {
        let calldata = prover.balanced_with(&honest.false_accumulator, honest.error * fold);
        let name = format!("a false accumulator, folded {how}");
        Case::refused(name, calldata.expect("on the curve"))
    }));
    let mut altered = good.clone();
    altered[honest.scalars()[20] + 31] ^= 1;
    cases.push(Case::refused("an altered evaluation", altered));
    cases
}

/// The text without the calls of the point check whose numbers are in `numbers`.
fn unchecked_points(text: &str, numbers: &[usize]) -> String {
    let mut number = 0;
    let lines = text.lines().map(|line| {
        let is_check = line.trim() == CHECKED;
        number += usize::from(is_check);
        if is_check && numbers.contains(&(number - 1)) {
            ""
        } else {
            line
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The text whose calls of some precompiles may fail.
fn failing(text: &str, precompiles: &[usize]) -> String {
    let lines = text.lines().map(|line| {
        let call =
            |precompile: &usize| line.contains(&format!("staticcall(gas(), {precompile:#x},"));
        if precompiles.iter().any(call) {
            line.replace("success := and(", "pop(and(") + ")"
        } else {
            line.to_owned()
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn mutants(text: &str) -> Vec<Mutant> {
    let mutant = |name: String, text: String| Mutant { name, text };
    let points = text.lines().filter(|line| line.trim() == CHECKED).count();
    let (last, lhs, rhs) = (points - 3, points - 2, points - 1);
    let mut all: Vec<Mutant> = (0..last)
        .map(|n| {
            mutant(
                format!("point {n} not checked"),
                unchecked_points(text, &[n]),
            )
        })
        .collect();
    let every: Vec<usize> = (0..points).collect();
    all.extend([
        mutant(
            "last point not checked".into(),
            unchecked_points(text, &[last]),
        ),
        mutant(
            "accumulator's lhs not checked".into(),
            unchecked_points(text, &[lhs]),
        ),
        mutant(
            "accumulator's rhs not checked".into(),
            unchecked_points(text, &[rhs]),
        ),
        mutant(
            "accumulator not checked".into(),
            unchecked_points(text, &[lhs, rhs]),
        ),
        mutant("sums may fail".into(), failing(text, &[6, 7])),
        mutant("pairing may fail".into(), failing(text, &[8])),
        mutant("inversion may fail".into(), failing(text, &[5])),
        mutant(
            "points off the curve are left out".into(),
            failing(&unchecked_points(text, &every), &[6, 7]),
        ),
    ]);
    all.extend(by_line(text, "limb not bounded", |line| {
        line.contains("success := and(lt(mload(").then(String::new)
    }));
    all.extend(by_line(text, "limb of one bit more", |line| {
        let bounds = line.contains("success := and(lt(mload(");
        bounds.then(|| {
            line.replace("shl(88, 1)", "shl(89, 1)")
                .replace("shl(80, 1)", "shl(81, 1)")
        })
    }));
    all.extend(by_line(text, "word not reduced", |line| {
        Some(
            line.replace(", mod(calldataload(", ", add(0, calldataload(")
                .replace("), f_q))", ")))"),
        )
        .filter(|_| line.contains(", mod(calldataload("))
    }));
    all.extend(by_line(text, "less hashed", |line| {
        let (before, length) = line.strip_suffix("))")?.rsplit_once(", ")?;
        let length: usize = length.parse().ok()?;
        let hashed = before.contains("keccak256(0x");
        let fold = hashed && number_after(before, "keccak256(0x") == places(text).lhs;
        (hashed && !fold).then(|| format!("{before}, {}))", length - 32))
    }));
    all.extend(by_line(text, "term left out", |line| {
        line.contains("staticcall(gas(), 0x6,").then(String::new)
    }));
    let fold = text.lines().rfind(|line| line.contains("keccak256(0x"));
    let fold = fold.expect("a fold").split_once(", ").expect("a store").1;
    let fold = fold.strip_suffix(')').expect("a store");
    let claims = places(text).lhs;
    let pairing = text
        .lines()
        .find(|line| line.contains("success := and(eq(mload("));
    let pairing = pairing.expect("a pairing");
    let modulus = "0x30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd47";
    let bounds = ["x", "y"].map(|coordinate| format!("lt({coordinate}, {modulus})"));
    let one_line = [
        ("fold by 0", fold, "0".to_owned()),
        ("fold by 1", fold, "1".to_owned()),
        (
            "fold by the accumulator alone",
            fold,
            format!("keccak256({:#x}, 128)", claims + 0x80),
        ),
        (
            "fold by the proof alone",
            fold,
            format!("keccak256({claims:#x}, 128)"),
        ),
        ("x not below p", bounds[0].as_str(), "1".to_owned()),
        ("y not below p", bounds[1].as_str(), "1".to_owned()),
        (
            "off the curve",
            "eq(x_cube_plus_3, y_square)",
            "1".to_owned(),
        ),
        ("no pairing", pairing.trim(), String::new()),
        (
            "nothing refused",
            "if iszero(success) { revert(0, 0) }",
            String::new(),
        ),
    ];
    all.extend(one_line.map(|(name, old, new)| replaced(text, name, old, &new)));
    all
}

/// Mutants that no calldata tells from the contract.
const EQUIVALENT: &[(&str, &str)] = &[
    (
        "last point not checked",
        "the precompiles refuse a point off the curve, and take infinity for the commitment to zero, whose opening the pairing checks",
    ),
    (
        "accumulator's lhs not checked",
        "the precompiles refuse a point off the curve; infinity beside a checked rhs is a false accumulator",
    ),
    (
        "accumulator's rhs not checked",
        "the precompiles refuse a point off the curve; infinity beside a checked lhs is a false accumulator",
    ),
    (
        "sums may fail",
        "every operand is checked before; out of gas, 1/64 of less than 6,000 is left, too little to end the call",
    ),
    (
        "pairing may fail",
        "its inputs are results of sums; where it fails for lack of gas the word compared with 1 is lhs.x, which the fold's hash keeps from being chosen",
    ),
    (
        "inversion may fail",
        "only for lack of gas, and 1/64 of what is left ends no call",
    ),
    (
        "fold by the proof alone",
        "the accumulator is bound by the transcript before the last point, which the hash of the proof's sides binds",
    ),
    ("x not below p", "the precompiles refuse the coordinate"),
    ("y not below p", "the precompiles refuse the coordinate"),
];

#[test]
fn what_passes_the_pairing_is_refused_by_the_check_for_it() {
    let Some(compiler) = compiler() else { return };
    let honest = Honest::new();
    let prover = honest.prover(&compiler);
    let cases = cases(&honest, &prover);
    let chain = deploy(&compiler, VERIFIER_CONTRACT, &honest.text);
    for case in &cases {
        let accepted = chain.call(case.calldata.clone()).is_some();
        assert_eq!(accepted, case.accepted, "{}", case.name);
    }
    let refused = cases.iter().filter(|case| !case.accepted).count();
    println!("{refused} false calldata tried, 0 accepted");
    let trial = Trial {
        compiler: &compiler,
        contract: VERIFIER_CONTRACT,
        cases: &cases,
        equivalent: &[],
    };
    for (name, expected) in [
        ("point 0 not checked", "at infinity"),
        ("accumulator not checked", "accumulator at infinity"),
        ("fold by 1", "a false accumulator, folded by 1"),
        ("points off the curve are left out", "infinity"),
    ] {
        let mutant = mutants(&honest.text).into_iter().find(|m| m.name == name);
        let killer = trial.killer(&mutant.expect("in the list"));
        let killer = killer.map(|case| case.name.as_str()).unwrap_or_default();
        assert!(killer.contains(expected), "{name}: {killer}");
    }
}

#[test]
#[ignore = "compiles a contract for each mutant; scripts/mutate_generated.sh runs it"]
fn every_mutant_of_the_contract_of_one_key_is_noticed() {
    let compiler = compiler().expect("the compiler");
    let honest = Honest::new();
    let prover = honest.prover(&compiler);
    let trial = Trial {
        compiler: &compiler,
        contract: VERIFIER_CONTRACT,
        cases: &cases(&honest, &prover),
        equivalent: EQUIVALENT,
    };
    let survivors = trial.survivors(&mutants(&honest.text));
    assert!(survivors.is_empty(), "{survivors:#?}");
}
