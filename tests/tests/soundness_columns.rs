//! Columns without a range check: for every pair of an op and an op that reads it, at both widths of a limb,
//! the column is in the region that lookups cover, or a forgery that puts into it what its relations rely
//! on not to be there is refused.

use laminate_engine::field::pow2;
use laminate_engine::lookup::{Kind, Range};
use laminate_model::layout::reliance::stored;
use laminate_model::ops::{
    Abs, Activation, Add, Clip, Dense, DenseRelu, Divide, Grouped, LeakyRelu, Mul, Place, Relu,
    Reshape, Saturate,
};
use laminate_model::program::{
    DenseShape, DenseWeights, Node, Op, Program, Role, TABLE_LOG, Tensor, Weights,
};
use laminate_prover::exec;
use laminate_tests::Case;
use laminate_tests::attack::{Tally, srs};
use laminate_tests::forger::{At, Forger, element, rerun};
use laminate_tests::isolated::{Isolated, tanh};

const WIDTH: u32 = 4;

/// `input → dense → producer → reader`, and an output that is none of theirs; `reshaped` puts a reshape
/// before the reader. None if it is no legal program.
struct Pair {
    case: Case,
    producer: usize,
    reader: usize,
}

impl Pair {
    fn new(
        producer: Op,
        reader: Op,
        (operand, reshaped): (usize, bool),
        limb_bits: u8,
    ) -> Option<Self> {
        let mut program = Program::empty("pair", 1, 20);
        program.limb_bits = limb_bits;
        program.tensors.push(Tensor::new("input", WIDTH, 8));
        program.tables.push(tanh(TABLE_LOG, 3));
        let mut weights = Weights { dense: vec![] };
        let mut push = |op: Op, inputs: Vec<usize>| {
            let mut op = op;
            if let Op::Grouped(Grouped { weight, .. }) = &mut op {
                // Every feature is a group.
                *weight = program.weights.len();
                program.weights.push(DenseShape {
                    cols: vec![],
                    ..DenseShape::new(WIDTH, 1)
                });
                weights.dense.push(DenseWeights {
                    weight: vec![1, -1, 1, -1],
                    bias: vec![0; 4],
                    multiplier: vec![1 << 16; 4],
                });
            }
            if let Op::Dense(Dense { weight, .. }) | Op::DenseRelu(DenseRelu { weight, .. }) =
                &mut op
            {
                *weight = program.weights.len();
                program.weights.push(DenseShape::new(WIDTH, WIDTH));
                // Signs alternate, sizes stay.
                let mut matrix = vec![0; 16];
                (0..4).for_each(|i| matrix[5 * i] = if i % 2 == 0 { 1 } else { -1 });
                weights.dense.push(DenseWeights {
                    weight: matrix,
                    bias: vec![0; 4],
                    multiplier: vec![1 << 16; 4],
                });
            }
            let output = program.tensors.len();
            program
                .tensors
                .push(Tensor::new(format!("t{output}"), WIDTH, 8));
            let name = format!("n{output}");
            program.nodes.push(Node {
                name,
                op,
                inputs,
                output,
            });
            output
        };
        let x = push(
            Op::Dense(Dense {
                weight: 0,
                shift: 16,
            }),
            vec![0],
        );
        // Divisors are positive.
        let divides = [producer, reader]
            .iter()
            .any(|op| matches!(op, Op::Divide(_)));
        let positive = divides.then(|| push(Op::Abs(Abs), vec![x]));
        let operands_of = |op: Op| match (op, positive) {
            (Op::Divide(_), Some(positive)) => vec![x, positive],
            (op, _) => vec![x; op.arity()],
        };
        let column = push(producer, operands_of(producer));
        let read = if reshaped {
            push(Op::Reshape(Reshape), vec![column])
        } else {
            column
        };
        let mut operands = operands_of(reader);
        operands[operand] = read;
        let last = push(reader, operands);
        let output = push(Op::Relu(Relu), vec![0]);
        program.output = output;
        program.check().ok()?;
        let inputs = vec![vec![100, 200, -300, -400], vec![-5, 6, 7, -8]];
        // What else divides need not be.
        if matches!(reader, Op::Divide(_)) && operand == 1 {
            exec::run(&program, &weights, &inputs).ok()?;
        }
        Some(Self {
            case: Case {
                program,
                weights,
                inputs,
            },
            producer: column - 1,
            reader: last - 1,
        })
    }

    fn forger(&self) -> Forger {
        Forger::new(&self.case, srs())
    }

    /// Values that the producer's relations allow if nothing bounds them; what reads them follows.
    fn forge(&self) -> Forger {
        let op = self.case.program.nodes[self.producer].op;
        let mut forged = self.forger();
        let get = |at| forged.integer(self.producer, at, INDEX);
        let x = get(At::Operand(0));
        assert!(x < 0, "a negative operand");
        match op {
            Op::Relu(Relu) | Op::DenseRelu(_) => {
                let negative = At::Aux(Role::NEGATIVE);
                // The layer turns the sign of every other feature.
                let index = INDEX + usize::from(op != Op::Relu(Relu));
                let y = -forged.integer(self.producer, negative, index);
                assert!(y < 0, "a negative sum");
                forged.put(self.producer, At::Output, index, y);
                forged.put(self.producer, negative, index, 0);
                self.look_up(&mut forged, y);
            }
            Op::Abs(Abs) => {
                forged.put(self.producer, At::Output, INDEX, x);
                self.look_up(&mut forged, x);
            }
            Op::Clip(Clip { lowest, highest }) | Op::Saturate(Saturate { lowest, highest }) => {
                // Moved to the lower end from above it.
                let (low, high) = (i128::from(lowest), i128::from(highest));
                let up = element(low - x);
                forged.put(self.producer, At::Output, INDEX, low);
                forged.put_in((self.producer, At::Aux(Role::UP)), 0, INDEX, up);
                if op != Op::Saturate(Saturate::INT16) {
                    forged.put(self.producer, At::Aux(Role::ABOVE), INDEX, 0);
                    forged.put(self.producer, At::Aux(Role::BELOW), INDEX, high - low);
                }
                self.look_up(&mut forged, low);
            }
            Op::Activation(_) => return self.forge_by_run(),
            Op::Divide(_) => {
                // Another remainder in range, and a result that is no integer.
                let [low, high] = [Role::DIVISION_LOW, Role::DIVISION_HIGH].map(At::Aux);
                let divisor = 2 * get(At::Operand(1));
                let (rest, more, held) = (get(low), get(high), get(At::Output));
                let step = if more > 0 { 1 } else { -1 };
                forged.put(self.producer, low, INDEX, rest + step);
                forged.put(self.producer, high, INDEX, more - step);
                let inverse = element(divisor).invert().expect("a divisor");
                let y = element(held) - element(step) * inverse;
                forged.put_in((self.producer, At::Output), 0, INDEX, y);
            }
            // The dense layer's column is the reshape's.
            Op::Reshape(Reshape) => fraction(&mut forged, 0, INDEX),
            _ => fraction(&mut forged, self.producer, INDEX),
        }
        forged.recount_elements();
        forged
    }

    /// What a table that reads the value gives; of a value beyond its ends there is no row, and its lookup is false, too.
    fn look_up(&self, forged: &mut Forger, x: i128) {
        let program = &self.case.program;
        if let Op::Activation(Activation { table }) = program.nodes[self.reader].op
            && let Some(value) = program.tables[table].get(x as i64)
        {
            forged.put(self.reader, At::Output, INDEX, value.into());
        }
    }

    /// Another integer, and all that follows from it.
    fn forge_by_run(&self) -> Forger {
        let case = &self.case;
        let mut trace = exec::run(&case.program, &case.weights, &case.inputs).expect("run");
        trace.tensors[case.program.nodes[self.producer].output][INDEX] += 1;
        rerun(case, &mut trace, self.producer).expect("in range");
        Forger::with_trace(case, &trace, srs())
    }
}

/// A padded position of no axis, with a negative operand.
const INDEX: usize = 1;

/// Another remainder in range, and a result that is no integer.
fn fraction(forged: &mut Forger, node: usize, index: usize) {
    let op = forged.verifier.program.nodes[node].op;
    let rem = At::Aux(Role::REMAINDER);
    let (held, y) = (
        forged.integer(node, rem, index),
        forged.integer(node, At::Output, index),
    );
    let unit = pow2(8 * op.remainder_bytes())
        .invert()
        .expect("a power of two");
    forged.put(node, rem, index, held ^ 1);
    let value = element(y) + element(held - (held ^ 1)) * unit;
    forged.put_in((node, At::Output), 0, index, value);
}

fn rows() -> Vec<Op> {
    let mut out = vec![];
    for op in Op::EACH.into_iter().filter(|op| !op.over_tokens()) {
        out.push(match op {
            Op::Add(Add { shift, .. }) => Op::Add(Add {
                left: 1 << 15,
                right: 1 << 14,
                shift,
            }),
            Op::Mul(Mul { shift, .. }) => Op::Mul(Mul {
                multiplier: 1 << 8,
                shift,
            }),
            Op::LeakyRelu(_) => Op::LeakyRelu(LeakyRelu { slope: 6554 }),
            Op::Divide(_) => Op::Divide(Divide { shift: 3 }),
            Op::Clip(_) => Op::Clip(Clip {
                lowest: -700,
                highest: 700,
            }),
            Op::Saturate(_) => Op::Saturate(Saturate {
                lowest: -700,
                highest: 700,
            }),
            op => op,
        });
    }
    // Its limbs are the ends.
    out.push(Op::Saturate(Saturate::INT16));
    out
}

#[test]
fn columns_without_a_range_check_are_bounded_by_tables() {
    let mut tally = Tally::new("pairs of ops over rows");
    let (mut free, mut checked, mut illegal) = (0, 0, 0);
    for bits in [8, 16] {
        for producer in rows() {
            for reader in rows() {
                for place in (0..reader.arity()).flat_map(|i| [(i, false), (i, true)]) {
                    let name = format!(
                        "{} → {} {place:?}, {bits} bits",
                        producer.name(),
                        reader.name()
                    );
                    let Some(pair) = Pair::new(producer, reader, place, bits) else {
                        illegal += 1;
                        continue;
                    };
                    let forger = pair.forger();
                    let is_free = !range_checked(&forger, pair.producer);
                    (free, checked) =
                        (free + usize::from(is_free), checked + usize::from(!is_free));
                    // What shows what the reader relies on if limbs do.
                    let needed = reader.relied(Place::Operand(place.0));
                    let shown = stored(&producer, 16);
                    assert!(is_free || needed.is_none_or(|n| n.contain(shown)), "{name}");
                    let table = matches!(reader, Op::Activation(_));
                    if is_free || (table && place.0 == 0) {
                        refuse(&mut tally, &name, &pair.forge());
                    }
                }
            }
        }
    }
    assert!(free > 20, "{free} free columns");
    println!("pairs: {checked} range-checked, {free} not, {illegal} are no programs");
}

/// Every false statement is about a lookup, and one is there.
fn refuse(tally: &mut Tally, name: &str, forged: &Forger) {
    let broken = forged.broken();
    assert!(!broken.is_empty(), "SOUNDNESS: {name}: nothing is false");
    let lookup = |b: &String| b.starts_with("range") || b.starts_with("table");
    assert!(broken.iter().all(lookup), "{name}: {broken:?}");
    tally.refuse(name, "lookup root", forged);
}

/// Whether lookups of limbs cover all of a node's output; if not, none of it is in their region.
fn range_checked(forger: &Forger, node: usize) -> bool {
    let (limbs, _) = forger.limbs(node, At::Output);
    let bits = usize::from(forger.verifier.program.limb_bits);
    let covered = |block| {
        forger
            .verifier
            .trees
            .iter()
            .flat_map(|t| &t.segments)
            .any(|s| match &s.kind {
                Kind::Range { view, range, .. } => {
                    *range == Range::Limb { bits }
                        && view.as_block().is_some_and(|own| own.contains(block))
                }
                _ => false,
            })
    };
    let checked = limbs.iter().all(covered);
    let free = |block| {
        forger
            .verifier
            .layout
            .free
            .iter()
            .any(|b| b.contains(block))
    };
    assert_ne!(checked, limbs.iter().all(free), "in one region");
    checked
}

/// Ops of language models, each read by a table.
#[test]
fn columns_of_sequences_without_a_range_check_are_bounded_by_tables() {
    let mut tally = Tally::new("ops over tokens, read by a table");
    let isolated = Isolated::tabled();
    let program = &isolated.case.program;
    let (table, reads) = (program.tables.len() - 1, |id| {
        program
            .nodes
            .iter()
            .position(|n| n.inputs == [id] && n.name.starts_with("table of"))
    });
    for (node, op) in program.nodes.iter().map(|n| n.op).enumerate() {
        let Some(reader) = reads(program.nodes[node].output) else {
            continue;
        };
        let name = format!("{} → activation", op.name());
        assert!(
            !range_checked(&isolated.forger, node),
            "{name}: bounded by its table"
        );
        let mut forged = isolated.forger.clone();
        if op.remainder_bytes() > 0 {
            fraction(&mut forged, node, INDEX);
        } else {
            let y = isolated.get(node, At::Output, 0) + 1;
            forged.put(node, At::Output, 0, y);
            let value = program.tables[table].get(y as i64).expect("inside");
            forged.put(reader, At::Output, 0, value.into());
        }
        forged.recount_elements();
        refuse(&mut tally, &name, &forged);
    }
}
