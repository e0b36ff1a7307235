//! A prover that knows τ, against contracts with a check left out.
//!
//! Every altered proof fails at the last pairing, so a test that alters one does not show that the contract looks at anything else. Who knows τ makes that
//! pairing hold: the last point `W'` enters no challenge but that of the fold, and the proof's sides are `lhs = A + z·W'` and `rhs = W'` with `A` and the
//! challenge `z` known before it, so `W' = A/(τ − z)` gives `lhs = τ·rhs` whatever `A` is. What such calldata breaks is then refused by the check that is
//! there for it, and by nothing else.
//!
//! `A` and `z` come from the contract itself with its checks taken out, which returns its memory. Mutants of the text show which check refuses what:
//! [`Trial::survivors`].

use halo2_base::halo2_proofs::halo2curves::{
    CurveAffine,
    bn256::{Fq, Fr, G1, G1Affine},
    ff::{Field, PrimeField},
    group::Curve,
};
use snark_verifier::util::hash::{Digest as _, Keccak256};

use super::{SolcCompiler, SourceTree, tests::Chain};
use crate::srs::development_secret;

/// Where a contract without checks leaves what is needed, in its memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Places {
    /// The proof's `lhs`.
    pub lhs: usize,
    /// The last challenge of the proof.
    pub challenge: usize,
    /// The word of the pairing.
    pub pairing: usize,
}

/// The hexadecimal number that follows the last `before` in a text.
pub(super) fn number_after(text: &str, before: &str) -> usize {
    let at = text.rfind(before).expect("in the text") + before.len();
    let digits: String = text[at..]
        .chars()
        .take_while(char::is_ascii_hexdigit)
        .collect();
    usize::from_str_radix(&digits, 16).expect("a number")
}

/// The contract of a text, on a chain.
pub(super) fn deploy(compiler: &SolcCompiler, name: &str, text: &str) -> Chain {
    let tree = SourceTree::single("Mutant.sol", text.to_owned());
    let mut compiled = compiler.compile(&tree, &[name]).expect("compiles");
    Chain::deploy(&compiled.remove(name).expect("compiled").creation)
}

/// What a calldata is measured by.
pub(super) type Measure = Box<dyn Fn(&[u8]) -> Vec<u8>>;

/// Makes last points.
pub(super) struct Prover {
    /// The contract without checks, which returns its memory.
    pub bare: Chain,
    pub places: Places,
    /// Offset of the last point in the calldata.
    pub last: usize,
    /// The calldata of which the contract computes the proof's sides alone, with nothing folded into them.
    pub alone: Measure,
}

impl Prover {
    pub(super) fn memory(&self, calldata: &[u8]) -> Option<Vec<u8>> {
        self.bare.output(calldata.to_vec())
    }

    /// Whether the pairing holds, with no check looked at.
    pub(super) fn pairing_holds(&self, calldata: &[u8]) -> bool {
        let word = self.memory(calldata).map(|memory| {
            let at = self.places.pairing;
            Fr::from_repr(reversed(&memory[at..at + 32])).unwrap()
        });
        word == Some(Fr::ONE)
    }

    /// The calldata with the last point that makes the proof's own pairing hold.
    pub(super) fn balanced(&self, calldata: &[u8]) -> Option<Vec<u8>> {
        self.balanced_with(calldata, G1::default())
    }

    /// The calldata with the last point that makes `lhs + error = τ·rhs` of the proof's sides.
    ///
    /// `z` is the challenge where the contract multiplies by it, else 1 or 0 (a multiplication or an addition that does nothing).
    pub(super) fn balanced_with(&self, calldata: &[u8], error: G1) -> Option<Vec<u8>> {
        let generator = G1Affine::generator();
        let lhs = |last: G1Affine| {
            let alone = (self.alone)(&with_point(calldata, self.last, &last));
            let memory = self.memory(&alone)?;
            let challenge = &memory[self.places.challenge..self.places.challenge + 32];
            let challenge = Option::<Fr>::from(Fr::from_repr(reversed(challenge)))?;
            Some((point(&memory, self.places.lhs)?, challenge))
        };
        let (one, challenge) = lhs(generator)?;
        let (two, _) = lhs((generator * Fr::from(2)).to_affine())?;
        let slope = G1::from(two) - one;
        let z = [challenge, Fr::ONE, Fr::ZERO]
            .into_iter()
            .find(|z| generator * z == slope)?;
        let constant = one - generator * z + error;
        let last = constant * (development_secret() - z).invert().unwrap();
        Some(with_point(calldata, self.last, &last.to_affine()))
    }
}

pub(super) fn reversed(bytes: &[u8]) -> [u8; 32] {
    let mut bytes: [u8; 32] = bytes.try_into().expect("a word");
    bytes.reverse();
    bytes
}

/// The point of two words; none off the curve.
pub(super) fn point(bytes: &[u8], at: usize) -> Option<G1Affine> {
    let coordinate = |at: usize| Option::<Fq>::from(Fq::from_repr(reversed(&bytes[at..at + 32])));
    let (x, y) = (coordinate(at)?, coordinate(at + 32)?);
    G1Affine::from_xy(x, y).into()
}

pub(super) fn with_point(calldata: &[u8], at: usize, point: &G1Affine) -> Vec<u8> {
    let words = [point.x, point.y].map(|coordinate| reversed(&coordinate.to_repr()));
    let mut calldata = calldata.to_vec();
    calldata[at..at + 64].copy_from_slice(&words.concat());
    calldata
}

/// The word at an offset as a number of the scalar field.
pub(super) fn scalar(calldata: &[u8], at: usize) -> Fr {
    Fr::from_repr(reversed(&calldata[at..at + 32])).expect("below the modulus")
}

pub(super) fn with_scalar(calldata: &[u8], at: usize, value: Fr) -> Vec<u8> {
    let mut calldata = calldata.to_vec();
    calldata[at..at + 32].copy_from_slice(&reversed(&value.to_repr()));
    calldata
}

/// The word at an offset with the modulus of the scalar field added: the same residue.
pub(super) fn not_canonical(calldata: &[u8], at: usize) -> Vec<u8> {
    let mut calldata = calldata.to_vec();
    let below = (Fr::ZERO - Fr::ONE).to_repr();
    let mut carry = 1u16;
    for (byte, add) in calldata[at..at + 32].iter_mut().rev().zip(below) {
        carry += u16::from(*byte) + u16::from(add);
        *byte = carry as u8;
        carry >>= 8;
    }
    calldata
}

/// Calldata, and whether the contract accepts it.
pub(super) struct Case {
    pub name: String,
    pub calldata: Vec<u8>,
    pub accepted: bool,
}

impl Case {
    pub(super) fn refused(name: impl Into<String>, calldata: Vec<u8>) -> Self {
        Self {
            name: name.into(),
            calldata,
            accepted: false,
        }
    }

    pub(super) fn accepted(name: impl Into<String>, calldata: Vec<u8>) -> Self {
        Self {
            accepted: true,
            ..Self::refused(name, calldata)
        }
    }
}

/// The calldata with a point off the curve, for each of `points` that a contract without checks then leaves out of its sums: the precompiles refuse it.
/// The first term of a sum cannot be left out. `finish` puts right what stands behind the last point.
pub(super) fn off_curve(
    prover: &Prover,
    calldata: &[u8],
    points: &[usize],
    finish: &dyn Fn(&mut Vec<u8>),
) -> Vec<Case> {
    let made = points.iter().filter_map(|at| {
        let mut off = calldata.to_vec();
        off[at + 63] ^= 1;
        finish(&mut off);
        let off = prover.balanced(&off)?;
        let name = format!("point at {at:#x} off the curve");
        prover.pairing_holds(&off).then(|| Case::refused(name, off))
    });
    made.collect()
}

/// The hash of the accumulator's four coordinates alone, whose limbs lead the calldata.
pub(super) fn accumulator_hash(calldata: &[u8]) -> Fr {
    let mut coordinates: Vec<u8> = vec![];
    for first in [0, 3, 6, 9] {
        let mut bytes = [0u8; 33];
        for (limb, bytes) in bytes.chunks_mut(11).enumerate() {
            let value = scalar(calldata, 32 * (first + limb)).to_repr();
            bytes.copy_from_slice(&value[..11]);
        }
        coordinates.extend(bytes[..32].iter().rev());
    }
    let digest: [u8; 32] = Keccak256::digest(&coordinates).into();
    digest.iter().fold(Fr::ZERO, |sum, byte| {
        sum * Fr::from(256) + Fr::from(u64::from(*byte))
    })
}

/// A text with something changed.
pub(super) struct Mutant {
    pub name: String,
    pub text: String,
}

/// Every text that differs from `text` in one line, by `change`, which tells the new line where there is one.
pub(super) fn by_line(
    text: &str,
    kind: &str,
    change: impl Fn(&str) -> Option<String>,
) -> Vec<Mutant> {
    let lines: Vec<&str> = text.lines().collect();
    let changed = lines.iter().enumerate().filter_map(|(number, line)| {
        let new = change(line).filter(|new| new != line)?;
        let mut lines = lines.clone();
        lines[number] = &new;
        Some(Mutant {
            name: format!("{kind}: {}", line.trim()),
            text: lines.join("\n"),
        })
    });
    changed.collect()
}

/// The text with the one place where `old` stands changed.
pub(super) fn replaced(text: &str, name: &str, old: &str, new: &str) -> Mutant {
    assert_eq!(text.matches(old).count(), 1, "{old}");
    Mutant {
        name: name.to_owned(),
        text: text.replace(old, new),
    }
}

/// A contract's mutants before its cases.
pub(super) struct Trial<'a> {
    pub compiler: &'a SolcCompiler,
    /// Name of the contract.
    pub contract: &'a str,
    pub cases: &'a [Case],
    /// Beginnings of names of mutants that no calldata tells from the contract, each with the reason.
    pub equivalent: &'a [(&'a str, &'a str)],
}

impl Trial<'_> {
    /// The case that the mutant decides otherwise than the contract.
    pub(super) fn killer(&self, mutant: &Mutant) -> Option<&Case> {
        let chain = deploy(self.compiler, self.contract, &mutant.text);
        let decided = |case: &&Case| chain.call(case.calldata.clone()).is_some() != case.accepted;
        self.cases.iter().find(decided)
    }

    /// Prints what tells each mutant from the contract; the mutants that nothing does and that no reason excuses.
    pub(super) fn survivors(&self, mutants: &[Mutant]) -> Vec<String> {
        let mut survivors = vec![];
        let mut excused = vec![0; self.equivalent.len()];
        for mutant in mutants {
            if let Some(case) = self.killer(mutant) {
                println!("{} | {} | {}", self.contract, mutant.name, case.name);
                continue;
            }
            let reason = self.equivalent.iter();
            match reason
                .clone()
                .position(|(name, _)| mutant.name.starts_with(name))
            {
                Some(place) => {
                    excused[place] += 1;
                    let reason = self.equivalent[place].1;
                    println!("{} | {} | equivalent: {reason}", self.contract, mutant.name);
                }
                None => survivors.push(mutant.name.clone()),
            }
        }
        let excused_all: usize = excused.iter().sum();
        println!(
            "{}: {} mutants, {} refused or accepting what is false, {excused_all} equivalent, {} survivors",
            self.contract,
            mutants.len(),
            mutants.len() - excused_all - survivors.len(),
            survivors.len()
        );
        for (excuse, times) in self.equivalent.iter().zip(excused) {
            assert!(times > 0, "no mutant needs the reason for {:?}", excuse.0);
        }
        survivors
    }
}
