//! An aggregation proof to be verified in a circuit, and its bytes.
//!
//! Points are 64 bytes, `x` then `y`; scalars 32; all most significant byte first, as the contract reads them.

use halo2_base::halo2_proofs::halo2curves::CurveAffine;
use halo2_base::halo2_proofs::halo2curves::bn256::{Fq, Fr, G1Affine};
use halo2_base::halo2_proofs::halo2curves::ff::{Field, PrimeField};
use halo2_base::halo2_proofs::halo2curves::group::Curve;
use halo2_base::halo2_proofs::halo2curves::group::prime::PrimeCurveAffine;
use laminate_engine::error::{VerifyError, expect_len};
use laminate_engine::switch::on;
use laminate_model::public::INSTANCES;

use super::error::SnarkError;
use super::key::{Key, not_identity};
use super::verify::Template;

/// Bytes of a scalar, and of a coordinate.
const WORD: usize = 32;

/// A proof with the key and the instances it is for, over scalars `S` and points `P`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snark<S, P> {
    /// The verifying key.
    pub key: Key<S, P>,
    /// [`INSTANCES`] of them: 12 accumulator limbs, `D`, `ω`, `E`.
    pub instances: Vec<S>,
    /// Points of the proof as they are read: commitments to the columns, the permutation's products, the random polynomial and the quotient; then two of
    /// SHPLONK.
    pub points: Vec<P>,
    /// Evaluations, as they are read.
    pub scalars: Vec<S>,
}

impl<S, P> Snark<S, P> {
    /// Maps every scalar and every point: key, instances, points, scalars.
    ///
    /// # Errors
    /// The first error of `scalar` or `point`.
    pub fn try_map<T, Q, E>(
        &self,
        scalar: &mut impl FnMut(&S) -> Result<T, E>,
        point: &mut impl FnMut(&P) -> Result<Q, E>,
    ) -> Result<Snark<T, Q>, E> {
        Ok(Snark {
            key: self.key.try_map(scalar, point)?,
            instances: self
                .instances
                .iter()
                .map(&mut *scalar)
                .collect::<Result<_, _>>()?,
            points: self.points.iter().map(point).collect::<Result<_, _>>()?,
            scalars: self.scalars.iter().map(scalar).collect::<Result<_, _>>()?,
        })
    }

    /// Checks the lengths.
    ///
    /// # Errors
    /// [`VerifyError::Shape`].
    pub fn check_shape(&self, template: &Template) -> Result<(), VerifyError> {
        let key = self.key.commitments.len();
        expect_len(
            "commitments of a verifying key",
            key,
            template.commitments(),
        )?;
        expect_len("instances", self.instances.len(), INSTANCES)?;
        expect_len("points", self.points.len(), template.points())?;
        expect_len("evaluations", self.scalars.len(), template.scalars())
    }
}

impl Snark<Fr, G1Affine> {
    /// A proof of the right shape and without meaning, from which keys are derived: distinct values, so that no step of a circuit's arithmetic degenerates
    /// while it is laid out.
    pub fn placeholder(template: &Template) -> Self {
        let mut counter = 1u64;
        let mut next = move || {
            counter += 1;
            Fr::from(counter).pow_vartime([5 + counter])
        };
        let mut next_point = Fr::from(3);
        let mut points = move |count: usize| -> Vec<G1Affine> {
            let point = |_| {
                next_point = next_point.square() + Fr::ONE;
                (G1Affine::generator() * next_point).to_affine()
            };
            (0..count).map(point).collect()
        };
        Self {
            key: Key {
                state: next(),
                rows: Fr::from(1 << 13),
                rows_inverse: next(),
                generator: next(),
                generator_inverse: next(),
                commitments: points(template.commitments()),
            },
            instances: (0..INSTANCES).map(|_| next()).collect(),
            points: points(template.points()),
            scalars: (0..template.scalars()).map(|_| next()).collect(),
        }
    }

    /// From the bytes of a proof, whoever made them.
    ///
    /// # Errors
    /// [`SnarkError::Length`]; [`SnarkError::Scalar`] and [`SnarkError::Point`] for values that are not canonical, off the curve or infinity;
    /// [`SnarkError::Verify`] for another number of instances or commitments.
    pub fn read(
        template: &Template,
        key: Key<Fr, G1Affine>,
        instances: Vec<Fr>,
        proof: &[u8],
    ) -> Result<Self, SnarkError> {
        let expected = template.proof_length();
        if proof.len() != expected && on("length of a proof to join") {
            return Err(SnarkError::Length {
                expected,
                found: proof.len(),
            });
        }
        let mut reader = Reader {
            bytes: proof,
            offset: 0,
        };
        let mut points = vec![];
        for index in 0..template.points_before() {
            points.push(reader.point(index)?);
        }
        let scalars = (0..template.scalars()).map(|index| reader.scalar(index));
        let scalars = scalars.collect::<Result<_, _>>()?;
        for index in template.points_before()..template.points() {
            points.push(reader.point(index)?);
        }
        let snark = Self {
            key,
            instances,
            points,
            scalars,
        };
        snark.check_shape(template)?;
        snark.key.check_points()?;
        Ok(snark)
    }

    /// Refuses the point at infinity in key and proof.
    ///
    /// # Errors
    /// [`SnarkError::Identity`].
    pub fn check_points(&self) -> Result<(), SnarkError> {
        self.key.check_points()?;
        not_identity("point of the proof", &self.points)
    }
}

/// Checks the bytes of a proof of `expected` bytes whose scalars stand before two points and a last scalar: length, canonical words, points on the curve and not
/// infinity. `words` are the points before the scalars, and the scalars.
///
/// # Errors
/// [`SnarkError::Length`], [`SnarkError::Scalar`], [`SnarkError::Point`].
pub(crate) fn check_words(
    proof: &[u8],
    expected: usize,
    words: (usize, usize),
) -> Result<(), SnarkError> {
    if proof.len() != expected {
        return Err(SnarkError::Length {
            expected,
            found: proof.len(),
        });
    }
    let mut reader = Reader {
        bytes: proof,
        offset: 0,
    };
    let (points, scalars) = words;
    (0..points).try_for_each(|index| reader.point(index).map(|_| ()))?;
    (0..scalars).try_for_each(|index| reader.scalar(index).map(|_| ()))?;
    (points..points + 2).try_for_each(|index| reader.point(index).map(|_| ()))?;
    reader.scalar(scalars).map(|_| ())
}

struct Reader<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl Reader<'_> {
    /// The next word, least significant byte first; zeros behind the end, which the length excludes.
    fn word(&mut self) -> [u8; WORD] {
        let mut word = [0; WORD];
        let bytes = self.bytes.iter().skip(self.offset).take(WORD);
        for (to, from) in word.iter_mut().rev().zip(bytes) {
            *to = *from;
        }
        self.offset += WORD;
        word
    }

    fn scalar(&mut self, index: usize) -> Result<Fr, SnarkError> {
        let offset = self.offset;
        Option::from(Fr::from_repr(self.word())).ok_or(SnarkError::Scalar { index, offset })
    }

    fn point(&mut self, index: usize) -> Result<G1Affine, SnarkError> {
        let offset = self.offset;
        let refused = |reason| SnarkError::Point {
            index,
            offset,
            reason,
        };
        let [x, y] = [self.word(), self.word()].map(|word| Option::<Fq>::from(Fq::from_repr(word)));
        let (Some(x), Some(y)) = (x, y) else {
            return Err(refused(
                "a coordinate is not below the order of the base field",
            ));
        };
        let point = Option::<G1Affine>::from(G1Affine::from_xy(x, y))
            .ok_or_else(|| refused("it is not on the curve"))?;
        if bool::from(point.is_identity()) && on("identity in a proof's bytes") {
            return Err(refused("it is the point at infinity"));
        }
        Ok(point)
    }
}
