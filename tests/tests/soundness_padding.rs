//! A program declares its widths; the entries that pad them to powers of two must not hold a larger model.

use laminate_protocol::fold::FoldMode;
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
            if cols.is_power_of_two() || forger.verifier.padding[input] == 0 {
                continue;
            }
            // Columns are committed as they would be by a registrant who wants the extra bias.
            let mut forged = forger.clone();
            forged.weights.bytes[blocks.weight.offset + cols] ^= 0x40;
            let Some(honest_looking) = recommit(&case, forged, node, &srs) else {
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

type Dense<'a> = (usize, &'a laminate_protocol::layout::DenseBlocks);

fn dense_nodes<'a>(case: &laminate_tests::Case, forger: &'a Forger) -> Vec<Dense<'a>> {
    let nodes = case.program.nodes.iter().enumerate();
    nodes
        .filter_map(|(i, node)| match node.op {
            laminate_protocol::program::Op::Dense { weight, .. } => {
                Some((i, &forger.verifier.layout.dense[weight]))
            }
            _ => None,
        })
        .collect()
}

/// Commits to the altered weights and reruns the program with the first row's extra product.
fn recommit(
    case: &laminate_tests::Case,
    forged: Forger,
    node: usize,
    srs: &TestSrs,
) -> Option<Forger> {
    use laminate_protocol::program::Op;
    let Op::Dense { weight, .. } = case.program.nodes[node].op else {
        return None;
    };
    let padding = forged.verifier.padding[case.program.nodes[node].inputs[0]];
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
