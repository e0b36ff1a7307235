//! What the universal contract refuses although its pairing holds, each calldata against the check that is there for it.
//!
//! The mutants of the text are compiled and run by `scripts/mutate_generated.sh`; a few of them always.

use halo2_base::halo2_proofs::halo2curves::{
    bn256::{Fr, G1, G1Affine},
    ff::{Field, PrimeField},
};

use laminate_engine::accumulator::Accumulator;

use super::{
    super::{
        accumulator_limbs,
        known_secret::{
            Case, Mutant, Places, Prover, Trial, accumulator_hash, by_line, deploy, not_canonical,
            number_after, off_curve, replaced, scalar, with_point, with_scalar,
        },
    },
    UNIVERSAL_CONTRACT, encode_universal_calldata,
    program::interpreter::Interpreter,
    tests::{INSTANCES, Kind, Setup, instances},
};
use crate::evm::template::KEY_HEAD;
use crate::{
    evm::{SolcCompiler, tests::compiler},
    srs::development_secret,
};

pub(super) const KIND: Kind = Kind {
    k: 10,
    addend: 5,
    lookup_bits: Some(8),
};
pub(super) const REVERT: &str = " { revert(0, 0) }";

/// The text that refuses nothing and returns its memory.
pub(super) fn without_checks(text: &str) -> String {
    let line = |line: &str| {
        if line.contains("staticcall") {
            line.replace("if iszero(", "pop(").replace(REVERT, "")
        } else if line.ends_with(REVERT) {
            String::new()
        } else {
            line.replace("return(0, 0)", "return(0, 0x2000)")
        }
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

fn places(text: &str) -> Places {
    let challenge = text
        .lines()
        .rfind(|line| line.starts_with("mstore(0x") && line.contains(", mod(mload(0x"))
        .expect("a challenge");
    Places {
        lhs: number_after(text, "let fold := mod(keccak256(0x"),
        challenge: number_after(challenge, "mstore(0x"),
        pairing: 0,
    }
}

fn prover(compiler: &SolcCompiler, text: &str, size: usize) -> Prover {
    Prover {
        bare: deploy(compiler, UNIVERSAL_CONTRACT, &without_checks(text)),
        places: places(text),
        last: size - 64,
        alone: Box::new(<[u8]>::to_vec),
    }
}

/// Puts right what stands behind the last point of altered calldata.
pub(super) type Finish = Box<dyn Fn(&mut Vec<u8>)>;

/// A contract and calldata that it accepts.
pub(super) struct Honest {
    pub text: String,
    /// The contract as data.
    pub program: Interpreter,
    pub calldata: Vec<u8>,
    /// Calldata with a false accumulator: `left` is of another secret.
    pub false_accumulator: Vec<u8>,
    /// `lhs − τ·rhs` of the false accumulator, in the contract's names.
    pub error: G1,
    /// Words of instances in the calldata.
    pub words: usize,
    /// How many of them are limbs.
    pub limbs: usize,
    /// Where the proof begins in the calldata.
    pub proof: usize,
    /// Where its last point ends.
    pub end: usize,
    /// Puts right the word behind the last point, if there is one, for altered calldata.
    pub finish: Finish,
}

/// `lhs − τ·rhs` where `left` is that of the secret 78 and `right` that of 77, in the contract's names.
pub(super) fn false_accumulator(setup: &Setup) -> (Accumulator<G1Affine>, G1) {
    let mut bad = setup.accumulator(77);
    bad.left = setup.accumulator(78).left;
    let error = G1::from(bad.right) - bad.left * development_secret();
    (bad, error)
}

impl Honest {
    fn new() -> Self {
        let setup = Setup::new(KIND, 2);
        let words = setup.words();
        let calldata = |limbs: &[Fr]| {
            let statement = instances(limbs, KIND, 5);
            encode_universal_calldata(&statement, &words, &setup.prove(&statement))
        };
        let (bad, error) = false_accumulator(&setup);
        let good = setup.accumulator(77);
        let [good, bad] = [good, bad].map(|accumulator| calldata(&accumulator_limbs(&accumulator)));
        Self {
            text: setup.generate().source,
            program: setup.program(),
            end: good.len(),
            calldata: good,
            false_accumulator: bad,
            error,
            words: INSTANCES,
            limbs: 12,
            proof: 32 * (INSTANCES + words.len()),
            finish: Box::new(|_| {}),
        }
    }

    fn prover(&self, compiler: &SolcCompiler) -> Prover {
        prover(compiler, &self.text, self.end)
    }

    /// Offsets of points of key and proof but the last.
    fn points(&self) -> Vec<usize> {
        let key = 32 * (self.words + KEY_HEAD);
        // In a proof: points, evaluations, two points.
        let evaluations = self.evaluations();
        (key..self.proof)
            .step_by(64)
            .chain((self.proof..evaluations.start).step_by(64))
            .chain([evaluations.end])
            .collect()
    }

    /// Bytes of the evaluations: words that are checked against the modulus beyond instances and key.
    pub(super) fn evaluations(&self) -> std::ops::Range<usize> {
        let checked: Vec<usize> = self
            .checked()
            .filter(|at| (self.proof..self.end).contains(at))
            .collect();
        checked[0]..checked[checked.len() - 1] + 32
    }

    /// Offsets of the words that are checked against the modulus.
    fn checked(&self) -> impl Iterator<Item = usize> {
        let lines = self.text.lines();
        let lines = lines.filter(|line| line.starts_with("ok := and(ok, lt(calldataload(0x"));
        lines.map(|line| number_after(line, "calldataload(0x"))
    }

    /// Offsets of the words that must be below the modulus, but those of limbs, which have narrower bounds.
    pub(super) fn scalars(&self) -> Vec<usize> {
        (self.limbs..self.words)
            .chain([2, 3, 4].map(|word| self.words + word))
            .map(|word| 32 * word)
            .chain(self.evaluations().step_by(32))
            .chain(self.checked().filter(|at| *at >= self.end))
            .collect()
    }
}

/// The limb at a word changed so that the coordinate stays: a bit of the next limb twice, or one beyond 2^256.
fn aliased_limb(calldata: &[u8], index: usize) -> Vec<u8> {
    let at = 32 * index;
    let added = if index % 3 == 2 {
        Fr::from_u128(1 << 80)
    } else {
        let next = scalar(calldata, at + 32).to_repr();
        let bit = (0..80).find(|bit| next[bit / 8] >> (bit % 8) & 1 == 1);
        Fr::from(2).pow_vartime([88 + bit.expect("not zero") as u64])
    };
    with_scalar(calldata, at, scalar(calldata, at) + added)
}

/// Altered calldata whose pairing the last point makes hold.
pub(super) fn balanced(
    honest: &Honest,
    prover: &Prover,
    name: String,
    mut calldata: Vec<u8>,
) -> Case {
    let good = &honest.calldata;
    let behind = honest.end..good.len().min(honest.end + 32);
    if calldata.get(behind.clone()) == good.get(behind) {
        (honest.finish)(&mut calldata);
    }
    let balanced = prover
        .balanced(&calldata)
        .unwrap_or_else(|| panic!("{name}"));
    assert!(prover.pairing_holds(&balanced), "{name}");
    Case::refused(name, balanced)
}

/// Calldata that passes the pairing and breaks one rule each, then what the pairing itself must refuse.
pub(super) fn cases(honest: &Honest, prover: &Prover) -> Vec<Case> {
    let good = &honest.calldata;
    let mut cases = vec![Case::accepted("the honest proof", good.clone())];
    let mut broken = |name: String, calldata: Vec<u8>| {
        cases.push(balanced(honest, prover, name, calldata));
    };
    for at in honest.scalars() {
        broken(
            format!("word {} not canonical", at / 32),
            not_canonical(good, at),
        );
    }
    let word = |word: usize| 32 * (honest.words + word);
    broken("1/n".into(), with_scalar(good, word(2), Fr::from(7)));
    broken("1/ω".into(), with_scalar(good, word(4), Fr::from(7)));
    let unit = with_scalar(good, word(3), Fr::ONE);
    broken(
        "ω = 1: a denominator is zero".into(),
        with_scalar(&unit, word(4), Fr::ONE),
    );
    let off = off_curve(prover, good, &honest.points(), &honest.finish);
    assert!(off.len() + 1 >= honest.points().len(), "{}", off.len());
    cases.extend(off);
    cases.push(Case::refused(
        "trailing byte",
        [good.as_slice(), &[0]].concat(),
    ));
    if honest.end < good.len() {
        let at = honest.end;
        let other = with_scalar(good, at, scalar(good, at) + Fr::ONE);
        let other = prover.balanced(&other).expect("on the curve");
        cases.push(Case::refused("another last word", other));
    }
    let mut altered = good.clone();
    altered[honest.evaluations().start + 31] ^= 1;
    cases.push(Case::refused("an altered evaluation", altered));
    cases
}

/// What breaks the rules for limbs, and false accumulators.
fn cases_of_limbs(honest: &Honest, prover: &Prover) -> Vec<Case> {
    let good = &honest.calldata;
    let mut all = vec![];
    for index in 0..honest.limbs {
        let name = format!("limb {index} aliased");
        all.push(balanced(honest, prover, name, aliased_limb(good, index)));
    }
    let mut zero = good.clone();
    zero[..12 * 32].fill(0);
    let name = "accumulator at infinity".to_owned();
    all.push(balanced(honest, prover, name, zero));
    all.extend(unfolded(honest, prover));
    all
}

/// False accumulators that the last point makes up for, for every fold that it does not enter.
fn unfolded(honest: &Honest, prover: &Prover) -> Vec<Case> {
    let bad = &honest.false_accumulator;
    let folds = [
        ("left out", Fr::ZERO),
        ("by 1", Fr::ONE),
        ("by a hash of itself", accumulator_hash(bad)),
    ];
    let made = folds.map(|(how, fold)| {
        let calldata = prover
            .balanced_with(bad, honest.error * fold)
            .expect("on the curve");
        Case::refused(format!("a false accumulator, folded {how}"), calldata)
    });
    made.into()
}

/// Texts with one check or term less; the first `limbs` words are limbs.
pub(super) fn mutants(text: &str, limbs: usize) -> Vec<Mutant> {
    let mut all = by_line(text, "no check", |line| {
        let checks = line.ends_with(REVERT) && !line.contains("staticcall");
        checks.then(String::new)
    });
    let bound = |line: &str, limb: bool| {
        let is_bound = line.starts_with("ok := and(ok");
        (is_bound && limb == (number_after(line, "calldataload(0x") < limbs * 32)).then(String::new)
    };
    all.extend(by_line(text, "no bound", |line| bound(line, false)));
    all.extend(by_line(text, "limb below the modulus", |line| {
        bound(line, true)
    }));
    all.extend(by_line(text, "precompile may fail", |line| {
        let call = line.contains("staticcall");
        call.then(|| line.replace("if iszero(", "pop(").replace(REVERT, ""))
    }));
    all.extend(by_line(text, "precompile may be missing", |line| {
        let sizes = ["0x40", "0x20"].map(|size| format!("and(eq(returndatasize(), {size}), "));
        Some(
            line.replace(&sizes[0], "and(1, ")
                .replace(&sizes[1], "and(1, "),
        )
    }));
    all.extend(by_line(text, "not hashed", |line| {
        let copy = line.starts_with("calldatacopy(") && !line.contains(", 0x40)");
        (copy || line.starts_with("mstore8(")).then(String::new)
    }));
    all.extend(by_line(text, "term left out", |line| {
        line.starts_with("include(").then(String::new)
    }));
    all.extend(by_line(text, "side left out", |line| {
        (line.starts_with("move(0x") || line.starts_with("claim(")).then(String::new)
    }));
    all.extend(by_line(text, "not reduced", |line| {
        line.contains(", mod(mload(0x").then(|| {
            line.replace("mod(mload(", "add(0, mload(")
                .replace(", q))", "))")
        })
    }));
    let pairing = [
        ("no pairing", "sub(mload(0), 1)", "0"),
        ("the pairing's word not cleared", "mstore(0, 0)\n", ""),
    ];
    all.extend(pairing.map(|(name, old, new)| replaced(text, name, old, new)));
    let size = text.lines().find(|line| line.starts_with("let ok := "));
    let size = size.expect("the size is checked");
    all.push(replaced(text, "size not checked", size, "let ok := 1"));
    // No single check sees a point off the curve, which both precompiles refuse: with neither of the two.
    let both = ["7, 0xc0", "6, 0x80"]
        .iter()
        .fold(text.to_owned(), |text, call| {
            let lines = text.lines().map(|line| {
                if line.contains(&format!("staticcall(gas(), {call}")) {
                    line.replace("if iszero(", "pop(").replace(REVERT, "")
                } else {
                    line.to_owned()
                }
            });
            lines.collect::<Vec<_>>().join("\n")
        });
    all.push(Mutant {
        name: "points off the curve are left out".to_owned(),
        text: both,
    });
    all
}

/// Texts without the bounds of limbs, and with other folds.
fn mutants_of_limbs(text: &str) -> Vec<Mutant> {
    let bounds = [
        ("low limb not bounded", "shr(88, low)", "0"),
        ("middle limb not bounded", "shr(88, middle)", "0"),
        ("top limb not bounded", "shr(80, high)", "0"),
        ("top limb of 88 bits", "shr(80, high)", "shr(88, high)"),
    ];
    let bounds = bounds.map(|(name, old, new)| replaced(text, name, old, new));
    let mut all: Vec<Mutant> = bounds.into();
    let fold = text.lines().find(|line| line.starts_with("let fold := "));
    let fold = fold.expect("a fold");
    let claims = number_after(fold, "keccak256(0x");
    let hash = |from: usize, length: usize| {
        format!("let fold := mod(keccak256({from:#x}, {length:#x}), q)")
    };
    let folds = [
        ("fold by 0", "let fold := 0".to_owned()),
        ("fold by 1", "let fold := 1".to_owned()),
        ("fold by the accumulator alone", hash(claims + 0x80, 0x80)),
        ("fold by the proof alone", hash(claims, 0x80)),
        ("fold without the accumulator's right", hash(claims, 0xc0)),
        ("fold without the proof's left", hash(claims + 0x40, 0xc0)),
        (
            "fold not reduced",
            format!("let fold := keccak256({claims:#x}, 0x100)"),
        ),
    ];
    all.extend(folds.map(|(name, new)| replaced(text, name, fold, &new)));
    all
}

/// Mutants that no calldata tells from the contract.
pub(super) const EQUIVALENT: &[(&str, &str)] = &[
    (
        "limb below the modulus",
        "the bound of the limb is narrower",
    ),
    (
        "precompile may fail: if iszero(and(eq(returndatasize(), 0x40), staticcall(gas(), 7,",
        "the addition refuses the same operand; out of gas, too little is left to end the call",
    ),
    (
        "precompile may fail: if iszero(and(eq(returndatasize(), 0x40), staticcall(gas(), 6,",
        "the multiplication refuses the operand, and the pairing a sum that begins off the curve",
    ),
    (
        "precompile may fail: if iszero(and(eq(returndatasize(), 0x20), staticcall(gas(), 5,",
        "a product of the inverse is compared with 1; out of gas, too little is left to end the call",
    ),
    (
        "precompile may fail: if iszero(and(eq(returndatasize(), 0x20), staticcall(gas(), 8,",
        "the word that it writes is 0 before and compared with 1",
    ),
    (
        "precompile may be missing",
        "differs only on a chain without it: a_chain_without_the_precompiles_of_sums_is_refused; for 5 and 8 the result is compared",
    ),
    (
        "the pairing's word not cleared",
        "the precompile writes it, or is noticed to fail",
    ),
    (
        "fold by the proof alone",
        "the accumulator is bound by the transcript before the last point, which the hash of the proof's sides binds",
    ),
    (
        "fold without the accumulator's right",
        "as the fold by the proof alone",
    ),
    (
        "fold without the proof's left",
        "the proof's right is the last point: it determines the left",
    ),
    (
        "fold not reduced",
        "the precompile takes the scalar modulo the same order",
    ),
];

#[test]
fn what_passes_the_pairing_is_refused_by_the_check_for_it() {
    let Some(compiler) = compiler() else { return };
    let honest = Honest::new();
    let cases = all_cases(&honest, &honest.prover(&compiler));
    let killers = &[
        ("top limb not bounded", "limb 2 aliased"),
        ("fold by 1", "a false accumulator, folded by 1"),
        ("points off the curve are left out", "off the curve"),
    ];
    refuses_by_the_check_for_it(&compiler, &honest, (cases, all_mutants(&honest), killers));
}

/// The cases, the mutants, and which mutant is told by which case.
pub(super) type Expected<'a> = (Vec<Case>, Vec<Mutant>, &'a [(&'a str, &'a str)]);

/// Every case, and that those which tell a few mutants are the ones for them.
pub(super) fn refuses_by_the_check_for_it(
    compiler: &SolcCompiler,
    honest: &Honest,
    (cases, mutants, killers): Expected<'_>,
) {
    let chain = deploy(compiler, UNIVERSAL_CONTRACT, &honest.text);
    for case in &cases {
        let accepted = chain.call(case.calldata.clone()).is_some();
        assert_eq!(accepted, case.accepted, "{}", case.name);
        let program = honest.program.verdict(&case.calldata) == Some(true);
        assert_eq!(program, case.accepted, "program: {}", case.name);
    }
    println!("{} false calldata tried, 0 accepted", cases.len() - 1);
    let trial = Trial {
        compiler,
        contract: UNIVERSAL_CONTRACT,
        cases: &cases,
        equivalent: &[],
    };
    for (name, expected) in killers {
        let mutant = mutants.iter().find(|m| m.name.starts_with(name));
        let killer = trial.killer(mutant.expect("in the list"));
        let killer = killer.map(|case| case.name.as_str()).unwrap_or_default();
        assert!(killer.contains(expected), "{name}: {killer}");
    }
}

fn all_cases(honest: &Honest, prover: &Prover) -> Vec<Case> {
    let mut cases = cases(honest, prover);
    cases.extend(cases_of_limbs(honest, prover));
    cases
}

fn all_mutants(honest: &Honest) -> Vec<Mutant> {
    let mut mutants = mutants(&honest.text, honest.limbs);
    mutants.extend(mutants_of_limbs(&honest.text));
    mutants
}

#[test]
#[ignore = "compiles a contract for each mutant; scripts/mutate_generated.sh runs it"]
fn every_mutant_of_the_universal_contract_is_noticed() {
    let compiler = compiler().expect("the compiler");
    let honest = Honest::new();
    let prover = honest.prover(&compiler);
    let trial = Trial {
        compiler: &compiler,
        contract: UNIVERSAL_CONTRACT,
        cases: &all_cases(&honest, &prover),
        equivalent: EQUIVALENT,
    };
    let survivors = trial.survivors(&all_mutants(&honest));
    assert!(survivors.is_empty(), "{survivors:#?}");
}

/// On a chain without a precompile, at whose address there is no code: a call succeeds and leaves the operand as it is.
#[test]
fn a_chain_without_the_precompiles_of_sums_is_refused() {
    let Some(compiler) = compiler() else { return };
    let honest = Honest::new();
    for (precompile, size) in [(7, "0x40"), (6, "0x40")] {
        let missing = honest.text.replace(
            &format!("staticcall(gas(), {precompile},"),
            &format!("staticcall(gas(), {:#x},", 0x1000 + precompile),
        );
        let prover = prover(&compiler, &missing, honest.calldata.len());
        let made = prover.balanced(&honest.calldata).expect("a last point");
        // Without the fold, which the sums compute as well: the point that makes up for the accumulator is the same.
        let unchecked = missing.replace(&format!("eq(returndatasize(), {size})"), "1");
        let refused = deploy(&compiler, UNIVERSAL_CONTRACT, &missing);
        let accepting = deploy(&compiler, UNIVERSAL_CONTRACT, &unchecked);
        assert_eq!(refused.call(made.clone()), None, "precompile {precompile}");
        assert!(
            accepting.call(made).is_some(),
            "precompile {precompile}: the case is empty"
        );
    }
}

/// `G` is used by the prover as the first trial of a last point.
#[test]
fn the_honest_proof_is_what_the_prover_makes_of_it() {
    let Some(compiler) = compiler() else { return };
    let honest = Honest::new();
    let prover = honest.prover(&compiler);
    let last = honest.calldata.len() - 64;
    let other = with_point(&honest.calldata, last, &G1Affine::generator());
    assert!(!prover.pairing_holds(&other));
    let made = prover.balanced(&other).expect("on the curve");
    assert!(made == honest.calldata, "the last point is determined");
}
