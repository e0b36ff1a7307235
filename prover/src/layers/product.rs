//! Prover of sums of products; the protocol is in `laminate_engine::relations::product`.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use laminate_engine::backend::Native;
use laminate_engine::claim::EvalClaim;
use laminate_engine::field::fr_from_i64;
use laminate_engine::geometry::Poly;
use laminate_engine::poly::eq;
use laminate_engine::relations::product::{Points, draw, join, split};
use laminate_engine::relations::{Factor, Product, RelationProof, Stage};
use laminate_engine::sumcheck::SumcheckProof;
use laminate_engine::transcript::Transcript;

use super::axes::{Table, einsum};
use super::{Inputs, kernel};
use crate::sumcheck::TableSumcheck;

pub(super) fn prove(
    transcript: &mut Transcript<Native>,
    inputs: &Inputs<'_>,
    product: &Product,
) -> (RelationProof<Fr>, Vec<EvalClaim<Fr>>) {
    let mut points = draw(&mut Native, transcript, product);
    let mut evaluations = vec![];
    let mut claims = vec![];
    let mut claim = Fr::ZERO;
    if let Some(view) = &product.target {
        let point = join(&points, &product.target_axes);
        let value = inputs.columns.evaluate(view, &point);
        transcript.absorb("product target", &[value]);
        evaluations.push(value);
        claim = value * product.constant.invert().unwrap_or(Fr::ZERO);
        let view = view.clone();
        claims.push(EvalClaim { view, point, value });
    }
    let mut sumchecks = vec![];
    for (index, stage) in product.stages.iter().enumerate() {
        let tables = Tables::new(inputs, product, index, &points);
        let (messages, at, values) = tables.prove(transcript, stage, &product.axes, claim);
        sumchecks.push(messages);
        points = split(&product.axes, &stage.summed(), &points, &at);
        let mut sent = values;
        let offset = stage
            .offset
            .as_ref()
            .map(|factor| evaluate(inputs, product, factor, &points));
        sent.extend(offset);
        transcript.absorb("product evaluations", &sent);
        let factors = stage.factors.iter().zip(&sent);
        for (factor, value) in factors.chain(stage.offset.iter().zip(&offset)) {
            claims.push(EvalClaim {
                view: factor.view.clone(),
                point: join(&points, &factor.axes),
                value: *value,
            });
        }
        let inner = sent.get(stage.factors.len()).copied().unwrap_or(Fr::ZERO);
        claim = inner - offset.unwrap_or(Fr::ZERO);
        evaluations.extend(sent);
    }
    let proof = RelationProof {
        sumchecks,
        evaluations,
    };
    (proof, claims)
}

/// A factor's value at the points.
fn evaluate(inputs: &Inputs<'_>, product: &Product, factor: &Factor, points: &Points<Fr>) -> Fr {
    factor_table(inputs, product, factor, &[], points).values[0]
}

/// A factor as a table over the axes of `keep` that it has, the others bound at their points.
fn factor_table(
    inputs: &Inputs<'_>,
    product: &Product,
    factor: &Factor,
    keep: &[usize],
    points: &Points<Fr>,
) -> Table {
    if let [term] = factor.view.terms.as_slice()
        && term.block.poly == Poly::Weight
        && let Some(table) = weight_table(inputs, product, factor, keep, points)
    {
        return table;
    }
    let table = Table {
        values: inputs.columns.values(&factor.view),
        axes: factor.axes.clone(),
    };
    table.bind(&product.axes, keep, points)
}

/// The same for weights, straight from their bytes, if one run of axes is bound.
fn weight_table(
    inputs: &Inputs<'_>,
    product: &Product,
    factor: &Factor,
    keep: &[usize],
    points: &Points<Fr>,
) -> Option<Table> {
    let bound = |a: &usize| !keep.contains(a);
    let first = factor.axes.iter().position(bound)?;
    let run = factor.axes[first..].iter().take_while(|a| bound(a)).count();
    let (before, after) = (&factor.axes[..first], &factor.axes[first + run..]);
    if after.iter().any(bound) {
        return None;
    }
    let axes = [before, after].concat();
    if !axes.is_sorted() {
        return None;
    }
    let size = |axes: &[usize]| {
        axes.iter()
            .map(|a| 1usize << product.axes[*a])
            .product::<usize>()
    };
    let selector = eq::table(&join(points, &factor.axes[first..first + run]));
    let values = inputs.columns.weight_combine(
        &factor.view,
        (size(before), selector.len(), size(after)),
        &selector,
    );
    Some(Table { values, axes })
}

/// What a stage's sumcheck runs over.
struct Tables {
    weight: Option<Vec<Fr>>,
    factors: Vec<Vec<Fr>>,
}

impl Tables {
    fn new(inputs: &Inputs<'_>, product: &Product, index: usize, points: &Points<Fr>) -> Self {
        let stage = &product.stages[index];
        let summed = stage.summed();
        let mut factors: Vec<Vec<Fr>> = stage
            .factors
            .iter()
            .map(|factor| factor_table(inputs, product, factor, &summed, points).values)
            .collect();
        if stage.inner {
            factors.push(inner_table(inputs, product, index, points));
        }
        let weight = stage
            .weighted(&product.axes)
            .then(|| weight_of(inputs, product, stage, points));
        Self { weight, factors }
    }

    /// Runs the sumcheck; returns messages, point and the factors' values there.
    fn prove(
        self,
        transcript: &mut Transcript<Native>,
        stage: &Stage,
        axes: &[usize],
        claim: Fr,
    ) -> (SumcheckProof<Fr>, Vec<Fr>, Vec<Fr>) {
        let label = "product round";
        let degree = stage.degree(axes);
        let square = stage.factors.iter().any(|f| f.power == 2);
        let mut factors = self.factors;
        let second = (factors.len() > 1).then(|| factors.swap_remove(1));
        let first = factors.swap_remove(0);
        match (self.weight, second) {
            (Some(w), Some(b)) => {
                let summand = |t: &[Fr; 3]| t[0] * t[1] * t[2];
                let (m, p, [_, a, b]) = TableSumcheck::new([w, first, b], degree, &summand)
                    .prove(transcript, label, claim);
                (m, p, vec![a, b])
            }
            (Some(w), None) if square => {
                let summand = |t: &[Fr; 2]| t[0] * t[1].square();
                let (m, p, [_, a]) = TableSumcheck::new([w, first], degree, &summand)
                    .prove(transcript, label, claim);
                (m, p, vec![a])
            }
            (Some(w), None) => {
                let summand = |t: &[Fr; 2]| t[0] * t[1];
                let (m, p, [_, a]) = TableSumcheck::new([w, first], degree, &summand)
                    .prove(transcript, label, claim);
                (m, p, vec![a])
            }
            (None, Some(b)) => {
                let summand = |t: &[Fr; 2]| t[0] * t[1];
                let (m, p, [a, b]) = TableSumcheck::new([first, b], degree, &summand)
                    .prove(transcript, label, claim);
                (m, p, vec![a, b])
            }
            (None, None) => {
                let summand = |t: &[Fr; 1]| if square { t[0].square() } else { t[0] };
                let (m, p, [a]) =
                    TableSumcheck::new([first], degree, &summand).prove(transcript, label, claim);
                (m, p, vec![a])
            }
        }
    }
}

/// The public weight over the summed axes: equality tables of shared axes times the kernel's.
fn weight_of(
    inputs: &Inputs<'_>,
    product: &Product,
    stage: &Stage,
    points: &Points<Fr>,
) -> Vec<Fr> {
    let logs = &product.axes;
    let shared = eq::table(&join(points, &stage.shared));
    let kernel = match &stage.kernel {
        Some(kernel) => kernel::table(inputs, kernel, logs, points),
        None => vec![
            Fr::ONE;
            stage
                .contracted
                .iter()
                .map(|a| 1usize << logs[*a])
                .product()
        ],
    };
    let a = Table {
        values: shared,
        axes: stage.shared.clone(),
    };
    let b = Table {
        values: kernel,
        axes: stage.contracted.clone(),
    };
    einsum(logs, &stage.summed(), &[], &a, &b)
}

/// The factor of stage `index` that the next stage proves, over this stage's summed axes.
fn inner_table(
    inputs: &Inputs<'_>,
    product: &Product,
    index: usize,
    points: &Points<Fr>,
) -> Vec<Fr> {
    let (stage, next) = (&product.stages[index], &product.stages[index + 1]);
    let summed = stage.summed();
    let mut out = match inputs.accumulator {
        // Dense layers: the executor kept the integers of shape (stack, slots, rows).
        Some(accumulator) if !accumulator.is_empty() => {
            let table = Table {
                values: accumulator.iter().map(|v| fr_from_i64(*v)).collect(),
                axes: product.target_axes.clone(),
            };
            table.bind(&product.axes, &summed, points).values
        }
        _ => {
            let keep: Vec<usize> = summed.iter().chain(&next.contracted).copied().collect();
            let [a, b] =
                [0, 1].map(|i| factor_table(inputs, product, &next.factors[i], &keep, points));
            einsum(&product.axes, &summed, &next.contracted, &a, &b)
        }
    };
    if let Some(offset) = &stage.offset {
        let table = factor_table(inputs, product, offset, &summed, points);
        out.iter_mut().zip(table.values).for_each(|(o, b)| *o += b);
    }
    out
}
