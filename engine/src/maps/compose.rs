//! Views of views: the wiring of a block into a column, and of that column into a view, as one.
//!
//! Per axis of the block, the product of a public matrix with those of the column's axes that it reads. Shifts,
//! windows and strides of one another are again linear where their bounds follow from each other's; what is small is
//! multiplied out as pairs; what is neither does not compose.

use std::collections::{BTreeMap, BTreeSet};

use super::linear::{LinearTerm, MAX_PAIRS, MAX_PAIRS_LOG};
use super::mask::Mask;
use super::pairs::{Pair, Pairs};
use super::wiring::each_place;
use super::{Linear, Map, Wiring};

/// Most entries that are looked at to multiply maps out.
const MAX_WORK: usize = 1 << 22;
/// Most places of the view at which maps are multiplied out.
const MAX_PLACES: usize = 1 << 16;

/// What is left of a linear map.
enum Composed {
    /// A linear map.
    Linear(Linear),
    /// It relates nothing.
    Nothing,
}

impl Wiring {
    /// The wiring of a block into this wiring's view if the block stands in this wiring's block by `inner`, and the
    /// factor of what is summed over; none if the maps do not compose.
    pub fn compose(&self, inner: &Self) -> Option<(i64, Self)> {
        let outer: Vec<&Map> = self.axes.iter().map(|(_, map)| map).collect();
        if self.axes.len() != inner.view.len()
            || !self.axes.iter().zip(&inner.view).all(|((a, _), b)| a == b)
        {
            return None;
        }
        let mut read: BTreeSet<usize> = BTreeSet::new();
        let mut axes = vec![];
        for (log, map) in &inner.axes {
            read.extend(map.reads());
            axes.push((*log, self.composed(&outer, map)?));
        }
        let mut out = Self {
            view: self.view.clone(),
            axes: vec![],
            masks: self.masks.clone(),
        };
        let mut factor = 1i64;
        for mask in &inner.masks {
            read.extend(mask.reads());
            match through(&outer, *mask)? {
                Ok(mask) => out.masks.push(mask),
                Err(true) => {}
                Err(false) => factor = 0,
            }
        }
        // Axes of the column that the block does not depend on are summed over.
        for (axis, (log, map)) in self.axes.iter().enumerate() {
            if read.contains(&axis) {
                continue;
            }
            match map.plain_total() {
                Some(total) => factor = factor.checked_mul(total)?,
                None => out.axes.push((0, self.weights(map, *log)?)),
            }
        }
        out.axes.extend(axes);
        Some((factor, out))
    }

    /// The product of a map with those onto the axes that it reads.
    fn composed(&self, outer: &[&Map], map: &Map) -> Option<Map> {
        match map {
            Map::Fixed { .. } | Map::Sum { .. } => Some(map.clone()),
            Map::Same { axis } => outer.get(*axis).map(|map| (*map).clone()),
            Map::Linear(linear) => match compose_linear(&self.view, outer, linear) {
                Some(Composed::Linear(linear)) => Some(Map::Linear(linear)),
                Some(Composed::Nothing) => Some(Map::Pairs(Pairs {
                    axes: vec![],
                    entries: std::sync::Arc::from([]),
                })),
                None => self.product(outer, map),
            },
            Map::Pairs(_) => self.product(outer, map),
        }
    }

    /// The product multiplied out.
    fn product(&self, outer: &[&Map], map: &Map) -> Option<Map> {
        let reads = map.reads();
        let maps: Option<Vec<&Map>> = reads.iter().map(|a| outer.get(*a).copied()).collect();
        let maps = maps?;
        let own = match map {
            Map::Pairs(pairs) => pairs.entries.len().max(1),
            _ => 1,
        };
        let axes: Vec<usize> = maps.iter().flat_map(|map| map.reads()).collect();
        self.entries(&axes, |at, work| {
            let mut places = vec![(vec![0usize; outer.len()], 1i64)];
            for (axis, map) in reads.iter().zip(&maps) {
                let row = map.row(at);
                *work = work.saturating_add(places.len().saturating_mul(row.len().max(1)));
                if *work > MAX_WORK {
                    return None;
                }
                let longer = |(y, product): &(Vec<usize>, i64)| {
                    let (y, product) = (y.clone(), *product);
                    row.iter()
                        .map(|(entry, value)| {
                            let mut y = y.clone();
                            if let Some(slot) = y.get_mut(*axis) {
                                *slot = *entry;
                            }
                            Some((y, product.checked_mul(*value)?))
                        })
                        .collect::<Option<Vec<_>>>()
                };
                let next: Option<Vec<Vec<_>>> = places.iter().map(longer).collect();
                places = next?.into_iter().flatten().collect();
            }
            let mut sums: BTreeMap<usize, i64> = BTreeMap::new();
            for (y, product) in &places {
                *work = work.saturating_add(own);
                for (z, value) in map.row(y) {
                    let sum = sums.entry(z).or_default();
                    *sum = sum.checked_add(product.checked_mul(value)?)?;
                }
            }
            Some(sums)
        })
    }

    /// The sums of a map's rows as a map onto an axis of one entry.
    fn weights(&self, map: &Map, log: usize) -> Option<Map> {
        let own = match map {
            Map::Pairs(pairs) => pairs.entries.len().max(1),
            _ => 1 << log.min(1),
        };
        self.entries(&map.reads(), |at, work| {
            *work = work.saturating_add(own);
            let total = map.row(at).iter().map(|(_, value)| value).sum::<i64>();
            Some(BTreeMap::from([(0, total)]))
        })
    }

    /// Pairs over some axes of the view, from the entries of every row; none beyond the bounds.
    fn entries(
        &self,
        axes: &[usize],
        row: impl Fn(&[usize], &mut usize) -> Option<BTreeMap<usize, i64>>,
    ) -> Option<Map> {
        let logs: Option<Vec<usize>> = axes.iter().map(|a| self.view.get(*a).copied()).collect();
        let logs = logs?;
        let long = logs.iter().any(|log| *log > MAX_PAIRS_LOG);
        if long || 1usize << logs.iter().sum::<usize>().min(40) > MAX_PLACES {
            return None;
        }
        let mut at = vec![0; self.view.len()];
        let (mut entries, mut work, mut ok) = (vec![], 0usize, true);
        each_place(&logs, |own| {
            if !ok {
                return;
            }
            for (axis, x) in axes.iter().zip(own) {
                if let Some(slot) = at.get_mut(*axis) {
                    *slot = *x;
                }
            }
            let sums = row(&at, &mut work).filter(|_| work <= MAX_WORK);
            let sums = sums.into_iter().flatten().filter(|(_, v)| *v != 0);
            entries.extend(sums.map(|(y, coefficient)| Pair {
                view: own.to_vec(),
                y,
                coefficient,
            }));
            ok = work <= MAX_WORK && entries.len() <= MAX_PAIRS;
        });
        ok.then(|| {
            Map::Pairs(Pairs {
                axes: axes.to_vec(),
                entries: entries.into(),
            })
        })
    }
}

/// A mask on axes of the column as one on the view's, or whether it holds everywhere; none if it is neither.
fn through(outer: &[&Map], mask: Mask) -> Option<Result<Mask, bool>> {
    let of = |axis: usize| outer.get(axis).copied();
    let fixed = |holds: bool| Some(Err(holds));
    // The same axis below a bound.
    let below = |map: &Map| match map {
        Map::Linear(linear) => match linear.terms.as_slice() {
            [term] if (term.coefficient, linear.scale, linear.offset) == (1, 1, 0) => {
                Some((term.axis, term.size.min(linear.size)))
            }
            _ => None,
        },
        _ => None,
    };
    match mask {
        Mask::Only { axis, at } => match of(axis)? {
            Map::Same { axis } => Some(Ok(Mask::Only { axis: *axis, at })),
            Map::Fixed { at: own } => fixed(*own == at),
            map => match below(map)? {
                (axis, size) if at < size => Some(Ok(Mask::Only { axis, at })),
                _ => fixed(false),
            },
        },
        Mask::Below { axis, size } => match of(axis)? {
            Map::Same { axis } => Some(Ok(Mask::Below { axis: *axis, size })),
            Map::Fixed { at } => fixed(*at < size),
            map => below(map).map(|(axis, most)| {
                let size = size.min(most);
                Ok(Mask::Below { axis, size })
            }),
        },
        Mask::AtMost { axis, bound } => match (of(axis)?, of(bound)?) {
            (Map::Same { axis }, Map::Same { axis: bound }) => Some(Ok(Mask::AtMost {
                axis: *axis,
                bound: *bound,
            })),
            (Map::Fixed { at }, Map::Fixed { at: bound }) => fixed(at <= bound),
            _ => None,
        },
    }
}

/// A linear map of axes that linear maps lead to.
fn compose_linear(view: &[usize], outer: &[&Map], linear: &Linear) -> Option<Composed> {
    let alone = linear.terms.len() == 1;
    let mut out = Linear {
        terms: vec![],
        ..linear.clone()
    };
    for term in &linear.terms {
        let coefficient = term.coefficient;
        match outer.get(term.axis)? {
            Map::Same { axis } => out.terms.push(LinearTerm {
                axis: *axis,
                coefficient,
                size: term.size.min(1 << view.get(*axis)?),
            }),
            Map::Fixed { at } if *at >= term.size => return Some(Composed::Nothing),
            Map::Fixed { at } => {
                let more = coefficient.checked_mul(i64::try_from(*at).ok()?)?;
                out.offset = out.offset.checked_add(more)?;
            }
            Map::Linear(before) => {
                let bound = i64::try_from(term.size.min(before.size)).ok()?;
                if !inside(before, bound) {
                    // The bound in between follows from those of the block's axis, or becomes one.
                    if !alone {
                        return None;
                    }
                    match implied(linear, coefficient, bound)? {
                        0 => return Some(Composed::Nothing),
                        size => out.size = out.size.min(size),
                    }
                }
                if before.scale != 1 {
                    // scale·(scale'·z - offset') = a·(Σ + offset) means that scale divides the sum only if a does not.
                    if !alone || gcd(coefficient, before.scale) != 1 {
                        return None;
                    }
                    out.offset = out.offset.checked_mul(before.scale)?;
                    out.scale = out.scale.checked_mul(before.scale)?;
                }
                let more = coefficient.checked_mul(before.offset)?;
                out.offset = out.offset.checked_add(more)?;
                for own in &before.terms {
                    out.terms.push(LinearTerm {
                        coefficient: coefficient.checked_mul(own.coefficient)?,
                        ..*own
                    });
                }
            }
            Map::Sum { .. } | Map::Pairs(_) => return None,
        }
    }
    let kept = !out.terms.is_empty() && out.terms.iter().all(|t| t.coefficient != 0);
    kept.then_some(Composed::Linear(out))
}

/// Whether every index that a linear map leads to is below the bound.
fn inside(linear: &Linear, bound: i64) -> bool {
    let mut range = (linear.offset, linear.offset);
    for term in &linear.terms {
        let Ok(last) = i64::try_from(term.size.saturating_sub(1)) else {
            return false;
        };
        let end = term.coefficient.saturating_mul(last);
        range.0 = range.0.saturating_add(end.min(0));
        range.1 = range.1.saturating_add(end.max(0));
    }
    // An index is the sum over the scale.
    range.0 >= 0 && range.1 / linear.scale.max(1) < bound
}

/// The number of entries of the block's axis for which `0 ≤ y < bound` of `scale·z = a·y + offset`, if those are the
/// first ones.
fn implied(linear: &Linear, a: i64, bound: i64) -> Option<usize> {
    let far = a.checked_mul(bound.checked_sub(1)?)?;
    let ends = [linear.offset, linear.offset.checked_add(far)?];
    let (least, most) = (ends[0].min(ends[1]), ends[0].max(ends[1]));
    if least > 0 || a == 0 {
        return None;
    }
    usize::try_from(most.div_euclid(linear.scale).saturating_add(1).max(0)).ok()
}

fn gcd(a: i64, b: i64) -> i64 {
    match b {
        0 => a.abs(),
        b => gcd(b, a % b),
    }
}
