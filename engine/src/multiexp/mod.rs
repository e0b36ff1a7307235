//! Linear combinations of curve points, proven by the layers' own engine.
//!
//! A circuit over the scalar field pays 10^5 cells for `s·P`, as coordinates are in the other field. Here
//! `Σ s_i·P_i = 0` is a trace like a model's: every step of a double-and-add is a row of 16-bit limbs,
//! identities modulo the base field are zero-checks on the limbs ([`chunks`]), ranges are one lookup tree,
//! and all is one opening. The verifier does `O(1)` field operations a term, and group operations of a
//! constant number of commitment rows are left ([`Deferred`]).
//!
//! | file | what |
//! | --- | --- |
//! | [`steps`] | the running sum |
//! | [`multiples`] | the points on the curve, and their triples |
//! | [`chunks`], [`sheet`] | identities modulo the base field |
//! | `digits` | scalars and points that the verifier knows |
//!
//! Scalars have [`WINDOWS`] digits `±1, ±3` to the base 4: every odd integer between `±4^128` has exactly
//! one such form, and one of `s` and `s + r` is odd. The sum starts at a fixed point `S`
//! ([`start`]) and must end at `4^128·S`.

pub mod chunks;
mod digits;
mod layout;
pub mod multiples;
mod plan;
mod proof;
pub mod sheet;
pub mod steps;

use std::sync::{Arc, LazyLock};

use halo2curves_axiom::bn256::{Fq, Fr, G1Affine};
use halo2curves_axiom::ff::{Field, PrimeField};
use halo2curves_axiom::group::prime::PrimeCurveAffine;
use halo2curves_axiom::group::{Curve, Group};

use crate::backend::{Backend, Part};
use crate::claim::{EvalClaim, View, WiredConstant};
use crate::deferred::{Deferred, combine};
use crate::error::{Check, VerifyError, expect_len};
use crate::field::fr_from_digest;
use crate::fold;
use crate::geometry::Poly;
use crate::lookup;
use crate::maps::{Linear, Map, Mask, Wiring};
use crate::poly::{eq, padded_log};
use crate::sumcheck;
use crate::switch::on;
use crate::transcript::Transcript;
use sheet::Challenge;

pub use layout::Columns;
pub use plan::Placement;
pub use proof::{MultiexpProof, NativeMultiexp};

/// log2 of the number of windows.
pub const WINDOW_LOG: usize = 7;
/// Digits of a scalar.
pub const WINDOWS: usize = 1 << WINDOW_LOG;
/// Positions of a window before those of the terms: doublings, and the generator.
pub const FIXED_POSITIONS: usize = steps::DOUBLINGS + 1;
/// Most terms.
pub const MAX_TERMS: usize = (1 << 12) - FIXED_POSITIONS;
/// Longest row that a commitment may have.
pub const MAX_ROW_LOG: u8 = 24;

/// Scalars and points, and the generator's scalar.
pub type Combination<'a, S, P> = (&'a [(S, P)], &'a S);

/// The verifier of combinations of a number of terms.
#[derive(Clone, Debug)]
pub struct Multiexp {
    /// Terms beside the generator. Positions that are left over have zero times the generator.
    pub terms: usize,
    /// log2 of the positions of a window.
    pub log: usize,
    /// Columns.
    pub columns: Columns,
    /// Their place.
    pub placement: Placement,
}

/// Evaluations of the steps' zero-check: the sum before, the step's own, its flags, point and triple.
struct StepViews {
    before: Vec<View>,
    own: Vec<View>,
    flags: Vec<View>,
    points: Vec<View>,
}

impl Multiexp {
    /// For up to `terms` terms, with commitment rows of `2^row_log` entries.
    ///
    /// # Errors
    /// [`VerifyError::Shape`] out of bounds.
    pub fn new(terms: usize, row_log: u8) -> Result<Self, VerifyError> {
        let shape = |what, expected, found| VerifyError::Shape {
            what,
            expected,
            found,
        };
        if (terms == 0 && on("a term of a combination"))
            || (terms > MAX_TERMS && on("most terms of a combination"))
        {
            return Err(shape("terms of a combination", MAX_TERMS, terms));
        }
        if row_log > MAX_ROW_LOG && on("rows of a combination") {
            let (most, found) = (MAX_ROW_LOG.into(), row_log.into());
            return Err(shape("log of a combination's rows", most, found));
        }
        let log = padded_log(terms + FIXED_POSITIONS);
        let (columns, placement) = layout::place(log, row_log.into());
        Ok(Self {
            terms,
            log,
            columns,
            placement,
        })
    }

    /// log2 of the number of steps.
    pub fn steps_log(&self) -> usize {
        WINDOW_LOG + self.log
    }

    /// Number of commitment rows.
    pub fn rows(&self) -> usize {
        self.placement.geometry.rows(Poly::Trace)
    }

    /// log2 of the length of a commitment row.
    pub fn row_log(&self) -> usize {
        self.placement.geometry.row_log
    }

    /// Columns of the steps' zero-check in the order of their evaluations.
    pub fn step_columns(&self) -> Vec<View> {
        let StepViews {
            before,
            own,
            flags,
            points,
        } = self.step_views();
        [before, own, flags, points].concat()
    }

    /// The sum before a step: that of the step before, shifted by one, and the start.
    fn step_views(&self) -> StepViews {
        let sheet = &self.columns.steps;
        let start = start();
        let size = 1usize << sheet.log;
        let previous = Arc::new(Wiring {
            view: vec![sheet.log],
            axes: vec![(sheet.log, Map::Linear(Linear::shift(0, size, -1, size)))],
            masks: vec![],
        });
        let start_only = Arc::new(Wiring {
            view: vec![sheet.log],
            axes: vec![],
            masks: vec![Mask::Only { axis: 0, at: 0 }],
        });
        let mut before = vec![];
        let coordinates = sheet.integers.iter().skip(steps::ABSCISSA);
        for (limbs, first) in coordinates.zip([start.x, start.y]) {
            for (mut view, first) in chunks::chunk_views(limbs)
                .into_iter()
                .zip(chunks::chunks(&first))
            {
                for term in &mut view.terms {
                    term.wiring = Some(Arc::clone(&previous));
                }
                view.constants = vec![WiredConstant {
                    value: first,
                    wiring: Arc::clone(&start_only),
                }];
                before.push(view);
            }
        }
        let multiples = &self.columns.multiples.integers;
        let points = [multiples::POINT, multiples::TRIPLE]
            .into_iter()
            .flat_map(|at| multiples.iter().skip(at).take(2))
            .flat_map(|limbs| chunks::chunk_views(limbs));
        StepViews {
            before,
            own: sheet.views(),
            flags: self.columns.flags.iter().map(|b| View::block(*b)).collect(),
            points: points.collect(),
        }
    }

    /// Verifies that `Σ scalar·point + generator·G = 0` up to the returned pairing. The transcript must have absorbed
    /// what scalars and points follow from. Points are on the curve and not the identity once this holds.
    ///
    /// # Errors
    /// Shape errors and failed checks.
    ///
    /// # Soundness
    /// `(6n + 4a + 80)/|Fr|` for zero-checks of `2^n` steps and `2^a` positions and what joins their identities,
    /// beside known claims, lookup and opening (`docs/specs/protocol.md`, section 15).
    pub fn verify<B: Backend>(
        &self,
        backend: &mut B,
        transcript: &mut Transcript<B>,
        (terms, generator): Combination<'_, B::Scalar, B::Point>,
        proof: &MultiexpProof<B::Scalar, B::Point>,
    ) -> Result<Deferred<B::Scalar, B::Point>, VerifyError> {
        expect_len("terms of a combination", terms.len(), self.terms)?;
        expect_len("multiexp rows", proof.rows.len(), self.rows())?;
        backend.enter(Part::Multiexp);
        for row in &proof.rows {
            transcript.absorb_point(backend, "multiexp row", row);
        }
        let mut claims = self.verify_steps(backend, transcript, proof)?;
        let positions = self.position_point(&claims);
        claims.extend(self.verify_multiples(backend, transcript, proof)?);
        claims.extend(self.known_claims(backend, (terms, generator), &positions));
        claims.extend(lookup::verify(
            backend,
            transcript,
            &self.placement.tree,
            &proof.lookup,
        )?);
        let opened = fold::verify(
            backend,
            transcript,
            &self.placement.geometry,
            [0, self.rows()],
            claims,
            &proof.opening,
        )?;
        let rows = proof.rows.clone();
        Ok(combine(backend, transcript, rows, vec![opened]))
    }

    /// The positions' part of the steps' point, which the first claim is at.
    fn position_point<S: Clone>(&self, claims: &[EvalClaim<S>]) -> Vec<S> {
        let point = claims.first().map_or(&[] as &[S], |c| &c.point);
        point.get(WINDOW_LOG..).unwrap_or(&[]).to_vec()
    }

    fn verify_steps<B: Backend>(
        &self,
        backend: &mut B,
        transcript: &mut Transcript<B>,
        proof: &MultiexpProof<B::Scalar, B::Point>,
    ) -> Result<Vec<EvalClaim<B::Scalar>>, VerifyError> {
        let (tau, challenge) = draw(backend, transcript, self.steps_log());
        let shape = (self.steps_log(), steps::DEGREE);
        let (point, value) = zero_check(backend, transcript, &proof.steps, shape)?;
        let columns = self.step_columns();
        let sent = &proof.step_evaluations;
        expect_len("step evaluations", sent.len(), columns.len())?;
        transcript.absorb("multiexp step evaluations", sent);
        let double = self.double(backend, &point);
        let joined = self
            .step_identities(backend, &challenge, sent, double)
            .ok_or_else(mismatch)?;
        let weight = eq::evaluate(backend, &tau, &point);
        let expected = backend.mul(&weight, &joined);
        if on("zero-check of steps") {
            backend.assert_equal(&expected, &value, Check::Sumcheck("multiexp steps"))?;
        }
        let mut claims = at(columns, &point, sent);
        claims.extend(tops(backend, &self.columns.steps, &point));
        Ok(claims)
    }

    fn verify_multiples<B: Backend>(
        &self,
        backend: &mut B,
        transcript: &mut Transcript<B>,
        proof: &MultiexpProof<B::Scalar, B::Point>,
    ) -> Result<Vec<EvalClaim<B::Scalar>>, VerifyError> {
        let sheet = &self.columns.multiples;
        let (tau, challenge) = draw(backend, transcript, self.log);
        let shape = (self.log, multiples::DEGREE);
        let (point, value) = zero_check(backend, transcript, &proof.multiples, shape)?;
        let columns = sheet.views();
        let sent = &proof.multiple_evaluations;
        expect_len("multiple evaluations", sent.len(), columns.len())?;
        transcript.absorb("multiexp multiple evaluations", sent);
        let row = challenge.row(backend, sheet, sent);
        let joined = multiples::identities(backend, &challenge, &row).ok_or_else(mismatch)?;
        let weight = eq::evaluate(backend, &tau, &point);
        let expected = backend.mul(&weight, &joined);
        if on("zero-check of multiples") {
            backend.assert_equal(&expected, &value, Check::Sumcheck("multiexp multiples"))?;
        }
        let mut claims = at(columns, &point, sent);
        claims.extend(tops(backend, sheet, &point));
        Ok(claims)
    }

    /// `[p < 2]` at the steps' point: all bits of the position but the last are zero.
    pub fn double<B: Backend>(&self, backend: &mut B, point: &[B::Scalar]) -> B::Scalar {
        let end = point.len().saturating_sub(1);
        let high = point.get(WINDOW_LOG.min(end)..end).unwrap_or(&[]);
        eq::select(backend, 0, high)
    }

    /// The steps' joined identities on the evaluations of [`Self::step_columns`].
    pub fn step_identities<B: Backend>(
        &self,
        backend: &mut B,
        challenge: &Challenge<B::Scalar>,
        evaluations: &[B::Scalar],
        double: B::Scalar,
    ) -> Option<B::Scalar> {
        let sheet = &self.columns.steps;
        let mut rest = evaluations;
        let mut take = |count: usize| {
            let (head, tail) = rest.split_at(count.min(rest.len()));
            rest = tail;
            head
        };
        let point = 2 * chunks::CHUNKS;
        let before = take(point);
        let own = take(sheet.view_count());
        let [large, negative, both, chosen, inverse] = take(layout::FLAGS) else {
            return None;
        };
        let flags = steps::Flags {
            large: large.clone(),
            negative: negative.clone(),
            both: both.clone(),
            chosen: chosen.clone(),
            inverse: inverse.clone(),
        };
        let operands = steps::Operands {
            before: steps::Contracted::new(backend, challenge, before),
            point: steps::Contracted::new(backend, challenge, take(point)),
            triple: steps::Contracted::new(backend, challenge, take(point)),
            double,
        };
        let row = challenge.row(backend, sheet, own);
        steps::identities(backend, challenge, &row, &flags, &operands)
    }

    /// The sum ends at `4^128` times its start.
    fn end_claims<B: Backend>(&self, backend: &mut B) -> Vec<EvalClaim<B::Scalar>> {
        let sheet = &self.columns.steps;
        let one = backend.constant(Fr::ONE);
        let point = vec![one; sheet.log];
        let end = end();
        let coordinates = sheet.integers.iter().skip(steps::ABSCISSA);
        let mut claims = vec![];
        let claimed = [on("abscissa of the end"), on("ordinate of the end")];
        for ((limbs, last), claimed) in coordinates.zip([end.x, end.y]).zip(claimed) {
            if !claimed {
                continue;
            }
            let chunks = chunks::chunk_views(limbs).into_iter();
            for (view, value) in chunks.zip(chunks::chunks(&last)) {
                claims.push(EvalClaim {
                    view,
                    point: point.clone(),
                    value: backend.constant(value),
                });
            }
        }
        claims
    }

    /// Claims on the columns that the verifier knows; those of a proof's steps are at `positions`.
    pub fn known_claims<B: Backend>(
        &self,
        backend: &mut B,
        combination: Combination<'_, B::Scalar, B::Point>,
        positions: &[B::Scalar],
    ) -> Vec<EvalClaim<B::Scalar>> {
        let mut claims = digits::claims(backend, self, combination, positions);
        claims.extend(self.end_claims(backend));
        claims
    }
}

fn mismatch() -> VerifyError {
    VerifyError::Backend("columns of a combination do not have their shape".into())
}

/// The zero-check's point and the challenge that joins identities.
pub fn draw<B: Backend>(
    backend: &mut B,
    transcript: &mut Transcript<B>,
    log: usize,
) -> (Vec<B::Scalar>, Challenge<B::Scalar>) {
    let tau = transcript.challenges(backend, "multiexp zero-check point", log);
    let chi = transcript.challenge(backend, "multiexp join");
    (tau, Challenge::new(backend, chi))
}

fn zero_check<B: Backend>(
    backend: &mut B,
    transcript: &mut Transcript<B>,
    proof: &sumcheck::SumcheckProof<B::Scalar>,
    shape: (usize, usize),
) -> Result<(Vec<B::Scalar>, B::Scalar), VerifyError> {
    let zero = backend.constant(Fr::ZERO);
    let last = sumcheck::verify(
        backend,
        transcript,
        "multiexp zero-check round",
        proof,
        shape,
        zero,
    )?;
    Ok((last.point, last.value))
}

/// Claims of columns at the steps' point; columns of positions alone are at its last part.
pub fn at<S: Clone>(columns: Vec<View>, point: &[S], values: &[S]) -> Vec<EvalClaim<S>> {
    let pairs = columns.into_iter().zip(values);
    pairs
        .map(|(view, value)| {
            let from = point.len().saturating_sub(view.log());
            EvalClaim {
                point: point.get(from..).unwrap_or(point).to_vec(),
                value: value.clone(),
                view,
            }
        })
        .collect()
}

/// Claims that a sheet's topmost limbs are below 2^14.
pub fn tops<B: Backend>(
    backend: &mut B,
    sheet: &sheet::Sheet,
    point: &[B::Scalar],
) -> Vec<EvalClaim<B::Scalar>> {
    let zero = backend.constant(Fr::ZERO);
    let claimed = |integer: usize| match integer {
        steps::ABSCISSA => on("bound of a sum's abscissa"),
        multiples::POINT => on("bound of a point's abscissa"),
        _ => on("bound of a triple's abscissa"),
    };
    let views = sheet.tops.iter().zip(sheet.top_views());
    let views = views.filter(|((integer, _), _)| claimed(*integer));
    let views: Vec<View> = views.map(|(_, view)| view).collect();
    let zeros = vec![zero; views.len()];
    at(views, point, &zeros)
}

/// Where the sum starts: the first point whose abscissa is a hash of a counter; nobody knows its relation
/// to others.
pub fn start() -> G1Affine {
    static START: LazyLock<G1Affine> = LazyLock::new(|| {
        let mut counter = 0u64;
        loop {
            let hash = fr_from_digest(b"laminate/multiexp-start/v1", &counter.to_le_bytes());
            // An element of the scalar field is below the base field's modulus.
            let x: Option<Fq> = Fq::from_repr(hash.to_repr()).into();
            if let Some(point) = x.and_then(with_abscissa) {
                return point;
            }
            counter += 1;
        }
    });
    *START
}

/// The point of this abscissa with an even ordinate.
fn with_abscissa(x: Fq) -> Option<G1Affine> {
    let y: Option<Fq> = (x.square() * x + Fq::from(3)).sqrt().into();
    let y = y?;
    let y = if bool::from(y.is_odd()) { -y } else { y };
    Some(G1Affine { x, y })
}

/// `4^128` times the start.
pub fn end() -> G1Affine {
    static END: LazyLock<G1Affine> = LazyLock::new(|| {
        let start = start().to_curve();
        (0..2 * WINDOWS)
            .fold(start, |sum, _| sum.double())
            .to_affine()
    });
    *END
}
