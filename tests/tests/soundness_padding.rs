//! A program declares its widths; the entries that pad them to powers of two must not hold a larger model.

use laminate_engine::fold::FoldMode;
use laminate_model::ops::{Dense, Op};
use laminate_prover::exec;
use laminate_tests::forger::Forger;
use laminate_tests::{TestSrs, mlp};

/// A model of 5-4-2 under the program of a model of 5-3-2: the fourth neuron sits in the padding, where
/// the declared program has zeros. No weights of the declared shape give this output.
#[test]
fn neurons_in_the_padding_are_refused() {
    let srs = TestSrs::new(b"padding", 12);
    let mut tried = 0;
    for seed in 0..4 {
        let (declared, larger) = (mlp(seed, 0, &[5, 3, 2]), mlp(seed, 0, &[5, 4, 2]));
        let trace = exec::run(&larger.program, &larger.weights, &larger.inputs).expect("run");
        let mut forger = Forger::with_trace(&larger, &trace, &srs);
        assert_eq!(
            forger.verdict(&srs, FoldMode::On),
            Ok(()),
            "under its own program"
        );
        forger.verifier = Forger::new(&declared, &srs).verifier;
        forger.statement.program_digest = forger.verifier.digest;
        assert!(
            forger.refused(&srs),
            "SOUNDNESS: a neuron that the program does not declare is accepted"
        );
        tried += 1;
    }
    println!("undeclared neurons: {tried} tried, 0 accepted");
}

/// The same for columns: a weight on a padded feature whose value is not zero is an undeclared bias.
/// The padding of a sigmoid's output is its value at zero.
#[test]
fn weights_on_padded_features_are_refused() {
    let srs = TestSrs::new(b"padding", 14);
    let mut tried = 0;
    for seed in 0..40 {
        let case = laminate_tests::random::program(seed, 0, 7);
        let forger = Forger::new(&case, &srs);
        for (node, blocks) in dense_nodes(&case, &forger) {
            let input = case.program.nodes[node].inputs[0];
            let cols = case.program.tensor_width(input);
            // What stands behind the ends may be one value, which is not zero.
            let padding = match forger.verifier.padding[input] {
                Some(padding) if padding != 0 && !cols.is_power_of_two() => padding,
                _ => continue,
            };
            // Columns are committed as they would be by a registrant who wants the extra bias.
            let mut forged = forger.clone();
            forged.weights.bytes[blocks.weight.offset + cols] ^= 0x40;
            let Some(honest_looking) = recommit(&case, forged, (node, padding), &srs) else {
                continue;
            };
            assert!(
                honest_looking.refused(&srs),
                "SOUNDNESS: a weight on padding is accepted (seed {seed})"
            );
            tried += 1;
        }
    }
    assert!(tried > 0, "no program has such a layer");
    println!("weights on padded features: {tried} tried, 0 accepted");
}

type Layer<'a> = (usize, &'a laminate_model::layout::DenseBlocks);

fn dense_nodes<'a>(case: &laminate_tests::Case, forger: &'a Forger) -> Vec<Layer<'a>> {
    let nodes = case.program.nodes.iter().enumerate();
    nodes
        .filter_map(|(i, node)| match node.op {
            Op::Dense(Dense { weight, .. }) => Some((i, &forger.verifier.layout.dense[weight])),
            _ => None,
        })
        .collect()
}

/// Commits to the altered weights and reruns the program with the first row's extra product.
fn recommit(
    case: &laminate_tests::Case,
    forged: Forger,
    (node, padding): (usize, i64),
    srs: &TestSrs,
) -> Option<Forger> {
    let Op::Dense(Dense { weight, .. }) = case.program.nodes[node].op else {
        return None;
    };
    // The byte 128 became 192: a weight of 64, which adds 64·padding to the first row's sum.
    let mut same = case.clone();
    let bias = &mut same.weights.dense[weight].bias[0];
    *bias = bias.checked_add(i32::try_from(64 * padding).ok()?)?;
    let trace = exec::run(&same.program, &same.weights, &same.inputs).ok()?;
    let mut out = Forger::with_trace(&same, &trace, srs);
    out.weights = forged.weights;
    out.register(srs, |_| {});
    Some(out)
}

/// A head of six features in eight places: what scores sum over ends in padding.
mod heads {
    use laminate_model::ops::{Activation, Dense, Scores};
    use laminate_model::program::{
        ACTIVATION_BOUND, DenseShape, DenseWeights, Node, Op, Program, ProgramError, Table,
        TableKind, WeightFormat, axes_log, padded_index, round,
    };
    use laminate_prover::exec::{self, Trace};
    use laminate_tests::attack::{Tally, srs};
    use laminate_tests::forger::{At, Forger};
    use laminate_tests::sequence::{SequenceCase, Shape, case};

    /// A table of 2^16 values that maps 0 to `zero`.
    fn table(zero: i64) -> Table {
        let values = (0..1i64 << 16).map(|i| ((i - 32768) / 4 + zero) as i16);
        Table {
            kind: TableKind::Silu,
            input_scale: 10,
            values: values.collect(),
        }
    }

    /// A model whose `which`-th rotations (queries, then keys) are tables that map 0 to `zero`.
    fn tabled(shape: &Shape, which: [bool; 2], zero: i64) -> SequenceCase {
        let mut model = case(5, shape, false);
        let program = &mut model.program;
        let number = program.tables.len();
        program.tables.push(table(zero));
        let rotations = program
            .nodes
            .iter_mut()
            .filter(|n| matches!(n.op, Op::Rope(_)));
        for (_, node) in rotations.enumerate().filter(|(i, _)| which[i % 2]) {
            node.op = Op::Activation(Activation { table: number });
        }
        model
    }

    /// The run on what the model itself says.
    fn generate(model: &mut SequenceCase) -> Trace {
        let prompt = model.program.sequence.expect("a sequence").prompt as usize;
        for i in prompt..=model.tokens.len() {
            model.trace =
                exec::run_tokens(&model.program, &model.weights, &model.tokens).expect("run");
            let said =
                i64::from(model.trace.tensors[model.program.output][i - 1]) + ACTIVATION_BOUND;
            if let Some(token) = model.tokens.get_mut(i) {
                *token = said as u32;
            }
        }
        model.trace.clone()
    }

    /// Scores of the run that are not those of numerics.md: the sum over the features that a head has.
    fn differences(program: &Program, trace: &Trace) -> usize {
        let mut different = 0;
        for node in &program.nodes {
            let Op::Scores(Scores { multiplier, shift }) = node.op else {
                continue;
            };
            let [q, k] = [node.inputs[0], node.inputs[1]];
            let axes = |id: usize| program.tensors[id].axes.clone();
            let (queries, keys, scores) = (axes(q), axes(k), axes(node.output));
            let (groups, heads) = (queries[0] as usize, queries[1] as usize);
            let head: usize = queries[2..].iter().map(|a| *a as usize).product();
            let at = |id: usize, axes: &[u32], slot: usize, flat: usize| {
                let place = (slot << axes_log(axes)) + padded_index(axes, flat);
                i64::from(trace.tensors[id][place])
            };
            for (t, u) in
                (0..program.slots()).flat_map(|t| (0..program.slots()).map(move |u| (t, u)))
            {
                for (g, r) in (0..groups).flat_map(|g| (0..heads).map(move |r| (g, r))) {
                    let terms = (0..head).map(|d| {
                        at(q, &queries, t, (g * heads + r) * head + d)
                            * at(k, &keys, u, g * head + d)
                    });
                    let expected = round(terms.sum::<i64>() * i64::from(multiplier), shift);
                    let found = at(
                        node.output,
                        &scores,
                        t,
                        (g * heads + r) * program.slots() + u,
                    );
                    different += usize::from(expected != found);
                }
            }
        }
        different
    }

    #[test]
    fn scores_over_padding_that_is_not_zero_are_refused() {
        let even = Shape {
            half: 4,
            ..Shape::SMALL
        };
        for (shape, which, zero, legal) in [
            (Shape::SMALL, [true, true], 1000, false),
            (Shape::SMALL, [true, true], -1, false),
            (Shape::SMALL, [true, false], 1000, true),
            (Shape::SMALL, [false, true], 1000, true),
            (Shape::SMALL, [true, true], 0, true),
            (even, [true, true], 1000, true),
        ] {
            let name = format!(
                "{which:?} tables that map 0 to {zero}, heads of {}",
                2 * shape.half
            );
            let mut model = tabled(&shape, which, zero);
            match model.program.check() {
                Err(ProgramError::Node { op: "scores", .. }) => assert!(!legal, "{name} refused"),
                found => assert_eq!((found, legal), (Ok(()), true), "SOUNDNESS: {name}"),
            }
            if legal {
                let trace = generate(&mut model);
                assert_eq!(
                    differences(&model.program, &trace),
                    0,
                    "{name}: scores of padding"
                );
            }
        }
    }

    /// Gaps of padded tokens are limbs only if their logits are not positive.
    #[test]
    fn logits_with_padding_that_is_not_zero_are_refused() {
        for (vocab, zero, legal) in [(21, 1000, false), (21, 0, true), (32, 1000, true)] {
            let mut program = case(
                5,
                &Shape {
                    vocab,
                    ..Shape::SMALL
                },
                false,
            )
            .program;
            let number = program.tables.len();
            program.tables.push(table(zero));
            let last = program.nodes.len() - 1;
            let logits = program.nodes[last].inputs[0];
            program.tensors.push(program.tensors[logits].clone());
            let output = program.tensors.len() - 1;
            let (name, op) = (
                "table".to_owned(),
                Op::Activation(Activation { table: number }),
            );
            program.nodes[last].inputs = vec![output];
            let node = Node {
                name,
                op,
                inputs: vec![logits],
                output,
            };
            program.nodes.insert(last, node);
            match program.check() {
                Err(ProgramError::Node { op: "argmax", .. }) => assert!(!legal, "{vocab}, {zero}"),
                found => assert_eq!((found, legal), (Ok(()), true), "{vocab}, {zero}"),
            }
        }
    }

    /// A dense layer reads what a table leaves in the padding: its weights there are proven zero, unless the
    /// table is known to leave zeros.
    #[test]
    fn weights_on_padding_that_is_not_zero_are_refused() {
        let mut tally = Tally::new("weights on padding in a sequence");
        for (zero, proven) in [(1000, true), (-7, true), (0, false)] {
            let (forger, layer, node) = dense_of_table(zero);
            let honest = forger.broken();
            assert_eq!(honest, [""; 0]);
            // Row 0 takes 50 times the padded feature 12 in every slot.
            let block = forger.verifier.layout.dense[layer].weight;
            let mut forged = forger.clone();
            forged.register(srs(), |bytes| bytes[block.offset + 12] = 128 + 50);
            for slot in 0..forged.verifier.program.slots() {
                let rem = At::Aux(laminate_model::program::Role::REMAINDER);
                let [y, r] = [At::Output, rem].map(|at| forger.integer(node, at, 16 * slot));
                let sum = (y << 16) + r + 60 * 50 * i128::from(zero);
                forged.put(node, At::Output, 16 * slot, sum >> 16);
                forged.put(node, rem, 16 * slot, sum & 0xffff);
            }
            forged.recount_elements();
            if proven {
                tally.refuse_alone(&format!("node {node}: zeros"), "batching", &forged);
            } else {
                assert_eq!(forged.broken(), [""; 0], "a weight of a zero");
            }
        }
    }

    /// Appends `gate → table → dense`, whose output nothing reads: a prover, the layer and its node.
    fn dense_of_table(zero: i64) -> (Forger, usize, usize) {
        let mut model = case(
            5,
            &Shape {
                blocks: 1,
                prompt: Shape::SMALL.tokens,
                ..Shape::SMALL
            },
            false,
        );
        let program = &mut model.program;
        let gate = program
            .nodes
            .iter()
            .find(|n| matches!(n.op, Op::Activation(_)));
        let gate = gate.expect("a table").inputs[0];
        // In the place of the model's own, so that the trace has room.
        program.tables[1] = table(zero);
        let layer = program.weights.len();
        let axes = program.tensors[gate].axes.clone();
        program.weights.push(DenseShape {
            stack: 1,
            rows: axes.clone(),
            cols: axes,
            bias: false,
            format: WeightFormat::Int8,
        });
        model.weights.dense.push(DenseWeights {
            weight: (0..100).map(|i| (i * 37 % 41) as i8 - 20).collect(),
            bias: vec![],
            multiplier: vec![60; 10],
        });
        let mut input = gate;
        for op in [
            Op::Activation(Activation { table: 1 }),
            Op::Dense(Dense {
                weight: layer,
                shift: 16,
            }),
        ] {
            program.tensors.push(program.tensors[gate].clone());
            let output = program.tensors.len() - 1;
            let name = format!("t{output}");
            program.nodes.push(Node {
                name,
                op,
                inputs: vec![input],
                output,
            });
            input = output;
        }
        let node = program.nodes.len() - 1;
        assert_eq!(program.check(), Ok(()));
        let trace = exec::run_tokens(program, &model.weights, &model.tokens).expect("run");
        let case = laminate_tests::Case {
            program: model.program,
            weights: model.weights,
            inputs: vec![],
        };
        (Forger::with_trace(&case, &trace, srs()), layer, node)
    }
}
