//! Cheating provers: a wrong computation or a wrong opening, proven as well as it can be, must be refused.
//!
//! Wrong values are written into the trace, everything after them is recomputed, lookups are counted
//! anew, the statement is made to fit, and the honest prover's steps run over the result.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use laminate_engine::fold::FoldMode;
use laminate_model::ops::{Relu, Reshape};
use laminate_model::program::{Node, Op, Role, Weights};
use laminate_prover::exec::{self, Trace};
use laminate_tests::forger::{Forger, rerun};
use laminate_tests::{Case, TestSrs, every_op, mlp};

const BATCH_LOG: u8 = 1;

fn srs() -> TestSrs {
    TestSrs::new(b"forgery", 14)
}

/// A case whose run every forgery below starts from, and its honest trace; the forger's own honest
/// proof is accepted, so that a refusal is the verifier's work.
fn honest(srs: &TestSrs) -> (Case, Trace) {
    let case = every_op(11, BATCH_LOG);
    let trace = exec::run(&case.program, &case.weights, &case.inputs).expect("run");
    for mode in [FoldMode::On, FoldMode::Off] {
        assert_eq!(
            Forger::new(&case, srs).verdict(srs, mode),
            Ok(()),
            "honest {mode:?}"
        );
    }
    (case, trace)
}

fn nodes<'a>(
    case: &'a Case,
    wanted: impl Fn(&Op) -> bool + 'a,
) -> impl Iterator<Item = (usize, &'a Node)> {
    case.program
        .nodes
        .iter()
        .enumerate()
        .filter(move |(_, node)| wanted(&node.op))
}

/// Applies `forge` to every real element of every node that `wanted` picks; counts refusals.
fn every_element(
    name: &str,
    wanted: impl Fn(&Op) -> bool,
    forge: impl Fn(&mut Trace, usize, &Node, usize),
) {
    let srs = srs();
    let (case, trace) = honest(&srs);
    let mut tried = 0;
    for (index, node) in nodes(&case, wanted) {
        let width = case.program.tensor_width(node.output);
        let padded = width.next_power_of_two();
        for flat in (0..trace.tensors[node.output].len()).filter(|flat| flat % padded < width) {
            let mut forged = trace.clone();
            forge(&mut forged, index, node, flat);
            if forged == trace || rerun(&case, &mut forged, index).is_none() {
                continue;
            }
            let forger = Forger::with_trace(&case, &forged, &srs);
            // The costly mode for the first element of each kind.
            let refused = if tried == 0 {
                forger.refused_in_both(&srs)
            } else {
                forger.refused(&srs)
            };
            assert!(refused, "{name}: node {index} element {flat}");
            tried += 1;
        }
    }
    assert!(tried > 0, "{name}: nothing was tried");
    println!("{name}: {tried} tried, 0 accepted");
}

#[test]
fn relu_with_both_parts_is_refused() {
    every_element(
        "relu p and n both non-zero",
        |op| *op == Op::Relu(Relu),
        |trace, index, node, flat| {
            trace.tensors[node.output][flat] += 3;
            trace.aux[index].narrow_mut(Role::NEGATIVE)[flat] += 3;
        },
    );
}

#[test]
fn relu_that_passes_negative_values_is_refused() {
    every_element(
        "relu passes a negative value",
        |op| *op == Op::Relu(Relu),
        |trace, index, node, flat| {
            // Stored without an offset, so a negative value is 2^16 too large.
            trace.tensors[node.output][flat] = trace.tensors[node.inputs[0]][flat];
            trace.aux[index].narrow_mut(Role::NEGATIVE)[flat] = 0;
            if trace.tensors[node.output][flat] >= 0 {
                trace.tensors[node.output][flat] -= 1;
            }
        },
    );
}

#[test]
fn leaky_relu_of_the_wrong_sign_is_refused() {
    every_element(
        "leaky relu parts",
        |op| matches!(op, Op::LeakyRelu(_)),
        |trace, index, node, flat| {
            let aux = &mut trace.aux[index];
            let [p, n] = [Role::POSITIVE, Role::NEGATIVE].map(|role| aux.narrow(role)[flat]);
            aux.narrow_mut(Role::POSITIVE)[flat] = n;
            aux.narrow_mut(Role::NEGATIVE)[flat] = p;
            trace.tensors[node.output][flat] = -trace.tensors[node.output][flat];
        },
    );
}

#[test]
fn rounding_the_other_way_is_refused() {
    let scaled = |op: &Op| op.remainder_bytes() > 0;
    // The remainder that would fit, rem - 2^s, has no bytes; the nearest that has.
    every_element(
        "rounded up, remainder at its end",
        scaled,
        |trace, index, node, flat| {
            trace.tensors[node.output][flat] += 1;
            trace.aux[index].narrow_mut(Role::REMAINDER)[flat] = 0;
        },
    );
    every_element(
        "rounded down, remainder at its end",
        scaled,
        |trace, index, node, flat| {
            let modulus = 1u64 << (8 * node.op.remainder_bytes());
            trace.tensors[node.output][flat] -= 1;
            trace.aux[index].narrow_mut(Role::REMAINDER)[flat] = (modulus - 1) as u32;
        },
    );
    every_element("remainder alone", scaled, |trace, index, _, flat| {
        trace.aux[index].narrow_mut(Role::REMAINDER)[flat] ^= 1;
    });
}

#[test]
fn wrong_results_of_every_op_are_refused() {
    let computed = |op: &Op| !matches!(op, Op::Reshape(Reshape) | Op::Activation(_));
    every_element("output one too large", computed, |trace, _, node, flat| {
        trace.tensors[node.output][flat] += 1
    });
    every_element("output one too small", computed, |trace, _, node, flat| {
        trace.tensors[node.output][flat] -= 1
    });
}

#[test]
fn wrong_table_value_is_refused() {
    let table = |op: &Op| matches!(op, Op::Activation(_));
    every_element("table value off by one", table, |trace, _, node, flat| {
        trace.tensors[node.output][flat] += 1
    });
    every_element(
        "table value of another index",
        table,
        |trace, _, node, flat| {
            trace.tensors[node.output][flat] = -trace.tensors[node.output][flat] + 3;
        },
    );
}

#[test]
fn index_outside_the_table_is_refused() {
    let srs = srs();
    let (case, _) = honest(&srs);
    let forger = Forger::new(&case, &srs);
    let (_, node) = nodes(&case, |op| matches!(op, Op::Activation(_)))
        .next()
        .expect("an activation");
    let pair = forger.verifier.layout.tensors[node.inputs[0]].clone();
    let mut tried = 0;
    for index in [-2049i32, 2048, 4095, 32_767, -32_768] {
        let mut forged = forger.clone();
        for (block, byte) in pair.iter().zip(((index + (1 << 15)) as u16).to_le_bytes()) {
            forged.set_limb(*block, 0, byte.into());
        }
        forged.recount();
        assert!(forged.refused(&srs), "{index}");
        tried += 1;
    }
    println!("index outside the table: {tried} tried, 0 accepted");
}

/// Each way to make a table's multiplicities wrong.
#[test]
fn wrong_multiplicities_are_refused() {
    let srs = srs();
    let (case, _) = honest(&srs);
    let forger = Forger::new(&case, &srs);
    let mut tried = 0;
    for table in 0..forger.trace.multiplicities.len() {
        let counts = &forger.trace.multiplicities[table].1;
        let used = counts.iter().position(|c| *c > 0).expect("a used entry");
        let unused = counts
            .iter()
            .position(|c| *c == 0)
            .unwrap_or((used + 1) % counts.len());
        let mut refuse = |name: &str, change: &dyn Fn(&mut Vec<u32>)| {
            let mut forged = forger.clone();
            change(&mut forged.trace.multiplicities[table].1);
            assert!(forged.refused(&srs), "{name}");
            tried += 1;
        };
        refuse("one too many", &|c| c[used] += 1);
        refuse("one too few", &|c| c[used] -= 1);
        refuse("moved to another entry", &|c| {
            c[used] -= 1;
            c[unused] += 1;
        });
        refuse("none", &|c| c.fill(0));
    }
    println!("multiplicities: {tried} tried, 0 accepted");
}

/// A byte column and its lookups altered together: the relation must catch it.
#[test]
fn altered_trace_bytes_are_refused() {
    let srs = srs();
    let (case, _) = honest(&srs);
    let forger = Forger::new(&case, &srs);
    let mut tried = 0;
    for at in used_limbs(&forger).step_by(17) {
        let mut forged = forger.clone();
        forged.trace.values[at] ^= 1 << (at % 8);
        forged.recount();
        assert!(forged.refused(&srs), "byte {at}");
        tried += 1;
    }
    println!("trace bytes: {tried} tried, 0 accepted");
}

/// Entries that some column uses; blocks lie by descending size without gaps from the region's start.
fn used_limbs(forger: &Forger) -> std::ops::Range<usize> {
    let layout = &forger.verifier.layout;
    let [region] = layout.limbs.as_slice() else {
        panic!("bytes lie in one block, not {:?}", layout.limbs);
    };
    let aux = layout.aux.iter().flat_map(|aux| aux.values().flatten());
    let blocks = layout.tensors.iter().flatten().chain(aux);
    let end = blocks
        .map(|b| b.offset + (1 << b.log))
        .max()
        .expect("a block");
    assert!(end <= region.offset + (1 << region.log));
    region.offset..end
}

/// Commit to A, prove with B.
#[test]
fn one_changed_parameter_is_refused() {
    let srs = srs();
    let (case, _) = honest(&srs);
    let forger = Forger::new(&case, &srs);
    let mut tried = 0;
    let mut refuse = |name: &str, change: &dyn Fn(&mut Weights)| {
        let mut other = case.clone();
        change(&mut other.weights);
        let Ok(trace) = exec::run(&other.program, &other.weights, &other.inputs) else {
            return;
        };
        let mut forged = Forger::with_trace(&other, &trace, &srs);
        // The rows of A under a run with B; then B's rows under A's published commitment.
        let rows = std::mem::replace(&mut forged.secret, forger.secret.clone());
        forged.statement.weight_commitment = forger.statement.weight_commitment;
        assert!(
            forged.refused(&srs),
            "{name}: rows of the committed weights"
        );
        forged.secret = rows;
        assert!(forged.refused(&srs), "{name}: rows of the weights used");
        tried += 2;
    };
    for layer in 0..case.weights.dense.len() {
        for row in (0..case.weights.dense[layer].bias.len()).step_by(2) {
            refuse("weight", &|w| w.dense[layer].weight[row] ^= 1);
            refuse("bias", &|w| w.dense[layer].bias[row] += 1);
            refuse("multiplier", &|w| w.dense[layer].multiplier[row] += 1);
        }
    }
    println!("changed parameters: {tried} tried, 0 accepted");
}

#[test]
fn claimed_values_that_are_not_the_traces_are_refused() {
    let srs = srs();
    let (case, _) = honest(&srs);
    let forger = Forger::new(&case, &srs);
    let mut tried = 0;
    for delta in [Fr::ONE, -Fr::from(1 << 16)] {
        for at in 0..forger.output.len() {
            let mut forged = forger.clone();
            forged.output[at] += delta;
            assert!(
                forged.refused(&srs),
                "output {at} under the honest statement"
            );
            forged.restate();
            assert!(forged.refused(&srs), "output {at}");
            tried += 2;
        }
        for at in 0..forger.input.len() {
            let mut forged = forger.clone();
            forged.input[at] += delta;
            assert!(
                forged.refused(&srs),
                "input {at} under the honest statement"
            );
            forged.restate();
            assert!(forged.refused(&srs), "input {at}");
            tried += 2;
        }
    }
    println!("claimed input and output: {tried} tried, 0 accepted");
}

/// Features beyond the input's width would be inputs that nobody committed to.
#[test]
fn non_zero_padding_of_the_input_is_refused() {
    let srs = srs();
    let case = mlp(4, BATCH_LOG, &[5, 3, 2]);
    let trace = exec::run(&case.program, &case.weights, &case.inputs).expect("run");
    assert_eq!(Forger::new(&case, &srs).verdict(&srs, FoldMode::On), Ok(()));
    let mut tried = 0;
    for flat in [5, 6, 7, 13, 15] {
        for value in [1, -1, 32_767] {
            let mut forged = trace.clone();
            forged.tensors[case.program.input][flat] = value;
            assert!(
                Forger::with_trace(&case, &forged, &srs).refused(&srs),
                "{flat}"
            );
            tried += 1;
        }
    }
    println!("padded input: {tried} tried, 0 accepted");
}

/// An output's padding must be what the program computes from zero weights, or a row beyond the
/// declared width could carry a result.
#[test]
fn padding_of_the_output_is_refused() {
    let srs = srs();
    let case = mlp(5, BATCH_LOG, &[4, 3]);
    let trace = exec::run(&case.program, &case.weights, &case.inputs).expect("run");
    let mut tried = 0;
    for value in [1, -1, 100] {
        let mut forged = trace.clone();
        forged.tensors[case.program.output][3] = value;
        assert!(
            Forger::with_trace(&case, &forged, &srs).refused(&srs),
            "{value}"
        );
        tried += 1;
    }
    println!("padded output: {tried} tried, 0 accepted");
}
