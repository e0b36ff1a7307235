//! Verification of the lookup tree.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;

use super::range::places_differ;
use super::segments::{Kind, Segments, TableColumn, identity_column, part_column, table_tag};
use super::{LookupLayer, LookupProof, table};
use crate::backend::Backend;
use crate::claim::EvalClaim;
use crate::error::{Check, VerifyError, expect_len};
use crate::poly::eq;
use crate::sumcheck;
use crate::switch::on;
use crate::transcript::Transcript;

/// Degree of a layer's sumcheck: `eq · (p·q)`.
pub const LAYER_DEGREE: usize = 3;

/// Verifies the tree from the root, then the leaves against their columns; returns the claims on
/// the columns.
///
/// # Errors
/// Shape errors, a non-zero numerator or a zero denominator at the root, failed layers or leaves.
///
/// # Soundness
/// `O(2^log / |Fr|)`; the number of leaves is below 2^53, far under the characteristic, so
/// multiplicities cannot wrap.
pub fn verify<B: Backend>(
    backend: &mut B,
    transcript: &mut Transcript<B>,
    segments: &Segments,
    proof: &LookupProof<B::Scalar>,
) -> Result<Vec<EvalClaim<B::Scalar>>, VerifyError> {
    expect_len("lookup layers", proof.layers.len(), segments.log)?;
    expect_len(
        "lookup columns",
        proof.columns.len(),
        segments.column_count(),
    )?;
    let drawn = transcript.challenges(backend, "lookup alpha and beta", 2);
    let [alpha, beta] = drawn.as_slice() else {
        return Err(VerifyError::Backend("expected two challenges".into()));
    };
    let (point, numerator, denominator) = verify_tree(backend, transcript, &proof.layers)?;
    transcript.absorb("lookup columns", &proof.columns);
    let neighbour = neighbours(backend, transcript, segments);
    let (claims, p, q) = leaves(backend, segments, proof, &point, (alpha, beta), &neighbour);
    if on("numerators of leaves") {
        backend.assert_equal(&p, &numerator, Check::LookupLeaves)?;
    }
    if on("denominators of leaves") {
        backend.assert_equal(&q, &denominator, Check::LookupLeaves)?;
    }
    Ok(claims)
}

type Fraction<B> = (
    Vec<<B as Backend>::Scalar>,
    <B as Backend>::Scalar,
    <B as Backend>::Scalar,
);

fn verify_tree<B: Backend>(
    backend: &mut B,
    transcript: &mut Transcript<B>,
    layers: &[LookupLayer<B::Scalar>],
) -> Result<Fraction<B>, VerifyError> {
    let mut state: Option<Fraction<B>> = None;
    for (variables, layer) in layers.iter().enumerate() {
        let [p0, p1, q0, q1] = &layer.halves;
        let cross = backend.mul(p0, q1);
        let numerator = backend.mul_add(p1, q0, &cross);
        let denominator = backend.mul(q0, q1);
        let lower = match state.take() {
            None => {
                expect_len("lookup root rounds", layer.sumcheck.rounds.len(), 0)?;
                let zero = backend.constant(Fr::ZERO);
                if on("numerator at the root") {
                    backend.assert_equal(&numerator, &zero, Check::LookupRoot)?;
                }
                if on("denominator at the root") {
                    backend.invert(&denominator, "lookup root denominator")?;
                }
                vec![]
            }
            Some((point, p, q)) => {
                let lambda = transcript.challenge(backend, "lookup layer lambda");
                let claim = backend.mul_add(&lambda, &q, &p);
                let shape = (variables, LAYER_DEGREE);
                let last = sumcheck::verify(
                    backend,
                    transcript,
                    "lookup round",
                    &layer.sumcheck,
                    shape,
                    claim,
                )?;
                let weight = eq::evaluate(backend, &point, &last.point);
                let inner = backend.mul_add(&lambda, &denominator, &numerator);
                let expected = backend.mul(&weight, &inner);
                if on("layer of a lookup tree") {
                    backend.assert_equal(
                        &expected,
                        &last.value,
                        Check::Sumcheck("lookup layer"),
                    )?;
                }
                last.point
            }
        };
        transcript.absorb("lookup halves", &layer.halves);
        let c = transcript.challenge(backend, "lookup half");
        let p = interpolate(backend, p0, p1, &c);
        let q = interpolate(backend, q0, q1, &c);
        let mut point = vec![c];
        point.extend(lower);
        state = Some((point, p, q));
    }
    state.ok_or(VerifyError::Shape {
        what: "lookup layers",
        expected: 1,
        found: 0,
    })
}

/// `a + c·(b - a)`
fn interpolate<B: Backend>(
    backend: &mut B,
    a: &B::Scalar,
    b: &B::Scalar,
    c: &B::Scalar,
) -> B::Scalar {
    let difference = backend.sub(b, a);
    backend.mul_add(c, &difference, a)
}

/// Where among the entries of a leaf the columns of a tree are claimed; empty if a leaf is of one entry.
pub fn neighbours<B: Backend>(
    backend: &mut B,
    transcript: &mut Transcript<B>,
    segments: &Segments,
) -> Vec<B::Scalar> {
    transcript.challenges(backend, "lookup neighbour", segments.pack())
}

/// Numerator and denominator of all leaves at `point`, from the columns' evaluations, which are claimed at `neighbour`.
fn leaves<B: Backend>(
    backend: &mut B,
    segments: &Segments,
    proof: &LookupProof<B::Scalar>,
    point: &[B::Scalar],
    (alpha, beta): (&B::Scalar, &B::Scalar),
    neighbour: &[B::Scalar],
) -> (Vec<EvalClaim<B::Scalar>>, B::Scalar, B::Scalar) {
    let mut claims = vec![];
    let mut columns = proof.columns.iter();
    let mut p = backend.constant(Fr::ZERO);
    // Leaves outside every segment are 0/1: their share of q is 1 - Σ selectors.
    let mut q = backend.constant(Fr::ONE);
    for segment in &segments.segments {
        let (high, low) = point.split_at(point.len().saturating_sub(segment.log));
        let selector = eq::select(backend, segment.offset >> segment.log, high);
        let values: Vec<B::Scalar> = columns
            .by_ref()
            .take(segment.kind.value_count())
            .cloned()
            .collect();
        let among = neighbour.get(..segment.kind.pack()).unwrap_or(&[]);
        let each = values.chunks(1 << among.len());
        for (view, values) in segment.kind.columns().into_iter().zip(each) {
            claims.push(EvalClaim {
                view: view.clone(),
                point: [low, among].concat(),
                value: eq::fold_values(backend, values, among),
            });
        }
        let (numerator, value) = fraction(backend, &segment.kind, &values, low, beta);
        let denominator = backend.sub(alpha, &value);
        p = backend.mul_add(&selector, &numerator, &p);
        // q += selector · (denominator - 1)
        let shifted = backend.linear(-Fr::ONE, &[(Fr::ONE, denominator)]);
        q = backend.mul_add(&selector, &shifted, &q);
    }
    (claims, p, q)
}

/// Numerator and compressed value of a segment at `low`.
fn fraction<B: Backend>(
    backend: &mut B,
    kind: &Kind,
    values: &[B::Scalar],
    low: &[B::Scalar],
    beta: &B::Scalar,
) -> (B::Scalar, B::Scalar) {
    let one = backend.constant(Fr::ONE);
    let zero = backend.constant(Fr::ZERO);
    let first = values.first().cloned().unwrap_or_else(|| zero.clone());
    match kind {
        Kind::Range { range, pack, .. } => {
            let tag = Fr::from(range.tag(*pack));
            (one, compress_tuple(backend, tag, values, beta))
        }
        Kind::RangeTable { range, pack, .. } => {
            let row = range.evaluate_tuple(backend, *pack, low);
            let tag = Fr::from(range.tag(*pack));
            let value = compress_tuple(backend, tag, &row, beta);
            (backend.sub(&zero, &first), value)
        }
        Kind::Use { table, .. } => (one, compress(backend, table_tag(*table), values, beta)),
        Kind::Table { table, columns, .. } => {
            let mut committed = values.iter().skip(1);
            let row: Vec<B::Scalar> = columns
                .iter()
                .map(|column| match column {
                    TableColumn::Index { lowest } => identity(backend, low, *lowest),
                    TableColumn::Part { from, log } => part(backend, low, *from, *log),
                    TableColumn::Constants(values) => table::evaluate(backend, values, low),
                    TableColumn::Committed(_) => {
                        committed.next().cloned().unwrap_or_else(|| zero.clone())
                    }
                })
                .collect();
            (
                backend.sub(&zero, &first),
                compress(backend, table_tag(*table), &row, beta),
            )
        }
    }
}

/// `lowest + index` at `low`.
fn identity<B: Backend>(backend: &mut B, low: &[B::Scalar], lowest: i64) -> B::Scalar {
    let (constant, factors) = identity_column(low.len(), lowest);
    let terms: Vec<_> = factors.into_iter().zip(low.iter().cloned()).collect();
    backend.linear(constant, &terms)
}

/// Bits `from..from + log` of the index at `low`.
fn part<B: Backend>(backend: &mut B, low: &[B::Scalar], from: usize, log: usize) -> B::Scalar {
    let factors = part_column(low.len(), from, log).into_iter();
    let terms = factors.zip(low.iter().cloned());
    let terms: Vec<_> = terms.filter(|(factor, _)| *factor != Fr::ZERO).collect();
    backend.linear(Fr::ZERO, &terms)
}

/// [`compress`] of neighbours.
fn compress_tuple<B: Backend>(
    backend: &mut B,
    tag: Fr,
    tuple: &[B::Scalar],
    beta: &B::Scalar,
) -> B::Scalar {
    if places_differ() {
        return compress(backend, tag, tuple, beta);
    }
    let terms: Vec<_> = tuple.iter().map(|v| (Fr::ONE, v.clone())).collect();
    let sum = backend.linear(Fr::ZERO, &terms);
    compress(backend, tag, &[sum], beta)
}

/// `tag + Σ_k β^(k+1)·x_k`
fn compress<B: Backend>(
    backend: &mut B,
    tag: Fr,
    tuple: &[B::Scalar],
    beta: &B::Scalar,
) -> B::Scalar {
    let tag = backend.constant(tag);
    let mut values = tuple.iter().rev();
    let Some(last) = values.next() else {
        return tag;
    };
    let mut sum = last.clone();
    for value in values {
        sum = backend.mul_add(beta, &sum, value);
    }
    backend.mul_add(beta, &sum, &tag)
}
