//! Recurrences: what they compute against whole tensors that settle, proofs of them, runs whose steps read another state, gates
//! that are another's, every column off by one, and programs whose steps would not follow from each other.

use std::sync::OnceLock;

use laminate_engine::fold::FoldMode;
use laminate_model::ops::{Delay, Dense, Relu, View};
use laminate_model::program::{AxisMap, Node, Op, Program, TensorView};
use laminate_prover::exec;
use laminate_prover::exec::Trace;
use laminate_tests::attack::{Tally, srs};
use laminate_tests::forger::{At, Forger};
use laminate_tests::isolated::Isolated;
use laminate_tests::programs::{refuse, tensor};
use laminate_tests::recurrent::{Alter, From, ODD, Read, Sizes, lstm, settled};
use laminate_tests::{Case, prove_case};

const STEPS: usize = ODD.steps as usize;

fn both() -> [&'static Isolated; 2] {
    static BOTH: OnceLock<[Isolated; 2]> = OnceLock::new();
    let of = || [8, 16].map(|bits| Isolated::of(lstm(3, bits, ODD)));
    BOTH.get_or_init(of).each_ref()
}

/// Whether a forgery is tried with this width of limbs: with one of the two, unless all are asked for.
fn tried(number: usize, width: usize) -> bool {
    number % 2 == width || std::env::var_os("LAMINATE_SWEEP").is_some()
}

fn unaltered(_: &Node, _: &mut Vec<i32>) {}

fn sizes(steps: u32, inputs: u32, units: u32) -> Sizes {
    Sizes {
        steps,
        inputs,
        units,
    }
}

#[test]
fn steps_are_what_whole_tensors_settle_to() {
    for (seed, sizes) in [
        (1, ODD),
        (2, sizes(1, 3, 2)),
        (3, sizes(2, 1, 1)),
        (4, sizes(8, 4, 4)),
        (5, sizes(13, 2, 5)),
    ] {
        let case = lstm(seed, 8, sizes);
        let run = exec::run(&case.program, &case.weights, &case.inputs).expect("run");
        let honest = |_: usize, time: usize| sizes.honest(time);
        let settled = settled(&case, &honest, &unaltered).expect("settles");
        assert!(run == settled, "{sizes:?}");
        // Padding is something, so that what reads it would show.
        let hidden = &run.tensors[case.program.output];
        assert!(hidden.iter().filter(|v| **v != 0).count() > hidden.len() / 4);
    }
}

#[test]
fn recurrences_are_proven() {
    let mut proven = 0;
    for (seed, bits, sizes) in [
        (1, 8, ODD),
        (1, 16, ODD),
        (2, 8, sizes(1, 3, 2)),
        (4, 16, sizes(4, 4, 4)),
        (5, 8, sizes(6, 1, 1)),
    ] {
        let case = lstm(seed, bits, sizes);
        for mode in [FoldMode::On, FoldMode::Off] {
            let proof = prove_case(&case, srs(), mode, seed);
            let verifier = &proof.model.verifier;
            let found = verifier.verify_native(&proof.statement, &proof.proof, &srs().tau_g2);
            assert_eq!(found, Ok(()), "{sizes:?}");
            proven += 1;
        }
    }
    println!("recurrences: {proven} proven");
}

/// Claims that a run is one of the case.
fn claim(tally: &mut Tally, name: &str, case: &Case, trace: &Trace) {
    let forged = Forger::with_trace(case, trace, srs());
    let broken = forged.broken();
    assert!(!broken.is_empty(), "SOUNDNESS: {name}: nothing is false");
    tally.refuse(name, "", &forged);
}

/// Runs that are consistent but for what steps read.
#[test]
fn steps_that_read_another_state_are_refused() {
    let mut tally = Tally::new("states of other steps");
    let step = |wanted: bool, time: usize| match wanted {
        true => From::Step(time),
        false => From::Zero,
    };
    // Of delays that both lie, and each alone.
    let lies: [(&str, Box<Read<'static>>); 10] = [
        (
            "the next step",
            Box::new(move |_, t| match t + 1 {
                STEPS => From::Initial,
                next => step(next < STEPS, next),
            }),
        ),
        (
            "two steps before",
            Box::new(move |_, t| match t {
                0 | 1 => From::Initial,
                _ => step(t < STEPS, t - 2),
            }),
        ),
        (
            "no initial state",
            Box::new(move |_, t| step(t > 0 && t < STEPS, t.wrapping_sub(1))),
        ),
        (
            "the initial state twice",
            Box::new(move |_, t| match t {
                0 | 1 => From::Initial,
                _ => step(t < STEPS, t - 1),
            }),
        ),
        (
            "a state that is lost",
            Box::new(move |_, t| match t {
                0 => From::Initial,
                2 => From::Zero,
                _ => step(t < STEPS, t - 1),
            }),
        ),
        (
            "the last step as its predecessor",
            Box::new(move |_, t| match t {
                0 => From::Initial,
                _ if t + 1 == STEPS => From::Step(t - 2),
                _ => step(t < STEPS, t - 1),
            }),
        ),
        (
            "a padded step first",
            Box::new(move |_, t| match t {
                0 => From::Step(STEPS),
                _ => step(t < STEPS, t - 1),
            }),
        ),
        (
            "padding that goes on",
            Box::new(move |_, t| match t {
                0 => From::Initial,
                _ => From::Step(t - 1),
            }),
        ),
        (
            "an initial state in the padding",
            Box::new(move |_, t| match t {
                0 => From::Initial,
                _ if t < STEPS => From::Step(t - 1),
                _ => From::Initial,
            }),
        ),
        (
            "the same step",
            Box::new(move |_, t| match t {
                0 => From::Initial,
                2 => From::Step(2),
                _ => step(t < STEPS, t - 1),
            }),
        ),
    ];
    let mut unsettled = vec![];
    for (width, isolated) in both().into_iter().enumerate() {
        let case = &isolated.case;
        for (at, (name, lie)) in lies.iter().enumerate() {
            for (number, only) in [None, Some(0), Some(1)].into_iter().enumerate() {
                if !tried(at + number, width) {
                    continue;
                }
                let read = |delay: usize, time: usize| match only {
                    Some(only) if only != delay => ODD.honest(time),
                    _ => lie(delay, time),
                };
                match settled(case, &read, &unaltered) {
                    Some(trace) => claim(&mut tally, name, case, &trace),
                    None => unsettled.push(*name),
                }
            }
        }
    }
    // Only of steps that read themselves, or each other, a run need not be there.
    let circular = ["the same step", "the next step"];
    assert!(
        unsettled.iter().all(|name| circular.contains(name)) && unsettled.len() <= 8,
        "{unsettled:?}"
    );
    println!(
        "{} circular equations have no run that was found",
        unsettled.len()
    );
}

/// The node that makes a tensor of this name.
fn named(case: &Case, name: &str) -> usize {
    let nodes = &case.program.nodes;
    let found = nodes.iter().position(|node| node.name == name);
    found.unwrap_or_else(|| panic!("no {name}"))
}

/// Gates of other steps, exchanged ones, and results in padding, with all that follows from them.
#[test]
fn gates_of_others_are_refused() {
    let mut tally = Tally::new("gates");
    let honest = |_: usize, time: usize| ODD.honest(time);
    let units = ODD.units.next_power_of_two() as usize;
    let names = [
        "input",
        "output",
        "forget",
        "candidate",
        "kept",
        "cell",
        "hidden",
    ];
    for (width, isolated) in both().into_iter().enumerate() {
        let case = &isolated.case;
        for (number, name) in names.into_iter().enumerate() {
            if !tried(number, width) {
                continue;
            }
            // As they are in the honest run, so that no step waits for itself.
            let run = &isolated.trace.tensors[case.program.nodes[named(case, name)].output];
            for (from, to) in [(1, 2), (3, 2), (STEPS - 1, 0), (STEPS, STEPS - 1)] {
                let moved = move |node: &Node, values: &mut Vec<i32>| {
                    if node.name != name {
                        return;
                    }
                    let row = values.len() / 2;
                    for (slot, run) in values.chunks_mut(row).zip(run.chunks(row)) {
                        let step = |at: usize| at * units..(at + 1) * units;
                        slot[step(to)].copy_from_slice(&run[step(from)]);
                    }
                };
                let alter: &Alter<'_> = &moved;
                let trace = settled(case, &honest, alter).expect("settles");
                claim(
                    &mut tally,
                    &format!("{name}: step {from} as {to}"),
                    case,
                    &trace,
                );
            }
            // Behind the ends of both axes.
            for place in [STEPS * units, units - 1, 7 * units + 3] {
                let lie = move |node: &Node, values: &mut Vec<i32>| {
                    if node.name == name {
                        values[place] += 5;
                    }
                };
                let trace = settled(case, &honest, &lie).expect("settles");
                claim(
                    &mut tally,
                    &format!("{name}: padding {place}"),
                    case,
                    &trace,
                );
            }
        }
        for (a, b) in [("kept", "added"), ("added", "hidden")] {
            let mut other = case.clone();
            let [a, b] = [a, b].map(|name| named(case, name));
            let gate = other.program.nodes[a].inputs[0];
            other.program.nodes[a].inputs[0] = other.program.nodes[b].inputs[0];
            other.program.nodes[b].inputs[0] = gate;
            let run = exec::run(&other.program, &other.weights, &other.inputs).expect("run");
            claim(&mut tally, "exchanged gates", case, &run);
        }
        // States exchanged, and those of the other slot.
        let mut other = case.clone();
        let delays = ["hidden before", "cell before"].map(|name| named(case, name));
        let initial = other.program.nodes[delays[0]].inputs[1];
        other.program.nodes[delays[0]].inputs[1] = other.program.nodes[delays[1]].inputs[1];
        other.program.nodes[delays[1]].inputs[1] = initial;
        let run = exec::run(&other.program, &other.weights, &other.inputs).expect("run");
        claim(&mut tally, "exchanged initial states", case, &run);
    }
}

/// Every committed value is the only one, on padding as well.
#[test]
fn every_column_is_bound() {
    let mut tally = Tally::new("columns of a recurrence");
    let mut false_ones = 0;
    for isolated in both() {
        for node in 0..isolated.case.program.nodes.len() {
            for at in isolated.columns(node) {
                // Inside, and in the second slot; what is behind the ends of axes is between.
                let width = isolated.width(node);
                for (index, moved) in [(width / 2, 1), (width - 1, -1), (width, -1)] {
                    let value = isolated.get(node, at, index);
                    let forged = isolated.lie(node, &[(at, index, value + moved)]);
                    let broken = forged.broken();
                    assert!(!broken.is_empty(), "SOUNDNESS: node {node} {at:?} {index}");
                    false_ones += 1;
                    if at == At::Output && moved == 1 {
                        tally.refuse("a column off by one", "", &forged);
                    }
                }
            }
        }
    }
    println!(
        "columns of a recurrence: {false_ones} values off by one, each makes a statement false"
    );
}

/// Adds a delay of a ReLU of what `between` makes of the delay.
fn looped(
    program: &mut Program,
    axes: &[u32],
    delay: Delay,
    initial: &[usize],
    between: impl FnOnce(&mut Program, usize) -> usize,
) {
    let state = program.tensors.len();
    program.tensors.push(tensor(axes, 1));
    let before = laminate_tests::programs::node(
        program,
        delay.into(),
        &[&[state], initial].concat(),
        tensor(axes, 1),
    );
    let made = between(program, before);
    program.nodes.push(Node {
        name: "state".into(),
        op: Relu.into(),
        inputs: vec![made],
        output: state,
    });
}

#[test]
fn programs_whose_steps_do_not_follow_are_refused() {
    use laminate_tests::programs::{node, weights};
    let honest = lstm(3, 8, ODD).program;
    let axes = [5, 3];
    let delay = |operands| Delay { operands };
    // A recurrence of its own is none that is refused.
    let mut own = honest.clone();
    looped(&mut own, &axes, delay(1), &[], |_, x| x);
    assert_eq!(own.check(), Ok(()));
    // What is there already, what nobody makes, itself.
    refuse(&honest, "no later node makes", |p| {
        let made = p.output;
        node(p, delay(1).into(), &[made], tensor(&axes, 1));
    });
    refuse(&honest, "no later node makes", |p| {
        let input = p.input;
        node(p, delay(1).into(), &[input], tensor(&[5, 2], 1));
    });
    refuse(&honest, "no later node makes", |p| {
        let own = p.tensors.len();
        node(p, delay(1).into(), &[own], tensor(&axes, 1));
    });
    // Of tokens.
    refuse(
        &laminate_tests::programs::stacked(),
        "is an op over rows",
        |p| {
            let own = p.tensors.len();
            node(p, delay(1).into(), &[own], tensor(&axes, 1));
        },
    );
    // An op that reads other steps, or all of them.
    let moved = |maps: Vec<AxisMap>, words: &str| {
        refuse(&honest, words, |p| {
            looped(p, &axes, delay(1), &[], |p, x| {
                p.views.push(TensorView::of(maps));
                let view = p.views.len() - 1;
                node(
                    p,
                    Op::View(View { view, operands: 1 }),
                    &[x],
                    tensor(&axes, 1),
                )
            });
        });
    };
    let same = |axis| AxisMap::Same { axis };
    let steps = "the same at every step";
    moved(vec![AxisMap::shift(0, 1), same(1)], steps);
    moved(vec![AxisMap::shift(0, 0), same(1)], steps);
    moved(vec![AxisMap::Sum { below: 5 }, same(1)], steps);
    let backwards = AxisMap::Linear {
        terms: vec![(0, -1)],
        scale: 1,
        offset: 4,
    };
    moved(vec![backwards, same(1)], steps);
    refuse(&honest, steps, |p| {
        looped(p, &axes, delay(1), &[], |p, x| {
            // Of all steps together.
            let weight = weights(p, &axes, &axes, 1);
            node(
                p,
                Op::Dense(Dense { weight, shift: 16 }),
                &[x],
                tensor(&axes, 1),
            )
        });
    });
    // Delays of unlike times in one recurrence, by a square that is turned.
    refuse(&honest, "recurrence has 3 steps", |p| {
        looped(p, &[3, 4], delay(1), &[], |p, x| {
            looped(p, &[4, 3], delay(1), &[], |_, y| y);
            x
        });
    });
    // Initial states: other axes, several, and one that is not known yet.
    refuse(&honest, "begins with [3], a step is [4]", |p| {
        let initial = node(
            p,
            Op::Relu(Relu),
            &[named_output(p, "initial cell")],
            tensor(&[3], 1),
        );
        looped(p, &[5, 4], delay(2), &[initial], |_, x| x);
    });
    for operands in [0, 3] {
        refuse(
            &honest,
            "expected a state and at most an initial one",
            |p| {
                let initial = named_output(p, "initial cell");
                let others = vec![initial; operands.max(1) - 1];
                looped(p, &axes, Delay { operands }, &others, |_, x| x);
                if operands == 0 {
                    let delay = p.nodes.len() - 2;
                    p.nodes[delay].inputs.clear();
                }
            },
        );
    }
    refuse(&honest, "depends on the recurrence itself", |p| {
        looped(p, &axes, delay(1), &[], |p, x| {
            // As many features as there are steps.
            looped(p, &[5, 5, 3], delay(2), &[x], |_, y| y);
            x
        });
    });
    // States that stand in no column, and such of no features.
    refuse(&honest, "expected one with a column of its own", |p| {
        let before = p.tensors.len();
        looped(p, &axes, delay(1), &[], |_, x| x);
        // Its ReLU stored elsewhere, the state a view of that.
        let stored = p.tensors.len();
        p.tensors.push(tensor(&axes, 1));
        p.nodes.last_mut().expect("a node").output = stored;
        p.views.push(TensorView::of(vec![same(0), same(1)]));
        let view = p.views.len() - 1;
        p.nodes.push(Node {
            name: "view".into(),
            op: Op::View(View { view, operands: 1 }),
            inputs: vec![stored],
            output: before,
        });
    });
    refuse(&honest, "expected steps and features", |p| {
        looped(p, &[5], delay(1), &[], |_, x| x);
    });
    refuse(&honest, "output [5, 3]", |p| {
        looped(p, &axes, delay(1), &[], |_, x| x);
        let state = p.nodes.last().expect("a node").output;
        p.tensors[state].axes = vec![3, 5];
    });
}

fn named_output(program: &Program, name: &str) -> usize {
    let found = program.nodes.iter().find(|node| node.name == name);
    found.expect("such a node").output
}
