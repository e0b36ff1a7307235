//! Tables of zero-checks; the relation is in `laminate_engine::relations::elementwise`.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use laminate_engine::poly::eq;
use laminate_engine::relations::{Causal, Elementwise};

use super::Inputs;
use super::rounds::{Monomial, Rounds};

/// `eq(τ, x) · Σ join · identity(columns(x))`
pub(super) fn rounds(
    inputs: &Inputs<'_>,
    relation: &Elementwise,
    tau: &[Fr],
    joins: &[Fr],
) -> Rounds {
    let log = relation.log();
    let read = relation.read();
    let columns = read.iter().map(|column| &relation.columns[*column]);
    let mut tables: Vec<Vec<Fr>> = columns
        .map(|view| widen(inputs.columns.values(view), log))
        .collect();
    tables.extend(relation.causal.map(|causal| mask(causal, log)));
    // The mask is the column after all others, and the table after those that are read.
    let table = |column: &usize| read.binary_search(column).unwrap_or(read.len());
    let identities = relation.quadratic.iter().zip(joins);
    let monomials = identities.flat_map(|(identity, join)| {
        identity.0.iter().map(move |monomial| {
            let coefficient = monomial.coefficient * join;
            Monomial {
                coefficient: (coefficient != Fr::ONE).then_some(coefficient),
                tables: monomial.columns.iter().map(table).collect(),
            }
        })
    });
    let monomials = monomials.collect();
    Rounds::new(tables, Some(eq::table(tau)), monomials)
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
