//! Forgeries of language models: a wrong step, everything after it recomputed, lookups counted anew and
//! the statement made to fit. Each must be refused, by the relation that it breaks.

use std::cell::Cell;

use laminate_model::ops::{Mix, RmsNorm};
use laminate_model::program::{Op, Role};
use laminate_tests::attack::{Attack, Attention, Tally, overwrite};
use laminate_tests::forger::{At, element};
use laminate_tests::replay::{DIVISION, Replay, Step, norm_row, roots, rounded};
use laminate_tests::sequence::Shape;

/// Block and row `slot·8 + head` of an attention matrix; heads are `2·4`, padded.
const ROWS: [(usize, usize); 3] = [(0, 3 * 8), (1, 4 * 8 + 1), (2, 5 * 8 + 6)];
/// A slot that decides the last output alone.
const LAST: usize = 5;

fn softmax(op: &Op) -> bool {
    matches!(op, Op::Softmax(_))
}

fn attention_rows(
    tally: &mut Tally,
    what: &str,
    by: &str,
    change: impl Fn(&mut Attention) -> Option<()>,
) {
    let attack = Attack::small();
    let node = attack.node(softmax);
    for (block, row) in ROWS {
        let trace = attack.steered((node, block), |x, step| {
            Attention::alter(attack, row, &x[0], step, &change)
        });
        if let Some(trace) = trace {
            tally.refuse(what, by, &attack.forger(&trace));
        }
    }
}

#[test]
fn wrong_attention_rows_are_refused() {
    let mut tally = Tally::new("attention rows");
    let tally = &mut tally;
    attention_rows(tally, "another exponential", "lookup root", |row| {
        let u = row.at(|z| z > 0)?;
        row.values[u] += 5;
        Some(())
    });
    attention_rows(
        tally,
        "the exponential of another depth",
        "softmax",
        |row| {
            let u = row.at(|z| z > 0)?;
            row.depth[u] -= 1;
            row.values[u] = row.table[row.depth[u] as usize].into();
            Some(())
        },
    );
    attention_rows(tally, "maximum one too large", "softmax", |row| {
        row.maximum += 1;
        row.follow(row.seen);
        Some(())
    });
    attention_rows(
        tally,
        "maximum one too large, nothing picked",
        "batching",
        |row| {
            row.maximum += 1;
            row.follow(row.seen);
            row.pick(None);
            Some(())
        },
    );
    attention_rows(tally, "the second largest as maximum", "softmax", |row| {
        let second = (1..1 << 16).find(|z| row.depth[..row.seen].contains(z))?;
        row.maximum -= second;
        row.follow(row.seen);
        row.pick(row.at(|z| z == 0));
        Some(())
    });
    attention_rows(tally, "a pick that is not the maximum", "softmax", |row| {
        row.pick(Some(row.at(|z| z > 0)?));
        Some(())
    });
    attention_rows(tally, "a pick of two", "batching", |row| {
        let place = row.at(|z| z == 0)?;
        row.pick[place] = 2;
        Some(())
    });
    attention_rows(
        tally,
        "a pick of two, less one elsewhere",
        "softmax",
        |row| {
            let (zero, other) = (row.at(|z| z == 0)?, row.at(|z| z > 0)?);
            (row.pick[zero], row.pick[other]) = (2, -1);
            Some(())
        },
    );
}

#[test]
fn attention_to_the_future_is_refused() {
    let mut tally = Tally::new("future tokens");
    let tally = &mut tally;
    attention_rows(tally, "a later token by its score", "softmax", |row| {
        row.maximum = *row.scores[..=row.seen].iter().max()?;
        row.follow(row.seen + 1);
        row.pick(row.depth.iter().position(|z| *z == 0));
        Some(())
    });
    attention_rows(tally, "a later token alone", "softmax", |row| {
        row.maximum = row.scores[row.seen];
        row.depth.fill((1 << 16) - 1);
        row.values.fill(0);
        row.depth[row.seen] = 0;
        row.values[row.seen] = row.table[0].into();
        row.pick(Some(row.seen));
        Some(())
    });
    attention_rows(
        tally,
        "a masked place with a weight",
        "lookup root",
        |row| {
            row.values[row.seen] = row.table[0].into();
            Some(())
        },
    );
    attention_rows(tally, "an earlier token masked", "softmax", |row| {
        let u = row.at(|z| z > 0)?;
        (row.depth[u], row.values[u]) = ((1 << 16) - 1, 0);
        Some(())
    });
}

#[test]
fn wrong_head_sharing_is_refused() {
    let attack = Attack::small();
    let mut tally = Tally::new("head sharing");
    let nodes = [
        (attack.node(|op| matches!(op, Op::Scores(_))), "scores"),
        (attack.node(|op| *op == Op::Mix(Mix)), "mix"),
    ];
    for (node, by) in nodes {
        for block in 0..3 {
            // Keys and values are (slots, 2 groups, 8 features).
            let before = |n: usize, b: usize, operands: &mut [Vec<i64>]| {
                if (n, b) == (node, block) {
                    operands[1]
                        .chunks_mut(16)
                        .for_each(|slot| slot.rotate_left(8));
                }
            };
            let replay = Replay {
                before: &before,
                ..attack.replay()
            };
            tally.refuse("groups exchanged", by, &attack.forger(&replay.run().0));
        }
    }
}

#[test]
fn wrong_rotations_are_refused() {
    let attack = Attack::small();
    let mut tally = Tally::new("rotations");
    let half = Shape::SMALL.half as usize;
    let mut run = |what: &str, change: &dyn Fn(&mut [i32], &mut [i32])| {
        let mut program = attack.case.program.clone();
        let table = &mut program.rope[0];
        change(&mut table.cos, &mut table.sin);
        let replay = Replay {
            program: &program,
            ..attack.replay()
        };
        tally.refuse(what, "rope", &attack.forger(&replay.run().0));
    };
    run("positions one later", &|cos, sin| {
        cos.rotate_left(half);
        sin.rotate_left(half);
    });
    run("positions one earlier", &|cos, sin| {
        cos.rotate_right(half);
        sin.rotate_right(half);
    });
    run("the other way", &|_, sin| {
        sin.iter_mut().for_each(|s| *s = -*s)
    });
    run("one angle", &|cos, _| cos[4 * half + 1] += 1);
}

#[test]
fn wrong_norms_are_refused() {
    let attack = Attack::small();
    let mut tally = Tally::new("norms");
    for node in attack.nodes(|op| matches!(op, Op::RmsNorm(_))) {
        let Op::RmsNorm(RmsNorm { epsilon, numerator }) = attack.case.program.nodes[node].op else {
            continue;
        };
        let slot = LAST;
        let mut run = |what: &str, by: &str, forge: &dyn Fn(&[i64]) -> Step| {
            let trace = attack.steered((node, 0), |x, step| {
                overwrite(step, slot, forge(&x[0][slot * 16..][..16]));
                true
            });
            tally.refuse(what, by, &attack.forger(&trace.expect("a row")));
        };
        for moved in [(1, 0), (-1, 0), (0, 1), (0, -1)] {
            let what = format!("root and reciprocal moved by {moved:?}");
            run(&what, "norm root", &|x| {
                norm_row(x, (epsilon, numerator), moved)
            });
        }
        run("no epsilon", "norm energy", &|x| {
            norm_row(x, (0, numerator), (0, 0))
        });
        run("energy of another row", "norm energy", &|x| {
            norm_row(x, (epsilon + 1_000_000, numerator), (0, 0))
        });
        run("another numerator", "norm root", &|x| {
            norm_row(x, (epsilon, numerator + (1 << 36)), (0, 0))
        });
        run("root zero", "norm root", &|x| {
            let energy = x.iter().map(|x| i128::from(x * x)).sum::<i128>() + i128::from(epsilon);
            let mut out = rounded(32, x.len(), |_| 0);
            for (role, value) in roots(energy, numerator.into(), 0, 0) {
                out.role(role).push(value);
            }
            out
        });
    }
}

#[test]
fn wrong_mixes_are_refused() {
    let attack = Attack::small();
    let mut tally = Tally::new("mixes");
    let node = attack.node(|op| *op == Op::Mix(Mix));
    for (block, row) in ROWS {
        for (what, by, total, moved) in [
            ("reciprocal one too large", "attention division", 0, 1),
            ("reciprocal one too small", "attention division", 0, -1),
            ("total one too large", "batching", 1, 0),
            ("total one too small", "batching", -1, 0),
        ] {
            let trace = attack.steered((node, block), |x, step| {
                let weights = &x[0][row * 8..][..8];
                let total = weights.iter().sum::<i64>() as i128 + total;
                let reciprocal = (1i128 << 32) / total + moved;
                let rest = (1 << 32) - total * reciprocal;
                let group = row / 4 % 2;
                let mut new = rounded(32, 8, |d| {
                    let value = |u: usize| i128::from(x[1][(u * 2 + group) * 8 + d]);
                    let pairs = weights.iter().enumerate();
                    pairs.map(|(u, e)| i128::from(*e) * value(u)).sum::<i128>() * reciprocal
                });
                for (role, v) in DIVISION
                    .iter()
                    .zip([total, reciprocal, rest, total - 1 - rest])
                {
                    new.role(*role).push(v);
                }
                overwrite(step, row, new);
                true
            });
            tally.refuse(what, by, &attack.forger(&trace.expect("a row")));
        }
    }
}

/// A result that is one off, with everything after it recomputed: its remainder is below zero or above its
/// limbs, and the limb that says so is an element of the field that nothing but the range check refuses.
#[test]
fn remainders_out_of_range_are_refused() {
    let attack = Attack::prompted();
    let mut tally = Tally::new("remainders");
    for (index, node) in attack.case.program.nodes.iter().enumerate() {
        if node.op.remainder_bytes() == 0 {
            continue;
        }
        let shift = 8 * node.op.remainder_bytes();
        let stacked = attack.case.program.tensors[node.output].stack > 1;
        for block in if stacked { vec![0, 2] } else { vec![0] } {
            for delta in [1, -1] {
                let place = Cell::new(0);
                let trace = attack.steered((index, block), |_, step| {
                    let size = step.values.len();
                    let at = 3 * (size / 8) + 1;
                    step.values[at] += delta;
                    place.set(block * size + at);
                    true
                });
                let mut forger = attack.forger(&trace.expect("a value"));
                let role = At::Aux(Role::REMAINDER);
                let top = forger.limbs(index, role).0.len() - 1;
                let held = forger.integer(index, role, place.get());
                let wanted = held - (i128::from(delta) << shift);
                forger.put_in((index, role), top, place.get(), element(wanted));
                forger.recount_elements();
                let what = format!("range: node {index}: Remainder limb {top}");
                tally.refuse_alone(&what, "lookup root", &forger);
            }
        }
    }
}

/// The same with the limbs that the honest result has, or other ones that are in range.
#[test]
fn remainders_of_another_result_are_refused() {
    let attack = Attack::small();
    let mut tally = Tally::new("remainders of another result");
    for (index, node) in attack.case.program.nodes.iter().enumerate() {
        if node.op.remainder_bytes() == 0 {
            continue;
        }
        let stacked = attack.case.program.tensors[node.output].stack > 1;
        for block in if stacked { vec![0, 2] } else { vec![0] } {
            for delta in [1, -1] {
                let trace = attack.steered((index, block), |_, step| {
                    let at = 3 * (step.values.len() / 8) + 1;
                    step.values[at] += delta;
                    true
                });
                let forger = attack.forger(&trace.expect("a value"));
                tally.refuse(node.op.name(), "joint sumcheck", &forger);
            }
        }
        let trace = attack.steered((index, 0), |_, step| {
            step.role(Role::REMAINDER)[1] ^= 1;
            true
        });
        let forger = attack.forger(&trace.expect("a value"));
        tally.refuse("remainder alone", "joint sumcheck", &forger);
    }
}
