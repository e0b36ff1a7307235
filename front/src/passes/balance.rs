//! Outlier features of the MLP, and blocks of unlike ranges.
//!
//! All blocks share one scale a site, and in trained models a few hidden features of a few blocks are
//! hundreds of times larger than all others (massive activations, Sun et al., arXiv 2402.17762). Three
//! changes of the weights leave the float function as it is:
//!
//! - a block's values and hidden features are divided by a factor of the block, and the matrix that reads
//!   them multiplied by it: every block fills the range;
//! - an outlier feature becomes several equal ones that share its value, each read with its weights
//!   (outlier channel splitting, Zhao et al., arXiv 1901.09504), in places that padding to a power of two
//!   leaves free;
//! - where no place is free, an outlier is divided by a factor of its own and its column multiplied
//!   (SmoothQuant, Xiao et al., arXiv 2211.10438), at the cost of weight precision.

use super::{Basis, Change, Feature, Plan, is_product, only_reader};
use crate::graph::{Graph, ValueId};
use crate::ops::Op;
use crate::quant::calibrate::Seen;

/// At most one more feature for so many.
const SHARE: usize = 16;
/// Features up to so many times the 90th percentile are ordinary.
const ORDINARY: f64 = 4.0;
/// Features beyond so many times an ordinary one get a factor of their own.
const EXTREME: f64 = 16.0;

/// Blocks whose range is so many times smaller than the largest do not fill theirs.
const SPREAD: f64 = 16.0;

/// Features that are products of a function of one matrix's and another one's, read by a third matrix alone.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Gated {
    gate: ValueId,
    up: ValueId,
    hidden: ValueId,
    down: ValueId,
}

/// Values that attention mixes, read by a matrix alone.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Mixed {
    values: ValueId,
    mix: ValueId,
    output: ValueId,
}

/// The matrix that alone reads a value.
fn reader(graph: &Graph, value: ValueId) -> Option<ValueId> {
    let reader = only_reader(graph, value)?.output;
    is_product(graph, reader).then_some(reader)
}

fn gated(graph: &Graph) -> Vec<Gated> {
    let product = |id: &ValueId| is_product(graph, *id) && only_reader(graph, *id).is_some();
    let nodes = graph.nodes().iter().filter(|node| node.op == Op::Mul);
    let found = nodes.filter_map(|node| {
        let of = |at: usize| node.inputs.get(at).copied();
        let function = graph.producer(of(0)?)?;
        let gate = function.inputs.first().copied();
        let out = Gated {
            gate: gate.filter(|_| matches!(function.op, Op::Unary(_)))?,
            up: of(1)?,
            hidden: node.output,
            down: reader(graph, node.output)?,
        };
        let alone = only_reader(graph, function.output).is_some();
        (alone && product(&out.gate) && product(&out.up)).then_some(out)
    });
    found.collect()
}

fn mixed(graph: &Graph) -> Vec<Mixed> {
    let nodes = graph.nodes().iter().filter(|node| node.op == Op::Mix);
    let found = nodes.filter_map(|node| {
        let values = node.inputs.get(1).copied()?;
        let alone = only_reader(graph, values).is_some() && is_product(graph, values);
        Some(Mixed {
            values: Some(values).filter(|_| alone)?,
            mix: node.output,
            output: reader(graph, node.output)?,
        })
    });
    found.collect()
}

/// The values of which single features are looked at.
pub fn watched(graph: &Graph) -> Vec<ValueId> {
    let gated = gated(graph);
    gated.iter().flat_map(|g| [g.up, g.hidden]).collect()
}

/// Chooses the changes by what calibration saw, and brings that to what the changed model has.
pub fn choose(plan: &mut Plan<'_>, seen: &mut Seen) {
    features(plan, seen);
    let mixed = mixed(plan.graph);
    let largest: Vec<f64> = mixed.iter().map(|m| seen.largest(m.values)).collect();
    for (mixed, factor) in mixed.iter().zip(factors(&largest)) {
        plan.change(mixed.values, Change::Factor(factor));
        plan.change(mixed.output, Change::Factor(factor.recip()));
        for id in [mixed.values, mixed.mix] {
            seen.set(id, seen.largest(id) * factor);
            if let Some(own) = plan.factors.get_mut(id) {
                *own *= factor;
            }
        }
    }
}

/// A feature with the factors of the matrix that gives it and of the one that reads it.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Piece {
    source: Option<usize>,
    up: f64,
    down: f64,
}

fn features(plan: &mut Plan<'_>, seen: &mut Seen) {
    let gated = gated(plan.graph);
    let width = gated.first().map_or(0, |g| plan.graph.width(g.hidden));
    if gated.iter().any(|g| plan.graph.width(g.hidden) != width) {
        return;
    }
    let free = width.next_power_of_two() - width;
    let budget = free.min(width / SHARE);
    let (mut blocks, ranges): (Vec<Vec<Piece>>, Vec<f64>) = gated
        .iter()
        .map(|g| split(seen.features(g.hidden), budget))
        .unzip();
    for (features, factor) in blocks.iter_mut().zip(factors(&ranges)) {
        for feature in features {
            feature.up *= factor;
            feature.down /= factor;
        }
    }
    let width = blocks.iter().map(Vec::len).max().unwrap_or(width);
    for (gated, mut features) in gated.into_iter().zip(blocks) {
        for id in [gated.hidden, gated.up] {
            let maxima = seen.features(id);
            let of = |feature: &Piece| largest(maxima, feature) * feature.up;
            let range = features.iter().map(of).fold(0.0, f64::max);
            seen.set(id, range);
        }
        features.resize(
            width,
            Piece {
                source: None,
                up: 0.0,
                down: 0.0,
            },
        );
        let of = |factor: &dyn Fn(&Piece) -> f64| -> Vec<Feature> {
            let one = |piece: &Piece| Feature {
                source: piece.source,
                factor: factor(piece),
            };
            features.iter().map(one).collect()
        };
        let up = of(&|piece| piece.up);
        let gate = of(&|_| 1.0);
        plan.change(gated.gate, Change::Rows(gate.clone()));
        plan.change(gated.up, Change::Rows(up.clone()));
        plan.change(gated.down, Change::Columns(of(&|piece| piece.down)));
        let shown = [
            (gated.gate, gate),
            (gated.up, up.clone()),
            (gated.hidden, up),
        ];
        for (id, features) in shown {
            if let Some(basis) = plan.bases.get_mut(id) {
                *basis = Basis::Features(features);
            }
        }
    }
}

/// Factors that bring the blocks' ranges to one. Those of blocks far below the largest are left with
/// more room above: they were seen to be small, not proven to be.
fn factors(ranges: &[f64]) -> Vec<f64> {
    let top = ranges.iter().copied().fold(0.0, f64::max);
    let factor = |range: &f64| range.max(top / SPREAD).recip();
    ranges
        .iter()
        .map(|r| if top > 0.0 { factor(r) } else { 1.0 })
        .collect()
}

fn largest(maxima: &[f32], feature: &Piece) -> f64 {
    let source = feature.source.and_then(|j| maxima.get(j));
    source.map_or(0.0, |v| f64::from(*v))
}

/// The features of a block with these maxima, at most `budget` more than there are, and their range.
fn split(maxima: &[f32], budget: usize) -> (Vec<Piece>, f64) {
    let ordinary = ORDINARY * percentile(maxima);
    let limit = limit(maxima, ordinary, budget);
    let mut features: Vec<Piece> = vec![];
    let mut copies = vec![];
    let mut range = 0.0f64;
    for (source, maximum) in maxima.iter().enumerate() {
        let count = pieces(*maximum, limit);
        let piece = f64::from(*maximum) / count as f64;
        let own = if ordinary > 0.0 && piece > EXTREME * ordinary {
            (piece / ordinary).sqrt()
        } else {
            1.0
        };
        range = range.max(piece / own);
        let feature = Piece {
            source: Some(source),
            up: 1.0 / (own * count as f64),
            down: own,
        };
        features.push(feature);
        copies.extend(std::iter::repeat_n(feature, count - 1));
    }
    features.append(&mut copies);
    (features, range)
}

/// The smallest power of two times an ordinary maximum at which the pieces are within the budget.
fn limit(maxima: &[f32], ordinary: f64, budget: usize) -> f64 {
    let mut limit = ordinary;
    let more = |limit: f64| maxima.iter().map(|m| pieces(*m, limit) - 1).sum::<usize>();
    if limit <= 0.0 || budget == 0 {
        return f64::INFINITY;
    }
    while more(limit) > budget {
        limit *= 1.25;
    }
    limit
}

/// Number of equal pieces within the limit.
fn pieces(maximum: f32, limit: f64) -> usize {
    libm::ceil(f64::from(maximum) / limit).max(1.0) as usize
}

/// The 90th percentile.
fn percentile(maxima: &[f32]) -> f64 {
    let mut sorted = maxima.to_vec();
    sorted.sort_by(f32::total_cmp);
    sorted
        .get(sorted.len() * 9 / 10)
        .map_or(0.0, |v| f64::from(*v))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sum over copies of `up·down` is one for every feature of the model.
    fn keeps_the_function(features: &[Piece], count: usize) {
        let mut sums = vec![0.0; count];
        for feature in features {
            sums[feature.source.unwrap()] += feature.up * feature.down;
        }
        assert!(sums.iter().all(|s: &f64| (s - 1.0).abs() < 1e-12));
    }

    #[test]
    fn outliers_are_split_within_the_budget() {
        let mut maxima = vec![0.5f32; 200];
        (maxima[7], maxima[90]) = (2823.0, 960.0);
        for budget in [0, 1, 12, 60] {
            let (features, range) = split(&maxima, budget);
            assert!(features.len() <= 200 + budget);
            keeps_the_function(&features, 200);
            let of = |f: &Piece| largest(&maxima, f) * f.up;
            let top = features.iter().map(of).fold(0.0, f64::max);
            assert!((top - range).abs() < 1e-9);
            // An ordinary feature keeps a fair share of the range.
            let share = 0.5 * features[0].up / range;
            assert!(
                share > if budget == 60 { 0.005 } else { 0.002 },
                "{budget}: {share}"
            );
        }
    }

    #[test]
    fn ordinary_features_stay_one() {
        let maxima: Vec<f32> = (1..=100).map(|i| i as f32).collect();
        let (features, range) = split(&maxima, 10);
        assert_eq!((features.len(), range), (100, 100.0));
        assert!(features.iter().all(|f| f.up == 1.0 && f.down == 1.0));
        assert_eq!(split(&[0.0; 4], 1).0.len(), 4);
        assert_eq!(factors(&[0.0, 0.0]), [1.0, 1.0]);
        assert_eq!(factors(&[0.5, 64.0, 8.0]), [0.25, 1.0 / 64.0, 0.125]);
    }
}
