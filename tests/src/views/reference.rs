//! What every tensor of a program is by the definitions alone.

use laminate_model::ops::{
    Activation, Add, Clip, Dense, DenseRelu, Divide, Grouped, Rescale, RmsNorm,
};
use laminate_model::program::{AxisMap, AxisMask, Op, Program, ViewTerm, Weights, round};

/// All indices of axes, in order.
pub fn places(axes: &[u32]) -> Vec<Vec<u32>> {
    let mut out = vec![vec![]];
    for size in axes {
        let longer = |at: &Vec<u32>| {
            let at = at.clone();
            (0..*size).map(move |x| [at.as_slice(), &[x]].concat())
        };
        out = out.iter().flat_map(longer).collect();
    }
    out
}

/// The entry of a map from indices of a view to an index of an operand's axis of `size`, by its definition.
fn entry(map: &AxisMap, x: &[u32], z: u32) -> i64 {
    let at = |axis: &u32| i64::from(x[*axis as usize]);
    match map {
        AxisMap::Same { axis } => i64::from(at(axis) == i64::from(z)),
        AxisMap::Fixed { at } => i64::from(*at == z),
        AxisMap::Sum { below } => i64::from(z < *below),
        AxisMap::Linear {
            terms,
            scale,
            offset,
        } => {
            let sum: i64 = terms.iter().map(|(a, c)| i64::from(*c) * at(a)).sum();
            i64::from(i64::from(*scale) * i64::from(z) == sum + i64::from(*offset))
        }
        AxisMap::Pairs { axes, entries } => {
            let own: Vec<u32> = axes.iter().map(|a| x[*a as usize]).collect();
            let found = entries.iter().filter(|p| p.view == own && p.at == z);
            found.map(|p| i64::from(p.coefficient)).sum()
        }
    }
}

fn holds(mask: &AxisMask, x: &[u32]) -> bool {
    let at = |axis: u32| x[axis as usize];
    match *mask {
        AxisMask::Only { axis, at: only } => at(axis) == only,
        AxisMask::Below { axis, size } => at(axis) < size,
        AxisMask::AtMost { axis, bound } => at(axis) <= at(bound),
    }
}

/// What a term reads at an entry: flat indices of the operand, unpadded, and factors.
fn reads(term: &ViewTerm, x: &[u32], operand: &[u32]) -> Vec<(usize, i64)> {
    if !term.masks.iter().all(|mask| holds(mask, x)) {
        return vec![];
    }
    let mut out = vec![(0usize, term.coefficient)];
    for (map, size) in term.maps.iter().zip(operand) {
        let row: Vec<(u32, i64)> = (0..*size)
            .map(|z| (z, entry(map, x, z)))
            .filter(|(_, entry)| *entry != 0)
            .collect();
        let longer = |(flat, factor): &(usize, i64)| {
            let (flat, factor) = (flat * *size as usize, *factor);
            let row = row.iter();
            row.map(move |(z, entry)| (flat + *z as usize, factor * entry))
                .collect::<Vec<_>>()
        };
        out = out.iter().flat_map(longer).collect();
    }
    out
}

/// Every tensor of a run on one row, unpadded and row-major, and whether its entries are stored ones: what is outside of
/// a window is none. Of the ops that [`random`] and [`Net`] make.
pub fn reference(program: &Program, weights: &Weights, row: &[i32]) -> Vec<Vec<i64>> {
    let count = program.tensors.len();
    let (mut values, mut present) = (vec![vec![]; count], vec![vec![]; count]);
    values[program.input] = row.iter().map(|v| i64::from(*v)).collect();
    present[program.input] = vec![true; row.len()];
    for node in &program.nodes {
        let (x, axes) = (&node.inputs, &program.tensors[node.output].axes);
        let operand = |i: usize| -> &Vec<i64> { &values[x[i]] };
        let shape = |i: usize| program.tensors[x[i]].axes.as_slice();
        let mut there = None;
        let out: Vec<i64> = match node.op {
            Op::View(view) => {
                let view = &program.views[view.view];
                let terms = |at: &Vec<u32>| -> Vec<(usize, usize, i64)> {
                    let of = |term: &ViewTerm| {
                        let operand = term.operand as usize;
                        let reads = reads(term, at, shape(operand)).into_iter();
                        reads
                            .map(|(flat, factor)| (operand, flat, factor))
                            .collect::<Vec<_>>()
                    };
                    view.terms.iter().flat_map(of).collect()
                };
                let read: Vec<_> = places(axes).iter().map(terms).collect();
                let is = |entry: &Vec<(usize, usize, i64)>| {
                    entry.iter().any(|(i, flat, _)| present[x[*i]][*flat])
                };
                there = Some(read.iter().map(is).collect());
                let sum = |entry: &Vec<(usize, usize, i64)>| {
                    let terms = entry.iter();
                    terms.map(|(i, at, c)| c * operand(*i)[*at]).sum::<i64>()
                };
                read.iter()
                    .map(|entry| view.constant + sum(entry))
                    .collect()
            }
            Op::Dense(Dense { weight, shift }) | Op::DenseRelu(DenseRelu { weight, shift }) => {
                let least = match node.op {
                    Op::DenseRelu(_) => 0,
                    _ => i64::MIN,
                };
                let (shape, layer) = (&program.weights[weight], &weights.dense[weight]);
                let (rows, cols) = (shape.row_count(), shape.col_count());
                let output = |x: &[i64], j: usize| {
                    let own = layer.weight[j * cols..][..cols].iter().zip(x);
                    let sum: i64 = own.map(|(w, x)| i64::from(*w) * x).sum();
                    let bias = layer.bias.get(j).copied().unwrap_or(0);
                    let exact = (sum + i64::from(bias)) * i64::from(layer.multiplier[j]);
                    round(exact, shift).max(least)
                };
                let at = operand(0).chunks(cols);
                at.flat_map(|x| (0..rows).map(move |j| output(x, j)))
                    .collect()
            }
            Op::Max(max) => {
                let size: u32 = shape(0)[shape(0).len() - max.axes..].iter().product();
                let least = match laminate_model::layout::is_unsigned(program, base(program, x[0]))
                {
                    true => 0,
                    false => -(1 << 15),
                };
                let both = operand(0).iter().zip(&present[x[0]]);
                let entries: Vec<i64> = both.map(|(v, is)| if *is { *v } else { least }).collect();
                let windows = entries.chunks(size as usize);
                windows
                    .map(|w| w.iter().copied().max().unwrap_or(0))
                    .collect()
            }
            Op::Activation(Activation { table }) => {
                let table = &program.tables[table];
                let of = |x: &i64| i64::from(table.get(*x).expect("an index of the table"));
                operand(0).iter().map(of).collect()
            }
            Op::Relu(_) => operand(0).iter().map(|v| (*v).max(0)).collect(),
            Op::Rescale(Rescale { multiplier, shift }) => {
                let x = operand(0).iter();
                x.map(|x| round(x * i64::from(multiplier), shift)).collect()
            }
            Op::Add(Add { left, right, shift }) => {
                let both = operand(0).iter().zip(operand(1));
                let sum =
                    |(a, b): (&i64, &i64)| round(a * i64::from(left) + b * i64::from(right), shift);
                both.map(sum).collect()
            }
            Op::Clip(Clip { lowest, highest }) => {
                let x = operand(0).iter();
                x.map(|x| (*x).clamp(lowest.into(), highest.into()))
                    .collect()
            }
            Op::Divide(Divide { shift }) => {
                let both = operand(0).iter().zip(operand(1));
                both.map(|(a, b)| ((a << (shift + 1)) + b).div_euclid(2 * b))
                    .collect()
            }
            Op::MatMul(op) => {
                let (a, b) = (shape(0), shape(1));
                let count = a[a.len() - 1] as usize;
                let rows: u32 = a[op.shared..a.len() - 1].iter().product();
                let cols: u32 = b[op.shared..b.len() - 1].iter().product();
                let entry = |flat: usize| {
                    let (line, col) = (flat / cols as usize, flat % cols as usize);
                    let right = line / rows as usize * cols as usize + col;
                    let left = operand(0).chunks(count).nth(line).expect("a row").iter();
                    let right = operand(1).chunks(count).nth(right).expect("a row");
                    let sum: i64 = left.zip(right).map(|(a, b)| a * b).sum();
                    round(sum * i64::from(op.multiplier), op.shift)
                };
                let len: u32 = axes.iter().product();
                (0..len as usize).map(entry).collect()
            }
            Op::RmsNorm(RmsNorm { epsilon, numerator }) => {
                let len = axes[axes.len() - 1] as usize;
                let rows = operand(0).chunks(len);
                let row = |x: &[i64]| {
                    let square = |x: &i64| i128::from(*x).pow(2).unsigned_abs();
                    let energy = x.iter().map(square).sum::<u128>() + u128::from(epsilon);
                    let factor = (u128::from(numerator) / energy.isqrt()) as i128;
                    let entry = |x: &i64| (i128::from(*x) * factor + (1 << 31)) >> 32;
                    x.iter().map(|x| entry(x) as i64).collect::<Vec<_>>()
                };
                rows.flat_map(row).collect()
            }
            Op::Grouped(Grouped {
                weight,
                groups,
                shift,
            }) => {
                let (shape, layer) = (&program.weights[weight], &weights.dense[weight]);
                let count: u32 = shape.rows[..groups].iter().product();
                let (rows, cols) = (shape.row_count() / count as usize, shape.col_count());
                let output = |group: usize, x: &[i64], j: usize| {
                    let at = group % count as usize * rows + j;
                    let own = layer.weight[at * cols..][..cols].iter().zip(x);
                    let sum: i64 = own.map(|(w, x)| i64::from(*w) * x).sum();
                    let bias = layer.bias.get(at).copied().unwrap_or(0);
                    round(
                        (sum + i64::from(bias)) * i64::from(layer.multiplier[at]),
                        shift,
                    )
                };
                let at = operand(0).chunks(cols).enumerate();
                at.flat_map(|(group, x)| (0..rows).map(move |j| output(group, x, j)))
                    .collect()
            }
            _ => unreachable!("{:?}", node.op),
        };
        present[node.output] = there.unwrap_or_else(|| vec![true; out.len()]);
        values[node.output] = out;
    }
    values
}

/// The stored tensor that a view of one tensor reads.
fn base(program: &Program, mut id: usize) -> usize {
    while let Some(node) = program.nodes.iter().find(|node| node.output == id) {
        match node.op {
            Op::View(_) => id = node.inputs[0],
            _ => break,
        }
    }
    id
}
