//! A forest: every chain makes its steps, and the values of the nodes that it stands on are added up.

use std::collections::BTreeMap;

use laminate_model::ops::Forest;
use laminate_model::ops::forest::{LOWEST, MISS};
use laminate_model::program::{Op, Program, Role, WORD_BOUND, Weights, padded_log};

use super::{Computed, Operand};
use crate::exec::execute::{Execute, Outcome};
use crate::exec::sequence::{Failure, Rows, Task};
use crate::exec::{ExecError, NodeAux, Values};

/// Columns of a table of nodes.
#[derive(Clone, Copy)]
struct Table<'a> {
    variants: &'a [i32],
    thresholds: &'a [i32],
    children: &'a [i32],
    values: &'a [i32],
}

impl<'a> Table<'a> {
    fn new(weights: &'a Weights, weight: usize, nodes: usize) -> Option<Self> {
        let dense = weights.dense.get(weight)?;
        let [variants, thresholds, children, values] =
            [0, 1, 2, 3].map(|column| dense.words(column, nodes));
        Some(Self {
            variants,
            thresholds,
            children,
            values,
        })
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
        let Some(table) = Table::new(weights, layer, shape.col_count()) else {
            continue;
        };
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
            Role::Variant,
            Role::Threshold,
            Role::Child,
            Role::Value,
            Role::Key,
            Role::Branch,
            Role::Distance,
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

/// `(slots, features) -> (slots, chains)`.
///
/// # Errors
/// Flat index and value of the first sum that is no int32, or of a chain that comes to what is no node or variant.
pub fn execute(forest: Forest, weights: &Weights, nodes: usize, x: Operand<'_>) -> Outcome {
    let table = Table::new(weights, forest.weight, nodes).ok_or((0, 0))?;
    let slots = x.values.len() >> x.log_width;
    let (chains, steps) = (forest.chains as usize, forest.steps as usize);
    let padded = 1usize << padded_log(chains);
    let each = slots * padded;
    let mut columns = Columns::new(each << forest.steps_log());
    let mut values = vec![0; each];
    for (b, row) in x.values.chunks_exact(1 << x.log_width).enumerate() {
        for k in 0..padded {
            let flat = b * padded + k;
            let (mut n, mut sum) = (k, 0i64);
            for s in 0..1usize << forest.steps_log() {
                if n >> padded_log(nodes) > 0 {
                    return Err((flat, n as i128));
                }
                let [variant, threshold, child, value] = table.node(n);
                let lost = |word: i32| (flat, i128::from(word));
                let v = usize::try_from(variant).map_err(|_| lost(variant))?;
                let a = read(forest, row, v).ok_or(lost(variant))?;
                let branch = a >= threshold;
                let above = i64::from(a) - i64::from(threshold);
                let distance = if branch { above } else { -above - 1 };
                let own = each * s + flat;
                columns.put(
                    own,
                    [
                        variant.cast_unsigned(),
                        stored(threshold),
                        child.cast_unsigned(),
                        stored(value),
                        stored(a),
                        u32::from(branch),
                        distance as u32,
                    ],
                );
                if s < steps {
                    sum += i64::from(value);
                }
                n = usize::try_from(child).map_err(|_| lost(child))? + usize::from(branch);
            }
            if k < chains {
                values[flat] = i32::try_from(sum).map_err(|_| (flat, i128::from(sum)))?;
            }
        }
    }
    let mut others: BTreeMap<Role, Values> = columns
        .roles
        .into_iter()
        .map(|(role, column)| (role, Values::Narrow(column)))
        .collect();
    if forest.missing {
        let missing = |x: &i32| u32::from(*x == MISS);
        let gap = |x: &i32| (i64::from(MISS) - 1 - i64::from(*x) + i64::from(missing(x))) as u32;
        let column = |of: &dyn Fn(&i32) -> u32| Values::Narrow(x.values.iter().map(of).collect());
        others.insert(Role::Missing, column(&missing));
        others.insert(Role::Gap, column(&gap));
    }
    Ok(Computed {
        values,
        aux: NodeAux {
            others,
            ..NodeAux::default()
        },
    })
}

impl Execute for Forest {
    fn on_rows<'t>(
        &self,
        (program, weights): (&Program, &Weights),
        operand: &dyn Fn(usize) -> Operand<'t>,
    ) -> Option<Outcome> {
        let nodes = program.weights.get(self.weight)?.col_count();
        Some(execute(*self, weights, nodes, operand(0)))
    }

    fn on_slots<'t>(
        &self,
        _: &Task<'_>,
        _: &dyn Fn(usize) -> Rows<'t>,
    ) -> Result<Computed, Failure> {
        // `Program::check` refuses it over tokens.
        Err(Failure {
            what: "forest",
            row: 0,
            feature: 0,
            value: 0,
            lowest: 0,
            highest: 0,
        })
    }

    fn limit(&self, _: &Program) -> (&'static str, i64) {
        ("output", -WORD_BOUND)
    }
}
