//! The opening's verifier, on any of snark-verifier's loaders: natively, or recorded for the contract.
//!
//! It is a polynomial commitment scheme to snark-verifier, whose verifier computes the quotient's evaluation from the constraints and hands over all
//! evaluations. What it takes for commitments of single polynomials are the packs that these are in.

use std::collections::BTreeMap;

use snark_verifier::Error;
use snark_verifier::loader::{LoadedScalar, Loader};
use snark_verifier::pcs::kzg::KzgAccumulator;
use snark_verifier::pcs::{AccumulationScheme, PolynomialCommitmentScheme, Query};
use snark_verifier::util::arithmetic::{CurveAffine, Rotation};
use snark_verifier::util::msm::Msm;
use snark_verifier::util::transcript::TranscriptRead;
use snark_verifier::verifier::SnarkVerifier;
use snark_verifier::verifier::plonk::{PlonkProof, PlonkProtocol, PlonkSuccinctVerifier};

use super::layout::{Layout, Pack};

type Verifier = PlonkSuccinctVerifier<Packed>;

/// The scheme.
#[derive(Clone, Debug)]
pub(crate) struct Packed;

/// What the opening reads.
#[derive(Clone, Debug)]
pub(crate) struct Opening<C: CurveAffine, L: Loader<C>> {
    extra: Vec<L::LoadedScalar>,
    v: L::LoadedScalar,
    w: L::LoadedEcPoint,
    y: L::LoadedScalar,
    w_prime: L::LoadedEcPoint,
}

/// Reads a proof and runs the verifier up to its pairing `e(lhs, [1]_2) = e(rhs, [τ]_2)`. `protocol` is the key's, its commitments left out.
///
/// # Errors
/// As the transcript.
pub(crate) fn succinct<C, L, T>(
    layout: &Layout,
    protocol: &PlonkProtocol<C, L>,
    key: &[L::LoadedEcPoint],
    instances: &[Vec<L::LoadedScalar>],
    transcript: &mut T,
) -> Result<KzgAccumulator<C, L>, Error>
where
    C: CurveAffine,
    L: Loader<C>,
    T: TranscriptRead<C, L>,
{
    let mut protocol = protocol.clone();
    protocol.preprocessed = fixed(layout, key)?;
    // One commitment a phase instead of one a column, and the quotient in one piece.
    let random = layout.columns - 1;
    let mut next = 0;
    for count in &mut protocol.num_witness {
        let own = *count - usize::from(next + *count > random);
        next += *count;
        *count = usize::from(own > 0);
    }
    protocol.quotient.chunk_degree = protocol.quotient.numerator.degree().max(1);
    let mut proof: PlonkProof<C, L, Packed> =
        Verifier::read_proof(layout, &protocol, instances, transcript)?;
    proof.witnesses = columns(layout, &proof.witnesses)?;
    let accumulators = Verifier::verify(layout, &protocol, instances, &proof)?;
    accumulators.into_iter().next().ok_or_else(missing)
}

fn missing() -> Error {
    Error::InvalidProtocol("a commitment of the packed opening is missing".to_owned())
}

/// The commitments of the key's packs, each for the first polynomial in it.
fn fixed<P: Clone>(layout: &Layout, key: &[P]) -> Result<Vec<P>, Error> {
    let any = key.first().filter(|_| key.len() == layout.key);
    let mut fixed = vec![any.ok_or_else(missing)?.clone(); layout.preprocessed];
    for (pack, commitment) in layout.of_key().iter().zip(key) {
        let first = pack.members.first();
        let place = first.and_then(|member| fixed.get_mut(member.poly));
        *place.ok_or_else(missing)? = commitment.clone();
    }
    Ok(fixed)
}

/// The pack's commitment for each column, and any for the random polynomial, which is opened with the quotient.
fn columns<P: Clone>(layout: &Layout, packs: &[P]) -> Result<Vec<P>, Error> {
    let mut columns = vec![];
    for (pack, commitment) in layout.of_columns().iter().zip(packs) {
        columns.extend(vec![commitment.clone(); pack.members.len()]);
    }
    let unused = packs.first().ok_or_else(missing)?;
    columns.push(unused.clone());
    match columns.len() == layout.columns {
        true => Ok(columns),
        false => Err(missing()),
    }
}

impl<C: CurveAffine, L: Loader<C>> PolynomialCommitmentScheme<C, L> for Packed {
    type VerifyingKey = Layout;
    type Proof = Opening<C, L>;
    type Output = KzgAccumulator<C, L>;

    fn read_proof<T>(
        layout: &Layout,
        _: &[Query<Rotation>],
        transcript: &mut T,
    ) -> Result<Opening<C, L>, Error>
    where
        T: TranscriptRead<C, L>,
    {
        let extra = transcript.read_n_scalars(layout.extra.len())?;
        let v = transcript.squeeze_challenge();
        let w = transcript.read_ec_point()?;
        let y = transcript.squeeze_challenge();
        let w_prime = transcript.read_ec_point()?;
        Ok(Opening {
            extra,
            v,
            w,
            y,
            w_prime,
        })
    }

    fn verify(
        layout: &Layout,
        commitments: &[Msm<C, L>],
        x: &L::LoadedScalar,
        queries: &[Query<Rotation, L::LoadedScalar>],
        proof: &Opening<C, L>,
    ) -> Result<KzgAccumulator<C, L>, Error> {
        let claims = Claims::new(layout, x, queries, proof);
        let commitment = |pack: &Pack| {
            let first = pack.members.first();
            let found = first.and_then(|member| commitments.get(member.poly));
            found.cloned().ok_or_else(missing)
        };
        // The first pack is of the key, which is opened at one point.
        let (first, rest) = layout.packs.split_first().ok_or_else(missing)?;
        let vanishing = claims.at(first).vanishing();
        let mut sum = commitment(first)?;
        let mut value = claims.remainder(first, 0)?;
        let mut factor = vanishing.clone();
        for pack in rest {
            factor *= &proof.v;
            let inverses = claims.at(pack).inverses();
            // Σ 1/((Y − x_j)·Π(x_j − x_m)) = 1/Π(Y − x_j), with Y = y^t.
            let total = x.loader().sum(&inverses.iter().collect::<Vec<_>>());
            sum += commitment(pack)? * &(factor.clone() * &total);
            let remainders = (0..inverses.len()).map(|place| claims.remainder(pack, place));
            let remainders = remainders.collect::<Result<Vec<_>, _>>()?;
            let pairs: Vec<_> = inverses.iter().zip(&remainders).collect();
            value += &(x.loader().sum_products(&pairs) * &factor);
        }
        let rhs = Msm::base(&proof.w_prime);
        let lhs =
            sum - Msm::constant(value) - Msm::base(&proof.w) * &vanishing + rhs.clone() * &proof.y;
        let generator = Some(C::generator());
        Ok(KzgAccumulator::new(
            lhs.evaluate(generator),
            rhs.evaluate(generator),
        ))
    }
}

/// All evaluations, and what the opening is checked at.
struct Claims<'a, C: CurveAffine, L: Loader<C>> {
    x: &'a L::LoadedScalar,
    y: &'a L::LoadedScalar,
    evaluations: BTreeMap<(usize, i32), &'a L::LoadedScalar>,
    shifts: BTreeMap<i32, &'a L::LoadedScalar>,
}

impl<'a, C: CurveAffine, L: Loader<C>> Claims<'a, C, L> {
    fn new(
        layout: &'a Layout,
        x: &'a L::LoadedScalar,
        queries: &'a [Query<Rotation, L::LoadedScalar>],
        proof: &'a Opening<C, L>,
    ) -> Self {
        let of_constraints = queries
            .iter()
            .map(|query| ((query.poly, query.shift.0), &query.eval));
        let extra = layout.extra.iter().copied().zip(&proof.extra);
        let shifts = queries
            .iter()
            .map(|query| (query.shift.0, &query.loaded_shift));
        Self {
            x,
            y: &proof.y,
            evaluations: of_constraints.chain(extra).collect(),
            shifts: shifts.collect(),
        }
    }

    /// `Y = y^t` and the points `x·ω^rotation` of a pack.
    fn at(&self, pack: &Pack) -> Points<C, L> {
        let point = |rotation: &i32| match self.shifts.get(rotation) {
            Some(shift) if *rotation != 0 => self.x.clone() * *shift,
            _ => self.x.clone(),
        };
        Points {
            at: self.y.pow_const(pack.members.len() as u64),
            points: pack.rotations.iter().map(point).collect(),
        }
    }

    /// `Σ f_k(x_j)·y^k`: the pack modulo `Y^t − x_j`, at `y`.
    fn remainder(&self, pack: &Pack, place: usize) -> Result<L::LoadedScalar, Error> {
        let rotation = pack.rotations.get(place).ok_or_else(missing)?;
        let evaluations = pack.members.iter().rev().map(|member| {
            let query = (member.poly, member.rotation + rotation);
            self.evaluations.get(&query).copied().ok_or_else(missing)
        });
        let mut sum: Option<L::LoadedScalar> = None;
        for evaluation in evaluations {
            let evaluation = evaluation?;
            sum = Some(match sum {
                Some(sum) => sum * self.y + evaluation,
                None => evaluation.clone(),
            });
        }
        sum.ok_or_else(missing)
    }
}

/// Where a pack is opened, and where that is checked.
struct Points<C: CurveAffine, L: Loader<C>> {
    at: L::LoadedScalar,
    points: Vec<L::LoadedScalar>,
}

impl<C: CurveAffine, L: Loader<C>> Points<C, L> {
    /// `Π (Y − x_j)`
    fn vanishing(&self) -> L::LoadedScalar {
        let factors: Vec<_> = self.points.iter().map(|p| self.at.clone() - p).collect();
        let loader = self.at.loader();
        loader.product(&factors.iter().collect::<Vec<_>>())
    }

    /// `1/((Y − x_j)·Π_{m≠j} (x_j − x_m))` for each point. A challenge that hits a pole leaves zero, or ends the contract: points that no prover chooses.
    fn inverses(&self) -> Vec<L::LoadedScalar> {
        let mut values: Vec<L::LoadedScalar> = vec![];
        for (place, point) in self.points.iter().enumerate() {
            let others = self.points.iter().enumerate();
            let others = others.filter(|(other, _)| *other != place);
            let start = self.at.clone() - point;
            values.push(others.fold(start, |product, (_, other)| {
                product * (point.clone() - other)
            }));
        }
        for value in &mut values {
            *value = LoadedScalar::invert(value).unwrap_or_else(|| self.at.loader().load_zero());
        }
        values
    }
}

/// snark-verifier asks for it, and takes the accumulator's type from it; packed proofs are not accumulated.
impl<C: CurveAffine, L: Loader<C>> AccumulationScheme<C, L> for Packed {
    type Accumulator = KzgAccumulator<C, L>;
    type VerifyingKey = Layout;
    type Proof = ();

    fn read_proof<T>(_: &Layout, _: &[Self::Accumulator], _: &mut T) -> Result<(), Error>
    where
        T: TranscriptRead<C, L>,
    {
        Ok(())
    }

    fn verify(_: &Layout, _: &[Self::Accumulator], (): &()) -> Result<Self::Accumulator, Error> {
        let reason = "packed openings are not accumulated".to_owned();
        Err(Error::InvalidProtocol(reason))
    }
}
