//! A verifier that knows nothing but the file: the reference for those in other languages.

use halo2_base::halo2_proofs::halo2curves::CurveAffine;
use halo2_base::halo2_proofs::halo2curves::bn256::{Bn256, Fq, Fq2, Fr, G1, G1Affine, G2Affine};
use halo2_base::halo2_proofs::halo2curves::ff::{Field, FromUniformBytes, PrimeField};
use halo2_base::halo2_proofs::halo2curves::group::prime::PrimeCurveAffine;
use halo2_base::halo2_proofs::halo2curves::group::{Curve, Group};
use halo2_base::halo2_proofs::halo2curves::pairing::{MillerLoopResult, MultiMillerLoop};
use serde_json::Value;
use snark_verifier::util::hash::{Digest, Keccak256};

use super::{MAGIC, VERSION, digest, hex};

/// Bytes of a term.
const TERM: usize = 96;
const MAX_TERMS: usize = 4096;

/// A program that was read.
pub(crate) struct Interpreter(Value);

impl Interpreter {
    /// Of a file of this format that was not altered.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let file: Value = serde_json::from_str(text).ok()?;
        let program = file["program"].clone();
        let good = file["magic"] == MAGIC
            && file["version"] == VERSION
            && file["digest"] == hex(&digest(&program));
        good.then_some(Self(program))
    }

    /// Whether the contract takes the calldata; none of a malformed program or calldata that is refused before the pairing.
    pub(crate) fn verdict(&self, calldata: &[u8]) -> Option<bool> {
        let program = &self.0;
        let head = 32 * (index(&program["instances"])? + index(&program["keyWords"])?);
        let end = head + index(&program["proofLength"])?;
        match index(&program["terms"]["from"]) {
            None => (calldata.len() == end).then_some(())?,
            Some(from) => {
                let terms = calldata.len().checked_sub(from)?;
                (terms % TERM == 0 && (1..=MAX_TERMS).contains(&(terms / TERM))).then_some(())?;
            }
        }
        for at in program["scalars"].as_array()? {
            Option::<Fr>::from(Fr::from_repr(little(calldata, index(at)?)?))?;
        }
        for pair in program["inverses"].as_array()? {
            let [a, b] = [0, 1].map(|side| index(&pair[side]).and_then(|at| read(calldata, at)));
            (a? * b? == Fr::ONE).then_some(())?;
        }
        let values = self.values(calldata)?;
        if let Some(at) = program["inverse"].as_u64() {
            let inverted = program["inverted"].as_array()?.iter();
            let mut inverted = inverted.map(|id| values.get(index(id)?).copied());
            let product = inverted.try_fold(Fr::ONE, |product, value| Some(product * value?))?;
            (product * read(calldata, at as usize)? == Fr::ONE).then_some(())?;
        }
        let mut sides = [G1::identity(); 2];
        for (side, terms) in sides.iter_mut().zip(program["sides"].as_array()?) {
            for term in terms.as_array()? {
                *side += base(&term[1], calldata)? * values.get(index(&term[0])?)?;
            }
        }
        let sides = match index(&program["terms"]["from"]) {
            None => {
                let accumulator = [accumulated(calldata, 0)?, accumulated(calldata, 6)?];
                let [lhs, rhs] = sides.map(|side| side.to_affine());
                let fold = folding(&[lhs, rhs, accumulator[0], accumulator[1]]);
                [lhs + accumulator[0] * fold, rhs + accumulator[1] * fold]
            }
            Some(from) => {
                let fold = *values.get(index(&program["terms"]["fold"])?)?;
                let left = read(calldata, index(&program["terms"]["left"])?)?;
                let accumulator = summed(calldata.get(from..)?, left)?;
                [
                    sides[0] + accumulator[0] * fold,
                    sides[1] + accumulator[1] * fold,
                ]
            }
        };
        let sides = sides.map(|side| side.to_affine());
        let secret = secret(&program["minusTauG2"])?;
        let pairs = [(&sides[0], &G2Affine::generator()), (&sides[1], &secret)];
        let pairs = pairs.map(|(g1, g2)| (g1, (*g2).into()));
        let pairs: Vec<_> = pairs.iter().map(|(g1, g2)| (*g1, g2)).collect();
        let product = Bn256::multi_miller_loop(&pairs).final_exponentiation();
        Some(bool::from(product.is_identity()))
    }

    fn values(&self, calldata: &[u8]) -> Option<Vec<Fr>> {
        let challenges = self.challenges(calldata)?;
        let mut values: Vec<Fr> = vec![];
        let rows = match self.0["rows"][0].as_str()? {
            // As it stands: the contract counts its halves.
            "word" => {
                let word = little(calldata, index(&self.0["rows"][1])?)?;
                Option::from(Fr::from_repr(word))?
            }
            _ => reduced(&bytes(&self.0["rows"][1])?),
        };
        let doublings = (0..Fr::S).find(|k| Fr::from(1 << k) == rows)?;
        for node in self.0["nodes"].as_array()? {
            let of = |side: usize| values.get(index(&node[side])?).copied();
            let value = match node[0].as_str()? {
                "constant" => reduced(&bytes(&node[1])?),
                "word" => read(calldata, index(&node[1])?)?,
                "challenge" => *challenges.get(index(&node[1])?)?,
                "-" => -of(1)?,
                "+" => of(1)? + of(2)?,
                "*" => of(1)? * of(2)?,
                "inverse" => Option::from(of(1)?.invert())?,
                "power" => (0..doublings).fold(of(1)?, |power, _| power.square()),
                _ => return None,
            };
            values.push(value);
        }
        Some(values)
    }

    fn challenges(&self, calldata: &[u8]) -> Option<Vec<Fr>> {
        let mut state: Vec<u8> = vec![];
        let mut challenges = vec![];
        for segment in self.0["challenges"].as_array()? {
            for piece in segment.as_array()? {
                match piece.as_array() {
                    Some(range) => {
                        let from = index(range.first()?)?;
                        let to = index(range.get(1)?).unwrap_or(calldata.len());
                        state.extend(calldata.get(from..to)?);
                    }
                    None => state.extend(bytes(piece)?),
                }
            }
            if state.len() == 32 {
                state.push(1);
            }
            let digest: [u8; 32] = Keccak256::digest(&state).into();
            state = digest.to_vec();
            challenges.push(reduced(&digest));
        }
        Some(challenges)
    }
}

fn index(value: &Value) -> Option<usize> {
    usize::try_from(value.as_u64()?).ok()
}

fn bytes(value: &Value) -> Option<[u8; 32]> {
    let digits = value.as_str()?.strip_prefix("0x")?;
    let mut word = [0; 32];
    for (place, byte) in word.iter_mut().enumerate() {
        *byte = u8::from_str_radix(digits.get(2 * place..2 * place + 2)?, 16).ok()?;
    }
    (digits.len() == 64).then_some(word)
}

fn little(calldata: &[u8], at: usize) -> Option<[u8; 32]> {
    let mut word: [u8; 32] = calldata.get(at..at + 32)?.try_into().ok()?;
    word.reverse();
    Some(word)
}

fn read(calldata: &[u8], at: usize) -> Option<Fr> {
    let mut word = little(calldata, at)?;
    word.reverse();
    Some(reduced(&word))
}

fn reduced(bytes: &[u8; 32]) -> Fr {
    let mut wide = [0; 64];
    wide.iter_mut()
        .zip(bytes.iter().rev())
        .for_each(|(to, from)| *to = *from);
    Fr::from_uniform_bytes(&wide)
}

/// A point on the curve; `(0, 0)` is infinity.
fn point(x: [u8; 32], y: [u8; 32]) -> Option<G1Affine> {
    if x == [0; 32] && y == [0; 32] {
        return Some(G1Affine::identity());
    }
    let [x, y] = [x, y].map(|word| Option::<Fq>::from(Fq::from_repr(word)));
    Option::from(G1Affine::from_xy(x?, y?))
}

fn base(value: &Value, calldata: &[u8]) -> Option<G1Affine> {
    let words = match index(value) {
        Some(at) => [little(calldata, at)?, little(calldata, at + 32)?],
        None => [0, 1].map(|side| {
            let mut word = bytes(&value[side]).unwrap_or([0xff; 32]);
            word.reverse();
            word
        }),
    };
    point(words[0], words[1])
}

/// A point of the accumulator, from the limbs of its coordinates.
fn accumulated(calldata: &[u8], first: usize) -> Option<G1Affine> {
    let coordinate = |first: usize| {
        let mut bytes = [0u8; 33];
        for limb in 0..3 {
            let word = little(calldata, 32 * (first + limb))?;
            let (value, above) = word.split_at(11);
            bytes[11 * limb..11 * limb + 11].copy_from_slice(value);
            above.iter().all(|byte| *byte == 0).then_some(())?;
        }
        (bytes[32] == 0).then_some(())?;
        bytes[..32].try_into().ok()
    };
    let point = point(coordinate(first)?, coordinate(first + 3)?)?;
    (!bool::from(point.is_identity())).then_some(point)
}

/// `Σ s_i·P_i`, and the last point with a multiple of the one before, of terms.
fn summed(terms: &[u8], left: Fr) -> Option<[G1; 2]> {
    let (mut right, mut points) = (G1::identity(), vec![]);
    for at in (0..terms.len()).step_by(TERM) {
        let point = point(little(terms, at)?, little(terms, at + 32)?)?;
        let scalar = Option::<Fr>::from(Fr::from_repr(little(terms, at + 64)?))?;
        (!bool::from(point.is_identity())).then_some(())?;
        right += point * scalar;
        points.push(point);
    }
    let mut sum = G1::from(*points.last()?);
    if left != Fr::ZERO {
        sum += *points.get(points.len().checked_sub(2)?)? * left;
        (!bool::from(sum.is_identity())).then_some(())?;
    }
    Some([right, sum])
}

/// The hash of four points that folds the two pairings.
fn folding(points: &[G1Affine]) -> Fr {
    let mut hashed = vec![];
    for point in points {
        for coordinate in [point.x, point.y] {
            let mut word = coordinate.to_repr();
            word.reverse();
            hashed.extend(word);
        }
    }
    reduced(&Keccak256::digest(&hashed).into())
}

fn secret(words: &Value) -> Option<G2Affine> {
    let word = |place: usize| {
        let mut word = bytes(&words[place])?;
        word.reverse();
        Option::<Fq>::from(Fq::from_repr(word))
    };
    let [x, y] = [(1, 0), (3, 2)].map(|(c0, c1)| {
        Some(Fq2 {
            c0: word(c0)?,
            c1: word(c1)?,
        })
    });
    Option::from(G2Affine::from_xy(x?, y?))
}
