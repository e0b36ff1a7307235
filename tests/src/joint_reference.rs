//! A naive prover of joint sumchecks: every summand is a table from the relation's description, every round is
//! computed by its definition. And provers that cheat in one of its steps.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use laminate_engine::backend::Native;
use laminate_engine::claim::View;
use laminate_engine::joint::point::{At, resolve};
use laminate_engine::joint::{Joint, JointProof, Sent, Stage, StageProof, Summand};
use laminate_engine::poly;
use laminate_engine::relations::product::{self, Points};
use laminate_engine::relations::{Context, Product, Relation, elementwise};
use laminate_engine::sumcheck::SumcheckProof;
use laminate_engine::transcript::Transcript;

/// What a prover does otherwise than it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// Nothing.
    None,
    /// A relation takes no part in the sums.
    LeftOut(usize),
    /// A relation that lacks variables is constant in the last ones, not the first.
    Prefix(usize),
    /// The second stage goes on with the challenge of the first.
    OneLambda,
    /// Two targets by their number, each sent for the other.
    Targets(usize, usize),
    /// Inner values of two summands of the first stage, altered once everything is drawn so that its check holds.
    Inner(usize, usize),
    /// An evaluation of the last stage's two summands' first columns, altered likewise.
    Columns(usize, usize),
}

/// What the prover reads: the values of views, and the public tokens.
pub struct Reader<'a> {
    /// Values of a view.
    pub values: &'a dyn Fn(&View) -> Vec<Fr>,
    /// Program and tokens.
    pub context: Context<'a, Fr>,
}

impl Reader<'_> {
    fn at(&self, drawn: &[Vec<Fr>], view: &View, point: &[At]) -> Fr {
        let point = resolve(&mut Native, drawn, point);
        poly::evaluate(&(self.values)(view), &point)
    }
}

/// A summand in the course of the rounds: what it is at every point of what is left of its cube.
struct Part<'a> {
    summand: &'a Summand,
    relation: &'a Relation,
    before: Points<Fr>,
    power: Vec<Fr>,
    claim: Fr,
    bound: Vec<Fr>,
}

impl Part<'_> {
    /// Value of the summand at a point of its own variables.
    fn value(&self, reader: &Reader<'_>, point: &[Fr]) -> Fr {
        match self.relation {
            Relation::Product(relation) => {
                let stage = &relation.stages[self.summand.number];
                let after = product::split(&relation.axes, &stage.summed(), &self.before, point);
                let columns = stage.factors.iter();
                let mut values: Vec<Fr> = columns
                    .map(|f| {
                        let at = product::join(&after, &f.axes);
                        poly::evaluate(&(reader.values)(&f.view), &at)
                    })
                    .collect();
                if stage.inner {
                    values.push(inner(reader, relation, self.summand.number, &after));
                }
                let both = [&self.before, &after];
                product::value(&mut Native, &reader.context, stage, both, &values) * self.power[0]
            }
            Relation::Elementwise(relation) => {
                let read = relation.read();
                let values: Vec<Fr> = read
                    .iter()
                    .map(|c| {
                        let view = &relation.columns[*c];
                        poly::evaluate(&(reader.values)(view), &point[..view.log()])
                    })
                    .collect();
                let both = [&self.before[0], &point.to_vec()];
                let (weight, sum) =
                    elementwise::value(&mut Native, relation, both, &values, &self.power);
                weight * sum
            }
            _ => Fr::ZERO,
        }
    }

    /// The sum over the cube once the next variable is `x`.
    fn sum(&self, reader: &Reader<'_>, x: Fr) -> Fr {
        let left = self.summand.variables - self.bound.len() - 1;
        let corners = 0..1usize << left;
        let at = |corner: usize| {
            let bits = (0..left).map(|i| Fr::from((corner >> (left - 1 - i)) as u64 & 1));
            let mut point = self.bound.clone();
            point.push(x);
            point.extend(bits);
            self.value(reader, &point)
        };
        corners.map(at).sum()
    }
}

/// The factor that the next stage shows, at points of this stage's axes: its sum by definition, and the offset.
fn inner(reader: &Reader<'_>, product: &Product, number: usize, points: &Points<Fr>) -> Fr {
    let (stage, next) = (&product.stages[number], &product.stages[number + 1]);
    let summed = next.summed();
    let left: usize = summed.iter().map(|a| product.axes[*a]).sum();
    let mut sum = Fr::ZERO;
    for corner in 0..1usize << left {
        let bits = (0..left).map(|i| Fr::from((corner >> (left - 1 - i)) as u64 & 1));
        let bits: Vec<Fr> = bits.collect();
        let after = product::split(&product.axes, &summed, points, &bits);
        let values: Vec<Fr> = next
            .factors
            .iter()
            .map(|f| poly::evaluate(&(reader.values)(&f.view), &product::join(&after, &f.axes)))
            .collect();
        sum += product::value(
            &mut Native,
            &reader.context,
            next,
            [points, &after],
            &values,
        );
    }
    let offset = stage.offset.as_ref();
    let offset =
        offset.map(|f| poly::evaluate(&(reader.values)(&f.view), &product::join(points, &f.axes)));
    sum + offset.unwrap_or(Fr::ZERO)
}

/// Proves a group, or pretends to.
///
/// # Panics
/// If a lie is about what the group does not have.
pub fn prove(
    transcript: &mut Transcript<Native>,
    reader: &Reader<'_>,
    joint: &Joint,
    lie: Lie,
) -> JointProof<Fr> {
    let mut drawn = vec![transcript.challenges(&mut Native, "joint point", joint.variables)];
    let mut targets: Vec<Fr> = joint.sent[..joint.targets]
        .iter()
        .map(|sent| match sent {
            Sent::Evaluation { view, point } => reader.at(&drawn, view, point),
            Sent::Inner => panic!("an inner factor among targets"),
        })
        .collect();
    if let Lie::Targets(a, b) = lie {
        targets.swap(a, b);
    }
    if !targets.is_empty() {
        transcript.absorb("joint targets", &targets);
    }
    let mut values = targets.clone();
    let mut stages: Vec<StageProof<Fr>> = vec![];
    let mut first = None;
    for stage in &joint.stages {
        let fresh = transcript.challenge(&mut Native, "joint lambda");
        let lambda = match (lie, first) {
            (Lie::OneLambda, Some(first)) => first,
            _ => fresh,
        };
        first.get_or_insert(lambda);
        let mut parts = parts(joint, stage, &drawn, &values, lambda, lie);
        let mut rounds = vec![];
        let mut point = vec![];
        for round in 0..stage.variables {
            let messages: Vec<[Fr; 3]> = parts
                .iter()
                .map(|part| {
                    let start = starts(stage, part.summand, lie);
                    message(reader, part, (start, round, stage.variables))
                })
                .collect();
            let total = |i: usize| messages.iter().map(|m| m[i]).sum::<Fr>();
            let sent: Vec<Fr> = (0..stage.degree).map(total).collect();
            transcript.absorb("joint round", &sent);
            let r = transcript.challenge(&mut Native, "joint round");
            for (part, m) in parts.iter_mut().zip(&messages) {
                let start = starts(stage, part.summand, lie);
                let linear = part.claim - m[0].double() - m[1] - m[2];
                part.claim = m[0] + r * (linear + r * (m[1] + r * m[2]));
                if (start..start + part.summand.variables).contains(&round) {
                    part.bound.push(r);
                }
            }
            rounds.push(sent);
            point.push(r);
        }
        drawn.push(point);
        let mut evaluations: Vec<Fr> = stage
            .evaluations
            .clone()
            .map(|slot| evaluation(reader, (joint, stage), &parts, &drawn, slot, lie))
            .collect();
        alter(&mut evaluations, joint, stage, &parts, reader, lie);
        if !evaluations.is_empty() {
            transcript.absorb("joint evaluations", &evaluations);
        }
        values.extend(&evaluations);
        stages.push(StageProof {
            sumcheck: SumcheckProof { rounds },
            evaluations,
        });
    }
    JointProof { targets, stages }
}

fn parts<'a>(
    joint: &'a Joint,
    stage: &'a Stage,
    drawn: &[Vec<Fr>],
    values: &[Fr],
    lambda: Fr,
    lie: Lie,
) -> Vec<Part<'a>> {
    let mut power = Fr::ONE;
    let mut parts = vec![];
    for summand in &stage.summands {
        let powers: Vec<Fr> = (0..summand.powers)
            .map(|_| {
                let own = power;
                power *= lambda;
                own
            })
            .collect();
        if lie == Lie::LeftOut(summand.relation) {
            continue;
        }
        let claimed = summand.claimed_value(&mut Native, values);
        let claim = claimed.map_or(Fr::ZERO, |(factor, value)| factor * value * powers[0]);
        let points = summand.points[0].iter();
        parts.push(Part {
            summand,
            relation: &joint.relations[summand.relation].1,
            before: points.map(|p| resolve(&mut Native, drawn, p)).collect(),
            power: powers,
            claim: claim * summand.repeated(stage),
            bound: vec![],
        });
    }
    parts
}

/// The first round in which a summand has a variable.
fn starts(stage: &Stage, summand: &Summand, lie: Lie) -> usize {
    match lie {
        Lie::Prefix(relation) if relation == summand.relation => 0,
        _ => stage.variables - summand.variables,
    }
}

/// `c_0, c_2, c_3` of a summand's round polynomial, whose values at 0 and 1 sum to its claim.
fn message(
    reader: &Reader<'_>,
    part: &Part<'_>,
    (start, round, last): (usize, usize, usize),
) -> [Fr; 3] {
    let two = Fr::from(2).invert().expect("not zero");
    if !(start..start + part.summand.variables).contains(&round) {
        return [part.claim * two, Fr::ZERO, Fr::ZERO];
    }
    // A liar's is constant in rounds after its own, which double the sum.
    let repeat = Fr::from(2).pow_vartime([(last - start - part.summand.variables) as u64]);
    let g = |x: Fr| part.sum(reader, x) * repeat;
    let (zero, minus) = (g(Fr::ZERO), g(-Fr::ONE));
    let one = part.claim - zero;
    let square = (one + minus) * two - zero;
    if part.summand.degree <= 2 {
        return [zero, square, Fr::ZERO];
    }
    // Newton's third difference over -1, 0, 1, 2.
    let third = g(Fr::from(2)) - one * Fr::from(3) + zero * Fr::from(3) - minus;
    let cube = third * Fr::from(6).invert().expect("not zero");
    [zero, square, cube]
}

fn evaluation(
    reader: &Reader<'_>,
    (joint, stage): (&Joint, &Stage),
    parts: &[Part<'_>],
    drawn: &[Vec<Fr>],
    slot: usize,
    lie: Lie,
) -> Fr {
    let owner = parts.iter().find(|p| p.summand.slots.contains(&slot));
    match &joint.sent[slot] {
        Sent::Inner => {
            let Some(part) = owner else { return Fr::ZERO };
            let Relation::Product(relation) = part.relation else {
                panic!("an inner factor of something else");
            };
            let stage = &relation.stages[part.summand.number];
            let after = product::split(&relation.axes, &stage.summed(), &part.before, &part.bound);
            inner(reader, relation, part.summand.number, &after)
        }
        Sent::Evaluation { view, point } => {
            let cheats = owner.filter(|p| lie == Lie::Prefix(p.summand.relation));
            let Some(part) = cheats else {
                return reader.at(drawn, view, point);
            };
            // The point that it would have if it came first.
            let back = |at: &At| match *at {
                At::Drawn { draw, back } if draw + 1 == drawn.len() => At::Drawn {
                    draw,
                    back: back + stage.variables - part.summand.variables,
                },
                other => other,
            };
            let point: Vec<At> = point.iter().map(back).collect();
            reader.at(drawn, view, &point)
        }
    }
}

/// Alters one value of each of two summands so that the sum of both stays.
fn alter(
    evaluations: &mut [Fr],
    joint: &Joint,
    stage: &Stage,
    parts: &[Part<'_>],
    reader: &Reader<'_>,
    lie: Lie,
) {
    let last = stage.evaluations.end == joint.sent.len();
    let (a, b, inner) = match lie {
        Lie::Inner(a, b) if !last => (a, b, true),
        Lie::Columns(a, b) if last => (a, b, false),
        _ => return,
    };
    let slot = |summand: &Summand| {
        let slots = &summand.slots;
        let slot = if inner { slots.last() } else { slots.first() };
        slot.expect("a value") - stage.evaluations.start
    };
    let [a, b] = [a, b].map(|i| &parts[i]);
    let (at, to) = (slot(a.summand), slot(b.summand));
    assert_ne!(at, to, "two values");
    // A product is its value times the rest.
    let [rest_a, rest_b] = [(a, at), (b, to)].map(|(part, slot)| {
        let value = evaluations[slot].invert().expect("not zero");
        part.value(reader, &part.bound) * value
    });
    evaluations[at] += Fr::ONE;
    evaluations[to] -= rest_a * rest_b.invert().expect("not zero");
}
