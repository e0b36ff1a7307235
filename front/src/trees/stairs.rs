//! Step functions of one int32 as a forest: a search tree each, so that any function of a margin is exact at every margin.
//!
//! Two intervals that differ by `d` hang below the node that parts them, which adds the lower one's value, and lead to
//! one pair of leaves, 0 and `d`, that all nodes of that difference share. A function whose steps are all of one unit
//! takes as many nodes as it has steps, and a handful.

use std::collections::HashMap;

use laminate_model::ops::Forest;
use laminate_model::ops::forest::{Nodes, Row};

/// A step function: `values[i]` from `bounds[i - 1]` on, below `bounds[i]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stairs {
    /// Where the value changes, ascending.
    pub bounds: Vec<i32>,
    /// One value more than bounds.
    pub values: Vec<i32>,
}

impl Stairs {
    /// The steps of a function that does not fall, from `low` to `high`; further out it stays as it is there.
    pub fn rising((low, high): (i32, i32), of: impl Fn(i32) -> i32) -> Self {
        let (mut at, mut value) = (low, of(low));
        let (mut bounds, mut values) = (vec![], vec![value]);
        let last = of(high);
        while value < last {
            // The least place above `at` with a greater value: none at `below`, one at `above`.
            let (mut below, mut above) = (i64::from(at), i64::from(high));
            while above - below > 1 {
                let middle = below + (above - below) / 2;
                match of(middle as i32) > value {
                    true => above = middle,
                    false => below = middle,
                }
            }
            at = above as i32;
            value = of(at);
            bounds.push(at);
            values.push(value);
        }
        Self { bounds, values }
    }

    /// At most `count` intervals of `low` to `high`, as even as can be, each with the value that `of` gives for its ends.
    pub fn even((low, high): (i32, i32), count: usize, of: impl Fn(i32, i32) -> i32) -> Self {
        let length = i128::from(high) - i128::from(low) + 1;
        let count = (count.max(1) as i128).min(length.max(1));
        let start = |i: i128| (i128::from(low) + length * i / count) as i32;
        let value = |i: i128| {
            of(
                start(i),
                (i128::from(low) + length * (i + 1) / count - 1) as i32,
            )
        };
        Self {
            bounds: (1..count).map(start).collect(),
            values: (0..count).map(value).collect(),
        }
    }

    /// The value at `x`.
    #[must_use]
    pub fn at(&self, x: i32) -> i32 {
        let interval = self.bounds.partition_point(|bound| *bound <= x);
        self.values.get(interval).copied().unwrap_or(0)
    }

    /// Largest difference from `exact`, a function that does not fall, between `low` and `high`, and relative to it.
    pub fn error(
        &self,
        (low, high): (i32, i32),
        unit: f64,
        exact: impl Fn(i32) -> f64,
    ) -> [f64; 2] {
        let starts = std::iter::once(low).chain(self.bounds.iter().copied());
        let ends = self.bounds.iter().map(|b| b.saturating_sub(1));
        let ends = ends.chain(std::iter::once(high));
        let mut worst = [0f64; 2];
        for ((start, end), value) in starts.zip(ends).zip(&self.values) {
            for place in [start, end] {
                let exact = exact(place);
                let off = (f64::from(*value) * unit - exact).abs();
                worst[0] = worst[0].max(off);
                worst[1] = worst[1].max(off / exact.abs());
            }
        }
        worst
    }
}

/// The node table of step functions, chain `k` being the function of feature `k`, and the steps of its chains.
#[must_use]
pub fn table(stairs: &[Stairs]) -> (Nodes, u32) {
    let mut table = Table {
        rows: vec![Row::default(); stairs.len() + 1],
        halt: stairs.len() as u32,
        pairs: HashMap::new(),
        chains: stairs.len(),
    };
    table.rows[stairs.len()] = table.leaf(0);
    let steps = stairs
        .iter()
        .enumerate()
        .map(|(chain, s)| table.add(chain, s));
    let steps = steps.max().unwrap_or(1);
    (Nodes(table.rows), steps)
}

struct Table {
    rows: Vec<Row>,
    halt: u32,
    /// First of the leaves 0 and `d`, by `d`.
    pairs: HashMap<i32, u32>,
    chains: usize,
}

impl Table {
    fn leaf(&self, value: i32) -> Row {
        Row {
            child: self.halt,
            value,
            ..Row::default()
        }
    }

    fn push(&mut self, rows: [Row; 2]) -> u32 {
        self.rows.extend(rows);
        self.rows.len() as u32 - 2
    }

    /// Two leaves below a node that adds `low`: that value, and what leads to the second leaf.
    fn pair(&mut self, low: i32, high: i32) -> (i32, u32) {
        let Some(difference) = high.checked_sub(low) else {
            // Too far apart for one word.
            let leaves = [low, high].map(|value| self.leaf(value));
            return (0, self.push(leaves));
        };
        if let Some(first) = self.pairs.get(&difference) {
            return (low, *first);
        }
        let leaves = [0, difference].map(|value| self.leaf(value));
        let first = self.push(leaves);
        self.pairs.insert(difference, first);
        (low, first)
    }

    /// Adds a function from row `chain` on; the most steps through it.
    fn add(&mut self, chain: usize, stairs: &Stairs) -> u32 {
        let variant = Forest::variant(Forest::PLAIN, chain, self.chains) as u32;
        let mut deepest = 0;
        // (row, its first bound and how many, steps up to and with it)
        let mut todo = vec![(chain, 0usize, stairs.bounds.len(), 1u32)];
        while let Some((row, first, count, depth)) = todo.pop() {
            if count == 0 {
                self.rows[row] = self.leaf(stairs.values[first]);
                deepest = deepest.max(depth);
                continue;
            }
            let left = left_of(count);
            let middle = first + left;
            let (value, child) = if count == 1 {
                deepest = deepest.max(depth + 1);
                self.pair(stairs.values[first], stairs.values[first + 1])
            } else {
                let child = self.push([Row::default(); 2]);
                let at = child as usize;
                todo.push((at, first, left, depth + 1));
                todo.push((at + 1, middle + 1, count - left - 1, depth + 1));
                (0, child)
            };
            self.rows[row] = Row {
                variant,
                threshold: stairs.bounds[middle],
                child,
                value,
            };
        }
        deepest
    }
}

/// Bounds left of the root of a search tree of `count` whose last level alone is not full, and filled from the left: so
/// at most one of its nodes has one child.
fn left_of(count: usize) -> usize {
    let height = usize::BITS - count.leading_zeros();
    if height < 2 {
        return 0;
    }
    let (full, half) = ((1 << (height - 1)) - 1, 1 << (height - 2));
    half - 1 + (count - full).min(half)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a chain of the table makes of a row.
    fn walk(nodes: &Nodes, steps: u32, chain: usize, x: &[i32]) -> i32 {
        let (mut at, mut sum) = (chain, 0);
        for _ in 0..steps {
            let row = nodes.0[at];
            let kind = row.variant as usize >> x.len().next_power_of_two().trailing_zeros();
            let feature = row.variant as usize % x.len().next_power_of_two();
            let key = Forest::read(kind, if kind == 0 { 0 } else { x[feature] });
            sum += row.value;
            at = row.child as usize + usize::from(key >= row.threshold);
        }
        assert_eq!(at, nodes.0[at].child as usize, "halts");
        sum
    }

    #[test]
    fn tables_are_their_functions() {
        for count in (0..40).chain([63, 64, 65, 1000]) {
            let bounds: Vec<i32> = (0..count).map(|i| i * 7 - 90).collect();
            // Steps of one unit, of others, and across all of an int32.
            let one: Vec<i32> = (0..=count).collect();
            let other = (0..=count).map(|i| i.wrapping_mul(0x3779_b9b1)).collect();
            let both = [one, other].map(|values| Stairs {
                bounds: bounds.clone(),
                values,
            });
            let (nodes, steps) = table(&both);
            assert!(steps <= 1 + (count as u32 + 1).next_power_of_two().trailing_zeros());
            for x in bounds
                .iter()
                .flat_map(|b| [b - 1, *b, b + 1])
                .chain([i32::MIN, i32::MAX])
            {
                for (chain, stairs) in both.iter().enumerate() {
                    let mut row = [0; 2];
                    row[chain] = x;
                    assert_eq!(
                        walk(&nodes, steps, chain, &row),
                        stairs.at(x),
                        "{count} {x}"
                    );
                }
            }
            let (nodes, _) = table(&both[..1]);
            assert!(
                nodes.0.len() <= count as usize + 6,
                "{count}: {}",
                nodes.0.len()
            );
        }
    }

    #[test]
    fn steps_are_found_where_they_are() {
        let of = |x: i32| (x / 10).clamp(-3, 5);
        let stairs = Stairs::rising((-1000, 1000), of);
        assert_eq!(stairs.values, (-3..=5).collect::<Vec<_>>());
        assert!((-1000..=1000).all(|x| stairs.at(x) == of(x)));
        let whole = Stairs::rising((i32::MIN, i32::MAX), |x| x >> 29);
        assert_eq!(whole.values.len(), 8);
        assert!(
            [i32::MIN, -1, 0, i32::MAX]
                .iter()
                .all(|x| whole.at(*x) == x >> 29)
        );
        assert_eq!(Stairs::rising((3, 3), |x| x).bounds, [0; 0]);
        let even = Stairs::even((-5, 4), 3, |a, b| a + b);
        assert_eq!((even.bounds, even.values), (vec![-2, 1], vec![-8, -2, 5]));
        let few = Stairs::even((7, 8), 30, |a, _| a);
        assert_eq!((few.at(7), few.at(8)), (7, 8));
    }
}
