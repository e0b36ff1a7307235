//! The joint sumcheck: all relations of a group are shown by one sumcheck of at most two stages.
//!
//! A relation over fewer variables than the largest is constant in the first ones, so its point is a suffix of
//! the common one, and rounds become a maximum instead of a sum. [`Joint::new`] reads off a group's relations
//! everything that is sent and claimed, and where; the verifier ([`verify`]), the prover, and the circuit's
//! placeholder all go by that description. `docs/specs/protocol.md`, section 6, lists the messages;
//! `docs/adr/0024-joint-sumcheck.md` says why they are so.

pub mod point;
mod proof;
mod verify;

use std::collections::BTreeSet;
use std::ops::Range;

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;

use crate::claim::View;
use crate::error::VerifyError;
use crate::field::pow2;
use crate::relations::product::{Points, join};
use crate::relations::{Elementwise, Factor, Product, Relation};
use crate::sumcheck::SumcheckProof;
use crate::switch::on;

use point::{At, inverse_of_power, suffix};
pub use proof::{JointProof, StageProof};

/// Degree of a round polynomial at most.
pub const MAX_DEGREE: usize = 3;

/// Names of the stages in errors.
const STAGES: [&str; 2] = ["outer joint", "inner joint"];

/// A scalar that is sent beside the rounds.
#[derive(Clone, Debug)]
pub enum Sent {
    /// `view(point)`, which is claimed.
    Evaluation {
        /// The column.
        view: View,
        /// Where.
        point: Vec<At>,
    },
    /// A factor that is not committed: the next stage's claim, less an offset.
    Inner,
}

/// What a summand's sum is claimed to be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Claimed {
    /// Zero.
    Zero,
    /// `factor` times a scalar that was sent.
    Target {
        /// The factor.
        factor: Fr,
        /// Where it stands in [`Joint::sent`].
        slot: usize,
    },
    /// A factor of the stage before, less an offset.
    Inner {
        /// Where the factor stands.
        slot: usize,
        /// Where the offset stands.
        offset: Option<usize>,
    },
}

/// A relation's part in a stage.
#[derive(Clone, Debug)]
pub struct Summand {
    /// Index into [`Joint::relations`].
    pub relation: usize,
    /// Which stage of the relation it is.
    pub number: usize,
    /// Number of variables: the point is the stage's last ones.
    pub variables: usize,
    /// Degree in each variable.
    pub degree: usize,
    /// Number of powers of the stage's challenge that it takes: one a quadratic identity, one a product.
    pub powers: usize,
    /// What it sums up to.
    pub claimed: Claimed,
    /// Where the values of its columns stand, the inner factor last.
    pub slots: Vec<usize>,
    /// Points of its axes before the stage and after it; an element-wise relation has one axis.
    pub points: [Points<At>; 2],
}

/// One sumcheck.
#[derive(Clone, Debug)]
pub struct Stage {
    /// Name in errors.
    pub name: &'static str,
    /// Number of rounds.
    pub variables: usize,
    /// Degree of its rounds.
    pub degree: usize,
    /// What is sent after them, as part of [`Joint::sent`].
    pub evaluations: Range<usize>,
    /// What it sums up.
    pub summands: Vec<Summand>,
}

/// A value that is claimed and not sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Known {
    /// A constant.
    Constant(Fr),
    /// A scalar that is sent, times a factor.
    Scaled(Fr, usize),
    /// The gap of an argmax and the logit, from the best logit that is sent.
    BelowBest(usize),
}

/// A claim without a message.
#[derive(Clone, Debug)]
pub struct KnownClaim {
    /// Index into [`Joint::relations`].
    pub relation: usize,
    /// The column.
    pub view: View,
    /// Where.
    pub point: Vec<At>,
    /// What.
    pub value: Known,
}

/// The relations of a group and what follows from them. Indices of scalars are over all that is sent, targets
/// first, then the evaluations of each stage.
#[derive(Clone, Debug)]
pub struct Joint {
    /// Relations, each with its node.
    pub relations: Vec<(usize, Relation)>,
    /// Number of variables of the joint point.
    pub variables: usize,
    /// Scalars that are sent; the same column at the same point once.
    pub sent: Vec<Sent>,
    /// How many of them are sent before the first stage.
    pub targets: usize,
    /// The stages.
    pub stages: Vec<Stage>,
    /// Claims without a message.
    pub known: Vec<KnownClaim>,
}

impl Joint {
    /// The joint sumcheck of relations, each with the node that it is of.
    ///
    /// # Errors
    /// [`VerifyError::Unsupported`] for a relation that has no place in it.
    pub fn new(relations: Vec<(usize, Relation)>) -> Result<Self, VerifyError> {
        let point_logs = relations.iter().map(|(_, r)| r.point_log());
        let mut joint = Self {
            variables: point_logs.max().unwrap_or(0),
            relations: vec![],
            sent: vec![],
            targets: 0,
            stages: vec![],
            known: vec![],
        };
        for (index, (_, relation)) in relations.iter().enumerate() {
            joint.add_targets(index, relation)?;
        }
        joint.targets = joint.sent.len();
        let depth = relations.iter().map(|(_, r)| r.stages()).max().unwrap_or(0);
        for number in 0..depth {
            joint.add_stage(number, &relations)?;
        }
        joint.relations = relations;
        Ok(joint)
    }

    /// Adds what a relation sends and claims at the joint point.
    fn add_targets(&mut self, index: usize, relation: &Relation) -> Result<(), VerifyError> {
        let point = suffix(0, relation.point_log());
        match relation {
            Relation::Product(product) => {
                if let Some(view) = &product.target {
                    self.slot(view, join(&product.points(0), &product.target_axes));
                }
            }
            Relation::Elementwise(relation) => {
                for view in relation.linear_claims()? {
                    if on("linear identity") {
                        self.know(index, view, point.clone(), Known::Constant(Fr::ZERO));
                    }
                }
            }
            Relation::RowSum(relation) => {
                let size = inverse_of_power(relation.sum_log);
                let value = match &relation.total {
                    Some(view) => Known::Scaled(size, self.slot(view, point.clone())),
                    None => Known::Constant(size),
                };
                let halves = std::iter::repeat_n(At::Half, relation.sum_log);
                let point = point.into_iter().chain(halves).collect();
                if on("row sum") {
                    self.know(index, relation.column.clone(), point, value);
                }
            }
            Relation::Gap(relation) => {
                let [best, logit, gap] = &relation.columns;
                let slots = point.get(..relation.logs[0]).unwrap_or(&[]).to_vec();
                let slot = self.slot(best, slots);
                if on("gap of an argmax") {
                    let view = gap.scale_add(Fr::ONE, logit);
                    self.know(index, view, point, Known::BelowBest(slot));
                }
            }
            Relation::Zeros(relation) => {
                for point in relation.points(&point, At::Bit) {
                    let view = relation.view.clone();
                    self.know(index, view, point, Known::Constant(Fr::ZERO));
                }
            }
        }
        Ok(())
    }

    fn add_stage(
        &mut self,
        number: usize,
        relations: &[(usize, Relation)],
    ) -> Result<(), VerifyError> {
        let start = self.sent.len();
        let mut summands = vec![];
        for (index, (_, relation)) in relations.iter().enumerate() {
            if relation.stages() <= number {
                continue;
            }
            let summand = match relation {
                Relation::Product(product) => self.product(index, product, number)?,
                Relation::Elementwise(relation) => self.zero_check(index, relation),
                _ => continue,
            };
            if summand.degree > MAX_DEGREE {
                return Err(unsupported(relation, "has a degree above 3"));
            }
            summands.push(summand);
        }
        let name = STAGES.get(number).copied().unwrap_or("joint");
        self.stages.push(Stage {
            name,
            variables: summands.iter().map(|s| s.variables).max().unwrap_or(0),
            // A round has two coefficients at least.
            degree: summands.iter().map(|s| s.degree).max().unwrap_or(0).max(2),
            evaluations: start..self.sent.len(),
            summands,
        });
        Ok(())
    }

    fn product(
        &mut self,
        index: usize,
        product: &Product,
        number: usize,
    ) -> Result<Summand, VerifyError> {
        let relation = Relation::Product(product.clone());
        let stage = product.stages.get(number);
        let stage = stage.ok_or_else(|| unsupported(&relation, "has no such stage"))?;
        if product.stages.len() > STAGES.len() {
            return Err(unsupported(&relation, "has more than two stages"));
        }
        if stage.inner != (number + 1 < product.stages.len()) {
            return Err(unsupported(
                &relation,
                "has an inner factor that no stage shows",
            ));
        }
        if number > 0 && stage.kernel.is_some() {
            return Err(unsupported(&relation, "has a kernel in its second stage"));
        }
        let [before, after] = [number, number + 1].map(|i| product.points(i));
        let claimed = match (number, &product.target) {
            (0, Some(view)) => Claimed::Target {
                factor: Option::from(product.constant.invert())
                    .ok_or_else(|| unsupported(&relation, "has the constant zero"))?,
                slot: self.slot(view, join(&before, &product.target_axes)),
            },
            (0, None) => Claimed::Zero,
            _ => self.inner_claim(index, product, number)?,
        };
        let factor = |factor: &Factor| (factor.view.clone(), join(&after, &factor.axes));
        let mut slots: Vec<usize> = stage
            .factors
            .iter()
            .map(factor)
            .map(|(view, point)| self.slot(&view, point))
            .collect();
        if stage.inner {
            slots.push(self.sent.len());
            self.sent.push(Sent::Inner);
        }
        if let Some((view, point)) = stage.offset.as_ref().map(factor) {
            self.slot(&view, point);
        }
        Ok(Summand {
            relation: index,
            number,
            variables: stage.rounds(&product.axes),
            degree: stage.degree(&product.axes),
            powers: 1,
            claimed,
            slots,
            points: [before, after],
        })
    }

    /// What the stage before leaves to be shown.
    fn inner_claim(
        &mut self,
        index: usize,
        product: &Product,
        number: usize,
    ) -> Result<Claimed, VerifyError> {
        let missing = || unsupported(&Relation::Product(product.clone()), "lacks its first stage");
        let stage = number.checked_sub(1).ok_or_else(missing)?;
        let summands = self.stages.get(stage).map(|s| s.summands.as_slice());
        let mut summands = summands.unwrap_or_default().iter();
        let found = summands.find(|s| s.relation == index);
        let slot = found.and_then(|s| s.slots.last()).copied();
        let slot = slot.ok_or_else(missing)?;
        let offset = product.stages.get(stage).and_then(|s| s.offset.as_ref());
        let points = product.points(number);
        let offset = offset.map(|o| self.slot(&o.view, join(&points, &o.axes)));
        Ok(Claimed::Inner { slot, offset })
    }

    fn zero_check(&mut self, index: usize, relation: &Elementwise) -> Summand {
        let log = relation.log();
        let after = suffix(1, log);
        let columns = relation.read();
        let columns = columns.iter().filter_map(|c| relation.columns.get(*c));
        let slots = columns
            .map(|view| self.slot(view, after.get(..view.log()).unwrap_or(&after).to_vec()))
            .collect();
        Summand {
            relation: index,
            number: 0,
            variables: log,
            degree: relation.degree(),
            powers: relation.quadratic.len(),
            claimed: Claimed::Zero,
            slots,
            points: [vec![suffix(0, log)], vec![after]],
        }
    }

    /// Where an evaluation stands among the scalars that are sent.
    fn slot(&mut self, view: &View, point: Vec<At>) -> usize {
        let same = |sent: &Sent| matches!(sent, Sent::Evaluation { view: v, point: p } if *p == point && v == view);
        self.sent.iter().position(same).unwrap_or_else(|| {
            let view = view.clone();
            self.sent.push(Sent::Evaluation { view, point });
            self.sent.len() - 1
        })
    }

    fn know(&mut self, relation: usize, view: View, point: Vec<At>, value: Known) {
        self.known.push(KnownClaim {
            relation,
            view,
            point,
            value,
        });
    }

    /// The shape of a proof.
    pub fn shape(&self) -> JointProof<()> {
        let stage = |stage: &Stage| StageProof {
            sumcheck: SumcheckProof {
                rounds: vec![vec![(); stage.degree]; stage.variables],
            },
            evaluations: vec![(); stage.evaluations.len()],
        };
        JointProof {
            targets: vec![(); self.targets],
            stages: self.stages.iter().map(stage).collect(),
        }
    }

    /// Whether claims are left to be opened.
    pub fn leaves_claims(&self) -> bool {
        let evaluation = |sent: &Sent| matches!(sent, Sent::Evaluation { .. });
        !self.known.is_empty() || self.sent.iter().any(evaluation)
    }

    /// A node's share of a proof: what its relations read, beside the rounds of the stages that they are in.
    pub fn share<S: Clone>(&self, node: usize, proof: &JointProof<S>) -> JointProof<S> {
        let own = |relation: usize| self.relations.get(relation).is_some_and(|r| r.0 == node);
        let mut read = BTreeSet::new();
        for known in self.known.iter().filter(|k| own(k.relation)) {
            match known.value {
                Known::Scaled(_, slot) | Known::BelowBest(slot) => read.extend([slot]),
                Known::Constant(_) => {}
            }
        }
        let summands = self.stages.iter().flat_map(|s| &s.summands);
        for summand in summands.filter(|s| own(s.relation)) {
            read.extend(&summand.slots);
            match summand.claimed {
                Claimed::Zero => {}
                Claimed::Target { slot, .. } => read.extend([slot]),
                Claimed::Inner { slot, offset } => read.extend(offset.into_iter().chain([slot])),
            }
        }
        let kept = |range: Range<usize>, values: &[S]| -> Vec<S> {
            let values = range.zip(values);
            let values = values.filter(|(slot, _)| read.contains(slot));
            values.map(|(_, value)| value.clone()).collect()
        };
        let stages = self.stages.iter().zip(&proof.stages);
        let stages = stages.filter(|(stage, _)| stage.summands.iter().any(|s| own(s.relation)));
        JointProof {
            targets: kept(0..self.targets, &proof.targets),
            stages: stages
                .map(|(stage, messages)| StageProof {
                    sumcheck: messages.sumcheck.clone(),
                    evaluations: kept(stage.evaluations.clone(), &messages.evaluations),
                })
                .collect(),
        }
    }
}

impl Summand {
    /// What its sum over all of a stage's variables is multiplied by: it is constant in those that it lacks.
    pub fn repeated(&self, stage: &Stage) -> Fr {
        pow2(stage.variables.saturating_sub(self.variables))
    }
}

fn unsupported(relation: &Relation, what: &'static str) -> VerifyError {
    VerifyError::Unsupported {
        relation: relation.name(),
        what,
    }
}
