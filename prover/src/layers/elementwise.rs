//! Prover of element-wise relations; the protocol is in `laminate_engine::relations::elementwise`.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use laminate_engine::backend::Native;
use laminate_engine::claim::EvalClaim;
use laminate_engine::poly::{self, eq};
use laminate_engine::relations::elementwise::{ZERO_CHECK_DEGREE, joins};
use laminate_engine::relations::{Causal, Elementwise, Expression, RelationProof};
use laminate_engine::sumcheck::SumcheckProof;
use laminate_engine::transcript::Transcript;

use crate::columns::Columns;
use crate::sumcheck::TableSumcheck;

pub(super) fn prove(
    transcript: &mut Transcript<Native>,
    columns: &Columns<'_>,
    relation: &Elementwise,
) -> (RelationProof<Fr>, Vec<EvalClaim<Fr>>) {
    let log = relation.log();
    let tau = transcript.challenges(&mut Native, "zero-check point", log);
    let joins = joins(&mut Native, transcript, relation);
    let values = relation.columns.iter().map(|view| columns.values(view));
    let mut point = tau.clone();
    let mut sumchecks = vec![];
    let evaluations: Vec<Fr> = if relation.quadratic.is_empty() {
        relation
            .columns
            .iter()
            .zip(values)
            .map(|(view, v)| poly::evaluate(&v, &tau[..view.log()]))
            .collect()
    } else {
        let mut tables: Vec<Vec<Fr>> = values.map(|v| widen(v, log)).collect();
        let count = tables.len();
        tables.extend(relation.causal.map(|causal| mask(causal, log)));
        let identity = joined(&relation.quadratic, &joins);
        let (messages, last, at) = zero_check(transcript, tables, &tau, &identity);
        sumchecks.push(messages);
        point = last;
        at[..count].to_vec()
    };
    transcript.absorb("column evaluations", &evaluations);
    let claims = relation
        .columns
        .iter()
        .zip(&evaluations)
        .map(|(view, value)| EvalClaim {
            view: view.clone(),
            point: point[..view.log()].to_vec(),
            value: *value,
        })
        .collect();
    let proof = RelationProof {
        sumchecks,
        evaluations,
    };
    (proof, claims)
}

/// Repeats each value of a shorter column for all its last axes.
fn widen(values: Vec<Fr>, log: usize) -> Vec<Fr> {
    let times = (1usize << log) / values.len();
    if times == 1 {
        return values;
    }
    values
        .into_iter()
        .flat_map(|v| std::iter::repeat_n(v, times))
        .collect()
}

/// The causal mask over all elements.
fn mask(causal: Causal, log: usize) -> Vec<Fr> {
    let part = |i: usize, from: usize| (i >> (log - from - causal.log)) & ((1 << causal.log) - 1);
    (0..1usize << log)
        .map(|i| Fr::from(u64::from(part(i, log - causal.log) <= part(i, causal.row))))
        .collect()
}

/// `Σ join_i · identity_i`
fn joined(identities: &[Expression], joins: &[Fr]) -> Expression {
    let mut out = Expression::default();
    for (i, identity) in identities.iter().enumerate() {
        let factor = joins.get(i).copied().unwrap_or(Fr::ONE);
        for monomial in &identity.0 {
            out = out.plus(monomial.coefficient * factor, &monomial.columns);
        }
    }
    out
}

/// Dispatches on the number of columns, the equality table included.
fn zero_check(
    transcript: &mut Transcript<Native>,
    mut tables: Vec<Vec<Fr>>,
    tau: &[Fr],
    identity: &Expression,
) -> (SumcheckProof<Fr>, Vec<Fr>, Vec<Fr>) {
    tables.push(eq::table(tau));
    match tables.len() {
        4 => run::<4>(transcript, tables, identity),
        5 => run::<5>(transcript, tables, identity),
        6 => run::<6>(transcript, tables, identity),
        _ => run::<8>(transcript, tables, identity),
    }
}

fn run<const N: usize>(
    transcript: &mut Transcript<Native>,
    tables: Vec<Vec<Fr>>,
    identity: &Expression,
) -> (SumcheckProof<Fr>, Vec<Fr>, Vec<Fr>) {
    let used = tables.len();
    let size = tables[0].len();
    let mut tables = tables.into_iter();
    let array: [Vec<Fr>; N] =
        std::array::from_fn(|_| tables.next().unwrap_or_else(|| vec![Fr::ZERO; size]));
    let summand = |t: &[Fr; N]| t[used - 1] * identity.evaluate(t);
    let (messages, point, at) = TableSumcheck::new(array, ZERO_CHECK_DEGREE, &summand).prove(
        transcript,
        "zero-check round",
        Fr::ZERO,
    );
    (messages, point, at.to_vec())
}
