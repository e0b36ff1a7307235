//! What a registrant may put into a table of nodes.

use laminate_engine::fold::FoldMode;
use laminate_model::ops::forest::Row;
use laminate_prover::exec;
use laminate_prover::exec::{ExecError, Trace};
use laminate_tests::attack::{Tally, srs};
use laminate_tests::forest::{Step, replay};
use laminate_tests::forger::Forger;

use super::{ROOT, SUM, forest, row};

/// A table of nodes by what is wrong, the rows that are other ones, and whether the executor runs it.
type Malformed = (&'static str, Vec<(usize, Row)>, bool);

/// What a registrant may put into a table of nodes.
fn malformed() -> Vec<Malformed> {
    let leaf = |child: u32, value: i32| Row {
        child,
        value,
        ..Row::default()
    };
    let halt = forest().1.0.len() - 1;
    let split = |variant: u32, child: u32| Row {
        variant,
        threshold: 5,
        child,
        value: 3,
    };
    vec![
        ("a node that leads to itself", vec![(0, leaf(0, 11))], true),
        (
            "a cycle of two",
            vec![(0, leaf(1, 2)), (1, leaf(0, 3))],
            true,
        ),
        (
            "a halting node with a value",
            vec![(halt, leaf(halt as u32, 1))],
            true,
        ),
        (
            "a halting node that goes on",
            vec![(halt, leaf(3, 0))],
            true,
        ),
        (
            "a leaf whose threshold is the lowest key",
            vec![(
                2,
                Row {
                    threshold: i32::MIN,
                    ..row(2)
                },
            )],
            true,
        ),
        ("a node that leads to padding", vec![(0, leaf(31, 5))], true),
        ("a padded feature", vec![(0, split(7, 4))], true),
        ("a child beyond the table", vec![(0, leaf(32, 5))], false),
        (
            "a second child beyond the table",
            vec![(0, split(4, 31))],
            false,
        ),
        ("a negative child", vec![(0, leaf(u32::MAX, 5))], false),
        (
            "a variant beyond those that exist",
            vec![(0, split(16, 4))],
            false,
        ),
        (
            "another slot's features, if slot and variant were one number",
            vec![(0, split(20, 4))],
            false,
        ),
    ]
}

/// A malformed table is a function like any other where it has a run: that run is accepted, and the same with any other
/// output is not. Where it has none, the executor says so and no proof of what it might be is accepted.
#[test]
fn malformed_tables_have_one_output_or_none() {
    let mut tally = Tally::new("malformed tables");
    let (case, nodes) = forest();
    let mut accepted = 0;
    for (what, rows, runs) in malformed() {
        let mut table = nodes.clone();
        for (n, row) in rows {
            table.0[n] = row;
        }
        let mut changed = case.clone();
        changed.weights.dense = vec![table.weights()];
        let executed = exec::run(&changed.program, &changed.weights, &changed.inputs);
        assert_eq!(executed.is_ok(), runs, "{what}: {executed:?}");
        if !runs {
            assert!(
                matches!(executed, Err(ExecError::ForestNode { .. })),
                "{what}"
            );
        }
        let register = |trace: &Trace| {
            let mut forger = Forger::with_trace(case, trace, srs());
            forger.register_words(srs(), |words| {
                let stored = changed.weights.dense[0].bias.chunks(table.0.len());
                for (to, from) in words.chunks_mut(32).zip(stored) {
                    for (to, word) in to.iter_mut().zip(from) {
                        *to = word.cast_unsigned() ^ (1 << 31);
                    }
                }
            });
            forger
        };
        let trace = replay(&changed, &table, |_, step| step);
        if runs {
            assert_eq!(executed.as_ref(), Ok(&trace), "{what}");
            assert_eq!(
                register(&trace).verdict(srs(), FoldMode::On),
                Ok(()),
                "{what}"
            );
            accepted += 1;
            let other = replay(&changed, &table, |place, s| match place.step {
                0 => Step {
                    value: s.value + 1,
                    ..s
                },
                _ => s,
            });
            tally.refuse(what, ROOT, &register(&other));
        } else {
            tally.refuse(what, ROOT, &register(&trace));
        }
        let mut output = trace.clone();
        output.tensors[1][0] += 1;
        tally.refuse(what, if runs { SUM } else { "" }, &register(&output));
    }
    assert!(accepted > 5);
}
