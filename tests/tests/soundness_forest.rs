//! Forgeries of forests. The run that a forger claims is that of a machine with one lie, and follows from it; what refuses it
//! is named.

use std::sync::OnceLock;

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use laminate_engine::fold::FoldMode;
use laminate_model::ops::forest::{MISS, Nodes, Row};
use laminate_model::ops::{Dense, Forest, View};
use laminate_model::program::{
    AxisMap, DenseShape, Node, Op, Program, Role, Tensor, TensorView, ViewTerm, WeightFormat,
};
use laminate_prover::exec::{self, ExecError, Trace};
use laminate_tests::Case;
use laminate_tests::attack::{Tally, srs};
use laminate_tests::forest::{Missing, Place, Shape, Step, Tree, Trees, case, program, replay};
use laminate_tests::forger::{At, Forger, element};
use laminate_tests::{programs, sequence};

const SIDE: &str = "forest branch: quadratic 0";
const BIT: &str = "forest branch: quadratic 1";
const SUM: &str = "forest sum: linear 0";
const ROOT: &str = "lookup root";

fn split(feature: usize, threshold: i32, missing: Missing, leaves: [i32; 2]) -> Tree {
    Tree::Split {
        feature,
        threshold,
        missing,
        children: Box::new(leaves.map(Tree::Leaf)),
    }
}

const SHAPE: Shape = Shape {
    features: 3,
    outputs: 3,
    trees: 2,
    depth: 2,
    missing: true,
    batch_log: 1,
};

/// Three outputs of two trees, two slots: a value that meets its threshold, one that is missing.
fn forest() -> &'static (Case, Nodes) {
    static FOREST: OnceLock<(Case, Nodes)> = OnceLock::new();
    FOREST.get_or_init(|| {
        let deep = Tree::Split {
            feature: 0,
            threshold: 5,
            missing: Missing::Right,
            children: Box::new([Tree::Leaf(-1), split(1, -7, Missing::Left, [10, 20])]),
        };
        let trees = Trees {
            outputs: vec![
                vec![deep.clone(), split(2, 100, Missing::Zero, [300, 400])],
                vec![split(1, 3, Missing::Left, [5, 6]), deep],
                vec![Tree::Leaf(9), split(0, i32::MIN, Missing::Right, [1, 2])],
            ],
            bases: vec![1000, -2000, 0],
            features: 3,
        };
        let nodes = trees.nodes();
        let mut case = program(1, &SHAPE, &nodes, trees.steps());
        case.inputs = vec![vec![5, MISS, 100], vec![4, -8, MISS]];
        let trace = replay(&case, &nodes, |_, step| step);
        assert_eq!(
            exec::run(&case.program, &case.weights, &case.inputs).as_ref(),
            Ok(&trace)
        );
        for (x, y) in case.inputs.iter().zip(trace.outputs(&case.program)) {
            assert_eq!(y, trees.values(x));
        }
        let honest = Forger::with_trace(&case, &trace, srs());
        assert!(honest.broken().is_empty(), "{:?}", honest.broken());
        assert_eq!(honest.verdict(srs(), FoldMode::On), Ok(()), "honest");
        (case, nodes)
    })
}

/// A prover of the run in which one step, slot and chain takes another step.
fn steered(at: &Place, other: Step) -> Forger {
    let (case, nodes) = forest();
    let mut changed = false;
    let trace = replay(case, nodes, |place, step| {
        if place != at {
            return step;
        }
        changed = other != step;
        other
    });
    assert!(changed, "nothing is changed at {at:?}");
    Forger::with_trace(case, &trace, srs())
}

/// Where a step's entry is in its columns.
fn entry(at: &Place) -> usize {
    (at.step * 2 + at.slot) * 4 + at.chain
}

fn row(n: i64) -> Row {
    forest().1.0[usize::try_from(n).expect("a node")]
}

/// Some of [`splits`]: one that meets its threshold and one on a missing value among them, or all with LAMINATE_EXHAUSTIVE.
fn some_splits() -> Vec<(Place, Step)> {
    let all = splits();
    if std::env::var_os("LAMINATE_EXHAUSTIVE").is_some() {
        return all;
    }
    let equal = all.iter().find(|(_, s)| s.key == s.threshold);
    let missing = all.iter().find(|(_, s)| s.variant >= 8);
    [equal, missing, all.last()]
        .into_iter()
        .flatten()
        .copied()
        .collect()
}

/// Steps that stand on an inner node, each with its branch.
fn splits() -> Vec<(Place, Step)> {
    let (case, nodes) = forest();
    let mut out = vec![];
    replay(case, nodes, |place, step| {
        if step.variant != 0 && place.chain < 3 {
            out.push((*place, step));
        }
        step
    });
    out
}

#[test]
fn the_other_branch_is_refused() {
    let mut tally = Tally::new("other branches");
    let all = splits();
    assert!(
        all.iter().any(|(_, s)| s.key == s.threshold),
        "no key meets its threshold"
    );
    for (at, step) in all {
        let other = 1 - step.branch;
        // The distance wraps in 32 bits, or is the element of the field.
        let wrapped = steered(&at, step.to(other));
        tally.refuse("a wrapped distance", SIDE, &wrapped);
        let mut negative = steered(&at, step.to(other));
        let distance = At::Aux(Role::DISTANCE);
        negative.put(0, distance, entry(&at), step.to(other).distance.into());
        negative.recount_elements();
        let range = "range: node 0: Distance limb 1";
        tally.refuse_alone(range, ROOT, &negative);
        // Zero, and the distance of the right branch.
        for distance in [0, step.distance] {
            let forged = steered(
                &at,
                Step {
                    distance,
                    ..step.to(other)
                },
            );
            tally.refuse("another distance", SIDE, &forged);
        }
    }
}

#[test]
fn a_branch_is_a_bit() {
    let mut tally = Tally::new("branches that are no bit");
    for (at, step) in splits().into_iter().take(3) {
        for branch in [2i64, 3, -1] {
            let mut forged = steered(&at, step.to(branch));
            // In the column the branch is an element of the field, and so is a negative distance.
            for (role, value) in [
                (Role::BRANCH, branch),
                (Role::DISTANCE, step.to(branch).distance),
            ] {
                forged.put(0, At::Aux(role), entry(&at), value.into());
            }
            forged.recount_elements();
            let broken = forged.broken();
            assert!(broken.contains(&format!("node 0: {BIT}")), "{broken:?}");
            tally.refuse("a branch that is no bit", "", &forged);
        }
    }
}

#[test]
fn a_step_is_a_row_of_its_node() {
    let mut tally = Tally::new("rows of other nodes");
    let (case, nodes) = forest();
    let halt = nodes.0.len() as i64 - 1;
    for (at, step) in some_splits() {
        let on = |n: i64| {
            let (kind, feature) = (row(n).variant as usize / 4, row(n).variant as usize % 4);
            let x = case.inputs[at.slot].get(feature).copied().unwrap_or(0);
            Step::on(row(n), Forest::read(kind, x))
        };
        // The sibling, the roots of all chains, the halting node.
        let others = [at.node - 1, at.node + 1, 0, 1, 2, halt];
        for n in others.into_iter().filter(|n| (0..=halt).contains(n)) {
            if on(n) != step {
                tally.refuse("another node's row", ROOT, &steered(&at, on(n)));
            }
        }
        // One word of the row: a skipped and a repeated step, a node beyond the table, another threshold, another value.
        let child = |child: i64| Step { child, ..step };
        let threshold = |threshold: i64| Step { threshold, ..step }.decided();
        let value = |value: i64| Step { value, ..step };
        let skipped = row(step.child + step.branch).child.into();
        for other in [
            child(skipped),
            child(at.node - step.branch),
            child(32),
            child(1 << 20),
            child(step.child + 1),
            child(step.child - 1),
            threshold(step.threshold + 1),
            threshold(step.key + 1),
            value(step.value + 1),
            value(i32::MIN.into()),
        ] {
            if other != step {
                tally.refuse("a changed row", ROOT, &steered(&at, other));
            }
        }
    }
}

#[test]
fn a_key_is_that_of_slot_and_variant() {
    let mut tally = Tally::new("keys of others");
    for (at, step) in some_splits() {
        let keys = [5, MISS, 100, 4, -8, 0, i32::MIN, i32::MAX - 1];
        for key in keys
            .map(i64::from)
            .into_iter()
            .filter(|key| *key != step.key)
        {
            let forged = steered(&at, Step { key, ..step }.decided());
            tally.refuse("another key", ROOT, &forged);
        }
        // Another variant with its own key: the row of the node has this one.
        for variant in [0, 4, 8, 12, 16, 1 << 20] {
            if variant != step.variant {
                let forged = steered(&at, Step { variant, ..step });
                tally.refuse("another variant", ROOT, &forged);
            }
        }
    }
}

#[test]
fn a_missing_value_is_one() {
    let mut tally = Tally::new("missing values");
    let (case, nodes) = forest();
    let honest = replay(case, nodes, |_, step| step);
    let forger = || Forger::with_trace(case, &honest, srs());
    let (missing, gap) = (At::Aux(Role::MISSING), At::Aux(Role::PRESENT));
    // Feature 1 of the first slot is missing, feature 0 is not.
    for (index, bit) in [(1, 0), (0, 1)] {
        let mut wrapped = forger();
        let distance = wrapped.integer(0, gap, index) + 2 * bit - 1;
        wrapped.put(0, missing, index, bit);
        wrapped.put(0, gap, index, distance.rem_euclid(1 << 32));
        wrapped.recount_elements();
        tally.refuse("another bit", "", &wrapped);
        if distance < 0 {
            let mut negative = forger();
            negative.put(0, missing, index, bit);
            negative.put(0, gap, index, distance);
            negative.recount_elements();
            let broken = negative.broken();
            assert!(
                broken.contains(&"range: node 0: Present limb 1".to_owned()),
                "{broken:?}"
            );
            tally.refuse("a negative gap", ROOT, &negative);
        } else {
            let broken = wrapped.broken();
            assert!(
                broken.contains(&"node 0: forest missing: quadratic 1".to_owned()),
                "{broken:?}"
            );
        }
    }
    // Twice missing: the gap is positive.
    let mut twice = forger();
    twice.put(0, missing, 1, 2);
    twice.put(0, gap, 1, 1);
    twice.recount_elements();
    let broken = twice.broken();
    assert!(
        broken.contains(&"node 0: forest missing: quadratic 0".to_owned()),
        "{broken:?}"
    );
    tally.refuse("missing twice", "", &twice);
}

#[test]
fn an_output_is_the_sum_of_its_chain() {
    let mut tally = Tally::new("sums");
    let (case, nodes) = forest();
    let honest = replay(case, nodes, |_, step| step);
    let values = |slot: usize, chain: usize| {
        let mut out = vec![];
        replay(case, nodes, |place, step| {
            if (place.slot, place.chain) == (slot, chain) {
                out.push(step.value as i32);
            }
            step
        });
        out
    };
    let all = std::env::var_os("LAMINATE_EXHAUSTIVE").is_some();
    for slot in 0..2 {
        let chains = if all { 0..3 } else { slot..slot + 1 };
        for chain in chains {
            // One value too few or too many, twice, and what another chain adds up to.
            let other =
                honest.tensors[1][4 * slot + (chain + 1) % 3] - honest.tensors[1][4 * slot + chain];
            let changes = values(slot, chain).into_iter().flat_map(|v| [v, -v]);
            for by in changes.chain([1, -1, other]).filter(|by| *by != 0) {
                let mut trace = honest.clone();
                trace.tensors[1][4 * slot + chain] += by;
                tally.refuse("another sum", SUM, &Forger::with_trace(case, &trace, srs()));
            }
        }
        // The padded chain has a sum of its own, which is not its output.
        let sum: i32 = values(slot, 3).iter().sum();
        for by in [1, sum].into_iter().filter(|by| *by != 0) {
            let mut trace = honest.clone();
            trace.tensors[1][4 * slot + 3] = by;
            tally.refuse(
                "a padded output",
                SUM,
                &Forger::with_trace(case, &trace, srs()),
            );
        }
    }
    // The statement says something else than the trace.
    let mut told = Forger::with_trace(case, &honest, srs());
    told.output[0] += Fr::ONE;
    told.restate();
    tally.refuse("an output beside the trace", "", &told);
    let mut wide = Forger::with_trace(case, &honest, srs());
    wide.input[0] += element(1 << 32);
    wide.input[1] -= Fr::ONE;
    wide.restate();
    assert_eq!(
        wide.statement,
        Forger::with_trace(case, &honest, srs()).statement,
        "words are the same"
    );
    tally.refuse("an input of 33 bits", "range of an input", &wide);
}

#[test]
fn counts_are_whole_whatever_they_are() {
    let mut tally = Tally::new("fractional counts");
    let (at, step) = splits()[0];
    let tables = forest_tables();
    let half = Fr::from(2).invert().expect("not zero");
    for table in tables {
        for share in [
            half,
            Fr::ONE,
            -Fr::ONE,
            Fr::from(3).invert().expect("not zero"),
        ] {
            let changed = Step {
                value: step.value + 7,
                key: step.key + 1,
                ..step
            };
            let mut forged = steered(&at, changed.decided());
            let counts = forged.entries(table);
            for (i, count) in [(0, counts[0] + share), (1, counts[1] + Fr::ONE - share)] {
                forged.set(table, i, count);
            }
            tally.refuse("shares of a count", ROOT, &forged);
        }
    }
}

fn forest_tables() -> Vec<laminate_engine::geometry::Block> {
    let (case, nodes) = forest();
    let trace = replay(case, nodes, |_, step| step);
    let forger = Forger::with_trace(case, &trace, srs());
    forger.verifier.layout.node_multiplicities[0].clone()
}

/// A table of nodes by what is wrong, the rows that are other ones, and whether the executor runs it.
type Malformed = (&'static str, Vec<(usize, Row)>, bool);

/// What a registrant may put into a table of nodes.
fn malformed() -> Vec<Malformed> {
    let leaf = |child: u32, value: i32| Row {
        child,
        value,
        ..Row::default()
    };
    let halt = forest().1.0.len() - 1;
    let split = |variant: u32, child: u32| Row {
        variant,
        threshold: 5,
        child,
        value: 3,
    };
    vec![
        ("a node that leads to itself", vec![(0, leaf(0, 11))], true),
        (
            "a cycle of two",
            vec![(0, leaf(1, 2)), (1, leaf(0, 3))],
            true,
        ),
        (
            "a halting node with a value",
            vec![(halt, leaf(halt as u32, 1))],
            true,
        ),
        (
            "a halting node that goes on",
            vec![(halt, leaf(3, 0))],
            true,
        ),
        (
            "a leaf whose threshold is the lowest key",
            vec![(
                2,
                Row {
                    threshold: i32::MIN,
                    ..row(2)
                },
            )],
            true,
        ),
        ("a node that leads to padding", vec![(0, leaf(31, 5))], true),
        ("a padded feature", vec![(0, split(7, 4))], true),
        ("a child beyond the table", vec![(0, leaf(32, 5))], false),
        (
            "a second child beyond the table",
            vec![(0, split(4, 31))],
            false,
        ),
        ("a negative child", vec![(0, leaf(u32::MAX, 5))], false),
        (
            "a variant beyond those that exist",
            vec![(0, split(16, 4))],
            false,
        ),
        (
            "another slot's features, if slot and variant were one number",
            vec![(0, split(20, 4))],
            false,
        ),
    ]
}

/// A malformed table is a function like any other where it has a run: that run is accepted, and the same with any other
/// output is not. Where it has none, the executor says so and no proof of what it might be is accepted.
#[test]
fn malformed_tables_have_one_output_or_none() {
    let mut tally = Tally::new("malformed tables");
    let (case, nodes) = forest();
    let mut accepted = 0;
    for (what, rows, runs) in malformed() {
        let mut table = nodes.clone();
        for (n, row) in rows {
            table.0[n] = row;
        }
        let mut changed = case.clone();
        changed.weights.dense = vec![table.weights()];
        let executed = exec::run(&changed.program, &changed.weights, &changed.inputs);
        assert_eq!(executed.is_ok(), runs, "{what}: {executed:?}");
        if !runs {
            assert!(
                matches!(executed, Err(ExecError::ForestNode { .. })),
                "{what}"
            );
        }
        let register = |trace: &Trace| {
            let mut forger = Forger::with_trace(case, trace, srs());
            forger.register_words(srs(), |words| {
                let stored = changed.weights.dense[0].bias.chunks(table.0.len());
                for (to, from) in words.chunks_mut(32).zip(stored) {
                    for (to, word) in to.iter_mut().zip(from) {
                        *to = word.cast_unsigned() ^ (1 << 31);
                    }
                }
            });
            forger
        };
        let trace = replay(&changed, &table, |_, step| step);
        if runs {
            assert_eq!(executed.as_ref(), Ok(&trace), "{what}");
            assert_eq!(
                register(&trace).verdict(srs(), FoldMode::On),
                Ok(()),
                "{what}"
            );
            accepted += 1;
            let other = replay(&changed, &table, |place, s| match place.step {
                0 => Step {
                    value: s.value + 1,
                    ..s
                },
                _ => s,
            });
            tally.refuse(what, ROOT, &register(&other));
        } else {
            tally.refuse(what, ROOT, &register(&trace));
        }
        let mut output = trace.clone();
        output.tensors[1][0] += 1;
        tally.refuse(what, if runs { SUM } else { "" }, &register(&output));
    }
    assert!(accepted > 5);
}

/// With chains and steps that are powers of two no axis has padding, and one slot has no column of slots.
#[test]
fn shapes_without_padding_are_bound_too() {
    let mut tally = Tally::new("forests without padding");
    let shape = Shape {
        outputs: 1,
        trees: 1,
        batch_log: 0,
        missing: false,
        ..SHAPE
    };
    for seed in 0..3 {
        let (case, trees) = case(seed, &shape);
        let nodes = trees.nodes();
        let honest = replay(&case, &nodes, |_, step| step);
        let forger = Forger::with_trace(&case, &honest, srs());
        assert_eq!(forger.verdict(srs(), FoldMode::On), Ok(()));
        for role in [
            Role::VARIANT,
            Role::THRESHOLD,
            Role::CHILD,
            Role::VALUE,
            Role::KEY,
            Role::BRANCH,
            Role::DISTANCE,
        ] {
            let mut forged = forger.clone();
            let value = forged.integer(0, At::Aux(role), 0);
            forged.put(0, At::Aux(role), 0, value + 1);
            forged.recount_elements();
            assert!(!forged.broken().is_empty(), "{role:?}");
            tally.refuse("one column", "", &forged);
        }
    }
}

/// What `Program::check` says of a changed program.
fn refusal(change: impl FnOnce(&mut Program)) -> String {
    let mut program = forest().0.program.clone();
    assert_eq!(program.check(), Ok(()));
    change(&mut program);
    match program.check() {
        Ok(()) => "accepted".into(),
        Err(error) => error.to_string(),
    }
}

fn parameters(program: &mut Program) -> &mut Forest {
    match &mut program.nodes[0].op {
        Op::Forest(forest) => forest,
        _ => panic!("a forest"),
    }
}

#[test]
fn programs_that_are_no_forests_are_refused() {
    type Change = fn(&mut Program);
    let changes: [(&str, Change); 22] = [
        ("4 chains", |p| parameters(p).chains = 4),
        ("2 chains", |p| parameters(p).chains = 2),
        ("0 steps", |p| parameters(p).steps = 0),
        ("1048577 steps", |p| {
            parameters(p).steps = (1 << 20) + 1;
            p.batch_log = 0;
        }),
        ("with all chains and slots (2^29)", |p| {
            parameters(p).steps = 1 << 20;
            p.batch_log = 7;
        }),
        ("weights 1 do not exist", |p| parameters(p).weight = 1),
        ("has 16 bits, expected 32", |p| p.tensors[0].bits = 16),
        ("has 16 bits, expected 32", |p| p.tensors[1].bits = 16),
        ("one axis each", |p| {
            p.tensors[0].axes = vec![3, 2];
        }),
        ("stacked or rotated tensors", |p| p.tensors[0].stack = 2),
        ("stacked or rotated tensors", |p| p.tensors[1].stack = 2),
        ("bits of a tensor", |p| p.limb_bits = 8),
        ("have [3] words an entry", |p| p.weights[0].rows = vec![3]),
        ("have [5] words an entry", |p| p.weights[0].rows = vec![5]),
        ("axes of a table of words", |p| {
            p.weights[0].rows = vec![2, 2]
        }),
        ("axes of a table of words", |p| {
            p.weights[0].cols = vec![2, 12]
        }),
        ("axes of a table of words", |p| p.weights[0].stack = 2),
        ("axes of a table of words", |p| p.weights[0].bias = true),
        ("there are 2 nodes", |p| p.weights[0].cols = vec![2]),
        ("weights 0 are no table of words", |p| {
            p.weights[0].format = WeightFormat::Int8
        }),
        ("weights 0 are used twice", |p| {
            let mut again = p.nodes[0].clone();
            again.output = 2;
            p.tensors.push(p.tensors[1].clone());
            p.nodes.push(again);
        }),
        ("unused weights", |p| {
            p.weights.push(DenseShape::of_words(4, 8))
        }),
    ];
    for (expected, change) in changes {
        let found = refusal(change);
        assert!(found.contains(expected), "{expected}: {found}");
    }
    // On a view of the input.
    let found = refusal(|p| {
        p.views.push(TensorView {
            constant: 0,
            terms: vec![ViewTerm {
                operand: 0,
                coefficient: 1,
                maps: vec![AxisMap::Same { axis: 0 }],
                masks: vec![],
            }],
        });
        p.tensors.push(p.tensors[0].clone());
        let op = Op::View(View {
            view: 0,
            operands: 1,
        });
        p.nodes.insert(
            0,
            Node {
                name: "view".into(),
                op,
                inputs: vec![0],
                output: 2,
            },
        );
        p.nodes[1].inputs = vec![2];
    });
    assert!(found.contains("a column of its own"), "{found}");
    // Over tokens, on a norm's output.
    let mut program = sequence::case(5, &sequence::Shape::SMALL, false).program;
    assert_eq!(program.check(), Ok(()));
    let flat = |t: &Tensor| t.axes.len() == 1 && t.stack == 1 && t.bits == 16;
    let norms = program
        .nodes
        .iter()
        .filter(|n| matches!(n.op, Op::RmsNorm(_)));
    let mut norms = norms.filter(|n| flat(&program.tensors[n.output]));
    let normed = norms.next().expect("a norm").output;
    let sums = forest().0.program.tensors[1].clone();
    program.weights.push(DenseShape::of_words(4, 8));
    let op = Op::Forest(Forest {
        weight: program.weights.len() - 1,
        chains: 3,
        steps: 2,
        missing: false,
    });
    programs::node(&mut program, op, &[normed], sums);
    let found = program.check().unwrap_err().to_string();
    assert!(found.contains("works on rows"), "{found}");
    // A layer on a table of words.
    let mut program = Program::empty("dense", 0, 17);
    program.tensors = vec![Tensor::new("x", 8, 0), Tensor::new("y", 4, 0)];
    program.nodes = vec![Node {
        name: "dense".into(),
        op: Op::Dense(Dense {
            weight: 0,
            shift: 16,
        }),
        inputs: vec![0],
        output: 1,
    }];
    program.output = 1;
    program.weights = vec![DenseShape {
        bias: false,
        ..DenseShape::new(4, 8)
    }];
    assert_eq!(program.check(), Ok(()));
    program.weights[0] = DenseShape::of_words(4, 8);
    let found = program.check().unwrap_err().to_string();
    assert!(found.contains("weights 0 are a table of words"), "{found}");
}
