//! Forgeries of forests. The run that a forger claims is that of a machine with one lie, and follows from it; what refuses it
//! is named.

mod refused;
mod steps;
mod tables;

use std::sync::OnceLock;

use laminate_engine::fold::FoldMode;
use laminate_model::ops::forest::{MISS, Nodes, Row};
use laminate_prover::exec;
use laminate_tests::Case;
use laminate_tests::attack::srs;
use laminate_tests::forest::{Missing, Place, Shape, Step, Tree, Trees, program, replay};
use laminate_tests::forger::Forger;

pub const SIDE: &str = "forest branch: quadratic 0";
pub const BIT: &str = "forest branch: quadratic 1";
pub const SUM: &str = "forest sum: linear 0";
pub const ROOT: &str = "lookup root";

pub fn split(feature: usize, threshold: i32, missing: Missing, leaves: [i32; 2]) -> Tree {
    Tree::Split {
        feature,
        threshold,
        missing,
        children: Box::new(leaves.map(Tree::Leaf)),
    }
}

pub const SHAPE: Shape = Shape {
    features: 3,
    outputs: 3,
    trees: 2,
    depth: 2,
    missing: true,
    batch_log: 1,
};

/// Three outputs of two trees, two slots: a value that meets its threshold, one that is missing.
pub fn forest() -> &'static (Case, Nodes) {
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
pub fn steered(at: &Place, other: Step) -> Forger {
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
pub fn entry(at: &Place) -> usize {
    (at.step * 2 + at.slot) * 4 + at.chain
}

pub fn row(n: i64) -> Row {
    forest().1.0[usize::try_from(n).expect("a node")]
}
