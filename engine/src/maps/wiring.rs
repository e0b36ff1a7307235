//! How a block stands in a view: one map for each of its axes, and masks.

use halo2curves_axiom::bn256::Fr;
use thiserror::Error;

use super::Map;
use super::automaton::{MAX_VARIABLES, MAX_WIDTH, width};
use super::cost::Cost;
use super::linear::{MAX_PAIRS, MAX_PAIRS_LOG};
use super::mask::{self, Mask};
use crate::backend::Backend;
use crate::poly::eq;
use crate::switch::{on, on_of};

/// Maps onto the axes of a block, most significant first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wiring {
    /// log2 of every axis of the view, most significant first.
    pub view: Vec<usize>,
    /// log2 of every axis of the block, and the map onto it.
    pub axes: Vec<(usize, Map)>,
    /// Masks on view axes, which differ from each other and from those that maps read.
    pub masks: Vec<Mask>,
}

/// A term's parts: see [`Wiring::runs`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Runs {
    /// log2 of a part.
    pub inner: usize,
    /// Numbers of parts and coefficients.
    pub parts: Vec<Vec<(usize, i64)>>,
}

/// Why maps are refused.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum MapError {
    /// A view axis does not exist.
    #[error("view axis {axis} does not exist; there are {axes}")]
    Axis {
        /// The axis.
        axis: usize,
        /// Number of axes.
        axes: usize,
    },
    /// A view axis stands in two maps or masks.
    #[error("view axis {axis} is read twice")]
    ReadTwice {
        /// The axis.
        axis: usize,
    },
    /// A number is out of its bounds.
    #[error("{what} is {found}, expected {expected}")]
    Bound {
        /// The number.
        what: &'static str,
        /// What it is.
        found: i64,
        /// What it may be.
        expected: String,
    },
}

/// Most cells of one map's extension.
const MAX_CELLS: usize = 4 << 14;
/// Largest coefficient of an index.
const MAX_COEFFICIENT: i64 = 1 << 20;

fn within(
    what: &'static str,
    found: usize,
    ok: bool,
    expected: impl Into<String>,
) -> Result<(), MapError> {
    if ok || !on_of("map", what) {
        return Ok(());
    }
    let (found, expected) = (i64::try_from(found).unwrap_or(i64::MAX), expected.into());
    Err(MapError::Bound {
        what,
        found,
        expected,
    })
}

impl Wiring {
    /// log2 of the view's length.
    pub fn view_log(&self) -> usize {
        self.view.iter().sum()
    }

    /// log2 of the block's length.
    pub fn block_log(&self) -> usize {
        self.axes.iter().map(|(log, _)| log).sum()
    }

    /// Cuts a point of the view into those of its axes.
    pub fn split<'p, S>(&self, point: &'p [S]) -> Vec<&'p [S]> {
        cut(&self.view, point)
    }

    /// The extension of masks and maps at a point of the view and one of the block.
    pub fn evaluate<B: Backend>(
        &self,
        backend: &mut B,
        point: &[B::Scalar],
        inside: &[B::Scalar],
    ) -> B::Scalar {
        let view = self.split(point);
        let logs: Vec<usize> = self.axes.iter().map(|(log, _)| *log).collect();
        let mut product = mask::product(backend, &self.masks, &view);
        // Neighbouring axes that are the same are one equality.
        let mut parts = self.axes.iter().zip(cut(&logs, inside)).peekable();
        while let Some(((_, map), y)) = parts.next() {
            let value = match map {
                Map::Same { axis } => {
                    let mut x = view.get(*axis).copied().unwrap_or(&[]).to_vec();
                    let mut y = y.to_vec();
                    while let Some(((_, Map::Same { axis }), more)) =
                        parts.next_if(|((_, map), _)| matches!(map, Map::Same { .. }))
                    {
                        x.extend_from_slice(view.get(*axis).copied().unwrap_or(&[]));
                        y.extend_from_slice(more);
                    }
                    eq::evaluate(backend, &x, &y)
                }
                map => map.evaluate(backend, &view, y),
            };
            product = Some(match product {
                None => value,
                Some(product) => backend.mul(&product, &value),
            });
        }
        product.unwrap_or_else(|| backend.constant(Fr::from(1)))
    }

    /// The masks' value at a point, and the vectors of the block's axes: the kernel of a claim is their outer product.
    pub fn vectors(&self, point: &[Fr]) -> (Fr, Vec<Vec<Fr>>) {
        let view = self.split(point);
        let vectors = self.axes.iter().map(|(log, map)| map.vector(&view, *log));
        (mask::native(&self.masks, &view), vectors.collect())
    }

    /// What the term reads: for every entry of the view's axes before those that the block shares, the parts of the
    /// block that stand there, by number, with their coefficients.
    pub fn runs(&self) -> Runs {
        // Axes at the end that are the view's own.
        let same = |(i, j): (usize, usize)| match self.axes.get(i) {
            Some((log, Map::Same { axis })) => *axis == j && self.view.get(j) == Some(log),
            _ => false,
        };
        let ends = (0..self.axes.len()).rev().zip((0..self.view.len()).rev());
        let shared = ends.take_while(|at| same(*at)).count();
        let (outer, inner) = self.view.split_at(self.view.len() - shared);
        let axes = self.axes.get(..self.axes.len() - shared).unwrap_or(&[]);
        let tables: Vec<(usize, Table<(usize, i64)>)> = axes
            .iter()
            .map(|(log, map)| (*log, Table::new(&self.view, map.reads(), |at| map.row(at))))
            .collect();
        let mut parts = vec![];
        each_place(outer, |view| {
            if !self.masks.iter().all(|mask| mask.holds(view)) {
                return parts.push(vec![]);
            }
            let mut places = vec![(0usize, 1i64)];
            for (log, table) in &tables {
                let row = table.row(view);
                if let [(y, 1)] = row {
                    places.iter_mut().for_each(|(at, _)| *at = (*at << log) + y);
                    continue;
                }
                let place = |(at, product): &(usize, i64)| {
                    let (at, product) = (*at, *product);
                    row.iter()
                        .map(move |(y, entry)| ((at << log) + y, product * entry))
                };
                places = places.iter().flat_map(place).collect();
            }
            parts.push(places);
        });
        Runs {
            inner: inner.iter().sum(),
            parts,
        }
    }

    /// `Σ_y Π_i A_i(x; y_i)` under the masks, for every entry of the view's axes up to the last that it depends on, and
    /// log2 of the entries that follow for each.
    pub fn totals(&self) -> (usize, Vec<i64>) {
        let maps = || self.axes.iter().map(|(_, map)| map);
        let uneven = maps().filter(|map| map.plain_total().is_none());
        let reads = uneven.clone().flat_map(Map::reads);
        let masks = self.masks.iter().flat_map(Mask::reads);
        let read = reads.chain(masks).max().map_or(0, |axis| axis + 1);
        let (outer, inner) = self.view.split_at(read.min(self.view.len()));
        let plain: i64 = maps().filter_map(Map::plain_total).product();
        let total = |map: &Map| {
            let sum = |at: &[usize]| vec![map.row(at).iter().map(|(_, v)| v).sum::<i64>()];
            Table::new(&self.view, map.reads(), sum)
        };
        let tables: Vec<Table<i64>> = uneven.map(total).collect();
        let mut out = vec![];
        each_place(outer, |view| {
            let holds = self.masks.iter().all(|mask| mask.holds(view));
            let sums = tables.iter().filter_map(|table| table.row(view).first());
            out.push(if holds {
                plain * sums.product::<i64>()
            } else {
                0
            });
        });
        (inner.iter().sum(), out)
    }

    /// The same total at every entry, if it follows from the kinds of the maps.
    pub fn plain_total(&self) -> Option<i64> {
        let totals = self.axes.iter().map(|(_, map)| map.plain_total());
        let total: Option<i64> = totals.product();
        total.filter(|_| self.masks.is_empty())
    }

    /// The extension of [`Self::totals`] at a point of the view: a number, and a factor if it depends on the point.
    pub fn total<B: Backend>(
        &self,
        backend: &mut B,
        point: &[B::Scalar],
    ) -> (Fr, Option<B::Scalar>) {
        let view = self.split(point);
        let mut number = Fr::from(1);
        let mut product = mask::product(backend, &self.masks, &view);
        for (log, map) in &self.axes {
            let (factor, value) = map.total(backend, &view, *log);
            number *= factor;
            product = match (product, value) {
                (Some(a), Some(b)) => Some(backend.mul(&a, &b)),
                (a, b) => a.or(b),
            };
        }
        (number, product)
    }

    /// Of a block that is shifted along its first axis and otherwise stands as it is: the first entries of view and
    /// block, and how many follow.
    pub fn shifted(&self) -> Option<(usize, usize, usize)> {
        let ((log, Map::Linear(linear)), rest) = self.axes.split_first()? else {
            return None;
        };
        let (first, others) = self.view.split_first()?;
        let ([term], 1, true) = (linear.terms.as_slice(), linear.scale, self.masks.is_empty())
        else {
            return None;
        };
        let own = |(i, (log, map)): (usize, &(usize, Map))| {
            *map == Map::Same { axis: i + 1 } && others.get(i) == Some(log)
        };
        if (term.axis, term.coefficient) != (0, 1)
            || rest.len() != others.len()
            || !rest.iter().enumerate().all(own)
        {
            return None;
        }
        let inner: usize = others.iter().sum();
        let (x_end, y_end) = (
            term.size.min(1 << first) as i64,
            linear.size.min(1 << log) as i64,
        );
        let start = (-linear.offset).max(0);
        let end = x_end.min(y_end - linear.offset).max(start);
        let [x, y, count] =
            [start, start + linear.offset, end - start].map(|v| (v as usize) << inner);
        Some((x, y, count))
    }

    /// Checks everything that a program may ask for: axes, sizes, and what the verifier's evaluation costs.
    ///
    /// # Errors
    /// The first violation.
    pub fn check(&self) -> Result<(), MapError> {
        let mut read = vec![false; self.view.len()];
        let maps = self.axes.iter().map(|(_, map)| map.reads());
        let all = maps.chain(self.masks.iter().map(Mask::reads));
        for axis in all.flatten() {
            match read.get_mut(axis) {
                None => {
                    let axes = self.view.len();
                    return Err(MapError::Axis { axis, axes });
                }
                Some(true) if on("axis of a view read twice") => {
                    return Err(MapError::ReadTwice { axis });
                }
                Some(flag) => *flag = true,
            }
        }
        for mask in &self.masks {
            self.check_mask(mask)?;
        }
        self.axes
            .iter()
            .try_for_each(|(log, map)| self.check_map(*log, map))
    }

    fn size(&self, axis: usize) -> usize {
        1 << self.view.get(axis).copied().unwrap_or(0).min(40)
    }

    fn check_mask(&self, mask: &Mask) -> Result<(), MapError> {
        match *mask {
            Mask::Only { axis, at } => {
                let size = self.size(axis);
                within("masked entry", at, at < size, format!("below {size}"))
            }
            Mask::Below { axis, size } => {
                let most = self.size(axis);
                let ok = (1..=most).contains(&size);
                within("size of a mask", size, ok, format!("1 to {most}"))
            }
            Mask::AtMost { axis, bound: other } => {
                let [a, b] = [axis, other].map(|a| self.size(a));
                within("size of a compared axis", a, a == b, b.to_string())
            }
        }
    }

    fn check_map(&self, log: usize, map: &Map) -> Result<(), MapError> {
        let size = 1usize << log.min(40);
        match map {
            Map::Same { axis } => {
                let found = self.size(*axis);
                within(
                    "size of a copied axis",
                    found,
                    found == size,
                    size.to_string(),
                )
            }
            Map::Fixed { at } => within("fixed entry", *at, *at < size, format!("below {size}")),
            Map::Sum { below } => {
                let ok = (1..=size).contains(below);
                within("summed entries", *below, ok, format!("1 to {size}"))
            }
            Map::Linear(linear) => {
                let ok = (1..=size).contains(&linear.size);
                within("size of an axis", linear.size, ok, format!("1 to {size}"))?;
                let count = linear.terms.len();
                let ok = (1..MAX_VARIABLES).contains(&count);
                within(
                    "axes of a map",
                    count,
                    ok,
                    format!("1 to {}", MAX_VARIABLES - 1),
                )?;
                let coefficients = linear.terms.iter().map(|t| t.coefficient);
                for number in coefficients.chain([linear.scale, linear.offset]) {
                    if number.saturating_abs() > MAX_COEFFICIENT && on("coefficient of a map") {
                        let expected = format!("at most {MAX_COEFFICIENT}");
                        return Err(MapError::Bound {
                            what: "coefficient of a map",
                            found: number,
                            expected,
                        });
                    }
                }
                if linear.scale < 1 && on("scale of a map") {
                    return Err(MapError::Bound {
                        what: "scale of a map",
                        found: linear.scale,
                        expected: "positive".into(),
                    });
                }
                for term in &linear.terms {
                    let most = self.size(term.axis);
                    let ok = (1..=most).contains(&term.size);
                    within("size of a view axis", term.size, ok, format!("1 to {most}"))?;
                }
                self.check_width(log, linear)
            }
            Map::Pairs(pairs) => self.check_pairs(size, pairs),
        }?;
        let cells = Cost::of(&self.view, log, |cost, view, y| {
            map.evaluate(cost, view, y);
        });
        within(
            "cells of a map",
            cells,
            cells <= MAX_CELLS,
            format!("at most {MAX_CELLS}"),
        )
    }

    fn check_width(&self, log: usize, linear: &super::Linear) -> Result<(), MapError> {
        let terms = &linear.terms;
        // A carry is at most the sum of the coefficients: no more states than that, times the bounds' flags.
        let reach: i64 = terms.iter().map(|t| t.coefficient.abs()).sum::<i64>() + linear.scale;
        let states = (reach as usize) << (terms.len() + 1);
        let most = MAX_WIDTH * MAX_WIDTH / 8;
        within(
            "possible states of a map",
            states,
            states <= most,
            format!("at most {most}"),
        )?;
        let coefficients: Vec<i64> = terms
            .iter()
            .map(|t| t.coefficient)
            .chain([-linear.scale])
            .collect();
        let logs: Vec<usize> = terms
            .iter()
            .map(|t| self.view.get(t.axis).copied().unwrap_or(0))
            .chain([log])
            .collect();
        let sizes: Vec<usize> = terms.iter().map(|t| t.size).chain([linear.size]).collect();
        let found = width(&coefficients, &logs, &sizes, -linear.offset);
        within(
            "states of a map",
            found,
            found <= MAX_WIDTH,
            format!("at most {MAX_WIDTH}"),
        )
    }

    fn check_pairs(&self, size: usize, pairs: &super::Pairs) -> Result<(), MapError> {
        let count = pairs.entries.len();
        within(
            "pairs of a map",
            count,
            count <= MAX_PAIRS,
            format!("at most {MAX_PAIRS}"),
        )?;
        let logs = pairs.axes.iter().filter_map(|a| self.view.get(*a));
        let longest = logs
            .copied()
            .max()
            .unwrap_or(0)
            .max(size.trailing_zeros() as usize);
        within(
            "log2 of an axis of pairs",
            longest,
            longest <= MAX_PAIRS_LOG,
            format!("at most {MAX_PAIRS_LOG}"),
        )?;
        let mut places = std::collections::BTreeSet::new();
        for pair in pairs.entries.iter() {
            let axes = pair.view.len();
            within(
                "axes of a pair",
                axes,
                axes == pairs.axes.len(),
                pairs.axes.len().to_string(),
            )?;
            for (axis, at) in pairs.axes.iter().zip(&pair.view) {
                let most = self.size(*axis);
                within(
                    "view entry of a pair",
                    *at,
                    *at < most,
                    format!("below {most}"),
                )?;
            }
            within(
                "entry of a pair",
                pair.y,
                pair.y < size,
                format!("below {size}"),
            )?;
            let first = places.insert((&pair.view, pair.y));
            within("entries at one place of a map", 2, first, "1")?;
            let some = pair.coefficient != 0 || !on("coefficient of a pair that is not zero");
            let most =
                pair.coefficient.unsigned_abs() <= 1 << 32 || !on("largest coefficient of a pair");
            if !some || !most {
                return Err(MapError::Bound {
                    what: "coefficient of a pair",
                    found: pair.coefficient,
                    expected: "at most 2^32 and not 0".into(),
                });
            }
        }
        Ok(())
    }
}

/// Rows of a map for all indices of the view axes that it reads.
struct Table<T> {
    reads: Vec<usize>,
    logs: Vec<usize>,
    rows: Vec<Vec<T>>,
}

impl<T> Table<T> {
    fn new(view: &[usize], reads: Vec<usize>, row: impl Fn(&[usize]) -> Vec<T>) -> Self {
        let log = |axis: &usize| view.get(*axis).copied().unwrap_or(0);
        let logs: Vec<usize> = reads.iter().map(log).collect();
        let mut at = vec![0; view.len()];
        let mut rows = vec![];
        each_place(&logs, |own| {
            for (axis, x) in reads.iter().zip(own) {
                if let Some(slot) = at.get_mut(*axis) {
                    *slot = *x;
                }
            }
            rows.push(row(&at));
        });
        Self { reads, logs, rows }
    }

    fn row(&self, view: &[usize]) -> &[T] {
        let axes = self.reads.iter().zip(&self.logs);
        let number = axes.fold(0, |number, (axis, log)| {
            (number << log) + view.get(*axis).copied().unwrap_or(0)
        });
        self.rows.get(number).map_or(&[], Vec::as_slice)
    }
}

/// Runs over the indices of all entries in their order.
pub(super) fn each_place(logs: &[usize], mut run: impl FnMut(&[usize])) {
    let mut at = vec![0usize; logs.len()];
    for _ in 0..1usize << logs.iter().sum::<usize>() {
        run(&at);
        for (x, log) in at.iter_mut().zip(logs).rev() {
            *x += 1;
            if *x < 1 << log {
                break;
            }
            *x = 0;
        }
    }
}

/// Cuts a point by the logs of its axes.
pub fn cut<'p, S>(logs: &[usize], point: &'p [S]) -> Vec<&'p [S]> {
    let mut rest = point;
    logs.iter()
        .map(|log| {
            let (head, tail) = rest.split_at((*log).min(rest.len()));
            rest = tail;
            head
        })
        .collect()
}
