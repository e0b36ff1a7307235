//! Programs with views: what they compute against the definitions, proofs of them, forgeries of windows, and programs
//! that must be refused.

use laminate_engine::fold::FoldMode;
use laminate_model::ops::{Max, View};
use laminate_model::program::{
    AxisMap, AxisMask, AxisPair, Op, Program, TensorView, ViewTerm, padded_index,
};
use laminate_prover::exec::{self, Trace};
use laminate_tests::forger::{Forger, rerun};
use laminate_tests::programs::refuse;
use laminate_tests::views::{Net, places, random, reference, tensor};
use laminate_tests::{Case, TestSrs, prove_case};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;

fn srs() -> TestSrs {
    TestSrs::new(b"views", 16)
}

/// How many random programs are tried: few, unless all are asked for.
fn sweep(few: u64, all: u64) -> u64 {
    match std::env::var_os("LAMINATE_SWEEP") {
        Some(_) => all,
        None => few,
    }
}

/// The unpadded entries of every slot.
fn unpadded(case: &Case, trace: &Trace, id: usize) -> Vec<Vec<i64>> {
    let tensor = &case.program.tensors[id];
    let rows = trace.tensors[id].chunks(1 << tensor.width_log());
    rows.map(|row| {
        let places = (0..tensor.width()).map(|i| padded_index(&tensor.axes, i));
        places.map(|at| i64::from(row[at])).collect()
    })
    .collect()
}

/// A run is what the definitions say, every tensor of every slot.
fn run(case: &Case, name: &str) -> Trace {
    let trace = exec::run(&case.program, &case.weights, &case.inputs).expect(name);
    for (slot, row) in case.inputs.iter().enumerate() {
        let expected = reference(&case.program, &case.weights, row);
        for (id, expected) in expected.iter().enumerate() {
            assert_eq!(
                &unpadded(case, &trace, id)[slot],
                expected,
                "{name}: tensor {id}, slot {slot}, {:?}",
                case.program.nodes.iter().find(|n| n.output == id)
            );
        }
    }
    trace
}

fn proves(case: &Case, srs: &TestSrs, mode: FoldMode, name: &str) {
    let proven = prove_case(case, srs, mode, 5);
    let verified =
        proven
            .model
            .verifier
            .verify_native(&proven.statement, &proven.proof, &srs.tau_g2);
    assert_eq!(verified, Ok(()), "{name}");
}

#[test]
fn random_programs_compute_what_the_definitions_say() {
    let (mut ran, mut refused) = (0, 0);
    for seed in 0..sweep(600, 20_000) {
        let case = random(seed);
        match case.program.check() {
            Ok(()) => {
                run(&case, &format!("seed {seed}"));
                ran += 1;
            }
            Err(error) => {
                let error = error.to_string();
                let known = [
                    "compose",
                    "more than entries of one tensor",
                    "may have entries",
                ];
                assert!(
                    known.iter().any(|k| error.contains(k)),
                    "seed {seed}: {error}"
                );
                refused += 1;
            }
        }
    }
    println!("random programs with views: {ran} run as defined, {refused} refused");
    assert!(ran > 4 * refused);
}

#[test]
fn random_programs_are_proven() {
    let srs = srs();
    let mut proven = 0;
    for seed in 1000..sweep(1014, 1600) {
        let case = random(seed);
        if case.program.check().is_err() {
            continue;
        }
        let mode = [FoldMode::On, FoldMode::Off][(seed % 2) as usize];
        proves(&case, &srs, mode, &format!("seed {seed}"));
        proven += 1;
    }
    println!("random programs with views: {proven} proven");
}

/// Convolutions of one and two axes with stride, dilation and padding, pools, and a dense layer behind them.
fn nets() -> Vec<(&'static str, Case)> {
    let mut out = vec![];
    let mut net = Net::new(1, 1, &[11, 2]);
    let x = net.convolution(0, &[[3, 2, 1, 1]], 3);
    let x = net.relu(x);
    let x = net.convolution(x, &[[2, 1, 3, 0]], 4);
    net.dense(x, 2, &[2]);
    out.push(("1-D", net.case()));
    let mut net = Net::new(2, 0, &[7, 6, 2]);
    let x = net.convolution(0, &[[3, 1, 1, 1], [3, 1, 1, 0]], 3);
    let x = net.relu(x);
    let x = net.max_pool(x, &[[2, 2, 1, 0], [2, 2, 1, 0]]);
    let x = net.convolution(x, &[[2, 1, 2, 1], [2, 1, 1, 0]], 2);
    let x = net.max_pool(x, &[[3, 2, 1, 1], [1, 1, 1, 0]]);
    net.dense(x, 3, &[3]);
    out.push(("2-D", net.case()));
    let mut net = Net::new(3, 0, &[5, 6, 3]);
    let x = net.convolution(0, &[[2, 1, 1, 0], [3, 1, 1, 1]], 3);
    let x = net.fused_relu(x);
    let x = average_pool(&mut net, x, 2);
    let x = net.transpose(x, &[2, 0, 1]);
    let x = net.relu(x);
    out.push(("average pool, output of three axes", {
        assert_eq!(net.axes(x), [3, 2, 3]);
        net.case()
    }));
    out
}

/// Means of `size × size` windows that do not overlap.
fn average_pool(net: &mut Net, x: usize, size: u32) -> usize {
    let axes = net.axes(x);
    let pool = |axis: u32| AxisMap::Pairs {
        axes: vec![axis],
        entries: (0..axes[axis as usize] / size * size)
            .map(|at| AxisPair {
                view: vec![at / size],
                at,
                coefficient: 1,
            })
            .collect(),
    };
    let maps = vec![pool(0), pool(1), AxisMap::Same { axis: 2 }];
    let out = [axes[0] / size, axes[1] / size, axes[2]];
    let sums = net.view(TensorView::of(maps), &[x], &out);
    net.rescale(sums)
}

#[test]
fn convolutional_nets_are_proven() {
    let srs = srs();
    for (name, case) in nets() {
        run(&case, name);
        for limb_bits in [8, 16] {
            let mut case = case.clone();
            case.program.limb_bits = limb_bits;
            proves(
                &case,
                &srs,
                FoldMode::On,
                &format!("{name}, limbs of {limb_bits}"),
            );
        }
    }
}

/// What a prover claims who computes another program than the one that is stated.
fn forged(srs: &TestSrs, name: &str, honest: &Case, change: impl FnOnce(&mut Program)) {
    let mut other = honest.clone();
    change(&mut other.program);
    assert_ne!(other.program, honest.program, "{name}");
    let trace = exec::run(&other.program, &other.weights, &other.inputs).expect(name);
    let own = exec::run(&honest.program, &honest.weights, &honest.inputs).expect(name);
    assert_ne!(trace, own, "{name}: the same run");
    assert!(
        Forger::with_trace(honest, &trace, srs).refused(srs),
        "SOUNDNESS: {name}"
    );
}

fn map(program: &mut Program, view: usize, axis: usize) -> &mut AxisMap {
    &mut program.views[view].terms[0].maps[axis]
}

/// A convolution of `(8, 8, 2)` by 3 × 3 windows, stride 2, dilation 2, padding 2.
fn convolution() -> Case {
    let mut net = Net::new(7, 0, &[8, 8, 2]);
    net.convolution(0, &[[3, 2, 2, 2], [3, 2, 2, 2]], 3);
    net.case()
}

#[test]
fn other_windows_are_refused() {
    let srs = srs();
    let honest = convolution();
    assert_eq!(
        Forger::new(&honest, &srs).verdict(&srs, FoldMode::On),
        Ok(()),
        "without a change"
    );
    let linear = |p: i32, u: i32, offset: i32| AxisMap::Linear {
        terms: vec![(0, p), (2, u)],
        scale: 1,
        offset,
    };
    let changes = [
        ("window off by one", linear(2, 2, -1)),
        ("window off by one, the other way", linear(2, 2, -3)),
        ("stride taken as 1", linear(1, 2, -2)),
        ("dilation ignored", linear(2, 1, -2)),
        ("window mirrored", linear(2, -2, 2)),
        ("padding ignored", linear(2, 2, 0)),
        ("position and place swapped", linear(2, 2, 2)),
    ];
    let tried = changes.len();
    for (name, other) in changes {
        forged(&srs, name, &honest, |p| *map(p, 0, 0) = other);
    }
    forged(&srs, "the other channel", &honest, |p| {
        *map(p, 0, 2) = AxisMap::Linear {
            terms: vec![(4, -1)],
            scale: 1,
            offset: 1,
        };
    });
    forged(&srs, "one channel for both", &honest, |p| {
        *map(p, 0, 2) = AxisMap::Fixed { at: 0 };
    });
    forged(&srs, "rows for columns", &honest, |p| {
        let maps = &mut p.views[0].terms[0].maps;
        maps.swap(0, 1);
    });
    forged(&srs, "half of the window", &honest, |p| {
        p.views[0].terms[0].masks = vec![];
        *map(p, 0, 1) = AxisMap::Pairs {
            axes: vec![1, 3],
            entries: (0..4)
                .map(|q| AxisPair {
                    view: vec![q, 1],
                    at: 2 * q,
                    coefficient: 1,
                })
                .collect(),
        };
    });
    forged(&srs, "pixels twice", &honest, |p| {
        p.views[0].terms[0].coefficient = 2
    });
    forged(&srs, "a constant outside the image", &honest, |p| {
        p.views[0].constant = 1
    });
    println!("windows of a convolution: {} tried, 0 accepted", tried + 6);
}

/// Sums, masks, repeated pairs and concatenations.
#[test]
fn other_views_are_refused() {
    let srs = srs();
    let mut net = Net::new(8, 1, &[6, 5]);
    let masked = TensorView {
        constant: 0,
        terms: vec![ViewTerm {
            masks: vec![AxisMask::Below { axis: 2, size: 2 }],
            ..ViewTerm::new(
                0,
                vec![AxisMap::Same { axis: 0 }, AxisMap::Same { axis: 1 }],
            )
        }],
    };
    let x = net.view(masked, &[0], &[6, 5, 3]);
    let x = net.dense(x, 1, &[4]);
    let sums = TensorView {
        constant: 3,
        terms: vec![
            ViewTerm::new(
                0,
                vec![
                    AxisMap::Same { axis: 0 },
                    AxisMap::Sum { below: 4 },
                    AxisMap::Fixed { at: 2 },
                ],
            ),
            ViewTerm::new(
                1,
                vec![
                    AxisMap::Pairs {
                        axes: vec![0],
                        entries: (0..6)
                            .map(|at| AxisPair {
                                view: vec![at],
                                at: 5 - at,
                                coefficient: 2,
                            })
                            .collect(),
                    },
                    AxisMap::Fixed { at: 0 },
                ],
            ),
        ],
    };
    let x = net.view(sums, &[x, 0], &[6]);
    net.dense(x, 1, &[2]);
    let honest = net.case();
    run(&honest, "honest");
    assert_eq!(
        Forger::new(&honest, &srs).verdict(&srs, FoldMode::On),
        Ok(())
    );
    let masks: [(&str, Vec<AxisMask>); 4] = [
        ("mask ignored", vec![]),
        (
            "mask off by one",
            vec![AxisMask::Below { axis: 2, size: 1 }],
        ),
        ("another mask", vec![AxisMask::Only { axis: 2, at: 1 }]),
        ("mask over all", vec![AxisMask::Below { axis: 2, size: 3 }]),
    ];
    let mut tried = masks.len();
    for (name, masks) in masks {
        forged(&srs, name, &honest, |p| p.views[0].terms[0].masks = masks);
    }
    for (name, below) in [("one entry less", 3), ("one entry more", 5)] {
        forged(&srs, name, &honest, |p| {
            *map(p, 1, 1) = AxisMap::Sum { below }
        });
        tried += 1;
    }
    forged(&srs, "another entry", &honest, |p| {
        *map(p, 1, 2) = AxisMap::Fixed { at: 1 }
    });
    forged(&srs, "without the constant", &honest, |p| {
        p.views[1].constant = 0
    });
    forged(&srs, "a term twice", &honest, |p| {
        p.views[1].terms[1].coefficient = 2
    });
    forged(&srs, "a pair counted twice", &honest, |p| {
        let AxisMap::Pairs { entries, .. } = &mut p.views[1].terms[1].maps[0] else {
            panic!("pairs");
        };
        entries[3].coefficient = 4;
    });
    forged(&srs, "a pair left out", &honest, |p| {
        let AxisMap::Pairs { entries, .. } = &mut p.views[1].terms[1].maps[0] else {
            panic!("pairs");
        };
        entries.remove(2);
    });
    println!("views: {} tried, 0 accepted", tried + 5);
}

/// A pool with padding over numbers that are all negative: what is outside would be the maximum.
#[test]
fn maxima_are_of_what_is_inside() {
    let tried: usize = [8, 16].map(maxima_of_bits).iter().sum();
    println!("maxima of windows: {tried} tried, 0 accepted");
}

fn maxima_of_bits(limb_bits: u8) -> usize {
    let srs = srs();
    let mut net = Net::new(9, 0, &[5, 3]);
    net.program.limb_bits = limb_bits;
    let x = net.max_pool(0, &[[3, 2, 1, 1]]);
    net.dense(x, 2, &[2]);
    let mut honest = net.case();
    honest.inputs[0].iter_mut().for_each(|v| *v = -1 - v.abs());
    let trace = run(&honest, "honest");
    assert_eq!(
        Forger::new(&honest, &srs).verdict(&srs, FoldMode::On),
        Ok(())
    );
    let node = honest
        .program
        .nodes
        .iter()
        .position(|n| matches!(n.op, Op::Max(_)));
    let node = node.expect("a maximum");
    let (output, operand) = (
        honest.program.nodes[node].output,
        honest.program.nodes[node].inputs[0],
    );
    let places = 1 << honest.program.tensors[output].width_log();
    let window = (1 << honest.program.tensors[operand].width_log()) / places;
    let mut tried = 0;
    for (name, y) in [
        ("what is outside", 0),
        ("larger than all", 5),
        ("smaller than some", -2001),
        ("what padding stands for", -(1 << 15)),
    ] {
        for at in 0..places {
            let mut forged = trace.clone();
            if forged.tensors[output][at] == y {
                continue;
            }
            let more = y - forged.tensors[output][at];
            forged.tensors[output][at] = y;
            for pick in 0..=window {
                let mut forged = forged.clone();
                pick_at(&mut forged, node, (at * window, window), pick, more);
                let forger = Forger::with_trace(&honest, &forged, &srs);
                assert!(forger.refused(&srs), "SOUNDNESS: {name}, {at}, {pick}");
                tried += 1;
                if at > 0 {
                    break;
                }
            }
        }
    }
    tried
}

/// With limbs of 16 bits a gap is in no column: the second largest entry of a window as its maximum, and all that follows,
/// makes the range of one gap false and nothing else.
#[test]
fn gaps_that_are_views_have_a_range() {
    use laminate_engine::lookup::Kind;
    use laminate_model::program::Role;
    let srs = srs();
    let mut net = Net::new(9, 0, &[5, 3]);
    net.program.limb_bits = 16;
    let x = net.max_pool(0, &[[3, 2, 1, 1]]);
    net.dense(x, 2, &[2]);
    let honest = net.case();
    let trace = run(&honest, "honest");
    let nodes = &honest.program.nodes;
    let node = nodes.iter().position(|n| matches!(n.op, Op::Max(_)));
    let node = node.expect("a maximum");
    let forger = Forger::new(&honest, &srs);
    let segments = forger.verifier.trees.iter().flat_map(|t| &t.segments);
    let views = segments
        .filter(|s| matches!(&s.kind, Kind::Range { view, .. } if view.as_block().is_none()));
    assert_eq!(views.count(), 1, "the gaps");
    assert!(forger.verifier.layout.aux(node, Role::GAP).is_empty());
    let (operand, output) = (nodes[node].inputs[0], nodes[node].output);
    let mut tried = 0;
    // The middle window, which is inside, of every channel: three entries in four places.
    for at in 4..7 {
        let window = &trace.tensors[operand][4 * at..][..3];
        let largest = *window.iter().max().expect("entries");
        let second = window.iter().filter(|v| **v != largest).max();
        let second = *second.expect("another entry");
        for y in [second, largest - 1] {
            let mut forged = trace.clone();
            forged.tensors[output][at] = y;
            rerun(&honest, &mut forged, node).expect("in range");
            let pick = forged.aux[node].narrow_mut(Role::PICK);
            (0..4).for_each(|i| pick[4 * at + i] = 0);
            if let Some(i) = window.iter().position(|v| *v == y) {
                pick[4 * at + i] = 1;
            }
            let forged = Forger::with_trace(&honest, &forged, &srs);
            if y == second {
                assert_eq!(forged.broken(), ["range: a view"]);
            }
            assert!(forged.refused(&srs), "SOUNDNESS: {at}, {y}");
            tried += 1;
        }
    }
    println!("gaps of maxima: {tried} tried, 0 accepted");
}

/// Gaps for a maximum that is larger by so much, and the pick at one place or nowhere.
fn pick_at(trace: &mut Trace, node: usize, (start, count): (usize, usize), at: usize, more: i32) {
    use laminate_model::program::Role;
    let columns = &mut trace.aux[node].columns;
    let values = |role: Role, columns: &mut std::collections::BTreeMap<Role, exec::Values>| {
        let exec::Values::Narrow(values) = columns.get(&role).expect("a column").clone() else {
            panic!("narrow columns");
        };
        values
    };
    let mut pick = values(Role::PICK, columns);
    (0..count).for_each(|i| pick[start + i] = u32::from(i == at));
    columns.insert(Role::PICK, exec::Values::Narrow(pick));
    if !columns.contains_key(&Role::GAP) {
        return;
    }
    let mut gap = values(Role::GAP, columns);
    for i in 0..count {
        gap[start + i] = (i64::from(gap[start + i]) + i64::from(more)).clamp(0, 65_535) as u32;
    }
    columns.insert(Role::GAP, exec::Values::Narrow(gap));
}

/// Results of every op at positions, of maxima and of means, on the padding too, each off by one and used so by all that
/// follows.
#[test]
fn wrong_results_are_refused() {
    let srs = srs();
    let mut tried = 0;
    for (name, case) in nets().into_iter().skip(1) {
        let honest = run(&case, name);
        for (index, node) in case.program.nodes.iter().enumerate() {
            if matches!(node.op, Op::View(_)) {
                continue;
            }
            let tensor = &case.program.tensors[node.output];
            let last = padded_index(&tensor.axes, tensor.width() - 1);
            for at in [0, last, (1 << tensor.width_log()) - 1] {
                let mut forged = honest.clone();
                forged.tensors[node.output][at] += if at == last { -1 } else { 1 };
                if rerun(&case, &mut forged, index).is_none() {
                    continue;
                }
                let forger = Forger::with_trace(&case, &forged, &srs);
                assert!(
                    forger.refused(&srs),
                    "SOUNDNESS: {name}, {}, {at}",
                    node.name
                );
                tried += 1;
            }
        }
    }
    println!("results of convolutional nets: {tried} tried, 0 accepted");
}

/// Weights of padded channels meet what a table makes of zero, and must be zero; those of a window's padding meet
/// nothing, and may be anything.
#[test]
fn weights_on_padding_count_for_nothing() {
    let srs = srs();
    let honest = convolution();
    let forger = Forger::new(&honest, &srs);
    let block = forger.verifier.layout.dense[0].weight;
    let axes = honest.program.weights[0].cols.clone();
    let real: Vec<usize> = (0..18).map(|i| padded_index(&axes, i)).collect();
    let padded: Vec<usize> = (0..32).filter(|at| !real.contains(at)).collect();
    assert_eq!(padded.len(), 14);
    for at in padded {
        let mut other = forger.clone();
        other.register(&srs, |bytes| bytes[block.offset + at] = 77);
        assert_eq!(other.verdict(&srs, FoldMode::On), Ok(()), "{at}");
    }
    let mut other = forger.clone();
    other.register(&srs, |bytes| bytes[block.offset + real[3]] ^= 1);
    assert!(other.refused(&srs));
    // Of three channels the fourth is what stands behind the input's, zero; behind a bias' it is not proven so.
    let mut net = Net::new(11, 0, &[6, 3]);
    let x = net.relu(0);
    net.convolution(x, &[[3, 1, 1, 1]], 2);
    let case = net.case();
    let forger = Forger::new(&case, &srs);
    let block = forger.verifier.layout.dense[0].weight;
    let mut other = forger.clone();
    other.register(&srs, |bytes| bytes[block.offset + 3] = 77);
    assert!(other.refused(&srs), "a weight of a channel that is not");
}

fn view_of(p: &mut Program) -> &mut TensorView {
    &mut p.views[0]
}

/// Everything that a view may ask for is bounded before it is built.
#[test]
fn wrong_views_are_refused() {
    let honest = convolution().program;
    let mut tried = 0;
    let mut refused = |words: &str, change: &dyn Fn(&mut Program)| {
        refuse(&honest, words, change);
        tried += 1;
    };
    refused("view 1 does not exist", &|p| {
        p.nodes[0].op = Op::View(View {
            view: 1,
            operands: 1,
        });
    });
    refused("has 0 terms", &|p| view_of(p).terms.clear());
    refused("has 65 terms", &|p| {
        let term = view_of(p).terms[0].clone();
        view_of(p).terms = vec![term; 65];
    });
    refused("number of views is 4097, expected at most 4096", &|p| {
        let view = view_of(p).clone();
        p.views = vec![view; 4097];
    });
    refused("terms of views", &|p| {
        let term = view_of(p).terms[0].clone();
        view_of(p).terms = vec![term; 2000];
    });
    refused("the coefficient 4294967297", &|p| {
        view_of(p).terms[0].coefficient = (1 << 32) + 1;
    });
    refused("the coefficient -9223372036854775808", &|p| {
        view_of(p).constant = i64::MIN
    });
    refused("times 0", &|p| view_of(p).terms[0].coefficient = 0);
    refused("may have entries up to", &|p| {
        view_of(p).terms[0].coefficient = 1 << 30
    });
    refused("reads operand 1, there are 1", &|p| {
        let mut term = view_of(p).terms[0].clone();
        term.operand = 1;
        view_of(p).terms.push(term);
    });
    refused("does not read its operand 1", &|p| {
        p.nodes[0].inputs.push(0);
        p.nodes[0].op = Op::View(View {
            view: 0,
            operands: 2,
        });
    });
    refused("has 2 maps, its operand 3 axes", &|p| {
        view_of(p).terms[0].maps.pop();
    });
    refused("view axis 5 does not exist", &|p| {
        *map(p, 0, 2) = AxisMap::Same { axis: 5 }
    });
    refused("is read twice", &|p| *map(p, 0, 2) = AxisMap::shift(3, 0));
    refused("has 4 entries and stands for one of 8", &|p| {
        *map(p, 0, 0) = AxisMap::Same { axis: 0 };
    });
    refused("reads entry 8, expected 0 to 7", &|p| {
        *map(p, 0, 0) = AxisMap::Fixed { at: 8 }
    });
    refused("sums entries 9, expected 1 to 8", &|p| {
        *map(p, 0, 0) = AxisMap::Sum { below: 9 }
    });
    refused("sums entries 0, expected 1 to 8", &|p| {
        *map(p, 0, 0) = AxisMap::Sum { below: 0 }
    });
    refused("scale of a map is 0", &|p| {
        *map(p, 0, 0) = AxisMap::Linear {
            terms: vec![(0, 1)],
            scale: 0,
            offset: 0,
        };
    });
    refused("axes of a map is 0", &|p| {
        *map(p, 0, 0) = AxisMap::Linear {
            terms: vec![],
            scale: 1,
            offset: 0,
        };
    });
    refused("coefficient of a map", &|p| {
        *map(p, 0, 0) = AxisMap::Linear {
            terms: vec![(0, i32::MIN)],
            scale: 1,
            offset: 0,
        };
    });
    refused("possible states of a map", &|p| {
        *map(p, 0, 0) = AxisMap::Linear {
            terms: vec![(0, 1 << 20)],
            scale: 1,
            offset: 0,
        };
    });
    refused("does not fit the view's axes", &|p| {
        view_of(p).terms[0].masks = vec![AxisMask::Only { axis: 0, at: 4 }];
    });
    refused("masked axis 9 does not exist", &|p| {
        view_of(p).terms[0].masks = vec![AxisMask::Only { axis: 9, at: 0 }];
    });
    refused("is read twice", &|p| {
        view_of(p).terms[0].masks = vec![AxisMask::Only { axis: 0, at: 0 }];
    });
    let pairs = |entries: Vec<AxisPair>| AxisMap::Pairs {
        axes: vec![4],
        entries,
    };
    let pair = |x: u32, at: u32, coefficient: i32| AxisPair {
        view: vec![x],
        at,
        coefficient,
    };
    refused("entries at one place of a map", &|p| {
        *map(p, 0, 2) = pairs(vec![pair(0, 1, 1), pair(0, 1, 1)]);
    });
    refused("a pair at 2", &|p| {
        *map(p, 0, 2) = pairs(vec![pair(2, 0, 1)])
    });
    refused("a pair reads entry 2", &|p| {
        *map(p, 0, 2) = pairs(vec![pair(0, 2, 1)])
    });
    refused("coefficient of a pair", &|p| {
        *map(p, 0, 2) = pairs(vec![pair(0, 0, 0)])
    });
    refused("a map has 4097 pairs, expected at most 4096", &|p| {
        *map(p, 0, 2) = pairs(vec![pair(0, 0, 1); 4097])
    });
    refused("pairs of views", &|p| {
        *map(p, 0, 2) = pairs(vec![pair(0, 0, 1); 300_000])
    });
    refused("a pair has 2 view entries", &|p| {
        *map(p, 0, 2) = pairs(vec![AxisPair {
            view: vec![0, 0],
            at: 0,
            coefficient: 1,
        }]);
    });
    println!("wrong views: {tried} tried, 0 accepted");
}

/// What masks say of axes that are no powers of two is said of their entries, not of the padded axis; and the output's padding is
/// cut off, or it is refused.
#[test]
fn wrong_masks_of_padded_axes_are_refused() {
    let mut net = Net::new(7, 0, &[3]);
    let stored = net.add(0, 0);
    // The same in three axes more, which masks may read.
    let same = AxisMap::Same { axis: 3 };
    net.view(TensorView::of(vec![same]), &[stored], &[3, 3, 4, 3]);
    let honest = net.case().program;
    let refused = |words: &str, mask: AxisMask| {
        refuse(&honest, words, |p| {
            view_of(p).terms[0].masks = vec![mask];
        });
    };
    let words = "does not fit the view's axes";
    refused(words, AxisMask::Only { axis: 1, at: 3 });
    refused(words, AxisMask::Below { axis: 1, size: 4 });
    refused(words, AxisMask::Below { axis: 1, size: 0 });
    refused(words, AxisMask::AtMost { axis: 1, bound: 2 });
    refused(
        "is the output, whose axes cannot be cut off",
        AxisMask::AtMost { axis: 0, bound: 1 },
    );
}

/// A view of a view has the blocks of both: few sums of few are many.
#[test]
fn wrong_views_of_views_are_refused() {
    let mut net = Net::new(7, 0, &[4]);
    let stored = net.add(0, 0);
    let sum = |terms: usize| {
        let mut view = TensorView::of(vec![AxisMap::Same { axis: 0 }]);
        view.terms = vec![view.terms[0].clone(); terms];
        view
    };
    let inner = net.view(sum(32), &[stored], &[4]);
    net.view(sum(2), &[inner], &[4]);
    refuse(&net.case().program, "is a sum of 132 blocks", |p| {
        *view_of(p) = sum(33);
    });
}

/// Layers at positions, maxima, sums and what has no column.
#[test]
fn wrong_readers_are_refused() {
    let (name, case) = nets().remove(1);
    let honest = case.program;
    assert_eq!(name, "2-D");
    let find = |p: &Program, wanted: &dyn Fn(&Op) -> bool| {
        p.nodes.iter().position(|n| wanted(&n.op)).expect("a node")
    };
    let max = find(&honest, &|op| matches!(op, Op::Max(_)));
    let dense = find(&honest, &|op| matches!(op, Op::Dense(_)));
    for axes in [0, 1, 4, 9, usize::MAX] {
        refuse(&honest, "is over the last", |p| {
            p.nodes[max].op = Op::Max(Max { axes })
        });
    }
    let out = honest.nodes[dense].output;
    refuse(&honest, "is applied at positions", |p| {
        p.tensors[out].axes[0] += 1
    });
    refuse(&honest, "weights are", |p| {
        p.weights[0].cols = vec![18];
    });
    refuse(&honest, "expected an axis each", |p| {
        p.weights[0].rows = vec![]
    });
    refuse(&honest, "has 32 bits, expected 16", |p| {
        let id = p.nodes[dense].inputs[0];
        p.tensors[id].bits = 32;
    });
    // The maximum of a sum: nothing says what is outside.
    let two = honest.nodes[max].inputs[0];
    refuse(&honest, "store it in a column first", |p| {
        let node = p
            .nodes
            .iter()
            .position(|n| n.output == two)
            .expect("a view");
        let Op::View(view) = p.nodes[node].op else {
            panic!("a view");
        };
        let term = p.views[view.view].terms[0].clone();
        p.views[view.view].terms.push(term);
    });
    // A constant would stand outside, too.
    refuse(&honest, "store it in a column first", |p| {
        let node = p
            .nodes
            .iter()
            .position(|n| n.output == two)
            .expect("a view");
        let Op::View(view) = p.nodes[node].op else {
            panic!("a view");
        };
        p.views[view.view].constant = -2;
    });
    // Stacks are of blocks over tokens.
    refuse(&honest, "stacked or rotated tensors", |p| {
        p.tensors[0].stack = 2
    });
    let input = honest.input;
    refuse(&honest, "number of axes of a tensor", |p| {
        p.tensors[input].axes = vec![1; 9]
    });
}

/// Views of a stranger never make the check panic or run long, and what it accepts runs as defined.
#[test]
fn strange_views_are_refused_or_run() {
    let mut rng = ChaCha20Rng::seed_from_u64(12);
    let (mut accepted, mut refused, mut failed) = (0, 0, 0);
    for seed in 0..sweep(1500, 100_000) {
        let mut case = random(seed % 97);
        if case.program.views.is_empty() {
            continue;
        }
        for _ in 0..rng.gen_range(1..3) {
            disturb(&mut case.program, &mut rng);
        }
        if case.program.check().is_err() {
            refused += 1;
            continue;
        }
        match exec::run(&case.program, &case.weights, &case.inputs) {
            Ok(_) => drop(run(&case, &format!("disturbed {seed}"))),
            Err(_) => failed += 1,
        }
        accepted += 1;
    }
    println!(
        "strange views: {refused} refused, {accepted} accepted and run as defined, of which {failed} leave a range"
    );
    assert!(accepted > 50);
}

/// Changes one number of a view or of a tensor's axes.
fn disturb(program: &mut Program, rng: &mut ChaCha20Rng) {
    let odd = |rng: &mut ChaCha20Rng| -> i64 {
        [
            0,
            1,
            2,
            3,
            5,
            -1,
            -2,
            7,
            1 << 20,
            1 << 31,
            i64::from(u32::MAX),
            i64::MAX,
        ][rng.gen_range(0..12)]
    };
    let at = rng.gen_range(0..program.views.len());
    let view = &mut program.views[at];
    let term = rng.gen_range(0..view.terms.len());
    let (number, term) = (odd(rng), &mut view.terms[term]);
    match rng.gen_range(0..8) {
        0 => view.constant = number,
        1 => term.coefficient = number,
        2 => term.operand = number as u32,
        3 => {
            let axis = rng.gen_range(0..4);
            term.masks.push(match rng.gen_range(0..3) {
                0 => AxisMask::Only {
                    axis,
                    at: number as u32,
                },
                1 => AxisMask::Below {
                    axis,
                    size: number as u32,
                },
                _ => AxisMask::AtMost {
                    axis,
                    bound: number as u32,
                },
            });
        }
        4 => {
            let tensor = rng.gen_range(0..program.tensors.len());
            let axes = &mut program.tensors[tensor].axes;
            let axis = rng.gen_range(0..axes.len());
            axes[axis] = number as u32;
        }
        _ => {
            let Some(last) = term.maps.len().checked_sub(1) else {
                return;
            };
            match &mut term.maps[rng.gen_range(0..=last)] {
                AxisMap::Same { axis } => *axis = number as u32,
                AxisMap::Fixed { at } => *at = number as u32,
                AxisMap::Sum { below } => *below = number as u32,
                AxisMap::Linear {
                    terms,
                    scale,
                    offset,
                } => match rng.gen_range(0..4) {
                    0 => *scale = number as u32,
                    1 => *offset = number as i32,
                    2 => terms[0].0 = number as u32,
                    _ => terms[0].1 = number as i32,
                },
                AxisMap::Pairs { axes, entries } => match rng.gen_range(0..4) {
                    0 => axes.push(number as u32),
                    1 if !entries.is_empty() => entries[0].at = number as u32,
                    2 if !entries.is_empty() => entries[0].coefficient = number as i32,
                    _ => entries.extend(entries.clone()),
                },
            }
        }
    }
}

/// The tensors of a view have one shape a name: nothing is read beside it.
#[test]
fn a_tensor_of_several_axes_is_given_and_published_unpadded() {
    let srs = srs();
    let mut net = Net::new(13, 1, &[3, 5]);
    let x = net.dense(0, 1, &[3]);
    assert_eq!(net.axes(x), [3, 3]);
    let case = net.case();
    let trace = run(&case, "several axes");
    assert_eq!(
        (case.program.input_len(), case.program.output_len()),
        (30, 18)
    );
    assert_eq!(trace.outputs(&case.program)[1].len(), 9);
    let forger = Forger::new(&case, &srs);
    assert_eq!(forger.verdict(&srs, FoldMode::On), Ok(()));
    // What stands behind the ends of the axes: of the input nothing, of the output what biases make of nothing.
    for at in (0..32).filter(|at| {
        !places(&[3, 5])
            .iter()
            .any(|p| (p[0] * 8 + p[1]) as usize == *at)
    }) {
        let mut forged = trace.clone();
        forged.tensors[case.program.input][at] = 9;
        assert!(
            Forger::with_trace(&case, &forged, &srs).refused(&srs),
            "input {at}"
        );
    }
    for at in 0..16 {
        let mut forged = trace.clone();
        forged.tensors[case.program.output][at] += 1;
        assert!(
            Forger::with_trace(&case, &forged, &srs).refused(&srs),
            "output {at}"
        );
    }
    assert_eq!(tensor(&[3, 5], 16).width(), 15);
}
