//! For every identity of every relation, a forgery that makes this one false and nothing else: values stay in
//! range, every lookup is counted, and nothing reads what is false.

use std::sync::OnceLock;

use laminate_model::ops::{Argmax, Clip, LeakyRelu, Mix, Relu, RmsNorm, Softmax};
use laminate_model::program::{Op, Role};
use laminate_tests::attack::{Attack, Tally};
use laminate_tests::forger::{At, Forger, element};
use laminate_tests::isolated::Isolated;

/// A slot that decides the last output alone.
const LAST: usize = 5;
const OUT: At = At::Output;
const REM: At = At::Aux(Role::REMAINDER);

fn aux(role: Role) -> At {
    At::Aux(role)
}

fn sequence() -> &'static Isolated {
    static ONE: OnceLock<Isolated> = OnceLock::new();
    ONE.get_or_init(Isolated::sequence)
}

fn statement(node: usize, name: &str) -> String {
    format!("node {node}: {name}")
}

/// One too large, the remainder kept.
#[test]
fn every_rounded_result_is_bound() {
    let mut tally = Tally::new("rounded results");
    let relation = |op: &Op| match op {
        Op::Dense(_) | Op::DenseAdd(_) | Op::DenseRelu(_) => ("dense", "outer joint sumcheck"),
        Op::Add(_) => ("add: linear 0", "batching"),
        Op::Mul(_) => ("mul: quadratic 0", "outer joint sumcheck"),
        Op::LeakyRelu(_) => ("leaky relu: linear 1", "batching"),
        Op::RmsNorm(_) => ("norm scale", "outer joint sumcheck"),
        Op::Rope(_) => ("rope", "outer joint sumcheck"),
        Op::Scores(_) => ("scores", "outer joint sumcheck"),
        Op::Mix(Mix) => ("mix", "outer joint sumcheck"),
        op => panic!("{} does not round", op.name()),
    };
    for isolated in [&Isolated::rows(8), &Isolated::rows(16), sequence()] {
        for (name, at) in isolated.unread() {
            let op = isolated.case.program.nodes[at].op;
            if op.remainder_bytes() == 0 {
                continue;
            }
            assert_eq!(name, op.name());
            let (what, by) = relation(&op);
            // Of a fused ReLU the part that is not zero.
            let negative = matches!(op, Op::DenseRelu(_)) && isolated.get(at, OUT, 1) == 0;
            let part = if negative { aux(Role::NEGATIVE) } else { OUT };
            for delta in [1, -1] {
                let y = isolated.get(at, part, 1) + delta;
                let forged = isolated.lie(at, &[(part, 1, y)]);
                tally.refuse_alone(&statement(at, what), by, &forged);
            }
            let flipped = isolated.get(at, REM, 1) ^ 1;
            let forged = isolated.lie(at, &[(REM, 1, flipped)]);
            tally.refuse_alone(&statement(at, what), by, &forged);
        }
    }
}

/// Both parts of a ReLU, leaky or not.
#[test]
fn every_identity_of_a_relu_is_bound() {
    let mut tally = Tally::new("identities of ReLU");
    for isolated in [Isolated::rows(8), Isolated::rows(16)] {
        let relu = isolated.node("relu");
        assert_eq!(isolated.case.program.nodes[relu].op, Op::Relu(Relu));
        let negative = aux(Role::NEGATIVE);
        for index in [0, 1, 2, 4, 5, 6] {
            let x = isolated.get(relu, At::Operand(0), index);
            let (p, n) = (x.max(0), (-x).max(0));
            let forged = isolated.lie(relu, &[(OUT, index, p + 3), (negative, index, n + 3)]);
            tally.refuse_alone(
                &statement(relu, "relu: quadratic 0"),
                "outer joint sumcheck",
                &forged,
            );
            // What is not zero moves by one; or all of it is taken away.
            for size in [x.abs() + 1, x.abs() - 1, 0] {
                let entry = if x > 0 {
                    (OUT, index, size)
                } else {
                    (negative, index, size)
                };
                let forged = isolated.lie(relu, &[entry]);
                tally.refuse_alone(&statement(relu, "relu: linear 0"), "batching", &forged);
            }
        }
        leaky(&isolated, &mut tally);
        fused(&isolated, &mut tally);
    }
}

fn leaky(isolated: &Isolated, tally: &mut Tally) {
    let node = isolated.node("leaky_relu");
    let index = [0, 1];
    for index in index {
        let x = isolated.get(node, At::Operand(0), index);
        let (p, n) = (x.max(0), (-x).max(0));
        let both = leaky_relu(isolated, node, index, (p + 3, n + 3));
        let what = statement(node, "leaky relu: quadratic 0");
        tally.refuse_alone(&what, "outer joint sumcheck", &both);
        for moved in [1, -1] {
            let parts = if x > 0 {
                (p + moved, 0)
            } else {
                (0, n + moved)
            };
            let forged = leaky_relu(isolated, node, index, parts);
            tally.refuse_alone(
                &statement(node, "leaky relu: linear 0"),
                "batching",
                &forged,
            );
        }
    }
}

/// Parts of a layer's rounded sum that are both above zero.
fn fused(isolated: &Isolated, tally: &mut Tally) {
    let node = isolated.node("dense_relu");
    let negative = aux(Role::NEGATIVE);
    let parts = |index| [OUT, negative].map(|at| isolated.get(node, at, index));
    let mut signs = [false; 2];
    for index in [0, 1, 2, 4, 5, 6] {
        let [p, n] = parts(index);
        assert!((p == 0) != (n == 0), "one part is zero");
        signs[usize::from(n > 0)] = true;
        for more in [1, 3, 255] {
            let entries = [(OUT, index, p + more), (negative, index, n + more)];
            tally.refuse_alone(
                &statement(node, "dense relu: quadratic 0"),
                "outer joint sumcheck",
                &isolated.lie(node, &entries),
            );
        }
        for moved in [1, -1] {
            let entry = match n {
                0 => (OUT, index, p + moved),
                _ => (negative, index, n + moved),
            };
            tally.refuse_alone(
                &statement(node, "dense"),
                "outer joint sumcheck",
                &isolated.lie(node, &[entry]),
            );
        }
    }
    assert_eq!(signs, [true; 2], "sums of both signs");
}

/// A leaky ReLU's result as it follows from its parts, whatever they are.
fn leaky_relu(isolated: &Isolated, node: usize, index: usize, (p, n): (i128, i128)) -> Forger {
    let Op::LeakyRelu(LeakyRelu { slope }) = isolated.case.program.nodes[node].op else {
        panic!("a leaky ReLU");
    };
    let sum = (p << 16) - i128::from(slope) * n + (1 << 15);
    let entries = [
        (aux(Role::POSITIVE), index, p),
        (aux(Role::NEGATIVE), index, n),
        (OUT, index, sum >> 16),
        (REM, index, sum & 0xffff),
    ];
    isolated.lie(node, &entries)
}

/// Another square.
#[test]
fn every_identity_of_an_absolute_value_is_bound() {
    let mut tally = Tally::new("identities of abs");
    for isolated in [Isolated::rows(8), Isolated::rows(16)] {
        let abs = isolated.node("abs");
        for index in [0, 1, 2, 4, 5, 6] {
            let y = isolated.get(abs, At::Operand(0), index).abs();
            assert_eq!(isolated.get(abs, OUT, index), y);
            for other in [y + 1, y - 1, 0, 2 * y] {
                let forged = isolated.lie(abs, &[(OUT, index, other)]);
                let what = statement(abs, "abs: quadratic 0");
                tally.refuse_alone(&what, "outer joint sumcheck", &forged);
            }
        }
    }
}

/// A clip's columns `[y, up, down, above, below]` at an index.
fn clip(isolated: &Isolated, node: usize, index: usize, columns: [i128; 5]) -> Forger {
    let roles = [Role::UP, Role::DOWN, Role::ABOVE, Role::BELOW];
    let places = std::iter::once(OUT).chain(roles.map(aux));
    let entries = places.zip(columns).map(|(at, v)| (at, index, v));
    isolated.lie(node, &entries.collect::<Vec<_>>())
}

/// Moved though inside, not moved though outside, and distances from the ends that are not.
#[test]
fn every_identity_of_a_clip_is_bound() {
    let mut tally = Tally::new("identities of clip");
    let Clip { lowest, highest } = Isolated::CLIP;
    let (low, high) = (i128::from(lowest), i128::from(highest));
    for isolated in [Isolated::rows(8), Isolated::rows(16)] {
        let node = isolated.node("clip");
        let (mut inside, mut under, mut over) = (0, 0, 0);
        for index in [0, 1, 2, 4, 5, 6] {
            let x = isolated.get(node, At::Operand(0), index);
            let mut alone = |what: &str, by: &str, columns| {
                let forged = clip(&isolated, node, index, columns);
                tally.refuse_alone(&statement(node, &format!("clip: {what}")), by, &forged);
            };
            let sums = "outer joint sumcheck";
            if x < low {
                under += 1;
                let lower = [x, 0, 0, 0, high - x];
                alone("linear 1", "batching", lower);
                let y = low + 1;
                alone("quadratic 0", sums, [y, y - x, 0, 1, high - y]);
            } else if x > high {
                over += 1;
                let higher = [x, 0, 0, x - low, 0];
                alone("linear 2", "batching", higher);
                let y = high - 1;
                alone("quadratic 1", sums, [y, 0, x - y, y - low, 1]);
            } else {
                inside += 1;
                for y in [x + 1, high] {
                    alone("linear 0", "batching", [y, 0, 0, y - low, high - y]);
                }
                let y = x + 1;
                alone("quadratic 0", sums, [y, 1, 0, y - low, high - y]);
                let y = x - 1;
                alone("quadratic 1", sums, [y, 0, 1, y - low, high - y]);
                alone("linear 1", "batching", [x, 0, 0, x - low + 1, high - x]);
                alone("linear 2", "batching", [x, 0, 0, x - low, high - x + 1]);
            }
        }
        assert!(inside > 0 && under > 0 && over > 0);
    }
}

#[test]
fn every_identity_of_a_norm_is_bound() {
    let mut tally = Tally::new("identities of a norm");
    let isolated = sequence();
    let node = isolated.node("rms_norm");
    let Op::RmsNorm(RmsNorm { numerator, .. }) = isolated.case.program.nodes[node].op else {
        panic!("a norm");
    };
    let roles = [
        Role::ENERGY,
        Role::ROOT,
        Role::ROOT_LOW,
        Role::ROOT_HIGH,
        Role::RECIPROCAL,
    ];
    for slot in [0, 5] {
        let [energy, root, low, high, reciprocal] =
            roles.map(|role| isolated.get(node, aux(role), slot));
        let rest = numerator as i128 - root * reciprocal;
        let mut alone = |what: &str, by: &str, entries: &[(Role, i128)], result: i128| {
            let mut all: Vec<_> = entries.iter().map(|(r, v)| (aux(*r), slot, *v)).collect();
            all.extend(scaled(isolated, node, slot, result));
            tally.refuse_alone(&statement(node, what), by, &isolated.lie(node, &all));
        };
        // The energy of another row; root and reciprocal as they follow from it.
        let other = energy + 2 * root + 1;
        let root_of = |energy: i128, root: i128, reciprocal: i128| {
            let (low, rest) = (energy - root * root, numerator as i128 - root * reciprocal);
            [
                (Role::ENERGY, energy),
                (Role::ROOT, root),
                (Role::ROOT_LOW, low),
                (Role::ROOT_HIGH, 2 * root - low),
                (Role::RECIPROCAL, reciprocal),
                (Role::DIVISION_LOW, rest),
                (Role::DIVISION_HIGH, root - 1 - rest),
            ]
        };
        let follows = numerator as i128 / (root + 1);
        alone(
            "norm energy",
            "outer joint sumcheck",
            &root_of(other, root + 1, follows),
            follows,
        );
        // s² + low = A
        let shifted = [(Role::ROOT_LOW, low - 1), (Role::ROOT_HIGH, high + 1)];
        alone(
            "norm root: quadratic 0",
            "outer joint sumcheck",
            &shifted,
            reciprocal,
        );
        // s·R + rem = K: another reciprocal.
        for moved in [1, -1] {
            let entry = [(Role::RECIPROCAL, reciprocal + moved)];
            alone(
                "norm root: quadratic 1",
                "outer joint sumcheck",
                &entry,
                reciprocal + moved,
            );
        }
        // low + high = 2s: a root that is one too small.
        let root = root - 1;
        let smaller = numerator as i128 / root;
        let mut entries = root_of(energy, root, smaller);
        entries[3].1 = 0;
        alone("norm root: linear 0", "batching", &entries, smaller);
        // rem + rest = s - 1: a reciprocal that is one too small.
        let entries = [
            (Role::RECIPROCAL, reciprocal - 1),
            (Role::DIVISION_LOW, rest + root + 1),
            (Role::DIVISION_HIGH, 0),
        ];
        alone("norm root: linear 1", "batching", &entries, reciprocal - 1);
    }
}

/// A row of a norm's output by another reciprocal.
fn scaled(
    isolated: &Isolated,
    node: usize,
    slot: usize,
    reciprocal: i128,
) -> Vec<(At, usize, i128)> {
    let width = isolated.width(node);
    let row = slot * width..(slot + 1) * width;
    row.flat_map(|index| {
        let sum = isolated.get(node, At::Operand(0), index) * reciprocal + (1 << 31);
        [(OUT, index, sum >> 32), (REM, index, sum & 0xffff_ffff)]
    })
    .collect()
}

#[test]
fn every_identity_of_a_softmax_is_bound() {
    let mut tally = Tally::new("identities of a softmax");
    let isolated = sequence();
    let node = isolated.node("softmax");
    let Op::Softmax(Softmax { table }) = isolated.case.program.nodes[node].op else {
        panic!("a softmax");
    };
    let table = &isolated.case.program.tables[table].values;
    let slots = isolated.case.program.slots();
    let of = |z: i128| i128::from(table[z as usize]);
    let [maximum, depth, pick] = [Role::MAXIMUM, Role::DEPTH, Role::PICK].map(aux);
    // Slot 5, second head: places 0 … 5 are seen.
    let row = 5 * (isolated.width(node) / slots) + 1;
    let at = |u: usize| row * slots + u;
    let depths: Vec<i128> = (0..slots)
        .map(|u| isolated.get(node, depth, at(u)))
        .collect();
    let best = (0..6).find(|u| depths[*u] == 0).expect("a maximum");
    let other = (0..6).find(|u| depths[*u] > 0).expect("another score");
    let mut alone = |what: &str, by: &str, entries: &[(At, usize, i128)]| {
        tally.refuse_alone(&statement(node, what), by, &isolated.lie(node, entries));
    };
    for z in [depths[other] - 1, depths[other] + 1, 0xffff] {
        let entries = [(depth, at(other), z), (OUT, at(other), of(z))];
        alone("softmax: quadratic 0", "outer joint sumcheck", &entries);
    }
    for z in [0, 7] {
        let entries = [(depth, at(6), z), (OUT, at(6), of(z))];
        alone("softmax: quadratic 1", "outer joint sumcheck", &entries);
    }
    let elsewhere = [(pick, at(best), 0), (pick, at(other), 1)];
    alone("softmax: quadratic 2", "outer joint sumcheck", &elsewhere);
    // A maximum that no score is.
    let max = isolated.get(node, maximum, row);
    let mut lower = vec![(maximum, row, max + 1)];
    for (u, z) in depths.iter().enumerate().take(6) {
        lower.extend([(depth, at(u), z + 1), (OUT, at(u), of(z + 1))]);
    }
    alone("softmax: quadratic 2", "outer joint sumcheck", &lower);
    lower.push((pick, at(best), 0));
    alone("row sum", "batching", &lower);
    alone("row sum", "batching", &[(pick, at(best), 2)]);
}

#[test]
fn every_identity_of_a_mix_is_bound() {
    let mut tally = Tally::new("identities of a mix");
    let isolated = sequence();
    let node = isolated.node("mix");
    let roles = [
        Role::TOTAL,
        Role::RECIPROCAL,
        Role::DIVISION_LOW,
        Role::DIVISION_HIGH,
    ];
    let heads = isolated.axes(node);
    // Slot 5, second group, third query.
    let row = (5 * heads[0] + 1) * heads[1] + 2;
    let [total, reciprocal, rest, _] = roles.map(|role| isolated.get(node, aux(role), row));
    let mut alone = |what: &str, by: &str, values: [i128; 4]| {
        let mut entries: Vec<_> = roles
            .iter()
            .zip(values)
            .map(|(role, v)| (aux(*role), row, v))
            .collect();
        entries.extend(mixed(isolated, node, row, values[1]));
        tally.refuse_alone(&statement(node, what), by, &isolated.lie(node, &entries));
    };
    let division = |total: i128, reciprocal: i128| {
        let rest = (1 << 32) - total * reciprocal;
        [total, reciprocal, rest, total - 1 - rest]
    };
    for moved in [1, -1] {
        let total = total + moved;
        alone("row sum", "batching", division(total, (1 << 32) / total));
        let moved = [
            total - moved,
            reciprocal + moved,
            rest,
            total - moved - 1 - rest,
        ];
        alone(
            "attention division: quadratic 0",
            "outer joint sumcheck",
            moved,
        );
    }
    let smaller = [total, reciprocal - 1, rest + total, 0];
    alone("attention division: linear 0", "batching", smaller);
}

/// A row of a mix by another reciprocal.
fn mixed(isolated: &Isolated, node: usize, row: usize, reciprocal: i128) -> Vec<(At, usize, i128)> {
    let slots = isolated.case.program.slots();
    let axes = isolated.axes(node);
    let group = row / axes[1] % axes[0];
    let value = |u: usize, d: usize| {
        isolated.get(node, At::Operand(1), (u * axes[0] + group) * axes[2] + d)
    };
    let weights: Vec<i128> = (0..slots)
        .map(|u| isolated.get(node, At::Operand(0), row * slots + u))
        .collect();
    (0..axes[2])
        .flat_map(|d| {
            let sum: i128 = weights
                .iter()
                .enumerate()
                .map(|(u, e)| e * value(u, d))
                .sum();
            let sum = sum * reciprocal + (1 << 31);
            let index = row * axes[2] + d;
            [(OUT, index, sum >> 32), (REM, index, sum & 0xffff_ffff)]
        })
        .collect()
}

#[test]
fn every_identity_of_an_embedding_is_bound() {
    let mut tally = Tally::new("identities of an embedding");
    let isolated = sequence();
    let node = isolated.node("embed");
    let y = isolated.get(node, OUT, 17);
    for y in [y + 1, y - 1, y + (1 << 16)] {
        let forged = isolated.lie(node, &[(OUT, 17, y)]);
        tally.refuse_alone(&statement(node, "embed"), "outer joint sumcheck", &forged);
    }
}

/// The last output alone is published: another one, with gaps that hide it from one identity.
#[test]
fn every_identity_of_an_argmax_is_bound() {
    let mut tally = Tally::new("identities of an argmax");
    let attack = Attack::prompted();
    let node = attack.node(|op| *op == Op::Argmax(Argmax));
    let honest = attack.forger(&attack.trace);
    let width = 32;
    let at = |v: usize| LAST * width + v;
    let logits: Vec<i128> = (0..21)
        .map(|v| honest.integer(node, At::Operand(0), at(v)))
        .collect();
    let id = honest.known[1][LAST];
    let claim = |other: usize| {
        let mut forger = honest.clone();
        forger.known[1][LAST] = other;
        forger.output[LAST] = element(other as i128 - (1 << 15));
        forger.restate();
        forger
    };
    for other in (0..21).filter(|other| *other != id) {
        let best = logits[other];
        let mut forger = claim(other);
        forger.put(node, aux(Role::BEST), LAST, best + (1 << 15));
        for (v, logit) in logits.iter().enumerate() {
            let gap = best - logit - i128::from(v < other);
            forger.put(node, aux(Role::GAP), at(v), gap.max(0));
        }
        forger.recount_elements();
        tally.refuse_alone(&statement(node, "gap"), "batching", &forger);
        if other > id {
            continue;
        }
        // A lower token, with the best logit: its own gap is not zero.
        let mut forger = claim(other);
        for (v, logit) in logits.iter().enumerate() {
            let gap = logits[id] - logit - i128::from(v < other);
            forger.put(node, aux(Role::GAP), at(v), gap);
        }
        forger.recount_elements();
        tally.refuse_alone(&statement(node, "argmax"), "outer joint sumcheck", &forger);
    }
}
