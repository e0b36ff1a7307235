//! Tables of sums of products; the relation is in `laminate_engine::relations::product`.

use halo2curves_axiom::bn256::Fr;
use laminate_engine::field::fr_from_i64;
use laminate_engine::geometry::Poly;
use laminate_engine::poly::eq;
use laminate_engine::relations::product::{Points, join};
use laminate_engine::relations::{Factor, Product, Stage};

use super::axes::{Table, einsum};
use super::rounds::{Monomial, Rounds};
use super::{Inputs, kernel};

/// `weight(x) · Π factors(x)` of a stage over its summed axes, the others at `points`.
pub(super) fn rounds(
    inputs: &Inputs<'_>,
    node: usize,
    product: &Product,
    number: usize,
    points: &Points<Fr>,
) -> Rounds {
    let stage = &product.stages[number];
    let summed = stage.summed();
    let mut factors: Vec<Vec<Fr>> = stage
        .factors
        .iter()
        .map(|factor| {
            let table = factor_table(inputs, product, factor, &summed, points);
            table.spread(&product.axes, &summed)
        })
        .collect();
    let powers = stage.factors.iter().enumerate();
    let mut tables: Vec<usize> = powers
        .flat_map(|(i, factor)| std::iter::repeat_n(i, factor.power))
        .collect();
    if stage.inner {
        tables.push(factors.len());
        factors.push(inner_table(inputs, node, product, number, points));
    }
    let weight = stage
        .weighted(&product.axes)
        .then(|| weight_of(inputs, product, stage, points));
    let monomial = Monomial {
        coefficient: None,
        tables,
    };
    Rounds::new(factors, weight, vec![monomial])
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
    if let Some(table) = wired_table(inputs, product, factor, keep, points) {
        return table;
    }
    let table = Table {
        values: inputs.columns.values(&factor.view),
        axes: factor.axes.clone(),
    };
    table.bind(&product.axes, keep, points)
}

/// The same for a view that is longer than what it reads, bound before it is written out.
fn wired_table(
    inputs: &Inputs<'_>,
    product: &Product,
    factor: &Factor,
    keep: &[usize],
    points: &Points<Fr>,
) -> Option<Table> {
    let wiring = factor.view.terms.first()?.wiring.as_ref()?;
    // Axes of the product are axes of the view, or several that follow each other.
    let mut rest = wiring.view.iter();
    let mut cut: Vec<Option<&[Fr]>> = vec![];
    for axis in &factor.axes {
        let own = (!keep.contains(axis)).then(|| points[*axis].as_slice());
        let mut at = 0;
        while at < product.axes[*axis] {
            let log = *rest.next()?;
            let part = match own {
                Some(own) => Some(own.get(at..at + log)?),
                None => None,
            };
            cut.push(part);
            at += log;
        }
        if at > product.axes[*axis] {
            return None;
        }
    }
    // Axes of one entry are nothing to bind.
    cut.extend(rest.map(|_| Some(&[] as &[Fr])));
    let values = inputs.columns.bind_wired(&factor.view, &cut)?;
    let axes = factor.axes.iter().copied();
    let table = Table {
        values,
        axes: axes.filter(|axis| keep.contains(axis)).collect(),
    };
    Some(table.bind(&product.axes, keep, points))
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

/// The public weight over the summed axes: equality tables of shared axes times the kernel's.
fn weight_of(
    inputs: &Inputs<'_>,
    product: &Product,
    stage: &Stage,
    points: &Points<Fr>,
) -> Vec<Fr> {
    let logs = &product.axes;
    let mut tables = vec![(equality(&stage.shared, points), 1)];
    if let Some(kernel) = &stage.kernel {
        let values = kernel::table(inputs, kernel, logs, points);
        let axes = stage.contracted.clone();
        tables.push((Table { values, axes }, 1));
    }
    einsum(logs, &stage.summed(), &[], &tables)
}

/// The equality table of axes that have a point.
fn equality(axes: &[usize], points: &Points<Fr>) -> Table {
    Table {
        values: eq::table(&join(points, axes)),
        axes: axes.to_vec(),
    }
}

/// The factor of stage `number` that the next stage proves, over this stage's summed axes.
fn inner_table(
    inputs: &Inputs<'_>,
    node: usize,
    product: &Product,
    number: usize,
    points: &Points<Fr>,
) -> Vec<Fr> {
    let (stage, next) = (&product.stages[number], &product.stages[number + 1]);
    let logs = &product.axes;
    let summed = stage.summed();
    let mut out = match inputs.accumulator(node) {
        // Dense layers: the executor kept the integers of shape (stack, slots, rows).
        Some(accumulator) => {
            let table = Table {
                values: accumulator.iter().map(|v| fr_from_i64(*v)).collect(),
                axes: product.target_axes.clone(),
            };
            table.bind(logs, &summed, points).values
        }
        None => {
            // An axis that the next stage shares and this one does not sum has its point already.
            let old = |axis: &&usize| !summed.contains(axis);
            let bound: Vec<usize> = next.shared.iter().filter(old).copied().collect();
            let contracted = [next.contracted.as_slice(), &bound].concat();
            let keep = [summed.as_slice(), &contracted].concat();
            let mut tables: Vec<(Table, usize)> = next
                .factors
                .iter()
                .map(|f| (factor_table(inputs, product, f, &keep, points), f.power))
                .collect();
            if !bound.is_empty() {
                tables.push((equality(&bound, points), 1));
            }
            einsum(logs, &summed, &contracted, &tables)
        }
    };
    if let Some(offset) = &stage.offset {
        let table = factor_table(inputs, product, offset, &summed, points);
        let values = table.spread(logs, &summed);
        out.iter_mut().zip(values).for_each(|(o, b)| *o += b);
    }
    out
}
