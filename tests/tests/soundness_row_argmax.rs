//! Forgeries of the class of a row.

use std::sync::OnceLock;

use halo2curves_axiom::bn256::Fr;
use laminate_engine::fold::FoldMode;
use laminate_model::ops::forest::{Nodes, Row};
use laminate_model::ops::row_argmax::MAX_CLASSES;
use laminate_model::ops::{Dense, Forest, RowArgmax, View};
use laminate_model::program::{
    AxisMap, DenseShape, DenseWeights, Node, Op, Program, Role, Tensor, TensorView, ViewTerm,
    Weights,
};
use laminate_tests::attack::{Tally, srs};
use laminate_tests::circuit::assert_agreement;
use laminate_tests::forger::{At, Forger};
use laminate_tests::{Case, prove_case, sequence};

const ROOT: &str = "lookup root";
const BEST: At = At::Aux(Role::BEST);
const PICK: At = At::Aux(Role::PICK);
const GAP: At = At::Aux(Role::GAP);

fn wide(width: u32) -> Tensor {
    Tensor {
        bits: 32,
        ..Tensor::new("margins", width, 0)
    }
}

/// The class of each row, twice: nothing reads the first, nor what is there for its weights.
fn case(inputs: &[&[i32]], bits: u8, limb_bits: u8) -> Case {
    let width = inputs[0].len() as u32;
    let log = inputs.len().next_power_of_two().trailing_zeros() as u8;
    let mut program = Program::empty("classes", log, 17);
    program.limb_bits = limb_bits;
    let tensor = |width| match bits {
        32 => wide(width),
        _ => Tensor::new("logits", width, 0),
    };
    program.tensors = vec![
        tensor(width),
        Tensor::new("unread", 1, 0),
        Tensor::new("class", 1, 0),
        tensor(1),
    ];
    program.nodes = [1, 2]
        .map(|output| Node {
            name: format!("class {output}"),
            op: Op::RowArgmax(RowArgmax),
            inputs: vec![0],
            output,
        })
        .to_vec();
    let (op, shape, weights) = match bits {
        32 => forest(),
        _ => sum(width),
    };
    program.weights = vec![shape];
    program.nodes.push(Node {
        name: "weights".into(),
        op,
        inputs: vec![0],
        output: 3,
    });
    program.output = 2;
    assert_eq!(program.check(), Ok(()));
    Case {
        program,
        weights: Weights {
            dense: vec![weights],
        },
        inputs: inputs.iter().map(|row| row.to_vec()).collect(),
    }
}

/// A forest of one leaf.
fn forest() -> (Op, DenseShape, DenseWeights) {
    let leaf = Row {
        value: 5,
        ..Row::default()
    };
    let table = Nodes::of_chains(&[leaf], &[0], &[0]).expect("a table");
    let forest = Forest {
        weight: 0,
        chains: 1,
        steps: 1,
        missing: false,
    };
    (Op::Forest(forest), table.shape(), table.weights())
}

/// A layer of one output.
fn sum(width: u32) -> (Op, DenseShape, DenseWeights) {
    let weights = DenseWeights {
        weight: vec![1; width as usize],
        bias: vec![0],
        multiplier: vec![1 << 16],
    };
    let layer = Dense {
        weight: 0,
        shift: 16,
    };
    (Op::Dense(layer), DenseShape::new(1, width), weights)
}

/// Rows of a width at which the last entry is padding of the axis; of the first row two are equal, the second one has the
/// ends of the range.
struct Classes {
    rows: [&'static [i32]; 2],
    /// The last limb of a gap.
    last: usize,
    forger: Forger,
}

impl Classes {
    fn new(rows: [&'static [i32]; 2], bits: u8, limb_bits: u8) -> Self {
        let forger = Forger::new(&case(&rows, bits, limb_bits), srs());
        assert_eq!(forger.broken(), [""; 0], "honest");
        Self {
            rows,
            last: 48 / usize::from(limb_bits) - 1,
            forger,
        }
    }

    /// `x'` of a row's entry.
    fn rank(&self, slot: usize, k: usize) -> i128 {
        RowArgmax::rank(self.rows[slot][k], k, 3).into()
    }

    /// The class of a row.
    fn class(&self, slot: usize) -> usize {
        let class = (0..3).max_by_key(|k| self.rank(slot, *k));
        class.expect("an entry")
    }

    /// The columns of a row whose class is `class`, and whose greatest rank is `best`; gaps are what they must be.
    fn claimed(&self, slot: usize, class: usize, best: i128) -> Forger {
        let mut forged = self.forger.clone();
        forged.put(0, At::Output, slot, class as i128);
        forged.put(0, BEST, slot, best);
        for k in 0..4 {
            forged.put(0, PICK, 4 * slot + k, i128::from(k == class));
            if k < 3 {
                forged.put(0, GAP, 4 * slot + k, best - self.rank(slot, k));
            }
        }
        forged.recount_elements();
        forged
    }
}

const WIDE: [&[i32]; 2] = [&[7, -3, 7], &[i32::MIN, i32::MAX, 0]];
const NARROW: [&[i32]; 2] = [&[7, -3, 7], &[-(1 << 15), (1 << 15) - 1, 0]];

/// Margins of trees, and logits of networks at both widths of a limb.
fn all() -> &'static [Classes; 3] {
    static ALL: OnceLock<[Classes; 3]> = OnceLock::new();
    ALL.get_or_init(|| {
        [
            Classes::new(WIDE, 32, 16),
            Classes::new(NARROW, 16, 8),
            Classes::new(NARROW, 16, 16),
        ]
    })
}

/// Asserts that a forgery makes these statements of the first node false, among others, and is refused.
fn refuse(tally: &mut Tally, statements: &[&str], forged: &Forger) {
    let broken = forged.broken();
    for statement in statements {
        let found = broken.iter().any(|b| b.contains(statement));
        assert!(found, "{statement}: {broken:?}");
    }
    tally.refuse(statements[0], "", forged);
}

#[test]
fn classes_are_proven_natively_and_in_the_circuit() {
    let rows: [&[&[i32]]; 4] = [
        &WIDE,
        &[&[1, 2, 3, 4]],
        &[&[5, 5]],
        &[
            &[0, -1, i32::MIN, 9, 9],
            &[-7; 5],
            &[1, 2, 3, 4, 5],
            &[i32::MAX; 5],
        ],
    ];
    let wide = rows.map(|rows| case(rows, 32, 16));
    let narrow = [8, 16].map(|limb_bits| case(&NARROW, 16, limb_bits));
    for case in wide.iter().chain(&narrow) {
        for mode in [FoldMode::On, FoldMode::Off] {
            let proven = prove_case(case, srs(), mode, 3);
            let verifier = &proven.model.verifier;
            let verified = verifier.verify_native(&proven.statement, &proven.proof, &srs().tau_g2);
            assert_eq!(verified, Ok(()), "{:?}", case.inputs);
            assert_agreement(verifier, &proven.statement, &proven.proof);
        }
    }
}

#[test]
fn another_class_has_a_negative_gap() {
    let mut tally = Tally::new("other classes");
    for (classes, slot) in all().iter().flat_map(|c| [(c, 0), (c, 1)]) {
        let class = classes.class(slot);
        for other in (0..3).filter(|k| *k != class) {
            let best = classes.rank(slot, other);
            let forged = classes.claimed(slot, other, best);
            // The greatest is above what is claimed to be: among them the first of two equal ones by one.
            let range = format!("range: node 0: Gap limb {}", classes.last);
            tally.refuse_alone(&range, ROOT, &forged);
            // The gap wraps in 48 bits.
            let mut wrapped = forged.clone();
            let gap = (best - classes.rank(slot, class)).rem_euclid(1 << 48);
            wrapped.put(0, GAP, 4 * slot + class, gap);
            wrapped.recount_elements();
            refuse(&mut tally, &["row argmax: linear 0"], &wrapped);
            // The right greatest: the gap of what is picked is not zero.
            let best = classes.rank(slot, class);
            let forged = classes.claimed(slot, other, best);
            refuse(&mut tally, &["row argmax: quadratic 0"], &forged);
        }
    }
}

#[test]
fn one_entry_inside_is_picked() {
    let mut tally = Tally::new("picks");
    for (classes, slot) in all().iter().flat_map(|c| [(c, 0), (c, 1)]) {
        let class = classes.class(slot);
        let best = classes.rank(slot, class);
        // None, and one behind the end: its gap is public.
        let mut none = classes.forger.clone();
        none.put(0, PICK, 4 * slot + class, 0);
        none.put(0, At::Output, slot, 0);
        none.recount_elements();
        refuse(&mut tally, &["row sum"], &none);
        for (gap, statement) in [(4, "row argmax: quadratic 0"), (0, "row argmax: linear 0")] {
            // Whatever is called the greatest.
            for best in [best, (1 << 48) - 1] {
                let mut padded = classes.claimed(slot, 3, best);
                padded.put(0, GAP, 4 * slot + 3, gap);
                padded.recount_elements();
                refuse(&mut tally, &[statement], &padded);
            }
        }
        // Two and minus one.
        let other = (class + 1) % 3;
        let mut twice = classes.forger.clone();
        twice.put(0, PICK, 4 * slot + class, 2);
        twice.put(0, PICK, 4 * slot + other, -1);
        twice.put(0, At::Output, slot, 2 * class as i128 - other as i128);
        twice.recount_elements();
        refuse(&mut tally, &["range: node 0: Pick"], &twice);
        // More than the greatest.
        let above = classes.claimed(slot, class, best + 1);
        refuse(&mut tally, &["row argmax: quadratic 0"], &above);
    }
}

#[test]
fn the_class_is_what_is_picked() {
    let mut tally = Tally::new("classes beside the pick");
    for (classes, slot) in all().iter().flat_map(|c| [(c, 0), (c, 1)]) {
        let class = classes.forger.integer(0, At::Output, slot);
        for other in [0, 1, 2, 3, -1, 1 << 14]
            .into_iter()
            .filter(|c| *c != class)
        {
            let mut forged = classes.forger.clone();
            forged.put(0, At::Output, slot, other);
            forged.recount_elements();
            let statement = "node 0: row argmax class: linear 0";
            tally.refuse_alone(statement, "batching", &forged);
        }
    }
    // The output that is stated.
    for classes in all() {
        let mut told = classes.forger.clone();
        told.output[0] += Fr::from(1);
        told.restate();
        tally.refuse("an output beside the trace", "", &told);
    }
}

#[test]
fn programs_that_have_no_such_class_are_refused() {
    let refusal = |change: &dyn Fn(&mut Program)| {
        let mut program = case(&WIDE, 32, 16).program;
        change(&mut program);
        program.check().expect_err("refused").to_string()
    };
    for (expected, change) in [
        (
            "has 32 bits, expected 16",
            &(|p: &mut Program| p.tensors[1].bits = 32) as &dyn Fn(&mut Program),
        ),
        ("and one number", &|p| p.tensors[1].axes = vec![2]),
        ("expected one axis", &|p| p.tensors[0].axes = vec![3, 2]),
        ("expected one axis", &|p| {
            p.tensors[0].axes = vec![MAX_CLASSES as u32 + 1]
        }),
        ("stacked", &|p| p.tensors[0].stack = 2),
    ] {
        let found = refusal(change);
        assert!(found.contains(expected), "{expected}: {found}");
    }
    let found = refusal(&|p| {
        p.views.push(TensorView {
            constant: 0,
            terms: vec![ViewTerm {
                operand: 0,
                coefficient: 1,
                maps: vec![AxisMap::Same { axis: 0 }],
                masks: vec![],
            }],
        });
        p.tensors.push(wide(3));
        let view = Node {
            name: "view".into(),
            op: Op::View(View {
                view: 0,
                operands: 1,
            }),
            inputs: vec![0],
            output: 4,
        };
        p.nodes.insert(0, view);
        p.nodes[1].inputs = vec![4];
    });
    assert!(found.contains("a column of its own"), "{found}");
    // Over tokens, on the residual stream.
    let mut program = sequence::case(5, &sequence::Shape::SMALL, false).program;
    let stream = program
        .tensors
        .iter()
        .position(|t| t.bits == 32 && t.axes.len() == 1 && t.stack == 1);
    let stream = stream.expect("a residual stream");
    laminate_tests::programs::node(
        &mut program,
        Op::RowArgmax(RowArgmax),
        &[stream],
        Tensor::new("class", 1, 0),
    );
    let found = program.check().expect_err("refused").to_string();
    assert!(found.contains("works on rows"), "{found}");
}
