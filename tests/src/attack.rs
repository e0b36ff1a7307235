//! Forgeries of sequence programs: a model, its honest run, and runs that are steered.

use std::cell::Cell;
use std::sync::OnceLock;

use laminate_engine::fold::FoldMode;
use laminate_model::program::{ACTIVATION_BOUND, Op, Role, Weights};
use laminate_prover::exec::Trace;

use crate::forger::Forger;
use crate::replay::{Padded, Replay, Step};
use crate::sequence::{self, SequenceCase, Shape};
use crate::{Case, TestSrs};

/// The reference string of all tests of a file.
pub fn srs() -> &'static TestSrs {
    static SRS: OnceLock<TestSrs> = OnceLock::new();
    SRS.get_or_init(|| TestSrs::new(b"sequence", 18))
}

/// A model that is attacked.
pub struct Attack {
    /// Program and weights.
    pub case: Case,
    /// The weights with their padding.
    pub weights: Vec<Padded>,
    /// The token of every slot.
    pub tokens: Vec<i64>,
    /// The honest run.
    pub trace: Trace,
}

impl Attack {
    /// [`Shape::SMALL`], stacked.
    pub fn small() -> &'static Self {
        static SMALL: OnceLock<Attack> = OnceLock::new();
        SMALL.get_or_init(|| Self::controlled(&Shape::SMALL))
    }

    /// The same with all tokens in the prompt, so that what it computes decides the last output alone.
    pub fn prompted() -> &'static Self {
        static PROMPTED: OnceLock<Attack> = OnceLock::new();
        PROMPTED.get_or_init(|| {
            Self::controlled(&Shape {
                prompt: Shape::SMALL.tokens,
                ..Shape::SMALL
            })
        })
    }

    /// Its honest proof is accepted, and the second executor agrees with the first, so that a refusal
    /// is the verifier's work.
    fn controlled(shape: &Shape) -> Self {
        let attack = Self::new(sequence::case(5, shape, true));
        let honest = attack.forger(&attack.trace);
        let (again, wrapped) = attack.replay().run();
        assert_eq!(wrapped, 0);
        assert_eq!(attack.forger(&again).trace.values, honest.trace.values);
        assert_eq!(honest.verdict(srs(), FoldMode::On), Ok(()), "honest");
        attack
    }

    /// Another model.
    pub fn new(case: SequenceCase) -> Self {
        let ids = case.trace.tensors[case.program.input].iter();
        Self {
            weights: Padded::of(&case),
            tokens: ids.map(|v| i64::from(*v) + ACTIVATION_BOUND).collect(),
            trace: case.trace,
            case: Case {
                program: case.program,
                weights: case.weights,
                inputs: vec![],
            },
        }
    }

    /// The same program and tokens with other weights; the run is that of the second executor.
    pub fn reweighted(&self, change: impl Fn(&mut Weights)) -> Self {
        let mut case = SequenceCase {
            program: self.case.program.clone(),
            weights: self.case.weights.clone(),
            tokens: vec![],
            trace: self.trace.clone(),
        };
        change(&mut case.weights);
        let mut out = Self::new(case);
        out.trace = out.replay().run().0;
        out
    }

    /// Nodes with such an op.
    pub fn nodes(&self, wanted: impl Fn(&Op) -> bool) -> Vec<usize> {
        let nodes = self.case.program.nodes.iter().enumerate();
        nodes
            .filter(|(_, n)| wanted(&n.op))
            .map(|(i, _)| i)
            .collect()
    }

    /// The first of them.
    pub fn node(&self, wanted: impl Fn(&Op) -> bool) -> usize {
        self.nodes(wanted)[0]
    }

    /// A run that is not steered yet.
    pub fn replay(&self) -> Replay<'_> {
        Replay::new(&self.case.program, &self.weights, &self.tokens)
    }

    /// A run in which `change` alters what node `at.0` computes in block `at.1`; none if it has nothing
    /// to alter.
    pub fn steered(
        &self,
        at: (usize, usize),
        change: impl Fn(&[Vec<i64>], &mut Step) -> bool,
    ) -> Option<Trace> {
        let applied = Cell::new(false);
        let after = |node, block, operands: &[Vec<i64>], step: &mut Step| {
            if (node, block) == at {
                applied.set(change(operands, step));
            }
        };
        let replay = Replay {
            after: &after,
            ..self.replay()
        };
        let (trace, _) = replay.run();
        applied.get().then_some(trace)
    }

    /// A prover who claims that `trace` is a run.
    pub fn forger(&self, trace: &Trace) -> Forger {
        Forger::with_trace(&self.case, trace, srs())
    }

    /// The same, by a registrant who has committed to `weights`, padding included.
    pub fn registered(&self, trace: &Trace, weights: &[Padded]) -> Forger {
        let mut out = self.forger(trace);
        let padded = Padded::bytes(weights, &out.verifier.layout);
        out.register(srs(), |bytes| bytes.copy_from_slice(&padded));
        out
    }
}

/// Counts forgeries and prints what became of them.
#[derive(Debug)]
pub struct Tally {
    name: &'static str,
    tried: usize,
}

impl Tally {
    /// Nothing tried yet.
    pub fn new(name: &'static str) -> Self {
        Self { name, tried: 0 }
    }

    /// The forgery must be refused, by the check that is named, or by one that takes statements together of which the
    /// named one is false: others hold, as it is consistent.
    pub fn refuse(&mut self, what: &str, by: &str, forger: &Forger) {
        let name = self.name;
        let Some(error) = forger.refusal(srs()) else {
            panic!("SOUNDNESS: {name}: {what} is accepted");
        };
        let mut error = error.to_string();
        // A joint sumcheck refuses the sum of many relations, batching all claims: the audit tells which are false.
        if !error.contains(by) && (error.contains("joint sumcheck") || error.contains("batching")) {
            error = format!("{error}; false are {}", forger.broken().join(", "));
        }
        assert!(
            error.contains(by),
            "{name}: {what}: by {by:?} expected, refused by {error:?}"
        );
        self.tried += 1;
    }

    /// The same for a forgery that makes exactly one statement false.
    pub fn refuse_alone(&mut self, statement: &str, by: &str, forger: &Forger) {
        let name = self.name;
        assert_eq!(forger.broken(), [statement], "{name}: what is false");
        self.refuse(statement, by, forger);
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        assert!(self.tried > 0, "{}: nothing was tried", self.name);
        println!("{}: {} tried, 0 accepted", self.name, self.tried);
    }
}

/// Overwrites part of a step's columns: `rows` of a step that has the given row only.
pub fn overwrite(step: &mut Step, row: usize, with: Step) {
    let width = with.values.len();
    step.values[row * width..][..width].copy_from_slice(&with.values);
    for (role, values) in with.roles {
        let size = values.len();
        step.role(role)[row * size..][..size].copy_from_slice(&values);
    }
}

/// One row of a softmax.
#[derive(Clone, Debug)]
pub struct Attention {
    /// Scores of all places.
    pub scores: Vec<i64>,
    /// Places that are not masked.
    pub seen: usize,
    /// The table.
    pub table: Vec<i16>,
    /// The row's maximum.
    pub maximum: i64,
    /// Depths.
    pub depth: Vec<i64>,
    /// Results.
    pub values: Vec<i64>,
    /// Picks.
    pub pick: Vec<i128>,
}

impl Attention {
    /// Depths and results of the first `places` as they follow from the maximum, wrapped.
    pub fn follow(&mut self, places: usize) {
        for u in 0..places {
            let depth = (self.maximum - self.scores[u]).rem_euclid(1 << 16);
            self.depth[u] = depth;
            self.values[u] = self.table[depth as usize].into();
        }
    }

    /// Picks one place.
    pub fn pick(&mut self, place: Option<usize>) {
        for (u, pick) in self.pick.iter_mut().enumerate() {
            *pick = i128::from(place == Some(u));
        }
    }

    /// The first place of a depth.
    pub fn at(&self, wanted: impl Fn(i64) -> bool) -> Option<usize> {
        self.depth[..self.seen].iter().position(|z| wanted(*z))
    }

    /// Alters row `row` of a softmax step.
    pub fn alter(
        attack: &Attack,
        row: usize,
        scores: &[i64],
        step: &mut Step,
        change: &dyn Fn(&mut Self) -> Option<()>,
    ) -> bool {
        let program = &attack.case.program;
        let slots = program.slots();
        let range = row * slots..(row + 1) * slots;
        let mut attention = Self {
            scores: scores[range.clone()].to_vec(),
            seen: row / (scores.len() / slots / slots) + 1,
            table: program.tables[0].values.clone(),
            maximum: step.role(Role::MAXIMUM)[row] as i64 - ACTIVATION_BOUND,
            depth: step.role(Role::DEPTH)[range.clone()]
                .iter()
                .map(|z| *z as i64)
                .collect(),
            values: step.values[range.clone()].to_vec(),
            pick: step.role(Role::PICK)[range].to_vec(),
        };
        let changed = change(&mut attention).is_some();
        let mut new = Step {
            values: attention.values,
            ..Step::default()
        };
        new.role(Role::MAXIMUM)
            .push((attention.maximum + ACTIVATION_BOUND).into());
        *new.role(Role::DEPTH) = attention.depth.iter().map(|z| i128::from(*z)).collect();
        *new.role(Role::PICK) = attention.pick;
        overwrite(step, row, new);
        changed
    }
}
