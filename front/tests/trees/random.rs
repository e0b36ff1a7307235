//! Random ensembles of every kind of split: the machine against the float evaluator, to the last unit.

use laminate_front::trees::{
    self, Decision, Ensemble, Format, Link, Node, Predict, Set, Split, Sum, Target, Test, Tree,
    keys,
};
use rand::Rng;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

const FEATURES: u32 = 5;

/// Numbers that thresholds and rows share, so that equality is common.
const POOL: [f64; 19] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    1.5,
    2.0,
    3.0,
    7.0,
    -0.5,
    0.1,
    1e-35,
    1e-36,
    -1e-36,
    1e-45,
    3e38,
    1e300,
    -1e300,
    f64::INFINITY,
    f64::NEG_INFINITY,
];

fn threshold(rng: &mut ChaCha8Rng) -> f64 {
    let t = *POOL.choose(rng).expect("pool");
    match rng.gen_range(0..4) {
        0 => t.next_up(),
        1 => t.next_down(),
        2 => f64::from((t as f32).next_up()),
        _ => t,
    }
}

fn value(rng: &mut ChaCha8Rng) -> f32 {
    let x = *POOL.choose(rng).expect("pool") as f32;
    match rng.gen_range(0..6) {
        0 => f32::NAN,
        1 => x.next_up(),
        2 => x.next_down(),
        3 => rng.gen_range(-2.0..12.0),
        _ => x,
    }
}

fn set(rng: &mut ChaCha8Rng) -> Set {
    if rng.gen_bool(0.5) {
        let mut values: Vec<f32> = (0..rng.gen_range(0..5))
            .map(|_| *POOL.choose(rng).expect("pool") as f32 + 0.0)
            .collect();
        values.sort_by(f32::total_cmp);
        values.dedup();
        Set::Values(values)
    } else {
        let codes = (0..12).filter(|_| rng.gen_bool(0.4)).collect();
        let negative_fraction = rng.gen_bool(0.5);
        Set::Codes {
            codes,
            negative_fraction,
        }
    }
}

fn tree(rng: &mut ChaCha8Rng, outputs: usize, sets: &mut Vec<Set>) -> Tree {
    let target = if rng.gen_bool(0.5) {
        Target::All
    } else {
        Target::One(rng.gen_range(0..outputs as u32))
    };
    let inner = rng.gen_range(0..12u32);
    let mut nodes = vec![Node::Leaf { index: 0 }];
    let mut leaves = vec![0usize];
    for _ in 0..inner {
        let at = leaves.swap_remove(rng.gen_range(0..leaves.len()));
        let test = match rng.gen_range(0..3) {
            0 => Test::Less(threshold(rng)),
            1 => Test::AtMost(threshold(rng)),
            _ => {
                sets.push(set(rng));
                Test::Within(sets.len() as u32 - 1)
            }
        };
        let child = nodes.len() as u32;
        let (yes, no) = if rng.gen_bool(0.5) {
            (child, child + 1)
        } else {
            (child + 1, child)
        };
        nodes[at] = Node::Split(Split {
            feature: rng.gen_range(0..FEATURES),
            test,
            missing_yes: rng.gen_bool(0.5),
            zero_missing: rng.gen_bool(0.3),
            yes,
            no,
        });
        nodes.extend([Node::Leaf { index: 0 }; 2]);
        leaves.extend([child as usize, child as usize + 1]);
    }
    for (index, &at) in leaves.iter().enumerate() {
        nodes[at] = Node::Leaf {
            index: index as u32,
        };
    }
    let width = if target == Target::All { outputs } else { 1 };
    // Multiples of 1/8 are exact in every scale that fits.
    let values = (0..leaves.len() * width).map(|_| f64::from(rng.gen_range(-800..800)) / 8.0);
    Tree {
        values: values.collect(),
        nodes,
        target,
    }
}

fn ensemble(rng: &mut ChaCha8Rng) -> Ensemble {
    let outputs = rng.gen_range(1..4);
    let mut sets = Vec::new();
    let trees = (0..rng.gen_range(1..6))
        .map(|_| tree(rng, outputs, &mut sets))
        .collect();
    Ensemble {
        format: Format::Onnx,
        features: FEATURES as usize,
        names: Vec::new(),
        base: (0..outputs)
            .map(|_| f64::from(rng.gen_range(-80..80)) / 8.0)
            .collect(),
        trees,
        sets,
        sum: Sum::Double,
        link: Link::Identity,
        decision: Decision::ArgMax,
        predicts: Predict::Margin,
        labels: Vec::new(),
        notes: Vec::new(),
    }
}

#[test]
fn machine_equals_floats_on_random_ensembles() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let (mut rows, mut largest) = (0, 0);
    for _ in 0..600 {
        let ensemble = ensemble(&mut rng);
        ensemble.check().expect("well formed");
        let machine = trees::lower(&ensemble).expect("lowers").machine;
        largest = largest.max(machine.rows.len());
        // Every child is a row, every variant is one of the list: the table is well formed for any run.
        for row in &machine.rows {
            assert!((row.child as usize) < machine.rows.len());
            assert!(row.feature as usize <= machine.variants.len());
            assert!(row.feature == 0 || row.child as usize + 1 < machine.rows.len());
        }
        for _ in 0..60 {
            let row: Vec<f32> = (0..FEATURES).map(|_| value(&mut rng)).collect();
            let keys: Vec<i32> = row.iter().map(|&x| keys::key(x)).collect();
            let found: Vec<f64> = machine
                .run(&keys)
                .expect("runs")
                .iter()
                .map(|&y| machine.margin(y))
                .collect();
            assert_eq!(
                found,
                ensemble.margins(&row).expect("row"),
                "{row:?} {ensemble:?}"
            );
            rows += 1;
        }
    }
    println!("{rows} rows, tables of up to {largest} nodes");
    assert!(largest > 100);
}

/// The steps are the longest path: one fewer would cut it, and more change nothing.
#[test]
fn steps_are_the_longest_path() {
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    let mut needed = 0;
    for _ in 0..60 {
        let ensemble = ensemble(&mut rng);
        let machine = trees::lower(&ensemble).expect("lowers").machine;
        let (mut longer, mut shorter) = (machine.clone(), machine.clone());
        longer.steps += 7;
        shorter.steps -= 1;
        let mut cut = false;
        for _ in 0..200 {
            let row: Vec<i32> = (0..FEATURES).map(|_| keys::key(value(&mut rng))).collect();
            let found = machine.run(&row);
            assert_eq!(found, longer.run(&row));
            cut |= found != shorter.run(&row);
        }
        needed += usize::from(cut);
    }
    // Longest paths of contradictory splits no row takes.
    assert!(needed > 15, "{needed}");
}
