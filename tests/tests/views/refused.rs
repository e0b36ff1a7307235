//! Programs with views that must be refused.

use super::*;

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
