//! Prover of a dense layer; the protocol is in `laminate_protocol::relations::dense`.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use laminate_protocol::backend::Native;
use laminate_protocol::claim::{EvalClaim, View};
use laminate_protocol::poly::{self, eq};
use laminate_protocol::relations::dense::{INNER_DEGREE, ROW_DEGREE, padding_claims};
use laminate_protocol::relations::{DenseRelation, LayerProof};
use laminate_protocol::transcript::Transcript;
use rayon::prelude::*;

use crate::columns::Columns;
use crate::sumcheck::TableSumcheck;

pub(super) fn prove(
    transcript: &mut Transcript<Native>,
    columns: &Columns<'_>,
    relation: &DenseRelation,
) -> (LayerProof<Fr>, Vec<EvalClaim<Fr>>) {
    let tau_batch = transcript.challenges(&mut Native, "dense batch point", relation.batch_log);
    let tau_row = transcript.challenges(&mut Native, "dense row point", relation.row_log);
    let tau = [tau_batch.as_slice(), tau_row.as_slice()].concat();
    let target = poly::evaluate(&columns.values(&relation.target), &tau);
    transcript.absorb("dense target", &[target]);

    let input = bind_rows(&columns.values(&relation.input), &eq::table(&tau_batch));
    let bias = columns.values(&relation.bias);
    let accumulator: Vec<Fr> = products(columns, relation, &input)
        .into_iter()
        .zip(&bias)
        .map(|(product, bias)| product + bias)
        .collect();

    let tables = [
        eq::table(&tau_row),
        columns.values(&relation.multiplier),
        accumulator,
    ];
    let summand = |t: &[Fr; 3]| t[0] * t[1] * t[2];
    let (rows, row, [_, multiplier, accumulator]) = TableSumcheck::new(
        tables, ROW_DEGREE, &summand,
    )
    .prove(transcript, "dense row round", target);
    let bias = poly::evaluate(&bias, &row);
    transcript.absorb("dense row evaluations", &[multiplier, accumulator, bias]);

    let tables = [weight_row(columns, relation, &eq::table(&row)), input];
    let summand = |t: &[Fr; 2]| t[0] * t[1];
    let (inner, col, [weight, input]) = TableSumcheck::new(tables, INNER_DEGREE, &summand).prove(
        transcript,
        "dense inner round",
        accumulator - bias,
    );
    transcript.absorb("dense inner evaluations", &[weight, input]);

    let claim = |view: &View, point: Vec<Fr>, value: Fr| EvalClaim {
        view: view.clone(),
        point,
        value,
    };
    let join = |a: &[Fr], b: &[Fr]| [a, b].concat();
    let mut claims = vec![
        claim(&relation.target, tau, target),
        claim(&relation.multiplier, row.clone(), multiplier),
        claim(&relation.bias, row.clone(), bias),
        claim(&relation.weight, join(&row, &col), weight),
        claim(&relation.input, join(&tau_batch, &col), input),
    ];
    claims.extend(padding_claims(&mut Native, transcript, relation));
    let evaluations = vec![target, multiplier, accumulator, bias, weight, input];
    (
        LayerProof {
            sumchecks: vec![rows, inner],
            evaluations,
        },
        claims,
    )
}

/// `Σ_b weights_b · table[b, ·]` of a `(b, width)` table.
fn bind_rows(table: &[Fr], weights: &[Fr]) -> Vec<Fr> {
    let width = table.len() / weights.len();
    let mut out = vec![Fr::ZERO; width];
    for (row, weight) in table.chunks(width).zip(weights) {
        for (o, v) in out.iter_mut().zip(row) {
            *o += v * weight;
        }
    }
    out
}

/// `Σ_k w[j,k] · input[k]` for every row `j`: the integer weight times a field vector. The stored
/// byte is `w + 128`, so the sum over bytes is corrected by `128·Σ input`.
fn products(columns: &Columns<'_>, relation: &DenseRelation, input: &[Fr]) -> Vec<Fr> {
    let bytes = columns.weight_bytes(relation);
    let correction = relation.weight.constant * input.iter().sum::<Fr>();
    bytes
        .par_chunks(input.len())
        .map(|row| {
            let sum: Fr = row
                .iter()
                .zip(input)
                .map(|(w, x)| columns.byte(*w) * x)
                .sum();
            sum + correction
        })
        .collect()
}

/// `Σ_j selector_j · w[j, ·]`: the one pass over the weights of the opening point.
fn weight_row(columns: &Columns<'_>, relation: &DenseRelation, selector: &[Fr]) -> Vec<Fr> {
    let bytes = columns.weight_bytes(relation);
    let width = bytes.len() / selector.len();
    let chunk = selector.len().div_ceil(rayon::current_num_threads()).max(1);
    let mut sums = bytes
        .par_chunks(width * chunk)
        .zip(selector.par_chunks(chunk))
        .map(|(rows, selector)| {
            let mut out = vec![Fr::ZERO; width];
            for (row, s) in rows.chunks(width).zip(selector) {
                for (o, w) in out.iter_mut().zip(row) {
                    *o += columns.byte(*w) * s;
                }
            }
            out
        })
        .reduce(
            || vec![Fr::ZERO; width],
            |mut a, b| {
                a.iter_mut().zip(b).for_each(|(x, y)| *x += y);
                a
            },
        );
    // Σ_j selector_j = 1 for an equality table, so the offset of the bytes comes off once.
    for value in &mut sums {
        *value += relation.weight.constant;
    }
    sums
}
