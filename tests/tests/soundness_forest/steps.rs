//! Steps, keys and sums.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use laminate_engine::fold::FoldMode;
use laminate_model::ops::Forest;
use laminate_model::ops::forest::MISS;
use laminate_model::program::Role;
use laminate_tests::attack::{Tally, srs};
use laminate_tests::forest::{Place, Shape, Step, case, replay};
use laminate_tests::forger::{At, Forger, element};

use super::{BIT, ROOT, SHAPE, SIDE, SUM, entry, forest, row, steered};

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

/// A missing value that all steps read as a number, the largest: with a gap that wraps, and with a negative one.
#[test]
fn a_missing_value_is_not_read_as_a_number() {
    let mut tally = Tally::new("missing values that are read");
    let (case, nodes) = forest();
    // Four features with the padded one; the second kinds of variants read what is missing as a key of their own.
    for (slot, feature) in [(0, 1), (1, 2)] {
        let index = 4 * slot + feature;
        assert_eq!(case.inputs[slot][feature], MISS);
        let mut read = 0;
        let trace = replay(case, nodes, |place, step| {
            let own = (step.variant % 4) as usize == feature && step.variant >= 8;
            if place.slot != slot || !own {
                return step;
            }
            read += 1;
            let key = MISS.into();
            Step { key, ..step }.decided()
        });
        assert!(read > 0, "no step reads feature {feature} of slot {slot}");
        let (missing, gap) = (At::Aux(Role::MISSING), At::Aux(Role::PRESENT));
        for (distance, statement) in [
            ((1 << 32) - 1, "node 0: forest missing: linear 0"),
            (-1, "range: node 0: Present limb 1"),
        ] {
            let mut forged = Forger::with_trace(case, &trace, srs());
            forged.put(0, missing, index, 0);
            forged.put(0, gap, index, distance);
            forged.recount_elements();
            tally.refuse_alone(statement, "", &forged);
        }
    }
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
