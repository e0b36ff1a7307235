//! For every limb of every column, a forgery that leaves every identity true and has that limb out of its
//! range: elements of the field that no executor would compute. Then lookups that are counted in the wrong
//! table, or whose leaves tell of other columns.

use std::sync::OnceLock;

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use laminate_engine::field::pow2;
use laminate_engine::geometry::Block;
use laminate_model::ops::{Activation, Argmax, Clip, LeakyRelu, Relu, RmsNorm, Softmax};
use laminate_model::program::{Op, Role};
use laminate_tests::attack::{Attack, Tally};
use laminate_tests::forger::{At, Forger, element};
use laminate_tests::isolated::Isolated;

const OUT: At = At::Output;
const REM: At = At::Aux(Role::REMAINDER);

fn aux(role: Role) -> At {
    At::Aux(role)
}

fn sequence() -> &'static Isolated {
    static ONE: OnceLock<Isolated> = OnceLock::new();
    ONE.get_or_init(Isolated::sequence)
}

/// What a limb's range check is called.
fn range(node: usize, at: At, limb: usize) -> String {
    let name = match at {
        At::Output => "Output".to_owned(),
        At::Aux(role) => format!("{role:?}"),
        At::Operand(_) => panic!("a column of the node"),
    };
    format!("range: node {node}: {name} limb {limb}")
}

/// The topmost limb of a column, which alone is out of range if a value is.
fn top(isolated: &Isolated, node: usize, at: At) -> usize {
    isolated.forger.limbs(node, at).0.len() - 1
}

/// A rounded result and its remainder: `2^s·y + rem` is one number in many ways.
fn rounded(tally: &mut Tally, isolated: &Isolated, node: usize) {
    let op = isolated.case.program.nodes[node].op;
    let shift = 8 * op.remainder_bytes() as u32;
    // Where a fused ReLU's other part is zero.
    let index = (0..3).find(|i| isolated.get(node, OUT, *i) != 0);
    let index = index.filter(|_| matches!(op, Op::DenseRelu(_)));
    let index = index.unwrap_or(1);
    let (y, rem) = (
        isolated.get(node, OUT, index),
        isolated.get(node, REM, index),
    );
    for moved in [1, -1] {
        for limb in 0..=top(isolated, node, REM) {
            let mut forged = isolated.forger.clone();
            forged.put(node, OUT, index, y + moved);
            forged.put_in((node, REM), limb, index, element(rem - (moved << shift)));
            forged.recount_elements();
            tally.refuse_alone(&range(node, REM, limb), "lookup root", &forged);
        }
    }
    // Another remainder in range, and a result that is no integer.
    let other = rem ^ 1;
    let quotient = element(rem - other) * pow2(shift as usize).invert().expect("not zero");
    for limb in 0..=top(isolated, node, OUT) {
        let mut forged = isolated.forger.clone();
        forged.put(node, REM, index, other);
        forged.put_in((node, OUT), limb, index, element(y) + quotient);
        forged.recount_elements();
        tally.refuse_alone(&range(node, OUT, limb), "lookup root", &forged);
    }
}

#[test]
fn results_and_remainders_out_of_range_are_refused() {
    let mut tally = Tally::new("ranges of results and remainders");
    for isolated in [&Isolated::rows(8), &Isolated::rows(16), sequence()] {
        for (_, node) in isolated.unread() {
            if isolated.case.program.nodes[node].op.remainder_bytes() > 0 {
                rounded(&mut tally, isolated, node);
            }
        }
    }
}

/// A sign that is not the operand's: one part is negative, the other zero.
#[test]
fn negative_parts_of_a_relu_are_refused() {
    let mut tally = Tally::new("signs of ReLU");
    for isolated in [Isolated::rows(8), Isolated::rows(16)] {
        let nodes = &isolated.case.program.nodes;
        for (node, _) in nodes.iter().enumerate().filter(|(_, n)| {
            matches!(n.op, Op::Relu(Relu) | Op::LeakyRelu(_) | Op::DenseRelu(_))
                && n.output != isolated.case.program.output
        }) {
            let slope = match nodes[node].op {
                Op::LeakyRelu(LeakyRelu { slope }) => Some(i128::from(slope)),
                _ => None,
            };
            let negative = aux(Role::NEGATIVE);
            let positive = if slope.is_some() {
                aux(Role::POSITIVE)
            } else {
                OUT
            };
            for index in [0, 1, 2] {
                let x = match nodes[node].op {
                    Op::DenseRelu(_) => {
                        isolated.get(node, OUT, index) - isolated.get(node, negative, index)
                    }
                    _ => isolated.get(node, At::Operand(0), index),
                };
                let (p, n) = if x < 0 { (x, 0) } else { (0, -x) };
                let wrong = if x < 0 { positive } else { negative };
                for limb in 0..=top(&isolated, node, wrong) {
                    let mut forged = isolated.forger.clone();
                    let honest = if x < 0 { negative } else { positive };
                    forged.put(node, honest, index, 0);
                    forged.put_in((node, wrong), limb, index, element(-x.abs()));
                    if let Some(slope) = slope {
                        let sum = (p << 16) - slope * n + (1 << 15);
                        forged.put(node, OUT, index, sum >> 16);
                        forged.put(node, REM, index, sum & 0xffff);
                    }
                    forged.recount_elements();
                    tally.refuse_alone(&range(node, wrong, limb), "lookup root", &forged);
                }
            }
        }
    }
}

/// The other root.
#[test]
fn negative_absolute_values_are_refused() {
    let mut tally = Tally::new("signs of abs");
    for isolated in [Isolated::rows(8), Isolated::rows(16)] {
        let node = isolated.node("abs");
        for index in [0, 1, 2, 4, 5, 6] {
            let y = isolated.get(node, OUT, index);
            for limb in 0..=top(&isolated, node, OUT) {
                let mut forged = isolated.forger.clone();
                forged.put_in((node, OUT), limb, index, element(-y));
                forged.recount_elements();
                tally.refuse_alone(&range(node, OUT, limb), "lookup root", &forged);
            }
        }
    }
}

/// Moved to an end by less than nothing, or beyond an end: one column is negative, all identities hold.
#[test]
fn negative_parts_of_a_clip_are_refused() {
    let mut tally = Tally::new("signs of clip");
    let Clip { lowest, highest } = Isolated::CLIP;
    let (low, high) = (i128::from(lowest), i128::from(highest));
    for isolated in [Isolated::rows(8), Isolated::rows(16)] {
        let node = isolated.node("clip");
        for index in [0, 1, 2, 4, 5, 6] {
            let x = isolated.get(node, At::Operand(0), index);
            // Results, and the columns `up`, `down`, `above`, `below` as they follow.
            let mut lies = vec![];
            if x > low {
                lies.push((low, Role::UP, [low - x, 0, 0, high - low]));
            }
            if x < high {
                lies.push((high, Role::DOWN, [0, x - high, high - low, 0]));
            }
            if x < low {
                lies.push((x, Role::ABOVE, [0, 0, x - low, high - x]));
            }
            if x > high {
                lies.push((x, Role::BELOW, [0, 0, x - low, high - x]));
            }
            for (y, negative, columns) in lies {
                for limb in 0..=top(&isolated, node, aux(negative)) {
                    let mut forged = isolated.forger.clone();
                    forged.put(node, OUT, index, y);
                    let roles = [Role::UP, Role::DOWN, Role::ABOVE, Role::BELOW];
                    for (role, value) in roles.into_iter().zip(columns) {
                        if role == negative {
                            forged.put_in((node, aux(role)), limb, index, element(value));
                        } else {
                            forged.put(node, aux(role), index, value);
                        }
                    }
                    forged.recount_elements();
                    tally.refuse_alone(&range(node, aux(negative), limb), "lookup root", &forged);
                }
            }
        }
    }
}

/// The same value by other limbs, one of which is out of range.
#[test]
fn limbs_that_carry_are_refused() {
    let mut tally = Tally::new("limbs that carry");
    for isolated in [&Isolated::rows(8), &Isolated::rows(16), sequence()] {
        for (_, node) in isolated.unread() {
            for at in isolated.columns(node) {
                for limb in 0..top(isolated, node, at) {
                    if let Some(forged) = isolated.carried(node, at, limb) {
                        tally.refuse_alone(&range(node, at, limb), "lookup root", &forged);
                    }
                }
            }
        }
    }
}

/// A root or a reciprocal that is one off: a remainder or what it leaves of the divisor is negative.
#[test]
fn negative_remainders_of_norm_and_mix_are_refused() {
    let mut tally = Tally::new("signs of divisions");
    let isolated = sequence();
    let node = isolated.node("rms_norm");
    let Op::RmsNorm(RmsNorm { numerator, .. }) = isolated.case.program.nodes[node].op else {
        panic!("a norm");
    };
    let width = isolated.width(node);
    for slot in [0, 5] {
        let get = |role| isolated.get(node, aux(role), slot);
        let (energy, root) = (get(Role::ENERGY), get(Role::ROOT));
        for (moved, step, wrong) in [
            (1, 0, Role::ROOT_LOW),
            (-1, 0, Role::ROOT_HIGH),
            (0, 1, Role::DIVISION_LOW),
            (0, -1, Role::DIVISION_HIGH),
        ] {
            let root = root + moved;
            let reciprocal = i128::from(numerator) / root + step;
            let (low, rest) = (
                energy - root * root,
                i128::from(numerator) - root * reciprocal,
            );
            let values = [
                (Role::ROOT, root),
                (Role::ROOT_LOW, low),
                (Role::ROOT_HIGH, 2 * root - low),
                (Role::RECIPROCAL, reciprocal),
                (Role::DIVISION_LOW, rest),
                (Role::DIVISION_HIGH, root - 1 - rest),
            ];
            let mut entries: Vec<_> = values.iter().map(|(r, v)| (aux(*r), slot, *v)).collect();
            for index in slot * width..(slot + 1) * width {
                let x = isolated.get(node, At::Operand(0), index);
                let sum = x * reciprocal + (1 << 31);
                entries.extend([(OUT, index, sum >> 32), (REM, index, sum & 0xffff_ffff)]);
            }
            let forged = isolated.lie(node, &entries);
            let limb = top(isolated, node, aux(wrong));
            tally.refuse_alone(&range(node, aux(wrong), limb), "lookup root", &forged);
        }
    }
    divisions_of_a_mix(&mut tally, isolated);
}

fn divisions_of_a_mix(tally: &mut Tally, isolated: &Isolated) {
    let node = isolated.node("mix");
    let axes = isolated.axes(node);
    let slots = isolated.case.program.slots();
    for row in [0, (5 * axes[0] + 1) * axes[1] + 2] {
        let total = isolated.get(node, aux(Role::TOTAL), row);
        for (step, wrong) in [(1, Role::DIVISION_LOW), (-1, Role::DIVISION_HIGH)] {
            let reciprocal = isolated.get(node, aux(Role::RECIPROCAL), row) + step;
            let rest = (1 << 32) - total * reciprocal;
            let mut entries = vec![
                (aux(Role::RECIPROCAL), row, reciprocal),
                (aux(Role::DIVISION_LOW), row, rest),
                (aux(Role::DIVISION_HIGH), row, total - 1 - rest),
            ];
            let group = row / axes[1] % axes[0];
            for d in 0..axes[2] {
                let sum: i128 = (0..slots)
                    .map(|u| {
                        let value = (u * axes[0] + group) * axes[2] + d;
                        isolated.get(node, At::Operand(0), row * slots + u)
                            * isolated.get(node, At::Operand(1), value)
                    })
                    .sum();
                let sum = sum * reciprocal + (1 << 31);
                let index = row * axes[2] + d;
                entries.extend([(OUT, index, sum >> 32), (REM, index, sum & 0xffff_ffff)]);
            }
            let forged = isolated.lie(node, &entries);
            let limb = top(isolated, node, aux(wrong));
            tally.refuse_alone(&range(node, aux(wrong), limb), "lookup root", &forged);
        }
    }
}

/// A score above the row's maximum: its depth is negative, and looked up nowhere.
#[test]
fn negative_depths_are_refused() {
    let mut tally = Tally::new("signs of depths");
    let isolated = sequence();
    let node = isolated.node("softmax");
    let Op::Softmax(Softmax { table }) = isolated.case.program.nodes[node].op else {
        panic!("a softmax");
    };
    let values = &isolated.case.program.tables[table].values;
    let slots = isolated.case.program.slots();
    let row = 5 * (isolated.width(node) / slots) + 1;
    let depth = |u: usize| isolated.get(node, aux(Role::DEPTH), row * slots + u);
    let second = (0..6)
        .map(depth)
        .filter(|z| *z > 0)
        .min()
        .expect("another score");
    let picked = (0..6).find(|u| depth(*u) == second).expect("its place");
    let max = isolated.get(node, aux(Role::MAXIMUM), row) - second;
    let mut entries = vec![(aux(Role::MAXIMUM), row, max)];
    for u in 0..6 {
        let z = depth(u) - second;
        let e = usize::try_from(z).map_or(i128::from(values[0]), |z| values[z].into());
        entries.extend([
            (aux(Role::DEPTH), row * slots + u, z),
            (OUT, row * slots + u, e),
        ]);
        entries.push((aux(Role::PICK), row * slots + u, i128::from(u == picked)));
    }
    let forged = isolated.lie(node, &entries);
    tally.refuse_alone(&format!("table {table}"), "lookup root", &forged);
}

/// Gaps that are negative where a logit is better than the chosen one.
#[test]
fn negative_gaps_are_refused() {
    let mut tally = Tally::new("signs of gaps");
    let attack = Attack::prompted();
    let node = attack.node(|op| *op == Op::Argmax(Argmax));
    let (slot, width) = (5, 32);
    let honest = attack.forger(&attack.trace);
    let gap = aux(Role::GAP);
    let logit = |v: usize| honest.integer(node, At::Operand(0), slot * width + v);
    let id = honest.known[1][slot];
    for other in (0..21).filter(|other| *other != id) {
        let mut forged = honest.clone();
        forged.known[1][slot] = other;
        forged.output[slot] = element(other as i128 - (1 << 15));
        forged.restate();
        forged.put(node, aux(Role::BEST), slot, logit(other) + (1 << 15));
        for v in 0..21 {
            let left = logit(other) - logit(v) - i128::from(v < other);
            forged.put(node, gap, slot * width + v, left);
        }
        forged.recount_elements();
        tally.refuse_alone(&range(node, gap, 0), "lookup root", &forged);
    }
}

/// Region blocks of limbs that the forgeries above have an entry in: all of them.
#[test]
fn every_block_of_the_limb_region_is_tried() {
    for isolated in [&Isolated::rows(8), &Isolated::rows(16), sequence()] {
        let mut hit = vec![false; isolated.forger.verifier.layout.limbs.len()];
        for (_, node) in isolated.unread() {
            for at in isolated.columns(node) {
                for block in isolated.forger.limbs(node, at).0 {
                    let region = |r: &Block| r.contains(&block);
                    let found = isolated
                        .forger
                        .verifier
                        .layout
                        .limbs
                        .iter()
                        .position(region);
                    found.into_iter().for_each(|i| hit[i] = true);
                }
            }
        }
        assert!(
            hit.len() > 1 || isolated.case.program.limb_bits == 8,
            "one block alone"
        );
        assert!(hit.iter().all(|h| *h), "{hit:?}");
    }
}

/// The block of multiplicities of table `number`, in the order of the tree's segments.
fn tables(forger: &Forger) -> Vec<Block> {
    let layout = &forger.verifier.layout;
    let limbs = layout.limb_multiplicities.into_iter();
    let checks = layout.weight_checks.iter();
    let checks = checks.flat_map(|c| c.tables.iter().filter_map(|(_, counts)| *counts));
    limbs
        .chain(checks)
        .chain(layout.table_multiplicities.iter().copied())
        .collect()
}

/// A use that is counted in another table, which has an entry of the same value but another tag.
#[test]
fn counts_in_another_table_are_refused() {
    let mut tally = Tally::new("counts moved between tables");
    let isolated = Isolated::weights();
    let all = tables(&isolated.forger);
    assert_eq!(
        all.len(),
        5,
        "limbs, bytes, ternary weights, two activations"
    );
    // Entries of one value: limbs and bytes are their index, ternary weights begin at 127, tables in their
    // middle at index zero.
    let entry = |table: usize| match table {
        0 | 1 => 128,
        2 => 1,
        _ => 2048,
    };
    for from in 0..all.len() {
        for to in (0..all.len()).filter(|to| *to != from) {
            let counts = [from, to].map(|t| isolated.forger.entries(all[t])[entry(t)]);
            let mut forged = isolated.forger.clone();
            forged.set(all[from], entry(from), counts[0] - Fr::ONE);
            forged.set(all[to], entry(to), counts[1] + Fr::ONE);
            tally.refuse(&format!("from {from} to {to}"), "lookup root", &forged);
        }
    }
}

/// A prover who looks nothing up in one of the tables.
#[test]
fn values_that_are_not_looked_up_are_refused() {
    let mut tally = Tally::new("tables without counts");
    let isolated = Isolated::weights();
    for table in tables(&isolated.forger) {
        let mut forged = isolated.forger.clone();
        for index in 0..1 << table.log {
            forged.set(table, index, Fr::ZERO);
        }
        tally.refuse("no counts", "lookup root", &forged);
    }
}

/// A ternary weight that is a byte, and a result that another table has.
#[test]
fn values_of_another_table_are_refused() {
    let mut tally = Tally::new("values of another table");
    let isolated = Isolated::weights();
    let mut forged = isolated.forger.clone();
    let ternary = forged.verifier.layout.dense[1].weight;
    // A weight of zeros' sum: the operand of the ternary layer is zero at this column.
    forged.register(laminate_tests::attack::srs(), |bytes| {
        bytes[ternary.offset + 2] = 128 + 5
    });
    forged.recount_elements();
    tally.refuse_alone(
        &format!("range: Weight entry {}", ternary.offset + 2),
        "lookup root",
        &forged,
    );
    for (_, node) in isolated.unread() {
        let Op::Activation(Activation { table }) = isolated.case.program.nodes[node].op else {
            continue;
        };
        let x = isolated.get(node, At::Operand(0), 0);
        let other = isolated.case.program.tables[1 - table]
            .get(x as i64)
            .expect("inside");
        let forged = isolated.lie(node, &[(OUT, 0, other.into())]);
        tally.refuse_alone(&format!("table {table}"), "lookup root", &forged);
    }
}

/// Leaves that tell of other columns than the committed ones: numerators of other counts, denominators of
/// other values. The tree is one of true fractions; only its leaves are not those of the columns.
#[test]
fn leaves_of_other_columns_are_refused() {
    let mut tally = Tally::new("leaves of other columns");
    let isolated = Isolated::rows(8);
    for table in tables(&isolated.forger) {
        // Committed counts are wrong, told ones right.
        let mut forged = isolated.forger.clone();
        let counts = forged.entries(table);
        forged.set(table, 3, counts[3] + Fr::ONE);
        assert_eq!(forged.broken().len(), 1);
        tally.refuse("numerators that are as committed", "lookup root", &forged);
        forged.told = vec![(table, counts)];
        tally.refuse("numerators", "lookup leaf", &forged);
    }
    for (node, at, limb, forged) in carried_and_told(&isolated) {
        assert_eq!(forged.broken(), [range(node, at, limb)]);
        tally.refuse("denominators", "lookup leaf", &forged);
    }
}

/// The same values by other limbs, of which the leaves tell as if they were in range.
fn carried_and_told(isolated: &Isolated) -> Vec<(usize, At, usize, Forger)> {
    let mut out = vec![];
    // A table's result is looked up whole as well, and would be told as another one.
    let tables = |name: &str| name == "activation";
    for (_, node) in isolated.unread().into_iter().filter(|n| !tables(n.0)) {
        for at in isolated.columns(node) {
            let (limbs, _) = isolated.forger.limbs(node, at);
            let Some(mut forged) = isolated.carried(node, at, 0) else {
                continue;
            };
            forged.told = vec![(limbs[0], isolated.forger.entries(limbs[0]))];
            forged.recount_elements();
            out.push((node, at, 0, forged));
        }
    }
    out
}
