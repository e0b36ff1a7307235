//! Random forests, an interpreter that knows trees and nothing of tables of nodes, and their tables.

use std::collections::BTreeMap;

use laminate_model::ops::Forest;
use laminate_model::ops::forest::{MISS, Nodes, Row};
use laminate_model::program::{Node, Op, Program, Role, Tensor, Weights};
use laminate_prover::exec::{NodeAux, Trace, Values};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;

use crate::Case;

/// What a split makes of a missing value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// It goes to the right.
    Right,
    /// It goes to the left.
    Left,
    /// It is zero.
    Zero,
}

/// A decision tree over keys.
#[derive(Clone, Debug)]
pub enum Tree {
    /// What it gives.
    Leaf(i32),
    /// `x[feature] < threshold` goes to the left.
    Split {
        /// The feature.
        feature: usize,
        /// The threshold.
        threshold: i32,
        /// Where a missing value goes.
        missing: Missing,
        /// Left and right.
        children: Box<[Self; 2]>,
    },
}

impl Tree {
    /// Walks down.
    pub fn value(&self, x: &[i32]) -> i32 {
        match self {
            Self::Leaf(value) => *value,
            Self::Split {
                feature,
                threshold,
                missing,
                children,
            } => {
                let right = match (x[*feature], missing) {
                    (MISS, Missing::Right) => true,
                    (MISS, Missing::Left) => false,
                    (MISS, Missing::Zero) => 0 >= *threshold,
                    (x, _) => x >= *threshold,
                };
                children[usize::from(right)].value(x)
            }
        }
    }

    /// Nodes on the longest way down.
    pub fn depth(&self) -> u32 {
        match self {
            Self::Leaf(_) => 1,
            Self::Split { children, .. } => 1 + children.iter().map(Self::depth).max().unwrap_or(0),
        }
    }
}

/// Trees by output, and what each output begins with.
#[derive(Clone, Debug)]
pub struct Trees {
    /// Trees of each output.
    pub outputs: Vec<Vec<Tree>>,
    /// Bases.
    pub bases: Vec<i32>,
    /// Number of features.
    pub features: usize,
}

/// What a random forest is like.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Features.
    pub features: usize,
    /// Outputs.
    pub outputs: usize,
    /// Trees of each output.
    pub trees: usize,
    /// Deepest split.
    pub depth: u32,
    /// Whether values may be missing.
    pub missing: bool,
    /// log2 of the slots.
    pub batch_log: u8,
}

impl Shape {
    /// A small one: one slot, two outputs, three features.
    pub const SMALL: Self = Self {
        features: 3,
        outputs: 2,
        trees: 2,
        depth: 2,
        missing: true,
        batch_log: 0,
    };
}

/// Thresholds and values close together, so that they often meet, and the ends of their range.
fn key(rng: &mut ChaCha20Rng) -> i32 {
    match rng.gen_range(0..12) {
        0 => i32::MIN,
        1 => i32::MIN + 1,
        2 => MISS - 1,
        3 => rng.r#gen(),
        _ => rng.gen_range(-4..4),
    }
}

fn tree(rng: &mut ChaCha20Rng, shape: &Shape, depth: u32) -> Tree {
    if depth == 0 || rng.gen_range(0..5) == 0 {
        return Tree::Leaf(rng.gen_range(-1_000_000..1_000_000));
    }
    let kinds = [Missing::Right, Missing::Left, Missing::Zero];
    let missing = kinds[rng.gen_range(0..if shape.missing { 3 } else { 1 })];
    // Nothing is below the lowest key, no missing value either.
    let lowest = i32::MIN + i32::from(missing == Missing::Left);
    Tree::Split {
        feature: rng.gen_range(0..shape.features),
        threshold: key(rng).max(lowest),
        missing,
        children: Box::new([tree(rng, shape, depth - 1), tree(rng, shape, depth - 1)]),
    }
}

impl Trees {
    /// Random ones.
    pub fn random(seed: u64, shape: &Shape) -> Self {
        let rng = &mut ChaCha20Rng::seed_from_u64(seed);
        Self {
            outputs: (0..shape.outputs)
                .map(|_| {
                    (0..shape.trees)
                        .map(|_| tree(rng, shape, shape.depth))
                        .collect()
                })
                .collect(),
            bases: (0..shape.outputs)
                .map(|_| rng.gen_range(-1000..1000))
                .collect(),
            features: shape.features,
        }
    }

    /// The outputs for a row.
    pub fn values(&self, x: &[i32]) -> Vec<i32> {
        let outputs = self.outputs.iter().zip(&self.bases);
        outputs
            .map(|(trees, base)| trees.iter().fold(*base, |sum, tree| sum + tree.value(x)))
            .collect()
    }

    /// Steps of the longest chain.
    pub fn steps(&self) -> u32 {
        let chain = |trees: &Vec<Tree>| trees.iter().map(Tree::depth).sum();
        self.outputs.iter().map(chain).max().unwrap_or(1)
    }

    /// The table of nodes: each output's trees follow each other; the last node halts.
    pub fn nodes(&self) -> Nodes {
        let mut rows: Vec<Row> = vec![];
        let mut leaves: Vec<(usize, Option<usize>)> = vec![];
        let mut roots: Vec<Vec<u32>> = vec![];
        for trees in &self.outputs {
            let mut own = vec![];
            for (number, tree) in trees.iter().enumerate() {
                let next = (number + 1 < trees.len()).then_some(number + 1);
                let at = rows.len();
                rows.push(Row::default());
                own.push(at as u32);
                self.place(tree, at, &mut rows, &mut |leaf| leaves.push((leaf, next)));
            }
            for (leaf, next) in leaves.drain(..) {
                // The number of the halting node is known at the end.
                rows[leaf].child = next.map_or(u32::MAX, |next| own[next]);
            }
            roots.push(own);
        }
        let halt = rows.len() as u32;
        rows.push(Row {
            child: halt,
            ..Row::default()
        });
        for row in &mut rows {
            row.child = row.child.min(halt);
        }
        let first: Vec<u32> = roots
            .iter()
            .map(|own| own.first().copied().unwrap_or(halt))
            .collect();
        Nodes::of_chains(&rows, &first, &self.bases).expect("a table")
    }

    fn place(&self, tree: &Tree, at: usize, rows: &mut Vec<Row>, leaf: &mut impl FnMut(usize)) {
        match tree {
            Tree::Leaf(value) => {
                rows[at].value = *value;
                leaf(at);
            }
            Tree::Split {
                feature,
                threshold,
                missing,
                children,
            } => {
                let child = rows.len();
                rows.extend([Row::default(); 2]);
                let kind = match missing {
                    Missing::Right => Forest::PLAIN,
                    Missing::Left => Forest::MISSING_LOW,
                    Missing::Zero => Forest::MISSING_ZERO,
                };
                rows[at] = Row {
                    variant: Forest::variant(kind, *feature, self.features) as u32,
                    threshold: *threshold,
                    child: child as u32,
                    value: 0,
                };
                for (i, tree) in children.iter().enumerate() {
                    self.place(tree, child + i, rows, leaf);
                }
            }
        }
    }
}

/// Random trees as a program with inputs.
pub fn case(seed: u64, shape: &Shape) -> (Case, Trees) {
    let trees = Trees::random(seed, shape);
    let nodes = trees.nodes();
    let mut case = program(seed, shape, &nodes, trees.steps());
    let rng = &mut ChaCha20Rng::seed_from_u64(seed + 1000);
    case.inputs = (0..1 << shape.batch_log)
        .map(|_| {
            let value = |_| match rng.gen_range(0..5) {
                0 if shape.missing => MISS,
                _ => key(rng),
            };
            (0..shape.features).map(value).collect()
        })
        .collect();
    (case, trees)
}

/// A program of one forest with this table; no inputs.
pub fn program(seed: u64, shape: &Shape, nodes: &Nodes, steps: u32) -> Case {
    let mut program = Program::empty(format!("forest-{seed}"), shape.batch_log, 20);
    program.limb_bits = 16;
    let wide = |name: &str, width: usize| Tensor {
        bits: 32,
        ..Tensor::new(name, width as u32, 0)
    };
    program.tensors = vec![wide("keys", shape.features), wide("sums", shape.outputs)];
    program.weights = vec![nodes.shape()];
    program.nodes = vec![Node {
        name: "forest".into(),
        op: Op::Forest(Forest {
            weight: 0,
            chains: shape.outputs as u32,
            steps,
            missing: shape.missing,
        }),
        inputs: vec![0],
        output: 1,
    }];
    program.output = 1;
    Case {
        program,
        weights: Weights {
            dense: vec![nodes.weights()],
        },
        inputs: vec![],
    }
}

/// What a step of a chain commits to, as integers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// Variant of the node.
    pub variant: i64,
    /// Threshold of the node.
    pub threshold: i64,
    /// First child of the node.
    pub child: i64,
    /// Value of the node.
    pub value: i64,
    /// The key that is compared.
    pub key: i64,
    /// The branch.
    pub branch: i64,
    /// Distance from the other side.
    pub distance: i64,
}

impl Step {
    /// The step of a node whose variant reads `key`.
    pub fn on(row: Row, key: i32) -> Self {
        let step = Self {
            variant: row.variant.into(),
            threshold: row.threshold.into(),
            child: row.child.into(),
            value: row.value.into(),
            key: key.into(),
            ..Self::default()
        };
        step.decided()
    }

    /// The same with branch and distance that follow from key and threshold.
    #[must_use]
    pub fn decided(self) -> Self {
        self.to(i64::from(self.key >= self.threshold))
    }

    /// The same with a branch, and the distance that makes the identity true.
    #[must_use]
    pub fn to(self, branch: i64) -> Self {
        Self {
            branch,
            distance: (2 * branch - 1) * (self.key - self.threshold) + branch - 1,
            ..self
        }
    }

    fn columns(&self) -> [(Role, u32); 7] {
        let stored = |v: i64| (v + (1 << 31)) as u32;
        [
            (Role::VARIANT, self.variant as u32),
            (Role::THRESHOLD, stored(self.threshold)),
            (Role::CHILD, self.child as u32),
            (Role::VALUE, stored(self.value)),
            (Role::KEY, stored(self.key)),
            (Role::BRANCH, self.branch as u32),
            (Role::DISTANCE, self.distance as u32),
        ]
    }
}

/// Where a step is: its number, slot and chain, and the node that it stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Number of the step.
    pub step: usize,
    /// Slot.
    pub slot: usize,
    /// Chain.
    pub chain: usize,
    /// Node.
    pub node: i64,
}

/// The machine as the specification has it, over a table of any rows, with whatever `change` makes of a step: all that
/// follows goes by that.
pub fn replay(case: &Case, nodes: &Nodes, mut change: impl FnMut(&Place, Step) -> Step) -> Trace {
    let program = &case.program;
    let Op::Forest(forest) = program.nodes[0].op else {
        panic!("a forest");
    };
    let (slots, features) = (program.slots(), program.tensor_width(0));
    let width = features.next_power_of_two();
    let input: Vec<i32> = case
        .inputs
        .iter()
        .flat_map(|row| {
            let zeros = std::iter::repeat_n(0, width - features);
            row.iter().copied().chain(zeros).collect::<Vec<i32>>()
        })
        .collect();
    let chains = (forest.chains as usize).next_power_of_two();
    let steps = (forest.steps as usize).next_power_of_two().max(2);
    let mut columns: BTreeMap<Role, Vec<u32>> = BTreeMap::new();
    let mut output = vec![0i64; slots * chains];
    let mut at: Vec<i64> = (0..slots * chains).map(|i| (i % chains) as i64).collect();
    for step in 0..steps {
        for place in 0..slots * chains {
            let (slot, chain) = (place / chains, place % chains);
            let node = at[place];
            let row = usize::try_from(node).ok().and_then(|n| nodes.0.get(n));
            let row = row.copied().unwrap_or_default();
            let (kind, feature) = (row.variant as usize / width, row.variant as usize % width);
            let x = input[slot * width + feature];
            let taken = Step::on(row, Forest::read(kind, x));
            let place_of = Place {
                step,
                slot,
                chain,
                node,
            };
            let taken = change(&place_of, taken);
            for (role, value) in taken.columns() {
                columns.entry(role).or_default().push(value);
            }
            if step < forest.steps as usize && chain < forest.chains as usize {
                output[place] += taken.value;
            }
            at[place] = taken.child + taken.branch;
        }
    }
    if forest.missing {
        let gap = |x: &i32| (i64::from(MISS) - 1 - i64::from(*x) + i64::from(*x == MISS)) as u32;
        columns.insert(Role::PRESENT, input.iter().map(gap).collect());
        let missing = input.iter().map(|x| u32::from(*x == MISS));
        columns.insert(Role::MISSING, missing.collect());
    }
    let columns = columns
        .into_iter()
        .map(|(role, v)| (role, Values::Narrow(v)));
    Trace {
        tensors: vec![input, output.iter().map(|y| *y as i32).collect()],
        aux: vec![NodeAux {
            columns: columns.collect(),
            ..NodeAux::default()
        }],
    }
}
