//! A forest: every chain makes its steps, and the values of the nodes that it stands on are added up.

use laminate_model::ops::Forest;
use laminate_model::ops::forest::{LOWEST, MISS};
use laminate_model::program::{DenseWeights, Op, Program, Role, WORD_BOUND, Weights, padded_log};

use crate::exec::round::within;
use crate::exec::{Computed, ExecError, Execute, Failure, Rows, Task};

/// Columns of a table of nodes.
#[derive(Clone, Copy)]
struct Table<'a> {
    variants: &'a [i32],
    thresholds: &'a [i32],
    children: &'a [i32],
    values: &'a [i32],
}

impl<'a> Table<'a> {
    fn new(dense: &'a DenseWeights, nodes: usize) -> Self {
        let [variants, thresholds, children, values] =
            [0, 1, 2, 3].map(|column| dense.words(column, nodes));
        Self {
            variants,
            thresholds,
            children,
            values,
        }
    }

    /// `[F, Θ, C, V]` of a node; padded ones are zero.
    fn node(self, n: usize) -> [i32; 4] {
        let word = |column: &[i32]| column.get(n).copied().unwrap_or(0);
        [
            word(self.variants),
            word(self.thresholds),
            word(self.children),
            word(self.values),
        ]
    }
}

/// Checks that every node's variant and children exist.
///
/// # Errors
/// [`ExecError::ForestNode`].
pub fn check_tables(program: &Program, weights: &Weights) -> Result<(), ExecError> {
    for node in &program.nodes {
        let Op::Forest(forest) = node.op else {
            continue;
        };
        let (layer, features) = (forest.weight, program.tensor_width(node.inputs[0]));
        let shape = &program.weights[layer];
        let table = Table::new(&weights.dense[layer], shape.col_count());
        let variants = 1usize << (forest.kinds_log() + padded_log(features));
        let rows = 1usize << shape.col_log();
        for n in 0..shape.col_count() {
            let [variant, threshold, child, _] = table.node(n);
            let leaf = variant >> padded_log(features) == 0 && threshold > LOWEST;
            let children = if leaf { 1 } else { 2 };
            for (what, value, count) in [
                ("variant", variant, variants),
                ("child", child, rows + 1 - children),
            ] {
                if usize::try_from(value).is_ok_and(|v| v < count) {
                    continue;
                }
                return Err(ExecError::ForestNode {
                    layer,
                    node: n,
                    what,
                    value,
                    highest: count - 1,
                });
            }
        }
    }
    Ok(())
}

/// The columns of all steps, `(steps, slots, chains)`, every axis padded.
struct Columns {
    roles: [(Role, Vec<u32>); 7],
}

impl Columns {
    fn new(len: usize) -> Self {
        let roles = [
            Role::VARIANT,
            Role::THRESHOLD,
            Role::CHILD,
            Role::VALUE,
            Role::KEY,
            Role::BRANCH,
            Role::DISTANCE,
        ];
        Self {
            roles: roles.map(|role| (role, vec![0; len])),
        }
    }

    fn put(&mut self, at: usize, values: [u32; 7]) {
        for ((_, column), value) in self.roles.iter_mut().zip(values) {
            column[at] = value;
        }
    }
}

/// An int32 as an auxiliary column holds it.
fn stored(word: i32) -> u32 {
    word.cast_unsigned() ^ (1 << 31)
}

/// What a variant reads of a slot's operand.
fn read(forest: Forest, row: &[i32], variant: usize) -> Option<i32> {
    let kind = variant / row.len();
    (kind < 1 << forest.kinds_log()).then(|| Forest::read(kind, row[variant % row.len()]))
}

/// A step of a chain: the word of the table that leads nowhere, or the row that it takes and the next node.
fn step(
    forest: Forest,
    table: Table<'_>,
    x: &[i32],
    n: usize,
) -> Result<([u32; 7], i32, usize), i32> {
    let [variant, threshold, child, value] = table.node(n);
    let key = usize::try_from(variant)
        .ok()
        .and_then(|v| read(forest, x, v));
    let key = key.ok_or(variant)?;
    let branch = key >= threshold;
    let above = i64::from(key) - i64::from(threshold);
    let distance = if branch { above } else { -above - 1 };
    let next = usize::try_from(child).map_err(|_| child)? + usize::from(branch);
    let row = [
        variant.cast_unsigned(),
        stored(threshold),
        child.cast_unsigned(),
        stored(value),
        stored(key),
        u32::from(branch),
        distance as u32,
    ];
    Ok((row, value, next))
}

impl Execute for Forest {
    /// `(slots, features) -> (slots, chains)`. Columns of steps are `(steps, slots, chains)`: a program over rows computes
    /// all slots at once.
    fn execute(&self, task: &Task<'_>, x: &[Rows<'_>]) -> Result<Computed, Failure> {
        let x = x[0].range(task.slots.clone());
        let (shape, dense) = task.layers.get(self.weight);
        let (width, padded) = (x.len() / task.slots.len().max(1), task.width());
        let table = Table::new(dense, shape.col_count());
        let (chains, steps) = (self.chains as usize, self.steps as usize);
        let mut columns = Columns::new(task.len() << self.steps_log());
        let mut values = vec![0; task.len()];
        for (flat, sum) in values.iter_mut().enumerate() {
            let (slot, chain) = (flat / padded, flat % padded);
            let x = &x[slot * width..][..width];
            let (mut n, mut total) = (chain, 0i64);
            for s in 0..1usize << self.steps_log() {
                let (row, value, next) = step(*self, table, x, n).map_err(|word| Failure {
                    what: "word of a node",
                    row: slot,
                    feature: chain,
                    value: word.into(),
                    lowest: 0,
                    highest: WORD_BOUND - 1,
                })?;
                columns.put(task.len() * s + flat, row);
                if s < steps {
                    total += i64::from(value);
                }
                n = next;
            }
            if chain < chains {
                *sum = within(total.into(), WORD_BOUND, (slot, chain))?;
            }
        }
        let mut out = Computed::new(values);
        for (role, column) in columns.roles {
            out = out.with(role, column);
        }
        if self.missing {
            let missing = |x: &i32| u32::from(*x == MISS);
            let present =
                |x: &i32| (i64::from(MISS) - 1 - i64::from(*x) + i64::from(missing(x))) as u32;
            out = out
                .with(Role::MISSING, x.iter().map(missing).collect::<Vec<u32>>())
                .with(Role::PRESENT, x.iter().map(present).collect::<Vec<u32>>());
        }
        Ok(out)
    }
}
