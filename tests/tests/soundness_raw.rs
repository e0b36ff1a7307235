//! Raw columns of int32 and saturation: for each identity a forgery that makes it alone false, for each range one that leaves
//! every identity true, and programs that are refused.

use std::sync::OnceLock;

use laminate_engine::fold::FoldMode;
use laminate_model::ops::{Clip, Dense, DenseRelu, Relu, Saturate};
use laminate_model::program::{Op, Role, Tensor};
use laminate_prover::exec;
use laminate_tests::attack::{Tally, srs};
use laminate_tests::circuit::assert_agreement;
use laminate_tests::forger::{At, element};
use laminate_tests::isolated::Isolated;
use laminate_tests::programs::{dense, node, refuse, stacked, tensor};
use laminate_tests::prove_case;
use laminate_tests::raw::{self, COLUMNS, ENDS, ROWS, Raw, WIDTH};

const OUT: At = At::Output;
const REM: At = At::Aux(Role::REMAINDER);
const UP: At = At::Aux(Role::UP);
const DOWN: At = At::Aux(Role::DOWN);
const ABOVE: At = At::Aux(Role::ABOVE);
const BELOW: At = At::Aux(Role::BELOW);
const SUMS: &str = "outer joint sumcheck";
/// Entries of a slot; the last is padding.
const STRIDE: usize = WIDTH.next_power_of_two() as usize;
/// Entries that are no padding.
const PLACES: [usize; 6] = [0, 1, 2, 4, 5, 6];

fn both() -> [&'static Raw; 2] {
    static BOTH: OnceLock<[Raw; 2]> = OnceLock::new();
    BOTH.get_or_init(|| [8, 16].map(Raw::new)).each_ref()
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

fn top(isolated: &Isolated, node: usize, at: At) -> usize {
    isolated.forger.limbs(node, at).0.len() - 1
}

fn floor(exact: i128, shift: u32) -> i128 {
    (exact + (1 << (shift - 1))) >> shift
}

/// The run is what the definitions say, of every column, and both kinds of ends are reached.
#[test]
fn the_executor_agrees_with_the_definitions() {
    for raw in both() {
        let trace = |name: &str| {
            let program = &raw.isolated.case.program;
            &raw.isolated.trace.tensors[program.nodes[raw.node(name)].output]
        };
        let (mut above, mut below) = (0, 0);
        for (slot, row) in ROWS.iter().enumerate() {
            for (column, (w, bias, m)) in COLUMNS.iter().enumerate() {
                let sum = i128::from(*w) * i128::from(row[column]) + i128::from(*bias);
                let exact = floor(sum * i128::from(*m), 32);
                let at = slot * STRIDE + column;
                let of = |name: &str| i128::from(trace(name)[at]);
                assert_eq!(of("raw"), exact);
                let saturated = exact.clamp(-32_768, 32_767);
                (above, below) = (
                    above + usize::from(saturated < exact),
                    below + usize::from(saturated > exact),
                );
                assert_eq!(of("saturated"), saturated);
                assert_eq!(of("clamped"), exact.clamp(0, 9_000));
                assert_eq!(
                    of("add"),
                    floor(saturated * (3 << 16) + saturated * (1 << 15), 16)
                );
                assert_eq!(of("mul"), floor(saturated * saturated * (1 << 10), 16));
                assert_eq!(of("rescale"), 5 * saturated);
            }
            assert_eq!(trace("raw")[slot * STRIDE + 3], 0, "padding");
        }
        assert!(above > 1 && below > 0, "{above} above, {below} below");
        // Results that no int16 holds.
        for name in ["raw", "dense", "add", "mul", "rescale"] {
            let far = trace(name).iter().any(|v| i16::try_from(*v).is_err());
            assert!(far, "{name}");
        }
    }
}

#[test]
fn raw_rows_are_proven_natively_and_in_the_circuit() {
    for limb_bits in [8, 16] {
        let case = raw::case(limb_bits);
        for mode in [FoldMode::On, FoldMode::Off] {
            let proven = prove_case(&case, srs(), mode, 3);
            let verifier = &proven.model.verifier;
            let verified = verifier.verify_native(&proven.statement, &proven.proof, &srs().tau_g2);
            assert_eq!(verified, Ok(()), "{limb_bits}");
            assert_agreement(verifier, &proven.statement, &proven.proof);
        }
    }
}

/// A wide result, or its remainder, is another; also where it is padding, whose multiplier is zero.
#[test]
fn every_wide_result_is_bound() {
    let mut tally = Tally::new("wide results");
    for raw in both() {
        let isolated = &raw.isolated;
        for (name, relation, by) in [
            ("unread", "grouped", SUMS),
            ("dense", "dense", SUMS),
            ("mul", "mul", SUMS),
            ("add", "add", "batching"),
            ("rescale", "rescale: linear 0", "batching"),
        ] {
            let node = raw.node(name);
            for index in [6, STRIDE - 1] {
                let [y, rem] = [OUT, REM].map(|at| isolated.get(node, at, index));
                for (at, value) in [(OUT, y + 1), (OUT, 0x7fff_ffff - y.abs()), (REM, rem ^ 1)] {
                    let forged = isolated.lie(node, &[(at, index, value)]);
                    let broken = forged.broken();
                    let own = statement(node, relation);
                    assert_eq!(broken.len(), 1, "{name}: {broken:?}");
                    assert!(broken[0].starts_with(&own), "{name}: {broken:?}");
                    tally.refuse(name, by, &forged);
                }
            }
        }
    }
}

/// Another factor or another offset for a column, or another column's: what follows of them is not what was committed.
#[test]
fn factors_and_offsets_are_the_committed_ones() {
    let mut tally = Tally::new("other factors and offsets");
    for raw in both() {
        let isolated = &raw.isolated;
        let node = raw.node("unread");
        for (column, (w, bias, m)) in COLUMNS.iter().enumerate() {
            let next = COLUMNS[(column + 1) % COLUMNS.len()];
            for (w, bias, m) in [
                (*w, *bias, m + 1),
                (*w, bias + 1_000_000, *m),
                (w / 2, *bias, *m),
                (next.0, *bias, next.2),
                next,
                (-*w, -*bias, *m),
            ] {
                for (slot, row) in ROWS.iter().enumerate() {
                    let sum = i128::from(w) * i128::from(row[column]) + i128::from(bias);
                    let v = sum * i128::from(m) + (1 << 31);
                    let index = slot * STRIDE + column;
                    let entries = [(OUT, index, v >> 32), (REM, index, v & 0xffff_ffff)];
                    let forged = isolated.lie(node, &entries);
                    tally.refuse_alone(&statement(node, "grouped"), SUMS, &forged);
                }
            }
        }
    }
}

/// The same sum by a remainder out of its range, or with a result that is no integer: all identities hold.
#[test]
fn remainders_and_results_out_of_range_are_refused() {
    let mut tally = Tally::new("ranges of wide results");
    for raw in both() {
        let isolated = &raw.isolated;
        for name in ["unread", "dense", "add", "mul", "rescale"] {
            let node = raw.node(name);
            let shift = 8 * isolated.case.program.nodes[node].op.remainder_bytes();
            for index in [0, 5] {
                let [y, rem] = [OUT, REM].map(|at| isolated.get(node, at, index));
                for moved in [1, -1, 1 << 20] {
                    let mut forged = isolated.forger.clone();
                    forged.put(node, OUT, index, y - moved);
                    let limb = top(isolated, node, REM);
                    let value = element(rem + (moved << shift));
                    forged.put_in((node, REM), limb, index, value);
                    forged.recount_elements();
                    tally.refuse_alone(&range(node, REM, limb), "lookup root", &forged);
                }
                let unit = element(1 << shift).invert().expect("a power of two");
                let mut forged = isolated.forger.clone();
                forged.put(node, REM, index, rem ^ 1);
                let value = element(y) + element(rem - (rem ^ 1)) * unit;
                let limb = top(isolated, node, OUT);
                forged.put_in((node, OUT), limb, index, value);
                forged.recount_elements();
                tally.refuse_alone(&range(node, OUT, limb), "lookup root", &forged);
            }
        }
    }
}

/// Not moved though outside, moved though inside, to the other end, and both ways at once.
#[test]
fn every_identity_of_a_saturation_is_bound() {
    let mut tally = Tally::new("identities of saturate");
    let [mut inside, mut over, mut under] = [0; 3];
    for raw in both() {
        let isolated = &raw.isolated;
        for (name, op) in [("saturated", Saturate::INT16), ("clamped", ENDS)] {
            let node = raw.node(name);
            let (low, high) = (i128::from(op.lowest), i128::from(op.highest));
            for index in PLACES {
                let x = isolated.get(node, At::Operand(0), index);
                let mut alone = |what: &str,
                                 by: &str,
                                 [y, up, down]: [i128; 3],
                                 ends: [i128; 2]| {
                    let mut entries = vec![(OUT, index, y), (UP, index, up), (DOWN, index, down)];
                    if op != Saturate::INT16 {
                        let [above, below] = ends;
                        entries.extend([(ABOVE, index, above), (BELOW, index, below)]);
                    }
                    let forged = isolated.lie(node, &entries);
                    tally.refuse_alone(&statement(node, &format!("saturate: {what}")), by, &forged);
                };
                let ends = |y: i128| [y - low, high - y];
                if x < low {
                    under += 1;
                    alone(
                        "quadratic 0",
                        SUMS,
                        [low + 1, low + 1 - x, 0],
                        ends(low + 1),
                    );
                    alone("quadratic 0", SUMS, [high, high - x, 0], ends(high));
                } else if x > high {
                    over += 1;
                    alone(
                        "quadratic 1",
                        SUMS,
                        [high - 1, 0, x - high + 1],
                        ends(high - 1),
                    );
                    alone("quadratic 1", SUMS, [low, 0, x - low], ends(low));
                    alone("quadratic 0", SUMS, [high, 7, x - high + 7], ends(high));
                } else {
                    inside += 1;
                    alone("quadratic 0", SUMS, [x + 1, 1, 0], ends(x + 1));
                    alone("quadratic 1", SUMS, [x - 1, 0, 1], ends(x - 1));
                    alone("linear 0", "batching", [x + 1, 0, 0], ends(x + 1));
                }
                if op != Saturate::INT16 {
                    let y = isolated.get(node, OUT, index);
                    let [up, down] = [UP, DOWN].map(|at| isolated.get(node, at, index));
                    let [above, below] = ends(y);
                    alone("linear 1", "batching", [y, up, down], [above + 1, below]);
                    alone("linear 2", "batching", [y, up, down], [above, below + 1]);
                }
            }
        }
    }
    assert!(
        inside > 4 && over > 4 && under > 1,
        "{inside} {over} {under}"
    );
}

/// Moved to an end by less than nothing, or left outside: one column is negative or too large, all identities hold.
#[test]
fn negative_parts_of_a_saturation_are_refused() {
    let mut tally = Tally::new("signs of saturate");
    for raw in both() {
        let isolated = &raw.isolated;
        for (name, op) in [("saturated", Saturate::INT16), ("clamped", ENDS)] {
            let node = raw.node(name);
            let (low, high) = (i128::from(op.lowest), i128::from(op.highest));
            for index in PLACES {
                let x = isolated.get(node, At::Operand(0), index);
                // The output, the column that is no limb, and `up`, `down`, `above`, `below` as they follow.
                let mut lies = vec![];
                if x > low {
                    lies.push((low, UP, [low - x, 0, 0, high - low]));
                }
                if x < high {
                    lies.push((high, DOWN, [0, x - high, high - low, 0]));
                }
                let outside = match op == Saturate::INT16 {
                    true => [OUT, OUT],
                    false => [ABOVE, BELOW],
                };
                if x < low {
                    lies.push((x, outside[0], [0, 0, x - low, high - x]));
                }
                if x > high {
                    lies.push((x, outside[1], [0, 0, x - low, high - x]));
                }
                for (y, wrong, columns) in lies {
                    let limb = top(isolated, node, wrong);
                    let mut forged = isolated.forger.clone();
                    let whole = op == Saturate::INT16;
                    let roles = [UP, DOWN, ABOVE, BELOW].into_iter().zip(columns);
                    for (at, value) in [(OUT, y)].into_iter().chain(roles) {
                        match at {
                            ABOVE | BELOW if whole => {}
                            at if at == wrong => {
                                forged.put_in((node, at), limb, index, element(value));
                            }
                            at => forged.put(node, at, index, value),
                        }
                    }
                    forged.recount_elements();
                    let broken = forged.broken();
                    assert!(
                        !broken.is_empty(),
                        "SOUNDNESS: {name} {index}: nothing is false"
                    );
                    let own = format!("range: node {node}: ");
                    assert!(
                        broken.iter().all(|b| b.starts_with(&own)),
                        "{name}: {broken:?}"
                    );
                    tally.refuse(name, "lookup root", &forged);
                }
            }
        }
    }
}

/// The committed input is the one that is scaled, and every int32 is one; two values that pack to the same word are none.
#[test]
fn raw_inputs_are_the_committed_ones() {
    let mut tally = Tally::new("other raw inputs");
    for raw in both() {
        let case = &raw.isolated.case;
        for (row, value) in [(0, i32::MIN), (1, i32::MAX)] {
            let mut inputs = case.inputs.clone();
            inputs[row][2] = value;
            let trace = exec::run(&case.program, &case.weights, &inputs).expect("every int32");
            let found = trace.tensors[case.program.input][row * STRIDE + 2];
            assert_eq!(found, value);
        }
        let changes: [&[(usize, i128)]; 4] = [
            &[(0, 1)],
            &[(1, -(1 << 16))],
            &[(5, 1 << 31)],
            &[(2, 1 << 32), (3, -1)],
        ];
        for changes in changes {
            let mut forged = raw.isolated.forger.clone();
            for (at, by) in changes {
                forged.input[*at] += element(*by);
            }
            forged.restate();
            tally.refuse("another input", "", &forged);
        }
    }
}

#[test]
fn programs_of_other_bits_are_refused() {
    let honest = raw::case(8).program;
    let words = "bits, expected";
    // What reads int16 does not read 32.
    for op in [
        Op::Relu(Relu),
        Op::Clip(Clip {
            lowest: -1,
            highest: 1,
        }),
    ] {
        refuse(&honest, words, |p| {
            node(p, op, &[1], tensor(&[WIDTH], 1));
        });
    }
    refuse(&honest, words, |p| {
        dense(p, 1, &[WIDTH]);
    });
    // A fused ReLU has no wide form, and neither has what saturates.
    refuse(&honest, words, |p| {
        let output = dense(p, 5, &[WIDTH]);
        let last = p.nodes.len() - 1;
        let Op::Dense(Dense { weight, shift }) = p.nodes[last].op else {
            panic!("a layer");
        };
        p.nodes[last].op = Op::DenseRelu(DenseRelu { weight, shift });
        p.tensors[output].bits = 32;
    });
    for bits in [24, 32] {
        let saturate = Op::Saturate(Saturate::INT16);
        let wrong = if bits == 32 {
            words
        } else {
            "bits of a tensor"
        };
        refuse(&honest, wrong, |p| {
            let output = Tensor {
                bits,
                ..tensor(&[WIDTH], 1)
            };
            node(p, saturate, &[1], output);
        });
    }
    for (lowest, highest) in [(3, 3), (4, -4)] {
        refuse(&honest, "expected the lower end first", |p| {
            let op = Op::Saturate(Saturate { lowest, highest });
            node(p, op, &[1], tensor(&[WIDTH], 1));
        });
    }
    refuse(&honest, "operand is [3]", |p| {
        let op = Op::Saturate(Saturate::INT16);
        node(p, op, &[1], tensor(&[2], 1));
    });
    // Tokens have neither.
    let tokens = stacked();
    refuse(&tokens, "is an op over rows", |p| {
        let stream = p.tensors.iter().position(|t| t.bits == 32 && t.stack == 1);
        let stream = stream.expect("a stream");
        let axes = p.tensors[stream].axes.clone();
        node(
            p,
            Op::Saturate(Saturate::INT16),
            &[stream],
            tensor(&axes, 1),
        );
    });
    // Columns of eight bits do not make a residual stream of 32.
    refuse(&tokens, "32; of tokens with limbs of 16 bits", |p| {
        p.limb_bits = 8;
        p.check_weights = true;
    });
}

#[test]
fn scales_are_those_of_int32_columns() {
    let honest = raw::case(16).program;
    for scales in [vec![1], vec![1, 2, 3, 4]] {
        refuse(&honest, "scales of input columns", |p| {
            p.input_scales = scales.clone()
        });
    }
    for scale in [65, -65, i8::MIN] {
        refuse(&honest, "scale of an input column", |p| {
            p.input_scales[1] = scale
        });
    }
    refuse(&honest, "scales of input columns", |p| {
        p.tensors[0].bits = 16
    });
    let tokens = stacked();
    refuse(&tokens, "scales of input columns", |p| {
        p.input_scales = vec![0]
    });
    // A program with other scales is another one.
    let mut other = honest.clone();
    other.input_scales[0] += 1;
    assert_ne!(
        honest.digest().expect("a digest"),
        other.digest().expect("a digest")
    );
}
