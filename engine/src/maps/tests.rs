use super::automaton::MAX_VARIABLES;
use super::linear::{LinearTerm, MAX_PAIRS, MAX_PAIRS_LOG};
use super::pairs::Pair;
use super::*;
use crate::backend::Native;
use crate::field::fr_from_i64;
use crate::poly;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::sync::Arc;

fn point(rng: &mut ChaCha8Rng, log: usize) -> Vec<Fr> {
    (0..log).map(|_| Fr::random(&mut *rng)).collect()
}

/// Indices of all view axes.
fn places(logs: &[usize]) -> Vec<Vec<usize>> {
    let mut out = vec![vec![]];
    for log in logs {
        out = out
            .into_iter()
            .flat_map(|at: Vec<usize>| (0..1 << log).map(move |x| [at.as_slice(), &[x]].concat()))
            .collect();
    }
    out
}

/// Entries, vector and extension of a map are one matrix.
fn agrees(rng: &mut ChaCha8Rng, name: &str, map: &Map, logs: &[usize], log: usize) {
    let points: Vec<Vec<Fr>> = logs.iter().map(|l| point(rng, *l)).collect();
    let view: Vec<&[Fr]> = points.iter().map(Vec::as_slice).collect();
    let y = point(rng, log);
    let tables: Vec<Vec<Fr>> = view.iter().map(|p| eq::table(p)).collect();
    let mut expected = vec![Fr::ZERO; 1 << log];
    let reads = map.reads();
    for at in places(logs) {
        // An axis that is not read stands in no sum.
        if at
            .iter()
            .enumerate()
            .any(|(a, x)| !reads.contains(&a) && *x > 0)
        {
            continue;
        }
        let weight: Fr = reads.iter().map(|a| tables[*a][at[*a]]).product();
        for (entry, to) in expected.iter_mut().enumerate() {
            *to += crate::field::fr_from_i64(map.entry(&at, entry)) * weight;
        }
    }
    assert_eq!(map.vector(&view, log), expected, "{name}: vector");
    let found = map.evaluate(&mut Native, &view, &y);
    assert_eq!(found, poly::evaluate(&expected, &y), "{name}: extension");
}

fn linear(terms: &[(usize, i64, usize)], scale: i64, offset: i64, size: usize) -> Map {
    let terms = terms.iter().map(|(axis, coefficient, size)| LinearTerm {
        axis: *axis,
        coefficient: *coefficient,
        size: *size,
    });
    Map::Linear(Linear {
        terms: terms.collect(),
        scale,
        offset,
        size,
    })
}

#[test]
fn every_map_is_its_entries_vector_and_extension() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let rng = &mut rng;
    agrees(rng, "same", &Map::Same { axis: 1 }, &[2, 3], 3);
    for at in 0..8 {
        agrees(rng, "fixed", &Map::Fixed { at }, &[2], 3);
        agrees(rng, "sum", &Map::Sum { below: at + 1 }, &[2], 3);
    }
    for size in 1..=8 {
        agrees(
            rng,
            "same below",
            &linear(&[(0, 1, size)], 1, 0, 8),
            &[3],
            3,
        );
        agrees(
            rng,
            "same below",
            &linear(&[(0, 1, 8)], 1, 0, size),
            &[3],
            3,
        );
    }
    for offset in -9..=9 {
        agrees(
            rng,
            "shift",
            &linear(&[(1, 1, 8)], 1, offset, 8),
            &[1, 3],
            3,
        );
        agrees(
            rng,
            "shift below",
            &linear(&[(1, 1, 5)], 1, offset, 7),
            &[1, 3],
            3,
        );
        agrees(rng, "narrow", &linear(&[(0, 1, 3)], 1, offset, 13), &[2], 4);
    }
    // Windows, strides, dilations, transposed ones, upsampling, slices, concatenation.
    for (view, map, log) in [
        ([5, 3], linear(&[(0, 1, 28), (1, 1, 5)], 1, 0, 32), 5),
        ([4, 3], linear(&[(0, 2, 14), (1, 1, 7)], 1, -3, 28), 5),
        ([4, 2], linear(&[(0, 1, 14), (1, 4, 3)], 1, -4, 14), 4),
        ([4, 2], linear(&[(0, 1, 11), (1, -1, 3)], 2, 1, 6), 3),
        ([5, 0], linear(&[(0, 1, 24)], 3, 0, 8), 3),
        ([5, 0], linear(&[(0, 3, 28)], 1, 17, 100), 7),
        ([6, 0], linear(&[(0, 1, 64)], 1, 64, 256), 8),
        ([6, 0], linear(&[(0, -1, 50)], 1, 49, 50), 6),
    ] {
        agrees(rng, "linear", &map, &view, log);
    }
    for _ in 0..200 {
        let logs = [rng.gen_range(0..4), rng.gen_range(0..4)];
        let log = rng.gen_range(0..5);
        let term = |rng: &mut ChaCha8Rng, axis: usize| {
            let size = rng.gen_range(1..=1usize << logs[axis]);
            (axis, rng.gen_range(-4..5), size)
        };
        let terms = [term(rng, 0), term(rng, 1)];
        let count = rng.gen_range(1..=2);
        let (scale, offset) = (rng.gen_range(1..4), rng.gen_range(-9..10));
        let size = rng.gen_range(1..=1 << log);
        let map = linear(&terms[..count], scale, offset, size);
        agrees(rng, "random", &map, &logs, log);
    }
}

/// The automaton alone, whatever [`Linear`] would choose.
#[test]
fn the_automaton_agrees_with_pairs() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    for round in 0..300 {
        let logs: Vec<usize> = (0..rng.gen_range(1..4))
            .map(|_| rng.gen_range(0..4))
            .collect();
        let points: Vec<Vec<Fr>> = logs.iter().map(|l| point(&mut rng, *l)).collect();
        let variables: Vec<automaton::Variable<'_, Fr>> = points
            .iter()
            .zip(&logs)
            .map(|(point, log)| automaton::Variable {
                coefficient: rng.gen_range(-5..6),
                point,
                size: rng.gen_range(1..=1 << log),
            })
            .collect();
        let constant = rng.gen_range(-12..13);
        let mut expected = Fr::ZERO;
        for at in places(&logs) {
            let pairs = variables.iter().zip(&at);
            let sum: i64 = pairs.clone().map(|(v, x)| v.coefficient * *x as i64).sum();
            if sum == constant && pairs.clone().all(|(v, x)| *x < v.size) {
                expected += pairs.map(|(v, x)| eq::table(v.point)[*x]).product::<Fr>();
            }
        }
        let found = automaton::evaluate(&mut Native, &variables, constant);
        assert_eq!(found, expected, "round {round}: {logs:?}");
    }
}

/// A random matrix, a term with masks, and the values of a view: all are one.
#[test]
fn a_wiring_is_its_values() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let entries: Vec<Pair> = places(&[1, 2])
        .into_iter()
        .flat_map(|view| (0..4).map(move |y| (view.clone(), y)))
        .filter(|_| rng.gen_bool(0.4))
        .map(|(view, y)| Pair {
            view,
            y,
            coefficient: if y == 2 { -7 } else { 3 },
        })
        .collect();
    let pairs = Map::Pairs(Pairs {
        axes: vec![3, 1],
        entries: entries.into(),
    });
    agrees(&mut rng, "pairs", &pairs, &[1, 2, 1, 1], 2);
    let wirings = [
        Wiring {
            view: vec![2, 2, 3, 1],
            axes: vec![(2, pairs), (3, Map::Same { axis: 2 })],
            masks: vec![Mask::Only { axis: 0, at: 2 }],
        },
        Wiring {
            view: vec![3, 2, 1],
            axes: vec![
                (3, Map::Linear(Linear::shift(0, 5, 1, 6))),
                (1, Map::Sum { below: 2 }),
                (2, Map::Same { axis: 1 }),
                (2, Map::Fixed { at: 3 }),
            ],
            masks: vec![Mask::Below { axis: 2, size: 1 }],
        },
        Wiring {
            view: vec![3, 2],
            axes: vec![
                (3, Map::Linear(Linear::shift(0, 8, 1, 5))),
                (2, Map::Same { axis: 1 }),
            ],
            masks: vec![],
        },
        Wiring {
            view: vec![4],
            axes: vec![(4, Map::Linear(Linear::shift(0, 16, -1, 16)))],
            masks: vec![],
        },
        Wiring {
            view: vec![2, 3, 2],
            axes: vec![(3, Map::Same { axis: 1 })],
            masks: vec![Mask::AtMost { axis: 0, bound: 2 }],
        },
    ];
    for wiring in wirings {
        assert_eq!(wiring.check(), Ok(()));
        let block: Vec<Fr> = (0..1 << wiring.block_log())
            .map(|_| Fr::random(&mut rng))
            .collect();
        let scale = Fr::random(&mut rng);
        let mut values = vec![Fr::ZERO; 1 << wiring.view_log()];
        for (index, value) in values.iter_mut().enumerate() {
            let view = &places(&wiring.view)[index];
            let holds = wiring.masks.iter().all(|mask| mask.holds(view));
            let logs: Vec<usize> = wiring.axes.iter().map(|(log, _)| *log).collect();
            for (at, y) in places(&logs).iter().enumerate().filter(|_| holds) {
                let entries = wiring
                    .axes
                    .iter()
                    .zip(y)
                    .map(|((_, map), y)| map.entry(view, *y));
                *value += scale * crate::field::fr_from_i64(entries.product()) * block[at];
            }
        }
        let mut by_runs = vec![Fr::ZERO; values.len()];
        let runs = wiring.runs();
        for (out, parts) in by_runs.chunks_mut(1 << runs.inner).zip(&runs.parts) {
            for (part, entry) in parts {
                let factor = scale * crate::field::fr_from_i64(*entry);
                let part = &block[part << runs.inner..];
                out.iter_mut().zip(part).for_each(|(o, v)| *o += factor * v);
            }
        }
        assert_eq!(by_runs, values, "runs");
        if let Some((to, from, count)) = wiring.shifted() {
            let mut shifted = vec![Fr::ZERO; values.len()];
            let pairs = shifted[to..to + count].iter_mut().zip(&block[from..]);
            pairs.for_each(|(o, v)| *o = scale * v);
            assert_eq!(shifted, values, "shifted");
        }
        totals_are_those_of_ones(&mut rng, &wiring);
        let at = point(&mut rng, wiring.view_log());
        let expected = poly::evaluate(&values, &at);
        let (mask, vectors) = wiring.vectors(&at);
        let mut kernel = vec![mask * scale];
        for vector in &vectors {
            kernel = kernel
                .iter()
                .flat_map(|k| vector.iter().map(move |v| k * v))
                .collect();
        }
        let found: Fr = kernel.iter().zip(&block).map(|(k, v)| k * v).sum();
        assert_eq!(found, expected, "vectors");
        let rho = point(&mut rng, wiring.block_log());
        let extension = wiring.evaluate(&mut Native, &at, &rho);
        assert_eq!(
            scale * extension,
            poly::evaluate(&kernel, &rho),
            "extension"
        );
    }
}

/// The values of a view of a block, by the entries of its maps.
fn values(wiring: &Wiring, block: &[Fr]) -> Vec<Fr> {
    let logs: Vec<usize> = wiring.axes.iter().map(|(log, _)| *log).collect();
    let inside = places(&logs);
    let value = |view: &Vec<usize>| {
        if !wiring.masks.iter().all(|mask| mask.holds(view)) {
            return Fr::ZERO;
        }
        let entry = |y: &Vec<usize>| -> i64 {
            let maps = wiring.axes.iter().zip(y);
            maps.map(|((_, map), y)| map.entry(view, *y)).product()
        };
        let terms = inside.iter().zip(block);
        terms.map(|(y, v)| fr_from_i64(entry(y)) * v).sum()
    };
    places(&wiring.view).iter().map(value).collect()
}

/// What a constant of one becomes.
fn totals_are_those_of_ones(rng: &mut ChaCha8Rng, wiring: &Wiring) {
    let ones = vec![Fr::ONE; 1 << wiring.block_log()];
    let expected = values(wiring, &ones);
    let (inner, totals) = wiring.totals();
    let found = totals
        .iter()
        .flat_map(|total| vec![fr_from_i64(*total); 1 << inner]);
    assert_eq!(found.collect::<Vec<Fr>>(), expected, "totals");
    if let Some(total) = wiring.plain_total() {
        assert!(expected.iter().all(|v| *v == fr_from_i64(total)));
    }
    let at = point(rng, wiring.view_log());
    let (factor, value) = wiring.total(&mut Native, &at);
    let found = factor * value.unwrap_or(Fr::ONE);
    assert_eq!(found, poly::evaluate(&expected, &at), "total");
}

/// A random map onto an axis of `log` from some of the view axes that are left.
fn random_map(rng: &mut ChaCha8Rng, view: &[usize], left: &mut Vec<usize>, log: usize) -> Map {
    let same = left.iter().position(|a| view[*a] == log);
    match (rng.gen_range(0..6), same) {
        (0 | 1, Some(at)) => Map::Same {
            axis: left.remove(at),
        },
        (0, _) => Map::Fixed {
            at: rng.gen_range(0..1 << log),
        },
        (1, _) => Map::Sum {
            below: rng.gen_range(1..=1 << log),
        },
        (2, _) if !left.is_empty() => {
            let axis = left.remove(0);
            let pairs = places(&[view[axis], log]).into_iter();
            let pairs = pairs.filter(|_| rng.gen_bool(0.3)).map(|at| Pair {
                view: vec![at[0]],
                y: at[1],
                coefficient: 3 * at[0] as i64 - 1,
            });
            let entries: Vec<Pair> = pairs.collect();
            Map::Pairs(Pairs {
                axes: vec![axis],
                entries: entries.into(),
            })
        }
        _ if !left.is_empty() => {
            let count = rng.gen_range(1..=left.len().min(2));
            let coefficients = [1, 1, 1, 2, 3, -1];
            let terms: Vec<_> = left
                .drain(..count)
                .map(|axis| {
                    let size = rng.gen_range(1..=1 << view[axis]);
                    (axis, coefficients[rng.gen_range(0..6)], size)
                })
                .collect();
            let scale = [1, 1, 1, 2][rng.gen_range(0..4)];
            linear(
                &terms,
                scale,
                rng.gen_range(-3..4),
                rng.gen_range(1..=1 << log),
            )
        }
        _ => Map::Fixed { at: 0 },
    }
}

fn random_wiring(rng: &mut ChaCha8Rng, block: &[usize]) -> Wiring {
    let view: Vec<usize> = (0..rng.gen_range(1..4))
        .map(|_| rng.gen_range(0..4))
        .collect();
    let mut left: Vec<usize> = (0..view.len()).collect();
    let axes = block
        .iter()
        .map(|log| (*log, random_map(rng, &view, &mut left, *log)))
        .collect();
    let mut masks = vec![];
    if let Some(axis) = left.pop().filter(|_| rng.gen_bool(0.3)) {
        masks.push(match left.iter().position(|a| view[*a] == view[axis]) {
            Some(at) if rng.gen_bool(0.5) => Mask::AtMost {
                axis,
                bound: left.remove(at),
            },
            _ => Mask::Below {
                axis,
                size: rng.gen_range(1..=1 << view[axis]),
            },
        });
    }
    Wiring { view, axes, masks }
}

/// A view of a view is one view, if the maps compose; and how many of them do.
#[test]
fn views_of_views_are_views() {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let (mut composed, mut linear) = (0, 0);
    for round in 0..3000 {
        let block = [rng.gen_range(0..3), rng.gen_range(0..3)];
        let inner = random_wiring(&mut rng, &block);
        let outer = random_wiring(&mut rng, &inner.view);
        let entries: Vec<Fr> = (0..1 << inner.block_log())
            .map(|_| Fr::random(&mut rng))
            .collect();
        let expected = values(&outer, &values(&inner, &entries));
        let Some((factor, both)) = outer.compose(&inner) else {
            continue;
        };
        let found = values(&both, &entries).into_iter();
        let found: Vec<Fr> = found.map(|v| fr_from_i64(factor) * v).collect();
        assert_eq!(found, expected, "{round}: {outer:?} of {inner:?}: {both:?}");
        assert_eq!(both.check(), Ok(()), "{round}: {both:?}");
        totals_are_those_of_ones(&mut rng, &both);
        composed += 1;
        let map = |w: &Wiring| w.axes.iter().any(|(_, m)| matches!(m, Map::Linear(_)));
        linear += usize::from(map(&outer) && map(&inner) && map(&both));
    }
    println!("views of views: {composed} of 3000 compose, {linear} linear maps of linear maps");
    assert!(composed > 2000 && linear > 100, "{composed}, {linear}");
}

/// What long axes ask for is linear, or is refused without being multiplied out.
#[test]
fn long_views_of_views_are_linear_or_refused() {
    let size = 1 << 20;
    let of = |offset: i64, size: usize, coefficient: i64| Wiring {
        view: vec![20],
        axes: vec![(20, linear(&[(0, coefficient, size)], 1, offset, size))],
        masks: vec![],
    };
    // Padded by 3 and then strided; a slice of what is padded needs a bound from below.
    let (padded, strided) = (of(-3, size, 1), of(0, size, 2));
    let (_, both) = strided.compose(&padded).expect("linear");
    assert_eq!(both.axes[0].1, linear(&[(0, 2, size)], 1, -3, size - 3));
    assert_eq!(of(-5, size, 1).compose(&of(5, size, 1)), None);
}

#[test]
fn wrong_wirings_are_refused() {
    let good = Wiring {
        view: vec![3, 2],
        axes: vec![(3, Map::Linear(Linear::shift(0, 5, 1, 6)))],
        masks: vec![Mask::Below { axis: 1, size: 3 }],
    };
    assert_eq!(good.check(), Ok(()));
    let refused = |name: &str, change: &dyn Fn(&mut Wiring)| {
        let mut wiring = good.clone();
        change(&mut wiring);
        assert!(wiring.check().is_err(), "{name} accepted");
    };
    let map = |map: Map| move |w: &mut Wiring| w.axes[0].1 = map.clone();
    refused("no such axis", &map(Map::Same { axis: 2 }));
    refused("other size", &|w| {
        w.axes[0].1 = Map::Same { axis: 1 };
        w.masks.clear();
    });
    refused("fixed outside", &map(Map::Fixed { at: 8 }));
    refused("sum of none", &map(Map::Sum { below: 0 }));
    refused("sum beyond", &map(Map::Sum { below: 9 }));
    refused("axis read twice", &|w| {
        w.masks[0] = Mask::Only { axis: 0, at: 0 }
    });
    refused("two axes from one", &|w| {
        w.axes.push((3, Map::Same { axis: 0 }))
    });
    refused("mask outside", &|w| {
        w.masks[0] = Mask::Only { axis: 1, at: 4 }
    });
    refused("mask of none", &|w| {
        w.masks[0] = Mask::Below { axis: 1, size: 0 }
    });
    refused("compared axes differ", &|w| {
        w.axes.clear();
        w.masks[0] = Mask::AtMost { axis: 0, bound: 1 };
    });
    refused("too many states", &map(linear(&[(0, 5000, 5)], 1, 0, 8)));
    // Before its table is computed, for what that costs.
    let mut long = good.clone();
    long.view[0] = MAX_PAIRS_LOG + 1;
    long.axes[0].1 = Map::Pairs(Pairs {
        axes: vec![0],
        entries: Arc::from([]),
    });
    let found = long.check().expect_err("long axes of pairs");
    assert!(
        matches!(found, MapError::Bound { what, .. } if what == "log2 of an axis of pairs"),
        "{found}"
    );
    refused(
        "bound beyond the view",
        &map(Map::Linear(Linear::shift(0, 9, 1, 6))),
    );
    refused(
        "bound beyond the block",
        &map(Map::Linear(Linear::shift(0, 5, 1, 9))),
    );
    refused("scale of zero", &map(linear(&[(0, 1, 5)], 0, 0, 8)));
    refused("negative scale", &map(linear(&[(0, 1, 5)], -1, 0, 8)));
    refused(
        "large coefficient",
        &map(linear(&[(0, 1 << 21, 5)], 1, 0, 8)),
    );
    refused(
        "largest coefficient",
        &map(linear(&[(0, i64::MIN, 5)], 1, 0, 8)),
    );
    refused("large offset", &map(linear(&[(0, 1, 5)], 1, 1 << 21, 8)));
    refused("no axes", &map(linear(&[], 1, 0, 8)));
    refused("many axes", &|w| {
        w.view = vec![1; 8];
        let terms: Vec<_> = (0..MAX_VARIABLES).map(|axis| (axis + 2, 1, 2)).collect();
        w.axes[0].1 = linear(&terms, 1, 0, 8);
        w.masks.clear();
    });
    // Few enough by their coefficients, too many by what is reached.
    refused("many states", &|w| {
        w.view[0] = 9;
        w.axes[0] = (20, linear(&[(0, 1500, 1 << 9)], 1, 0, 1 << 20));
    });
    refused("many tables of pairs", &|w| {
        w.view = vec![MAX_PAIRS_LOG; 20];
        w.axes[0].1 = Map::Pairs(Pairs {
            axes: (0..20).collect(),
            entries: Arc::from([Pair {
                view: vec![0; 20],
                y: 0,
                coefficient: 1,
            }]),
        });
        w.masks.clear();
    });
    let pair = |view: usize, y, coefficient| Pair {
        view: vec![view],
        y,
        coefficient,
    };
    let pairs = |entries: Vec<Pair>| {
        map(Map::Pairs(Pairs {
            axes: vec![0],
            entries: entries.into(),
        }))
    };
    refused("pair outside the view", &pairs(vec![pair(8, 0, 1)]));
    refused("pair outside the block", &pairs(vec![pair(0, 8, 1)]));
    refused(
        "a pair repeated",
        &pairs(vec![pair(1, 2, 1), pair(1, 2, 1)]),
    );
    refused("a pair of zero", &pairs(vec![pair(1, 2, 0)]));
    refused(
        "a pair of a large number",
        &pairs(vec![pair(1, 2, (1 << 32) + 1)]),
    );
    refused("many pairs", &|w| {
        w.view[0] = MAX_PAIRS_LOG;
        let entries = (0..=MAX_PAIRS).map(|i| pair(i % MAX_PAIRS, i / MAX_PAIRS, 1));
        pairs(entries.collect())(w);
    });
    refused("a pair of two axes", &|w| {
        let mut two = pair(1, 2, 1);
        two.view.push(0);
        pairs(vec![two])(w);
    });
}
