//! ReLU into the rounding of the layer before it: a column and a relation less.

use laminate_model::ops::{Dense, DenseRelu};
use laminate_model::program::{Node, Op, Program, TensorId};

/// A tensor that stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The number that it had.
    pub id: TensorId,
    /// The tensor whose values must fit: of a fused layer what it was before the ReLU.
    pub rounded: TensorId,
}

/// Makes one node of every dense layer whose output a ReLU alone reads, at the same scale. The integers of all tensors
/// that stay are as before; the layer's own output goes. The node keeps the layer's name.
///
/// Gives the tensors that stay, in their order.
pub fn relus(program: &mut Program) -> Vec<Kept> {
    let pairs = pairs(program);
    let outputs: Vec<TensorId> = pairs
        .iter()
        .map(|pair| program.nodes[pair.relu].output)
        .collect();
    for (pair, output) in pairs.iter().zip(outputs.iter().copied()) {
        let node = &mut program.nodes[pair.dense];
        node.op = pair.op.into();
        node.output = output;
    }
    let mut relus: Vec<usize> = pairs.iter().map(|pair| pair.relu).collect();
    relus.sort_unstable();
    for relu in relus.into_iter().rev() {
        program.nodes.remove(relu);
    }
    let keep = |id: TensorId| {
        if pairs.iter().any(|pair| pair.between == id) {
            return None;
        }
        let fused = outputs.iter().position(|output| *output == id);
        let rounded = fused.map_or(id, |at| pairs[at].between);
        Some(Kept { id, rounded })
    };
    let kept: Vec<Kept> = (0..program.tensors.len()).filter_map(keep).collect();
    renumber(program, &kept);
    kept
}

/// A layer and the ReLU that reads it.
struct Pair {
    dense: usize,
    relu: usize,
    between: TensorId,
    op: DenseRelu,
}

fn pairs(program: &Program) -> Vec<Pair> {
    let readers = |id: TensorId| {
        let nodes = program.nodes.iter().enumerate();
        let reads = nodes.flat_map(move |(i, node)| {
            let own = node.inputs.iter().filter(move |input| **input == id);
            own.map(move |_| i)
        });
        reads.collect::<Vec<usize>>()
    };
    let pair = |(dense, node): (usize, &Node)| {
        let Op::Dense(Dense { weight, shift }) = node.op else {
            return None;
        };
        let between = node.output;
        let [relu] = readers(between)[..] else {
            return None;
        };
        let next = &program.nodes[relu];
        let scale = |id: TensorId| program.tensors[id].scale;
        let fits = matches!(next.op, Op::Relu(_))
            && between != program.output
            && scale(between) == scale(next.output);
        fits.then_some(Pair {
            dense,
            relu,
            between,
            op: DenseRelu { weight, shift },
        })
    };
    // What carries the blocks of a stack names tensors of its own.
    let nodes = program.nodes.iter().enumerate();
    let rows = program.carry.is_none();
    nodes.filter(|_| rows).filter_map(pair).collect()
}

/// Leaves the tensors of this list alone, and names them by their place in it.
fn renumber(program: &mut Program, kept: &[Kept]) {
    let mut place = vec![0; program.tensors.len()];
    for (new, old) in kept.iter().enumerate() {
        place[old.id] = new;
    }
    program.tensors = kept.iter().map(|k| program.tensors[k.id].clone()).collect();
    for node in &mut program.nodes {
        node.inputs.iter_mut().for_each(|id| *id = place[*id]);
        node.output = place[node.output];
    }
    program.input = place[program.input];
    program.output = place[program.output];
}

#[cfg(test)]
mod tests {
    use laminate_model::ops::{LeakyRelu, Relu, Reshape};
    use laminate_model::program::{DenseShape, DenseWeights, Tensor, Weights};
    use laminate_prover::exec;

    use super::*;

    /// Nodes of width 4, each an op and the tensor that it reads; tensor `i + 1` is node `i`'s.
    fn program(nodes: &[(Op, TensorId)], output: TensorId) -> (Program, Weights) {
        let mut program = Program::empty("fused", 1, 12);
        let mut weights = Weights { dense: vec![] };
        program.tensors.push(Tensor::new("x", 4, 8));
        for (i, (op, input)) in nodes.iter().enumerate() {
            let mut op = *op;
            if let Op::Dense(Dense { weight, .. }) = &mut op {
                *weight = weights.dense.len();
                program.weights.push(DenseShape::new(4, 4));
                weights.dense.push(DenseWeights {
                    weight: (0..16)
                        .map(|k| (k * 37 + i as i32 * 11) % 61 - 30)
                        .map(|w| w as i8)
                        .collect(),
                    bias: vec![500, -700, 900, -1100],
                    multiplier: vec![3000; 4],
                });
            }
            let output = program.tensors.len();
            program
                .tensors
                .push(Tensor::new(format!("t{output}"), 4, 8));
            program.nodes.push(Node {
                name: format!("n{i}"),
                op,
                inputs: vec![*input; op.arity()],
                output,
            });
        }
        program.output = output;
        (program, weights)
    }

    const DENSE: Op = Op::Dense(Dense {
        weight: 0,
        shift: 16,
    });
    const RELU: Op = Op::Relu(Relu);

    fn names(program: &Program) -> Vec<(&str, &'static str)> {
        let nodes = program.nodes.iter();
        nodes.map(|n| (n.name.as_str(), n.op.name())).collect()
    }

    /// The integers of what stays are those of the program as it was.
    #[test]
    fn integers_stay() {
        let leaky = Op::LeakyRelu(LeakyRelu { slope: 6554 });
        // Layer 0 and ReLU 1, layer 2 and a leaky ReLU, layer 4 and ReLU 6 with a node between them.
        let nodes = [
            (DENSE, 0),
            (RELU, 1),
            (DENSE, 2),
            (leaky, 3),
            (DENSE, 4),
            (RELU, 4),
            (RELU, 5),
        ];
        let (before, weights) = program(&nodes, 7);
        before.check().expect("a legal program");
        let mut after = before.clone();
        let kept = relus(&mut after);
        after.check().expect("a legal program");
        let ids: Vec<_> = kept.iter().map(|kept| (kept.id, kept.rounded)).collect();
        assert_eq!(ids, [(0, 0), (2, 1), (3, 3), (4, 4), (6, 6), (7, 5)]);
        assert_eq!(
            names(&after),
            [
                ("n0", "dense_relu"),
                ("n2", "dense"),
                ("n3", "leaky_relu"),
                ("n4", "dense_relu"),
                ("n5", "relu")
            ]
        );
        let inputs = vec![vec![900, -800, 700, -600], vec![-1, 2, -3, 4]];
        let [old, new] = [&before, &after].map(|p| exec::run(p, &weights, &inputs).expect("run"));
        for (place, Kept { id, .. }) in kept.into_iter().enumerate() {
            assert_eq!(new.tensors[place], old.tensors[id], "tensor {id}");
            assert_eq!(after.tensors[place], before.tensors[id]);
        }
        assert!(old.tensors[1].iter().any(|v| *v < 0));
    }

    #[test]
    fn what_somebody_else_reads_stays() {
        let cases: [(&[(Op, TensorId)], TensorId); 4] = [
            // The output; two readers; a reshape between; no layer before it.
            (&[(DENSE, 0), (RELU, 1)], 1),
            (&[(DENSE, 0), (RELU, 1), (DENSE, 1)], 2),
            (&[(DENSE, 0), (Op::Reshape(Reshape), 1), (RELU, 2)], 3),
            (&[(RELU, 0), (DENSE, 1)], 2),
        ];
        for (nodes, output) in cases {
            let (before, _) = program(nodes, output);
            let mut after = before.clone();
            relus(&mut after);
            assert_eq!(after, before);
        }
        // Another scale.
        let (mut before, _) = program(&[(DENSE, 0), (RELU, 1)], 2);
        before.tensors[2].scale = 7;
        let mut after = before.clone();
        relus(&mut after);
        assert_eq!(after, before);
    }
}
