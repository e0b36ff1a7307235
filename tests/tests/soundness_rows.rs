//! Norms, products of activations, quotients and groups over rows: for each identity a forgery that makes it alone false, for
//! each range one that leaves every identity true, padding filled with the most useful lie, and programs that are refused.

use std::sync::OnceLock;

use laminate_model::ops::{Clip, Divide, Grouped, MatMul, RmsNorm, Saturate, View};
use laminate_model::program::{AxisMap, Op, Program, Role, TensorView};
use laminate_tests::along::{self, Along, LEN, NORM, POSITIVE, WIDE};
use laminate_tests::attack::{Tally, srs};
use laminate_tests::forger::{At, Forger, element};
use laminate_tests::programs::{node, refuse, tensor, weights, wide};
use laminate_tests::views::reference;

const OUT: At = At::Output;
const REM: At = At::Aux(Role::REMAINDER);
const SUMS: &str = "outer joint sumcheck";
/// Padded entries of the last axis.
const WIDTH: usize = LEN.next_power_of_two() as usize;

fn both() -> [&'static Along; 2] {
    static BOTH: OnceLock<[Along; 2]> = OnceLock::new();
    BOTH.get_or_init(|| [8, 16].map(Along::new)).each_ref()
}

fn statement(node: usize, name: &str) -> String {
    format!("node {node}: {name}")
}

fn range(node: usize, at: At, limb: usize) -> String {
    let name = match at {
        At::Aux(role) => format!("{role:?}"),
        _ => "Output".to_owned(),
    };
    format!("range: node {node}: {name} limb {limb}")
}

fn top(along: &Along, node: usize, at: At) -> usize {
    along.isolated.forger.limbs(node, at).0.len() - 1
}

/// The run is what the definitions say.
#[test]
fn the_executor_agrees_with_the_definitions() {
    let mut compared = 0;
    for along in both() {
        let (case, trace) = (&along.isolated.case, &along.isolated.trace);
        for (slot, row) in case.inputs.iter().enumerate() {
            let expected = reference(&case.program, &case.weights, row);
            for (id, tensor) in case.program.tensors.iter().enumerate() {
                let start = slot << tensor.width_log();
                for (flat, value) in expected[id].iter().enumerate() {
                    let at = laminate_model::program::padded_index(&tensor.axes, flat);
                    let found = i64::from(trace.tensors[id][start + at]);
                    assert_eq!(found, *value, "{} {flat}", tensor.name);
                    compared += 1;
                }
            }
        }
    }
    assert!(compared > 150, "{compared}");
}

/// A rounded result, or its remainder, is another.
#[test]
fn every_rounded_result_is_bound() {
    let mut tally = Tally::new("rounded results over rows");
    for along in both() {
        for (name, relation) in [
            ("features", "grouped"),
            ("groups", "grouped"),
            ("product", "matmul"),
            ("shared product", "matmul"),
            ("norm", "norm scale"),
            ("norm of a view", "norm scale"),
        ] {
            let node = along.node(name);
            let (y, rem) = (
                along.isolated.get(node, OUT, 1),
                along.isolated.get(node, REM, 1),
            );
            for (at, value) in [(OUT, y + 1), (OUT, y - 1), (REM, rem ^ 1)] {
                let forged = along.isolated.lie(node, &[(at, 1, value)]);
                tally.refuse_alone(&statement(node, relation), SUMS, &forged);
            }
        }
    }
}

/// The same sum by another remainder: out of its range, or with a result that is no integer.
#[test]
fn results_and_remainders_out_of_range_are_refused() {
    let mut tally = Tally::new("ranges over rows");
    for along in both() {
        for name in ["features", "groups", "product", "shared product", "norm"] {
            let node = along.node(name);
            let isolated = &along.isolated;
            let shift = 8 * isolated.case.program.nodes[node].op.remainder_bytes();
            let (y, rem) = (isolated.get(node, OUT, 1), isolated.get(node, REM, 1));
            for moved in [1, -1] {
                let mut forged = isolated.forger.clone();
                forged.put(node, OUT, 1, y + moved);
                let limb = top(along, node, REM);
                forged.put_in((node, REM), limb, 1, element(rem - (moved << shift)));
                forged.recount_elements();
                tally.refuse_alone(&range(node, REM, limb), "lookup root", &forged);
            }
            let unit = element(1 << shift).invert().expect("a power of two");
            let mut forged = isolated.forger.clone();
            forged.put(node, REM, 1, rem ^ 1);
            let value = element(y) + element(rem - (rem ^ 1)) * unit;
            let limb = top(along, node, OUT);
            forged.put_in((node, OUT), limb, 1, value);
            forged.recount_elements();
            tally.refuse_alone(&range(node, OUT, limb), "lookup root", &forged);
        }
    }
}

const LOW: At = At::Aux(Role::DIVISION_LOW);
const HIGH: At = At::Aux(Role::DIVISION_HIGH);

#[test]
fn every_identity_and_range_of_a_quotient_is_bound() {
    let mut tally = Tally::new("quotients");
    for along in both() {
        let node = along.node("quotient");
        let Op::Divide(Divide { shift }) = along.isolated.case.program.nodes[node].op else {
            panic!("a quotient");
        };
        let isolated = &along.isolated;
        // Padding is divided as well.
        for index in [0, 1, 3, 9] {
            let [a, b] = [0, 1].map(|i| along.operand(node, i, index));
            let [y, low, high] = [OUT, LOW, HIGH].map(|at| isolated.get(node, at, index));
            assert_eq!((a << (shift + 1)) + b, 2 * b * y + low);
            let lie = |y, low, high| {
                isolated.lie(
                    node,
                    &[(OUT, index, y), (LOW, index, low), (HIGH, index, high)],
                )
            };
            let quotient = statement(node, "divide: quadratic 0");
            for moved in [1, -1] {
                tally.refuse_alone(&quotient, SUMS, &lie(y + moved, low, high));
            }
            if high > 0 {
                tally.refuse_alone(&quotient, SUMS, &lie(y, low + 1, high - 1));
            }
            // A remainder that is no less than the divisor.
            let below = statement(node, "divide: linear 0");
            tally.refuse_alone(&below, "batching", &lie(y - 1, low + 2 * b, high));
            tally.refuse_alone(&below, "batching", &lie(y, low, high + 1));
            for (y, low, high, wrong) in [
                (y + 1, low - 2 * b, high + 2 * b, LOW),
                (y - 1, low + 2 * b, high - 2 * b, HIGH),
            ] {
                let limb = top(along, node, wrong);
                let mut forged = isolated.forger.clone();
                forged.put(node, OUT, index, y);
                for (at, value) in [(LOW, low), (HIGH, high)] {
                    match at == wrong {
                        true => forged.put_in((node, at), limb, index, element(value)),
                        false => forged.put(node, at, index, value),
                    }
                }
                forged.recount_elements();
                tally.refuse_alone(&range(node, wrong, limb), "lookup root", &forged);
            }
            // A result that is no integer.
            let step = if high > 0 { 1 } else { -1 };
            let inverse = element(2 * b).invert().expect("not zero");
            let limb = top(along, node, OUT);
            let mut forged = isolated.forger.clone();
            forged.put(node, LOW, index, low + step);
            forged.put(node, HIGH, index, high - step);
            let value = element(y) - element(step) * inverse;
            forged.put_in((node, OUT), limb, index, value);
            forged.recount_elements();
            tally.refuse_alone(&range(node, OUT, limb), "lookup root", &forged);
        }
    }
}

/// Columns of a norm's row as they follow from an energy, a root and a reciprocal.
fn norm_row(
    along: &Along,
    node: usize,
    (row, end): (usize, usize),
    [energy, root, reciprocal]: [i128; 3],
) -> Vec<(At, usize, i128)> {
    let (low, rest) = (
        energy - root * root,
        i128::from(NORM.numerator) - root * reciprocal,
    );
    let small = [
        (Role::ENERGY, energy),
        (Role::ROOT, root),
        (Role::ROOT_LOW, low),
        (Role::ROOT_HIGH, 2 * root - low),
        (Role::RECIPROCAL, reciprocal),
        (Role::DIVISION_LOW, rest),
        (Role::DIVISION_HIGH, root - 1 - rest),
    ];
    let mut all: Vec<_> = small.map(|(role, v)| (At::Aux(role), row, v)).to_vec();
    for index in row * WIDTH..row * WIDTH + end {
        let sum = along.operand(node, 0, index) * reciprocal + (1 << 31);
        all.extend([(OUT, index, sum >> 32), (REM, index, sum & 0xffff_ffff)]);
    }
    all
}

/// Energy, root and reciprocal of every place, and signs of what is left of them.
#[test]
fn every_identity_and_range_of_a_norm_of_rows_is_bound() {
    let mut tally = Tally::new("norms of rows");
    let numerator = i128::from(NORM.numerator);
    for along in both() {
        for node in [along.node("norm"), along.node("norm of a view")] {
            for row in [0, 3] {
                let get = |role| along.isolated.get(node, At::Aux(role), row);
                let (energy, root) = (get(Role::ENERGY), get(Role::ROOT));
                let reciprocal = get(Role::RECIPROCAL);
                let lie = |of| {
                    along
                        .isolated
                        .lie(node, &norm_row(along, node, (row, WIDTH), of))
                };
                // The energy of another row, and of one entry more: what stands in the padding.
                let pad = 1;
                for other in [energy + 2 * root + 1, energy + pad] {
                    let root = other.isqrt();
                    let forged = lie([other, root, numerator / root]);
                    tally.refuse_alone(&statement(node, "norm energy"), SUMS, &forged);
                }
                for (root, reciprocal, wrong) in [
                    (root + 1, numerator / (root + 1), Role::ROOT_LOW),
                    (root - 1, numerator / (root - 1), Role::ROOT_HIGH),
                    (root, reciprocal + 1, Role::DIVISION_LOW),
                    (root, reciprocal - 1, Role::DIVISION_HIGH),
                ] {
                    let limb = top(along, node, At::Aux(wrong));
                    let forged = lie([energy, root, reciprocal]);
                    tally.refuse_alone(&range(node, At::Aux(wrong), limb), "lookup root", &forged);
                }
                let forged = along.isolated.lie(
                    node,
                    &[
                        (At::Aux(Role::ROOT_LOW), row, get(Role::ROOT_LOW) - 1),
                        (At::Aux(Role::ROOT_HIGH), row, get(Role::ROOT_HIGH) + 1),
                    ],
                );
                if get(Role::ROOT_LOW) > 0 {
                    let what = statement(node, "norm root: quadratic 0");
                    tally.refuse_alone(&what, SUMS, &forged);
                }
            }
        }
    }
}

/// A clip of a view of 32 bits: as of a column.
#[test]
fn a_clip_of_a_wide_view_is_bound() {
    let mut tally = Tally::new("clips of wide views");
    let Clip { lowest, highest } = WIDE;
    let (low, high) = (i128::from(lowest), i128::from(highest));
    for along in both() {
        let node = along.node("wide");
        let mut moved = 0;
        for index in [0, 1, 2, 4, 5, 6, 8, 9, 10] {
            let x = along.operand(node, 0, index);
            moved += usize::from(x < low || x > high);
            let y = along.isolated.get(node, OUT, index);
            assert_eq!(y, x.clamp(low, high));
            for other in [y + 1, y - 1] {
                let entries = [
                    (OUT, other),
                    (At::Aux(Role::ABOVE), other - low),
                    (At::Aux(Role::BELOW), high - other),
                ];
                if !(low..=high).contains(&other) {
                    continue;
                }
                let entries = entries.map(|(at, v)| (at, index, v));
                let forged = along.isolated.lie(node, &entries);
                let broken = forged.broken();
                assert!(!broken.is_empty(), "SOUNDNESS: nothing is false");
                tally.refuse("another end", "", &forged);
            }
        }
        assert!(moved > 1, "{moved} are clipped");
    }
}

/// What stands behind the ends of axes does not count: results that add it are refused.
#[test]
fn padding_counts_for_nothing() {
    let mut tally = Tally::new("padding of rows");
    for along in both() {
        let node = along.node("product");
        let Op::MatMul(MatMul {
            multiplier, shift, ..
        }) = along.isolated.case.program.nodes[node].op
        else {
            panic!("a product");
        };
        // The positive tensor has ones there.
        let positive = along.isolated.case.program.nodes[node].inputs[1];
        assert_eq!(along.isolated.trace.tensors[positive][WIDTH - 1], 1);
        for (name, count) in [("product", 4), ("shared product", 2)] {
            let node = along.node(name);
            for index in 0..count {
                let y = along.isolated.get(node, OUT, index);
                let exact = (y << shift) + along.isolated.get(node, REM, index);
                let more = exact + i128::from(multiplier);
                let entries = [
                    (OUT, index, more >> shift),
                    (REM, index, more & ((1 << shift) - 1)),
                ];
                let forged = along.isolated.lie(node, &entries);
                tally.refuse_alone(&statement(node, "matmul"), SUMS, &forged);
            }
        }
        // Padded groups have no multiplier, so nothing stands there.
        let node = along.node("features");
        for y in [1, -1, 300] {
            let forged = along.isolated.lie(node, &[(OUT, WIDTH - 1, y)]);
            tally.refuse_alone(&statement(node, "grouped"), SUMS, &forged);
        }
    }
}

/// Weights that a registrant commits to where there are none.
#[test]
fn weights_on_padding_are_refused() {
    let mut tally = Tally::new("weights of groups on padding");
    for along in both() {
        let forger: &Forger = &along.isolated.forger;
        let dense = &forger.verifier.layout.dense;
        // A multiplier of the fourth feature; a weight of the fourth column of the second group's second row.
        let multiplier = dense[0].multiplier[0].offset + WIDTH - 1;
        let weight = dense[1].weight.offset + 4 * WIDTH - 1;
        for at in [multiplier, weight] {
            let mut forged = forger.clone();
            forged.register(srs(), |bytes| bytes[at] ^= 1);
            tally.refuse("a weight on padding", "", &forged);
        }
    }
}

/// Programs that would mean something else.
#[test]
fn programs_that_do_not_fit_are_refused() {
    let honest = along::case(8).program;
    let find = |name: &str| {
        let nodes = honest.nodes.iter();
        let found = nodes.clone().position(|node| node.name == name);
        found.expect("a node")
    };
    let [norm, product, features, groups, quotient, wide_clip] =
        ["norm", "product", "features", "groups", "quotient", "wide"].map(find);
    let positive = honest.nodes[find("positive")].output;
    // Sums over padding that holds ones.
    refuse(&honest, "neither operand is known to be zero", |p| {
        p.nodes[product].inputs = vec![positive; 2];
    });
    refuse(&honest, "the operand is not known to be zero", |p| {
        p.nodes[norm].inputs = vec![positive];
    });
    let matmul = |shared, multiplier, shift| {
        Op::MatMul(MatMul {
            shared,
            multiplier,
            shift,
        })
    };
    for (words, op) in [
        ("factor 16777216", matmul(0, 1 << 24, 16)),
        ("multiplier is 0", matmul(0, 0, 16)),
        ("expected one of", matmul(0, 9, 40)),
        ("with 1 shared axes do not give", matmul(1, 9, 16)),
        ("with 9 shared axes do not give", matmul(9, 9, 16)),
    ] {
        refuse(&honest, words, |p| p.nodes[product].op = op);
    }
    // The other contracts other entries, or has other shared ones.
    for (shared, axes, out) in [(0, vec![2, 4], vec![2, 2]), (1, vec![4, 3], vec![2])] {
        refuse(&honest, "shared axes do not give", |p| {
            let weight = weights(p, &axes, &[2, LEN], 1);
            let dense = Op::Dense(laminate_model::ops::Dense { weight, shift: 16 });
            let other = node(p, dense, &[0], tensor(&axes, 1));
            let left = p.nodes[product].inputs[0];
            node(p, matmul(shared, 9, 16), &[left, other], tensor(&out, 1));
        });
    }
    let divide = |shift| Op::Divide(Divide { shift });
    refuse(&honest, "shift 33, expected at most 32", |p| {
        p.nodes[quotient].op = divide(33);
    });
    let flat = |words: &str, op: Op, inputs: Vec<usize>, out| {
        refuse(&honest, words, |p| {
            node(p, op, &inputs, out);
        });
    };
    let other = || tensor(&[3, 2], 1);
    flat("dividend is [2, 3]", divide(3), vec![0, positive], other());
    flat(
        "divisor is",
        divide(3),
        vec![0, honest.nodes[product].output],
        tensor(&[2, LEN], 1),
    );
    let one = Op::RmsNorm(RmsNorm { epsilon: 0, ..NORM });
    refuse(&honest, "eps is 0", |p| p.nodes[norm].op = one);
    let narrow = Op::Clip(POSITIVE);
    flat("operand is [2, 3]", narrow, vec![0], other());
    // With limbs of 16 bits there are stored tensors of 32.
    for (op, inputs) in [(divide(3), vec![0, positive]), (narrow, vec![0])] {
        refuse(&along::case(16).program, "bits, expected 16", |p| {
            node(p, op, &inputs, wide(&[2, LEN]));
        });
    }
    assert_eq!(honest.tensors[honest.nodes[wide_clip].inputs[0]].bits, 32);
    let grouped = |weight, groups, shift| {
        Op::Grouped(Grouped {
            weight,
            groups,
            shift,
        })
    };
    for (words, at, op) in [
        ("expected one of [16, 24, 32]", features, grouped(0, 1, 8)),
        ("are used twice", groups, grouped(0, 1, 16)),
        ("weights 7 do not exist", groups, grouped(7, 1, 16)),
        ("axes of groups", features, grouped(0, 0, 16)),
        ("axes of groups", features, grouped(0, 2, 16)),
    ] {
        refuse(&honest, words, |p| p.nodes[at].op = op);
    }
    // No groups, of what would be a dense layer; neither operand nor output of the layer's axes.
    refuse(&honest, "(0 axes of groups", |p| {
        let weight = weights(p, &[4], &[LEN], 1);
        node(p, grouped(weight, 0, 16), &[0], tensor(&[2, 4], 1));
    });
    refuse(&honest, "(1 axes of groups", |p| {
        let weight = weights(p, &[2, 4], &[9], 1);
        node(p, grouped(weight, 1, 16), &[0], tensor(&[5, 7], 1));
    });
    // Two copies; another group's columns; positions that are not those of the operand.
    refuse(&honest, "2 copies", |p| p.weights[0].stack = 2);
    refuse(&honest, "does not give", |p| p.weights[1].cols = vec![2]);
    refuse(&honest, "does not give", |p| {
        let weight = weights(p, &[LEN], &[], 1);
        node(p, grouped(weight, 1, 16), &[0], tensor(&[3, LEN], 1));
    });
}

/// What is moved into an interval without zero is not zero behind the end of an axis, and no product is taken along it.
#[test]
fn intervals_without_zero_have_no_zero_padding() {
    let honest = along::case(8).program;
    let product = |p: &mut Program, op: Op| {
        let moved = node(p, op, &[0], tensor(&[2, LEN], 1));
        // As it is: what stands behind an end comes along.
        let same = |axis| AxisMap::Same { axis };
        let view = p.views.len();
        p.views.push(TensorView::of(vec![same(0), same(1)]));
        let view = Op::View(View { view, operands: 1 });
        let seen = node(p, view, &[moved], tensor(&[2, LEN], 1));
        let matmul = Op::MatMul(MatMul {
            shared: 0,
            multiplier: 9,
            shift: 16,
        });
        node(p, matmul, &[seen, seen], tensor(&[2, 2], 1));
    };
    let both = |lowest, highest| {
        [
            Op::Clip(Clip { lowest, highest }),
            Op::Saturate(Saturate { lowest, highest }),
        ]
    };
    for op in both(-3, 900) {
        let mut program = honest.clone();
        product(&mut program, op);
        assert_eq!(program.check(), Ok(()), "{}", op.name());
    }
    for (lowest, highest) in [(1, 900), (-900, -1)] {
        for op in both(lowest, highest) {
            refuse(&honest, "neither operand is known to be zero", |p| {
                product(p, op)
            });
        }
    }
}
