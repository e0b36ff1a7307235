//! Random programs with views.

use laminate_model::program::{AxisMap, AxisMask, AxisPair, TensorView, ViewTerm};
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;

use super::{Net, places};
use crate::Case;

/// A random map onto an axis of `size`, which reads some of the view axes that are left.
fn random_map(
    rng: &mut ChaCha20Rng,
    view: &mut Vec<u32>,
    left: &mut Vec<u32>,
    size: u32,
) -> AxisMap {
    let small = |rng: &mut ChaCha20Rng| rng.gen_range(-2..3);
    // A new axis of the view.
    let mut axis = |view: &mut Vec<u32>, size: u32| {
        view.push(size);
        left.push(view.len() as u32 - 1);
        view.len() as u32 - 1
    };
    match rng.gen_range(0..10) {
        0..3 => AxisMap::Same {
            axis: axis(view, size),
        },
        3 => AxisMap::Fixed {
            at: rng.gen_range(0..size),
        },
        4 => AxisMap::Sum {
            below: rng.gen_range(1..=size),
        },
        5 | 6 => {
            let (p, u) = (rng.gen_range(1..=size), rng.gen_range(1..4));
            let pair = [axis(view, p), axis(view, u)];
            AxisMap::window(
                pair,
                rng.gen_range(1..3),
                rng.gen_range(1..3),
                rng.gen_range(0..3),
            )
        }
        7 => AxisMap::Linear {
            terms: vec![(axis(view, size + 1), [1, 1, -1, 2][rng.gen_range(0..4)])],
            scale: rng.gen_range(1..3),
            offset: small(rng),
        },
        8 => AxisMap::shift(axis(view, size), small(rng)),
        _ => {
            let own = rng.gen_range(1..5);
            let at = axis(view, own);
            let all = places(&[own, size]).into_iter();
            let some: Vec<Vec<u32>> = all.filter(|_| rng.gen_bool(0.4)).collect();
            AxisMap::Pairs {
                axes: vec![at],
                entries: some
                    .into_iter()
                    .map(|at| AxisPair {
                        view: vec![at[0]],
                        at: at[1],
                        coefficient: [1, 1, -1, 3][rng.gen_range(0..4)],
                    })
                    .collect(),
            }
        }
    }
}

/// A random view of one tensor.
fn random_view(net: &mut Net, x: usize) -> usize {
    let mut rng = net.rng.clone();
    let (mut view, mut left) = (vec![], vec![]);
    let maps = net
        .axes(x)
        .into_iter()
        .map(|size| random_map(&mut rng, &mut view, &mut left, size))
        .collect();
    let mut masks = vec![];
    if view.is_empty() || rng.gen_bool(0.2) {
        // An axis that nothing reads.
        view.push(rng.gen_range(1..4));
        let axis = view.len() as u32 - 1;
        if rng.gen_bool(0.5) {
            let size = rng.gen_range(1..=view[axis as usize]);
            masks.push(AxisMask::Below { axis, size });
        }
    }
    let mut order: Vec<u32> = (0..view.len() as u32).collect();
    order.shuffle(&mut rng);
    let to = |axis: u32| order.iter().position(|a| *a == axis).expect("an order") as u32;
    let axes: Vec<u32> = order.iter().map(|a| view[*a as usize]).collect();
    let mut term = ViewTerm::new(0, maps);
    term.masks = masks;
    term.coefficient = [1, 1, 1, -2][rng.gen_range(0..4)];
    for map in &mut term.maps {
        rename(map, &to);
    }
    for mask in &mut term.masks {
        if let AxisMask::Below { axis, .. } = mask {
            *axis = to(*axis);
        }
    }
    let constant = if rng.gen_bool(0.2) { 17 } else { 0 };
    net.rng = rng;
    let view = TensorView {
        constant,
        terms: vec![term],
    };
    net.view(view, &[x], &axes)
}

/// Changes the axes that a map reads.
fn rename(map: &mut AxisMap, to: &impl Fn(u32) -> u32) {
    match map {
        AxisMap::Same { axis } => *axis = to(*axis),
        AxisMap::Linear { terms, .. } => terms.iter_mut().for_each(|(axis, _)| *axis = to(*axis)),
        AxisMap::Pairs { axes, .. } => axes.iter_mut().for_each(|axis| *axis = to(*axis)),
        AxisMap::Fixed { .. } | AxisMap::Sum { .. } => {}
    }
}

/// Two tensors of equal axes but the first, one after the other.
fn concat(net: &mut Net, a: usize, b: usize) -> usize {
    let (first, second) = (net.axes(a), net.axes(b));
    let rest = (1..first.len() as u32).map(|axis| AxisMap::Same { axis });
    let maps = |offset: i32| -> Vec<AxisMap> {
        std::iter::once(AxisMap::shift(0, offset))
            .chain(rest.clone())
            .collect()
    };
    let mut axes = first.clone();
    axes[0] += second[0];
    let view = TensorView {
        constant: 0,
        terms: vec![
            ViewTerm::new(0, maps(0)),
            ViewTerm::new(1, maps(-(first[0] as i32))),
        ],
    };
    net.view(view, &[a, b], &axes)
}

/// A random program over rows with views, small enough to prove.
pub fn random(seed: u64) -> Case {
    let mut rng = ChaCha20Rng::seed_from_u64(seed ^ 0x7e57);
    let axes: Vec<u32> = (0..rng.gen_range(1..4))
        .map(|_| rng.gen_range(1..6))
        .collect();
    let mut net = Net::new(seed, rng.gen_range(0..2), &axes);
    net.program.limb_bits = [8, 16][rng.gen_range(0..2)];
    let mut x = 0;
    // Without any parameter there is no weight commitment to make.
    let mut layers = 0;
    for _ in 0..rng.gen_range(3..8) {
        let (axes, wide) = (net.axes(x), net.program.tensors[x].bits == 32);
        let width: u32 = axes.iter().product();
        x = match rng.gen_range(0..8) {
            _ if wide => net.rescale(x),
            0..3 if width <= 64 && axes.len() < 5 => random_view(&mut net, x),
            3 => match rng.gen_bool(0.5) {
                true => net.activation(x).unwrap_or_else(|| net.relu(x)),
                false => net.relu(x),
            },
            4 if axes.len() > 1 => net.max(x, rng.gen_range(1..axes.len())),
            5 => {
                let like =
                    |id: &usize| net.axes(*id) == axes && net.program.tensors[*id].bits == 16;
                let alike: Vec<usize> = (0..net.program.tensors.len()).filter(like).collect();
                let other = *alike.choose(&mut rng).expect("itself");
                match rng.gen_bool(0.5) {
                    true => net.add(x, other),
                    false => concat(&mut net, x, other),
                }
            }
            _ => {
                layers += 1;
                let contracted = rng.gen_range(1..=axes.len());
                let rows: Vec<u32> = (0..rng.gen_range(1..3))
                    .map(|_| rng.gen_range(1..5))
                    .collect();
                let y = net.dense(x, contracted, &rows);
                match rng.gen_bool(0.4) {
                    true => net.fused_relu(y),
                    false => y,
                }
            }
        };
    }
    if net.program.tensors[x].bits == 32 {
        x = net.rescale(x);
    }
    if layers == 0 {
        let contracted = net.axes(x).len();
        net.dense(x, contracted, &[3]);
    }
    net.case()
}
