//! The joint sumcheck: its prover against a naive one, for relations of every kind and shape, and provers that cheat
//! in one step of it.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use laminate_engine::backend::Native;
use laminate_engine::claim::View;
use laminate_engine::error::{Check, VerifyError};
use laminate_engine::fold::FoldMode;
use laminate_engine::joint::{Claimed, Joint, JointProof, MAX_DEGREE, Summand};
use laminate_engine::poly;
use laminate_engine::relations::{Context, Factor, Product, Relation};
use laminate_engine::transcript::Transcript;
use laminate_prover::joint::{self, Inputs};
use laminate_tests::attack::{Attack, srs};
use laminate_tests::forger::Forger;
use laminate_tests::joint_random::Board;
use laminate_tests::joint_reference::{Lie, Reader, prove};
use laminate_tests::sequence::{self, Shape};
use laminate_tests::{every_op, mlp};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

/// A group of relations with the columns that they are about.
struct Group {
    forger: Forger,
    joint: Joint,
}

impl Group {
    /// The relations of all nodes of a program.
    fn program(forger: &Forger, mode: FoldMode) -> Vec<Self> {
        let joints = forger.verifier.joints(mode).expect("relations");
        let group = |joint| Self {
            forger: forger.clone(),
            joint,
        };
        joints.into_iter().map(group).collect()
    }

    /// Random relations: two of each kind of sumcheck, one of each other.
    fn random(seed: u64) -> Self {
        let mut forger = Forger::new(&mlp(1, 0, &[2, 2]), srs());
        let mut board = Board::new(ChaCha20Rng::seed_from_u64(seed));
        let relations = [
            board.product(),
            board.elementwise(),
            board.row_sum(),
            board.product(),
            board.zeros(),
            board.elementwise(),
            board.product(),
        ];
        forger.trace.elements.extend(board.columns);
        let joint = Joint::new(relations.into_iter().enumerate().collect());
        Self {
            forger,
            joint: joint.expect("relations"),
        }
    }

    fn transcript() -> Transcript<Native> {
        Transcript::fork(&mut Native, &Fr::from(17), 0)
    }

    fn with<T>(&self, f: impl FnOnce(&Reader<'_>, &Inputs<'_>) -> T) -> T {
        let columns = self.forger.columns();
        let inputs = self.forger.inputs(&columns);
        let known = self.forger.known_bits();
        let values = |view: &View| columns.values(view);
        let reader = Reader {
            values: &values,
            context: Context { known: &known },
        };
        f(&reader, &inputs)
    }

    /// The messages of a prover who follows the definitions but for a lie.
    fn naive(&self, lie: Lie) -> JointProof<Fr> {
        self.with(|reader, _| prove(&mut Self::transcript(), reader, &self.joint, lie))
    }

    /// What becomes of a proof: refused, or the number of claims that it leaves which are false.
    fn verdict(&self, proof: &JointProof<Fr>) -> Result<usize, VerifyError> {
        self.with(|reader, _| {
            let mut transcript = Self::transcript();
            let context = &reader.context;
            let claims = self
                .joint
                .verify(&mut Native, &mut transcript, context, proof)?;
            let wrong = claims.iter().filter(|claim| {
                let values = (reader.values)(&claim.view);
                poly::evaluate(&values, &claim.point) != claim.value
            });
            Ok(wrong.count())
        })
    }

    /// The prover's messages are those of the naive one, hold, and leave true claims.
    fn agrees(&self, name: &str) {
        let found = self.with(|_, inputs| {
            let mut transcript = Self::transcript();
            joint::prove(&mut transcript, inputs, &self.joint).0
        });
        assert_eq!(self.verdict(&found), Ok(0), "{name}");
        assert!(
            found == self.naive(Lie::None),
            "{name}: another prover's messages"
        );
    }
}

#[test]
fn the_prover_is_the_naive_one_on_random_relations() {
    for seed in 0..60 {
        Group::random(seed).agrees(&format!("seed {seed}"));
    }
}

#[test]
fn the_prover_is_the_naive_one_on_programs() {
    for mode in [FoldMode::On, FoldMode::Off] {
        for group in Group::program(&Forger::new(&every_op(3, 1), srs()), mode) {
            group.agrees("every op");
        }
    }
    let shape = Shape {
        blocks: 2,
        dim: 3,
        hidden: 2,
        groups: 2,
        queries: 1,
        half: 1,
        vocab: 5,
        slots_log: 2,
        tokens: 3,
        prompt: 1,
    };
    let attack = Attack::new(sequence::case(5, &shape, true));
    for mode in [FoldMode::On, FoldMode::Off] {
        for group in Group::program(&attack.forger(&attack.trace), mode) {
            group.agrees("a language model");
        }
    }
}

fn refused_by(stage: &'static str) -> Result<usize, VerifyError> {
    Err(VerifyError::Check {
        check: Check::Sumcheck(stage),
    })
}

#[test]
fn cheating_provers_are_refused() {
    let [outer, inner] = [refused_by("outer joint"), refused_by("inner joint")];
    let mut tried = 0;
    let mut refuse =
        |name: String, found: Result<usize, VerifyError>, by: &Result<usize, VerifyError>| {
            assert_eq!(found, *by, "{name}");
            tried += 1;
        };
    for sizes in [[4, 4, 4, 4], [8, 3, 5, 2]] {
        let group = Group::program(&Forger::new(&mlp(3, 1, &sizes), srs()), FoldMode::On).remove(0);
        group.agrees("layers");
        let stages = &group.joint.stages;
        // Everything that is summed is zero for a relation without an element that is not; of these there is none.
        for summand in &stages[0].summands {
            let name = format!("relation {} is left out", summand.relation);
            let Relation::Product(_) = &group.joint.relations[summand.relation].1 else {
                continue;
            };
            refuse(
                name,
                group.verdict(&group.naive(Lie::LeftOut(summand.relation))),
                &outer,
            );
        }
        let shorter = |s: &&Summand| s.variables > 0 && s.variables < stages[0].variables;
        for summand in stages[0].summands.iter().filter(shorter) {
            let name = format!("relation {} at a prefix", summand.relation);
            let found = group.verdict(&group.naive(Lie::Prefix(summand.relation)));
            refuse(name, found, &outer);
        }
        for (a, b) in [(0, 1), (0, 2), (1, 2)] {
            let found = group.verdict(&group.naive(Lie::Targets(a, b)));
            refuse(format!("targets {a} and {b}"), found, &outer);
        }
        refuse(
            "one lambda".into(),
            group.verdict(&group.naive(Lie::OneLambda)),
            &inner,
        );
        // Altered so that the check of their stage holds: the next stage refuses, or claims are false.
        let products: Vec<usize> = (0..stages[0].summands.len())
            .filter(|i| stages[0].summands[*i].claimed != Claimed::Zero)
            .collect();
        for pair in products.windows(2) {
            let found = group.verdict(&group.naive(Lie::Inner(pair[0], pair[1])));
            refuse(format!("inner values {pair:?}"), found, &inner);
        }
        for (a, b) in [(0, 1), (1, 2)] {
            let found = group.verdict(&group.naive(Lie::Columns(a, b)));
            refuse(format!("evaluations {a} and {b}"), found, &Ok(2));
        }
        // Relations in another order than the verifier's.
        let mut other = group.joint.relations.clone();
        other.reverse();
        let reordered = Group {
            forger: group.forger.clone(),
            joint: Joint::new(other).expect("relations"),
        };
        let found = group.verdict(&reordered.naive(Lie::None));
        // Layers of equal shapes pass for each other, but for what is claimed of their columns.
        let caught = found != Ok(0);
        refuse("reordered".into(), Ok(usize::from(caught)), &Ok(1));
    }
    println!("cheating provers of a joint sumcheck: {tried} tried, 0 accepted");
}

/// Every scalar of a proof, altered after the fact: refused, or a claim is false.
#[test]
fn every_message_is_bound() {
    let mut tried = 0;
    for seed in 0..6 {
        let group = Group::random(seed);
        let honest = group.naive(Lie::None);
        let mut scalars = 0;
        let counted: Result<_, ()> = honest.try_map(&mut |s| {
            scalars += 1;
            Ok(*s)
        });
        assert_eq!(counted.as_ref(), Ok(&honest));
        for at in 0..scalars {
            let mut index = 0;
            let altered: Result<JointProof<Fr>, ()> = honest.try_map(&mut |s| {
                index += 1;
                Ok(if index == at + 1 { s + Fr::ONE } else { *s })
            });
            let altered = altered.expect("a proof");
            assert_ne!(group.verdict(&altered), Ok(0), "seed {seed}, scalar {at}");
            tried += 1;
        }
    }
    println!("messages of joint sumchecks: {tried} altered, 0 accepted");
}

/// What a joint sumcheck cannot show is refused when it is described, not when it is proven.
#[test]
fn relations_that_do_not_fit_are_refused() {
    let relation = |change: &dyn Fn(&mut Product)| {
        let mut board = Board::new(ChaCha20Rng::seed_from_u64(1));
        loop {
            let mut relation = board.product();
            let Relation::Product(product) = &mut relation else {
                panic!("a product");
            };
            if product.stages.len() == 2 {
                change(product);
                return Joint::new(vec![(0, relation)]);
            }
        }
    };
    assert!(relation(&|_| ()).is_ok());
    let refused = |change: &dyn Fn(&mut Product), words: &str| match relation(change) {
        Err(error @ VerifyError::Unsupported { .. }) => {
            assert!(error.to_string().contains(words), "{error}")
        }
        found => panic!("{words}: {found:?}"),
    };
    refused(
        &|p| {
            let more: Vec<Factor> = p.stages[0].factors.clone();
            (0..MAX_DEGREE).for_each(|_| p.stages[0].factors.extend(more.clone()));
        },
        "degree above 3",
    );
    refused(
        &|p| {
            let last = p.stages[1].clone();
            p.stages[1].inner = true;
            p.stages.push(last);
        },
        "more than two stages",
    );
    refused(
        &|p| p.stages[0].inner = false,
        "an inner factor that no stage shows",
    );
    refused(
        &|p| p.stages[1].inner = true,
        "an inner factor that no stage shows",
    );
    refused(&|p| p.constant = Fr::ZERO, "constant zero");
}
