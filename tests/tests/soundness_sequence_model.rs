//! Forgeries of language models in what they are made of: blocks and their order, weights and their
//! padding, tokens, and columns that only lookups keep in range.

use halo2curves_axiom::bn256::Fr;
use laminate_engine::field::fr_from_i64;
use laminate_engine::fold::FoldMode;
use laminate_model::ops::{Dense, DenseAdd, Embed};
use laminate_model::program::{ACTIVATION_BOUND, MASKED, Op, Role, Weights};
use laminate_prover::exec::{self, Trace};
use laminate_tests::attack::{Attack, Tally, srs};
use laminate_tests::forger::Forger;
use laminate_tests::replay::{Padded, Replay};

fn dense(attack: &Attack, node: usize) -> usize {
    match attack.case.program.nodes[node].op {
        Op::Dense(Dense { weight, .. })
        | Op::DenseAdd(DenseAdd { weight, .. })
        | Op::Embed(Embed { weight }) => weight,
        op => panic!("{} has no weights", op.name()),
    }
}

/// Nodes by their place in a block: see `sequence::case`.
struct Nodes {
    value: usize,
    output: usize,
    gate: usize,
    up: usize,
    silu: usize,
    down: usize,
}

fn nodes(attack: &Attack) -> Nodes {
    let adds = attack.nodes(|op| matches!(op, Op::DenseAdd(_)));
    let silu = attack.node(|op| matches!(op, Op::Activation(_)));
    Nodes {
        value: attack.nodes(|op| matches!(op, Op::Dense(_)))[2],
        output: adds[0],
        gate: silu - 2,
        up: silu - 1,
        silu,
        down: adds[1],
    }
}

#[test]
fn blocks_out_of_order_are_refused() {
    let attack = Attack::prompted();
    let nodes = nodes(attack);
    let mut tally = Tally::new("blocks");
    // The run of a model whose blocks 1 and 2 are exchanged, under the commitment of this one.
    let exchanged = attack.reweighted(|w| {
        let stacked = w.dense.iter_mut().zip(&attack.case.program.weights);
        for (layer, _) in stacked.filter(|(_, shape)| shape.stack == 3) {
            let (weights, rows) = (layer.weight.len() / 3, layer.multiplier.len() / 3);
            layer.weight[weights..].rotate_left(weights);
            layer.multiplier[rows..].rotate_left(rows);
        }
    });
    tally.refuse(
        "weights exchanged",
        ": dense",
        &attack.forger(&exchanged.trace),
    );
    let carry = attack.case.program.carry.expect("a carry");
    let size = attack.trace.tensors[carry.entry].len() / 4;
    for (a, b) in [(0, 1), (1, 2), (2, 3)] {
        let mut trace = attack.trace.clone();
        let entry = &mut trace.tensors[carry.entry];
        let (low, high) = entry.split_at_mut(b * size);
        low[a * size..][..size].swap_with_slice(&mut high[..size]);
        tally.refuse("entries exchanged", "", &attack.forger(&trace));
    }
    // A block that is skipped: its exit, the next entry or the output, is its entry or its residual.
    for block in 0..3 {
        let entry = attack.trace.tensors[carry.entry][block * size..][..size].to_vec();
        let trace = attack.steered((nodes.down, block), |_, step| {
            step.values = entry.iter().map(|v| i64::from(*v)).collect();
            true
        });
        let forger = attack.forger(&trace.expect("a block"));
        tally.refuse("exit is the entry", ": dense", &forger);
        let trace = attack.steered((nodes.down, block), |x, step| {
            step.values.clone_from(&x[1]);
            true
        });
        let forger = attack.forger(&trace.expect("a block"));
        tally.refuse("exit is the residual", ": dense", &forger);
        for at in [0, 5 * 16 + 3] {
            let trace = attack.steered((nodes.down, block), |_, step| {
                step.values[at] += 70_000;
                true
            });
            let forger = attack.forger(&trace.expect("a block"));
            tally.refuse("exit and next entry differ", ": dense", &forger);
        }
    }
    // What enters the padded block must be zero, and its output nothing.
    let mut trace = attack.trace.clone();
    trace.tensors[carry.entry][3 * size] = 1;
    tally.refuse("padded block", "", &attack.forger(&trace));
}

/// Commit to A, prove with B.
#[test]
fn one_changed_parameter_is_refused() {
    let attack = Attack::prompted();
    let honest = attack.forger(&attack.trace);
    let mut tally = Tally::new("changed parameters");
    for layer in 0..attack.case.weights.dense.len() {
        let other = attack.reweighted(|w| match layer % 2 {
            0 => w.dense[layer].weight[17] ^= 1,
            _ => w.dense[layer].multiplier[1] += 1,
        });
        let mut forged = other.forger(&other.trace);
        let rows = std::mem::replace(&mut forged.secret, honest.secret.clone());
        forged.statement.weight_commitment = honest.statement.weight_commitment;
        tally.refuse("rows of the committed weights", "opening pairing", &forged);
        forged.secret = rows;
        tally.refuse("rows of the weights used", "weight commitment", &forged);
    }
}

/// The honest control of a registrant: what padding is multiplied by zero may hold anything.
#[test]
fn weights_in_the_padding_are_refused() {
    let attack = Attack::prompted();
    let nodes = nodes(attack);
    let mut tally = Tally::new("padded weights");
    let registered = |change: &dyn Fn(&mut [Padded])| -> Forger {
        let mut weights = attack.weights.clone();
        change(&mut weights);
        let replay = Replay {
            weights: &weights,
            ..attack.replay()
        };
        let (trace, wrapped) = replay.run();
        assert_eq!(wrapped, 0, "values stay in range");
        attack.registered(&trace, &weights)
    };
    let [gate, up, down, output] =
        [nodes.gate, nodes.up, nodes.down, nodes.output].map(|node| dense(attack, node));
    let harmless = registered(&|w| w[gate].weight[12] = 99);
    assert_eq!(
        harmless.verdict(srs(), FoldMode::On),
        Ok(()),
        "a weight of a zero"
    );
    let wider = registered(&|w| {
        // A neuron beside the ten that the program declares, in every block.
        for block in 0..3 {
            for layer in [gate, up] {
                let row = block * 16 + 10;
                w[layer].multiplier[row] = 60;
                w[layer].weight[row * 16..row * 16 + 12].fill(50);
            }
            w[down].weight[block * 256 + 10] = 100;
        }
    });
    tally.refuse("an undeclared neuron", "batching", &wider);
    for layer in 0..attack.weights.len() {
        let shape = &attack.case.program.weights[layer];
        let rows = 1 << shape.row_log();
        if !shape.row_count().is_power_of_two() {
            let row = registered(&|w| w[layer].multiplier[rows - 1] = 1);
            tally.refuse("a multiplier of a padded row", "batching", &row);
        }
        if shape.stack == 3 {
            let block = registered(&|w| w[layer].multiplier[3 * rows] = 1 << 16);
            tally.refuse("a multiplier of a padded block", "batching", &block);
        }
    }
    for column in [12, 15] {
        let embedding = registered(&|w| {
            for id in 0..21 {
                w[0].weight[id * 16 + column] = 9;
            }
        });
        tally.refuse("a padded column of the embedding", "batching", &embedding);
    }
    // Queries are 3 of 4: the fourth attends evenly to its group's values, which are not zero.
    for (row, query) in [(0, 3), (5, 7)] {
        let head = registered(&|w| w[output].weight[row * 64 + query * 8 + 2] = 64);
        tally.refuse("a padded query head", "batching", &head);
    }
    for feature in [6, 7] {
        let head = registered(&|w| w[output].weight[16 * 64 + feature] = -64);
        tally.refuse("a padded feature of a head", "batching", &head);
    }
}

fn id(token: i64) -> Fr {
    fr_from_i64(token - ACTIVATION_BOUND)
}

#[test]
fn wrong_tokens_are_refused() {
    let attack = Attack::small();
    let honest = attack.forger(&attack.trace);
    let mut tally = Tally::new("tokens");
    let run = |tokens: &[i64]| -> Trace {
        let replay = Replay {
            tokens,
            ..attack.replay()
        };
        replay.run().0
    };
    for position in 2..6 {
        // An honest run on a token that the model did not say.
        let mut tokens: Vec<u32> = attack.tokens[..6].iter().map(|t| *t as u32).collect();
        tokens[position] = (tokens[position] + 1) % 21;
        let trace = exec::run_tokens(&attack.case.program, &attack.case.weights, &tokens);
        let forger = attack.forger(&trace.expect("in range"));
        tally.refuse("a token that was not generated", "generated token", &forger);
    }
    for position in 0..2 {
        let mut tokens = attack.tokens.clone();
        tokens[position] = (tokens[position] + 1) % 21;
        let mut forger = attack.forger(&run(&tokens));
        let others = std::mem::replace(&mut forger.input, honest.input.clone());
        // Whatever it says: the prompt is the committed one.
        forger.restate();
        tally.refuse("another prompt than committed", "", &forger);
        forger.input = others;
        forger.statement.input_commitment = honest.statement.input_commitment;
        tally.refuse("another prompt, shown", "", &forger);
        // Beyond the vocabulary stand zeros: a consistent run of no token.
        for token in [21, 31] {
            tokens[position] = token;
            let forger = attack.forger(&run(&tokens));
            tally.refuse("a token beyond the vocabulary", "vocabulary range", &forger);
        }
        for token in [32, 65_535, -1, 65_536] {
            let mut forger = honest.clone();
            forger.input[position] = id(token);
            forger.restate();
            tally.refuse("a token beyond the padded vocabulary", "range", &forger);
        }
    }
    for slot in [6, 7] {
        let mut tokens = attack.tokens.clone();
        tokens[slot] = 3;
        let forger = attack.forger(&run(&tokens));
        tally.refuse("a token in an unused slot", "joint sumcheck", &forger);
        let mut longer = forger.clone();
        longer.input.extend((6..=slot).map(|s| id(tokens[s])));
        longer.restate();
        tally.refuse("tokens beyond the count", "input values", &longer);
    }
    let mut shorter = honest.clone();
    shorter.input.pop();
    shorter.restate();
    tally.refuse("fewer tokens", "input values", &shorter);
}

/// A residual that leaves int32, and an activation that leaves int16, wrapped as their limbs are.
#[test]
fn values_that_wrap_are_refused() {
    let attack = Attack::prompted();
    let nodes = nodes(attack);
    let mut tally = Tally::new("wrapped values");
    let mut wraps = |what: &str, change: &dyn Fn(&mut Weights)| {
        let other = attack.reweighted(change);
        let (trace, wrapped) = other.replay().run();
        assert!(wrapped > 0, "{what}: nothing leaves its range");
        let ids: Vec<u32> = other.tokens.iter().map(|t| *t as u32).collect();
        let run = exec::run_tokens(&other.case.program, &other.case.weights, &ids);
        assert!(run.is_err(), "{what}: the executor goes on");
        tally.refuse(what, "", &other.forger(&trace));
    };
    let [value, output, gate] =
        [nodes.value, nodes.output, nodes.gate].map(|node| dense(attack, node));
    wraps("int32", &|w| {
        w.dense[value].multiplier.iter_mut().for_each(|m| *m *= 30);
        w.dense[output].multiplier.fill((1 << 24) - 1);
        w.dense[output].weight.fill(127);
    });
    wraps("int16", &|w| {
        w.dense[gate].multiplier.iter_mut().for_each(|m| *m *= 400)
    });
}

/// Columns behind the region that is range-checked, holding more than 16 bits; what is computed from
/// them goes on with the large value.
#[test]
fn large_values_in_the_free_region_are_refused() {
    let attack = Attack::prompted();
    let nodes = nodes(attack);
    let mut tally = Tally::new("large values");
    let softmax = attack.node(|op| matches!(op, Op::Softmax(_)));
    let output = |node: usize| attack.case.program.nodes[node].output;
    // Results that are 2^16 too large, kept as they are.
    for (node, at) in [
        (nodes.silu, 3 * 16 + 1),
        (softmax, 4 * 64 + 1),
        (nodes.gate, 3 * 16 + 1),
    ] {
        for block in 0..2 {
            let after =
                |n: usize, b: usize, _: &[Vec<i64>], step: &mut laminate_tests::replay::Step| {
                    if (n, b) == (node, block) {
                        step.values[at] += 1 << 16;
                    }
                };
            let replay = Replay {
                after: &after,
                unwrapped: Some(node),
                ..attack.replay()
            };
            let (trace, _) = replay.run();
            let mut forger = attack.forger(&trace);
            let column = forger.verifier.layout.tensors[output(node)][0];
            let offset = if node == softmax { 0 } else { ACTIVATION_BOUND };
            let values = trace.tensors[output(node)].iter();
            forger.enlarge(
                column,
                values.map(|v| (i64::from(*v) + offset) as u32).collect(),
            );
            // The relation that gives the gate holds no longer; the others' is the lookup alone.
            let by = if node == nodes.gate {
                ": dense"
            } else {
                "lookup root"
            };
            tally.refuse("a result", by, &forger);
        }
    }
    // An operand of the table that its dense layer gives: one row's multiplier is made to overflow.
    let (overflow, row) = overflowing(attack, nodes.gate);
    let replay = Replay {
        unwrapped: Some(nodes.gate),
        ..overflow.replay()
    };
    let (trace, _) = replay.run();
    let column = trace.tensors[output(nodes.gate)].clone();
    assert!(
        column.iter().any(|v| *v >= 1 << 15),
        "row {row} does not overflow"
    );
    let mut forger = overflow.forger(&trace);
    let block = forger.verifier.layout.tensors[output(nodes.gate)][0];
    let values = column
        .iter()
        .map(|v| u32::try_from(v + (1 << 15)).expect("only above"));
    forger.enlarge(block, values.collect());
    tally.refuse("an operand beyond the table", "lookup root", &forger);
    // A depth beyond the table.
    let mut forger = attack.forger(&attack.trace);
    let depth = forger.verifier.layout.aux(softmax, Role::DEPTH)[0];
    let range = depth.offset..depth.offset + (1 << depth.log);
    let mut values: Vec<u32> = forger.trace.values[range]
        .iter()
        .map(|v| u32::from(*v))
        .collect();
    values[4 * 64 + 6] += MASKED as u32 + 1;
    forger.enlarge(depth, values);
    tally.refuse("a depth", "softmax", &forger);
}

/// A model in which some results of a dense layer are above int16 and none below.
fn overflowing(attack: &Attack, node: usize) -> (Attack, usize) {
    let values = &attack.trace.tensors[attack.case.program.nodes[node].output];
    let ends = |row: usize| {
        let column = values[..8 * 16].iter().skip(row).step_by(16);
        let (low, high) = (column.clone().min(), column.max());
        (-low.copied().unwrap_or(0), high.copied().unwrap_or(0))
    };
    let row = (0..10)
        .find(|row| ends(*row).1 * 10 > ends(*row).0.max(1) * 11)
        .expect("a row with larger positive values");
    let factor = 33_500 / ends(row).1 + 1;
    let weight = dense(attack, node);
    let out = attack.reweighted(|w| w.dense[weight].multiplier[row] *= factor as u32);
    (out, row)
}
