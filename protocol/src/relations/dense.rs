//! Dense layer with requantisation.
//!
//! Shapes: `x (slots, cols)`, `w (rows, cols)`, `bias, m (rows)`, `y, rem (slots, rows)`; all padded.
//! The identity `m[j]·acc[b,j] = 2^s·y[b,j] + rem[b,j] - 2^(s-1)` with
//! `acc[b,j] = Σ_k w[j,k]·x[b,k] + bias[j]` is linear in `b`, so at a random `(τ_b, τ_j)`:
//!
//! 1. `Σ_j eq(τ_j, j)·m(j)·acc(τ_b, j) = (2^s·y + rem - 2^(s-1))(τ_b, τ_j)`: sumcheck over `j`,
//!    degree 3, leaving `m(r_j)` and `acc(τ_b, r_j)`;
//! 2. `acc(τ_b, r_j) - bias(r_j) = Σ_k w(r_j, k)·x(τ_b, k)`: Thaler's matmul sumcheck (2013, §4.4)
//!    over `k` only, degree 2.
//!
//! 3. Padded weights and multipliers are zero ([`padding_claims`]).
//!
//! The accumulator is never committed. `rem` is in `[0, 2^s)` as it is made of bytes, so `y` is the
//! rounded quotient; no product reaches the field's size (`docs/specs/numerics.md`).

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;

use super::LayerProof;
use crate::backend::Backend;
use crate::claim::{EvalClaim, View};
use crate::error::{Check, VerifyError, expect_len};
use crate::field::pow2;
use crate::layout::{AuxBlocks, Layout};
use crate::poly::eq;
use crate::program::{Node, Program, padded_log};
use crate::sumcheck;
use crate::transcript::Transcript;

/// Evaluations a dense layer proof sends, in order.
pub const EVALUATIONS: [&str; 6] = [
    "target",
    "multiplier",
    "accumulator",
    "bias",
    "weight",
    "input",
];
/// Degree of the row sumcheck: `eq · m · acc`.
pub const ROW_DEGREE: usize = 3;
/// Degree of the inner sumcheck: `w · x`.
pub const INNER_DEGREE: usize = 2;

/// Columns and sizes of a dense layer.
#[derive(Clone, Debug)]
pub struct DenseRelation {
    /// `2^s·y + rem - 2^(s-1)`, shape `(slots, rows)`.
    pub target: View,
    /// `m`, shape `(rows)`.
    pub multiplier: View,
    /// `bias`, shape `(rows)`.
    pub bias: View,
    /// `w`, shape `(rows, cols)`.
    pub weight: View,
    /// `x`, shape `(slots, cols)`.
    pub input: View,
    /// Unpadded rows and columns.
    pub shape: [usize; 2],
    /// log2 of slots.
    pub batch_log: usize,
    /// log2 of padded rows.
    pub row_log: usize,
    /// log2 of padded columns.
    pub col_log: usize,
}

pub(super) fn relation(
    program: &Program,
    layout: &Layout,
    node: &Node,
    aux: &AuxBlocks,
    weight: usize,
    shift: u8,
) -> Option<DenseRelation> {
    let dense = layout.dense.get(weight)?;
    let shape = program.weights.get(weight)?;
    let output = View::tensor(layout, node.output);
    let half = pow2(usize::from(shift) - 1);
    let remainder = View::bytes(-half, &aux.remainder);
    Some(DenseRelation {
        target: output.scale_add(pow2(shift.into()), &remainder),
        multiplier: View::multiplier(dense),
        bias: View::bias(dense),
        weight: View::weight(dense),
        input: View::tensor(layout, *node.inputs.first()?),
        shape: [shape.rows as usize, shape.cols as usize],
        batch_log: program.batch_log.into(),
        row_log: padded_log(shape.rows as usize),
        col_log: padded_log(shape.cols as usize),
    })
}

pub(super) fn verify<B: Backend>(
    backend: &mut B,
    transcript: &mut Transcript<B>,
    relation: &DenseRelation,
    proof: &LayerProof<B::Scalar>,
) -> Result<Vec<EvalClaim<B::Scalar>>, VerifyError> {
    let [rows, inner] = proof.sumchecks.as_slice() else {
        return expect_len("layer sumchecks", proof.sumchecks.len(), 2).map(|()| vec![]);
    };
    let [target, multiplier, accumulator, bias, weight, input] = proof.evaluations.as_slice()
    else {
        return expect_len(
            "layer evaluations",
            proof.evaluations.len(),
            EVALUATIONS.len(),
        )
        .map(|()| vec![]);
    };
    let tau_batch = transcript.challenges(backend, "dense batch point", relation.batch_log);
    let tau_row = transcript.challenges(backend, "dense row point", relation.row_log);
    transcript.absorb("dense target", std::slice::from_ref(target));

    let shape = (relation.row_log, ROW_DEGREE);
    let last = sumcheck::verify(
        backend,
        transcript,
        "dense row round",
        rows,
        shape,
        target.clone(),
    )?;
    let row = last.point;
    let selected = eq::evaluate(backend, &tau_row, &row);
    let product = backend.mul(multiplier, accumulator);
    let expected = backend.mul(&selected, &product);
    backend.assert_equal(&expected, &last.value, Check::Sumcheck("dense row"))?;
    transcript.absorb(
        "dense row evaluations",
        &[multiplier.clone(), accumulator.clone(), bias.clone()],
    );

    let claim = backend.sub(accumulator, bias);
    let shape = (relation.col_log, INNER_DEGREE);
    // The claim depends on what was just absorbed; with no column variable there is no later round.
    let last = sumcheck::verify(
        backend,
        transcript,
        "dense inner round",
        inner,
        shape,
        claim,
    )?;
    let expected = backend.mul(weight, input);
    backend.assert_equal(&expected, &last.value, Check::Sumcheck("dense inner"))?;
    transcript.absorb("dense inner evaluations", &[weight.clone(), input.clone()]);

    let join = |a: &[B::Scalar], b: &[B::Scalar]| [a, b].concat();
    let claim = |view: &View, point: Vec<B::Scalar>, value: &B::Scalar| EvalClaim {
        view: view.clone(),
        point,
        value: value.clone(),
    };
    let mut claims = vec![
        claim(&relation.target, join(&tau_batch, &tau_row), target),
        claim(&relation.multiplier, row.clone(), multiplier),
        claim(&relation.bias, row.clone(), bias),
        claim(&relation.weight, join(&row, &last.point), weight),
        claim(&relation.input, join(&tau_batch, &last.point), input),
    ];
    claims.extend(padding_claims(backend, transcript, relation));
    Ok(claims)
}

/// Claims that nothing hides in the padding: weights of padded columns are zero, and so are the
/// multipliers of padded rows, which makes these rows' outputs zero whatever their weights.
///
/// The padding of an axis is at most `log` aligned subcubes; on each, the column's extension must
/// vanish at a random point. The values are known, so there is no message.
pub fn padding_claims<B: Backend>(
    backend: &mut B,
    transcript: &mut Transcript<B>,
    relation: &DenseRelation,
) -> Vec<EvalClaim<B::Scalar>> {
    let [rows, cols] = relation.shape;
    let row = transcript.challenges(backend, "dense padding row", relation.row_log);
    let col = transcript.challenges(backend, "dense padding column", relation.col_log);
    let mut claims = vec![];
    for subcube in subcubes(rows, relation.row_log) {
        let point = subcube_point(backend, &row, subcube);
        claims.push(EvalClaim {
            view: relation.multiplier.clone(),
            point,
            value: backend.constant(Fr::ZERO),
        });
    }
    for subcube in subcubes(cols, relation.col_log) {
        let inner = subcube_point(backend, &col, subcube);
        let point = [row.as_slice(), inner.as_slice()].concat();
        claims.push(EvalClaim {
            view: relation.weight.clone(),
            point,
            value: backend.constant(Fr::ZERO),
        });
    }
    claims
}

/// `[from, 2^log)` as aligned subcubes `(offset, log of the size)`.
fn subcubes(from: usize, log: usize) -> Vec<(usize, usize)> {
    let mut out = vec![];
    let mut at = from;
    while at < 1 << log {
        let size = at.trailing_zeros() as usize;
        out.push((at, size));
        at += 1 << size;
    }
    out
}

/// A point inside a subcube: its offset's bits, then the last challenges.
fn subcube_point<B: Backend>(
    backend: &mut B,
    random: &[B::Scalar],
    (offset, size): (usize, usize),
) -> Vec<B::Scalar> {
    let log = random.len();
    let bit = |i: usize| (offset >> (log - 1 - i)) & 1;
    random
        .iter()
        .enumerate()
        .map(|(i, r)| {
            if i + size < log {
                backend.constant(Fr::from(bit(i) as u64))
            } else {
                r.clone()
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::subcubes;

    #[test]
    fn subcubes_tile_the_padding() {
        for (from, log) in [(29, 5), (1, 3), (5, 3), (8, 3), (1, 0), (7, 3)] {
            let covered: Vec<usize> = subcubes(from, log)
                .into_iter()
                .flat_map(|(at, size)| at..at + (1 << size))
                .collect();
            assert_eq!(covered, (from..1 << log).collect::<Vec<_>>());
            assert!(
                subcubes(from, log)
                    .iter()
                    .all(|(at, size)| at % (1 << size) == 0)
            );
        }
    }
}
