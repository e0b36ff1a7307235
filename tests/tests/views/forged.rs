//! Forgeries of what a program with views computes: windows, masks, maxima, padding.

use super::*;

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
