//! Statements that are bound to a context, a public input or a credential: by a prover who has a forgery in the
//! transcript from the start, each is refused by the one check that compares it, and by that name.

use std::collections::BTreeSet;

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::{Field, PrimeField};
use laminate_aggregator::circuit::AggregationCircuit;
use laminate_engine::backend::Native;
use laminate_engine::error::{Check, VerifyError};
use laminate_engine::field::{Scalar, fr_from_i64};
use laminate_engine::fold::FoldMode;
use laminate_model::binding::{Binding, MAX_DEPTH, MIN_DEPTH, PublicInput};
use laminate_model::credential::{self, Membership, Tree};
use laminate_model::program::{Program, ProgramError, Sequence};
use laminate_model::public::PublicValues;
use laminate_model::statement::{Packing, Statement, statement_len};
use laminate_model::verify::Verifier;
use laminate_prover::exec;
use laminate_prover::prove::{Bound, Credential, Links, Model, ProveError};
use laminate_tests::circuit::{assert_agreement, satisfied};
use laminate_tests::forger::Forger;
use laminate_tests::{Case, TestSrs, mlp, prove_folded, sequence};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

const DEPTH: u8 = MIN_DEPTH;
const ALL: Binding = Binding {
    context: true,
    input: PublicInput::All,
    credential: Some(DEPTH),
    output_hidden: false,
    weights_public: false,
};
/// Places of the binding words.
const ROOT: usize = 0;
const SCOPE: usize = 1;
const NULLIFIER: usize = 2;
const CONTEXT: usize = 3;

/// Twenty values, which take two words, and one output.
fn case(binding: Binding) -> Case {
    let mut case = mlp(5, 0, &[20, 4, 1]);
    case.program.binding = binding;
    case.program.check().expect("program");
    case
}

/// Whose credentials are in a tree: the prover's stands third of five.
struct Group {
    tree: Tree,
    secrets: Vec<Fr>,
}

impl Group {
    const OWN: usize = 2;

    fn new(own: &[Fr]) -> Self {
        let secrets: Vec<Fr> = (0..5).map(|n| Fr::from(1000 + n)).collect();
        let leaves = secrets.iter().enumerate().map(|(i, secret)| {
            let values: Vec<Fr> = match i == Self::OWN {
                true => own.to_vec(),
                false => own.iter().map(|v| v + Fr::from(i as u64 + 1)).collect(),
            };
            leaf(secret, &values)
        });
        let tree = Tree::new(DEPTH, leaves.collect()).expect("tree");
        Self { tree, secrets }
    }

    fn membership(&self, place: usize) -> Membership<Fr> {
        let leaf = self.tree.leaves[place].0;
        let membership = self.tree.membership(self.secrets[place], &leaf);
        membership.expect("a member")
    }
}

fn leaf(secret: &Fr, values: &[Fr]) -> Scalar {
    let id = credential::identity(&mut Native, secret);
    let made = credential::leaf(&mut Native, &id, Packing::Short, values);
    Scalar(made)
}

fn values(row: &[i32]) -> Vec<Fr> {
    row.iter().map(|v| fr_from_i64((*v).into())).collect()
}

/// An honest run with everything that there is to be bound to.
fn honest(srs: &TestSrs) -> (Forger, Group) {
    honest_run(&case(ALL), srs)
}

fn honest_run(case: &Case, srs: &TestSrs) -> (Forger, Group) {
    let mut forger = Forger::new(case, srs);
    let group = Group::new(&forger.input);
    let membership = group.membership(Group::OWN);
    let (secret, scope) = (membership.secret, Fr::from(31));
    let words = &mut forger.statement.output_words;
    words[ROOT] = group.tree.root();
    words[SCOPE] = scope;
    words[NULLIFIER] = credential::nullifier(&mut Native, &secret, &scope);
    words[CONTEXT] = Fr::from(77);
    forger.membership = Some(membership);
    (forger, group)
}

#[test]
fn each_binding_is_compared() {
    let srs = TestSrs::new(b"binding", 14);
    let (honest, group) = honest(&srs);
    assert_eq!(honest.verdict(&srs, FoldMode::On), Ok(()));
    assert_eq!(honest.verdict(&srs, FoldMode::Off), Ok(()));
    let mut tried = 0;
    let mut refuse = |what: &str, check: Check, change: &dyn Fn(&mut Forger)| {
        let mut forged = honest.clone();
        change(&mut forged);
        let found = forged.verdict(&srs, FoldMode::On);
        let expected = Err(VerifyError::Check { check });
        assert_eq!(found, expected, "SOUNDNESS: {what}");
        tried += 1;
    };
    fn words(f: &mut Forger) -> &mut Vec<Fr> {
        &mut f.statement.output_words
    }
    fn of(f: &mut Forger) -> &mut Membership<Fr> {
        f.membership.as_mut().expect("a credential")
    }
    refuse("another root", Check::CredentialRoot, &|f| {
        words(f)[ROOT] += Fr::ONE
    });
    refuse("another scope", Check::Nullifier, &|f| {
        words(f)[SCOPE] += Fr::ONE
    });
    refuse("another nullifier", Check::Nullifier, &|f| {
        words(f)[NULLIFIER] += Fr::ONE
    });
    for (a, b, check) in [
        (ROOT, SCOPE, Check::CredentialRoot),
        (ROOT, NULLIFIER, Check::CredentialRoot),
        (ROOT, CONTEXT, Check::CredentialRoot),
        (SCOPE, NULLIFIER, Check::Nullifier),
        (SCOPE, CONTEXT, Check::Nullifier),
        (NULLIFIER, CONTEXT, Check::Nullifier),
    ] {
        refuse("swapped words", check, &|f| words(f).swap(a, b));
    }
    // The words of the public input, and the output behind them.
    for word in [4, 5] {
        refuse("another public input", Check::InputWords, &|f| {
            words(f)[word] += Fr::ONE
        });
    }
    refuse("public input out of order", Check::InputWords, &|f| {
        words(f).swap(4, 5)
    });
    refuse("another output", Check::OutputWords, &|f| {
        words(f)[6] += Fr::ONE
    });
    refuse("context as an output", Check::OutputWords, &|f| {
        words(f).swap(CONTEXT, 6)
    });
    // Other values than the credential's, in words and commitment alike.
    for value in [0, 19] {
        refuse("other values", Check::CredentialRoot, &|f| {
            f.input[value] += Fr::ONE;
            f.restate();
        });
    }
    // Values that pack to the same words, as values of other ranges.
    refuse("wrapped values", Check::ValueRange, &|f| {
        f.input[0] += Fr::from(1 << 16);
        f.input[1] -= Fr::ONE;
    });
    // A secret that is no member's, and another member's.
    refuse("another secret", Check::CredentialRoot, &|f| {
        of(f).secret += Fr::ONE
    });
    for place in [0, 1, 3, 4] {
        let other = group.membership(place);
        refuse("another's credential", Check::CredentialRoot, &|f| {
            f.membership = Some(other.clone())
        });
        refuse("another's path", Check::CredentialRoot, &|f| {
            let secret = of(f).secret;
            f.membership = Some(Membership {
                secret,
                ..other.clone()
            })
        });
    }
    let more = [group.tree.leaves.clone(), vec![Scalar(Fr::from(5))]].concat();
    let later = Tree::new(DEPTH, more).expect("tree");
    let own = group.tree.leaves[Group::OWN].0;
    let moved = later.membership(group.secrets[Group::OWN], &own);
    let moved = moved.expect("a member");
    refuse("the path of another tree", Check::CredentialRoot, &|f| {
        f.membership = Some(moved.clone())
    });
    for level in [0, 1, usize::from(DEPTH) - 1] {
        refuse("another sibling", Check::CredentialRoot, &|f| {
            of(f).siblings[level] += Fr::ONE
        });
        refuse("another side", Check::CredentialRoot, &|f| {
            of(f).right[level] = Fr::ONE - of(f).right[level]
        });
        for side in [Fr::from(2), -Fr::ONE] {
            refuse("no side", Check::CredentialPath, &|f| {
                of(f).right[level] = side
            });
        }
    }
    println!("bound statements: {tried} tried, 0 accepted");
}

/// A stranger's leaf with a step to no side, which gives any two children whose sum is that of the path's: so it has a path
/// to every root.
fn stranger(forger: &mut Forger, group: &Group) {
    let secret = Fr::from(666);
    let own = leaf(&secret, &forger.input).0;
    let mut membership = group.membership(Group::OWN);
    let (left, right) = (group.tree.leaves[Group::OWN].0, membership.siblings[0]);
    membership.secret = secret;
    membership.siblings[0] = left + right - own;
    let difference = membership.siblings[0] - own;
    membership.right[0] = (left - own) * difference.invert().expect("two leaves");
    forger.membership = Some(membership);
    let scope = forger.statement.output_words[SCOPE];
    forger.statement.output_words[NULLIFIER] = credential::nullifier(&mut Native, &secret, &scope);
}

#[test]
fn a_stranger_with_steps_to_no_side_is_no_member() {
    let srs = TestSrs::new(b"binding", 14);
    let (mut forger, group) = honest(&srs);
    stranger(&mut forger, &group);
    let check = Check::CredentialPath;
    assert_eq!(
        forger.verdict(&srs, FoldMode::On),
        Err(VerifyError::Check { check }),
        "SOUNDNESS: a stranger's leaf"
    );
}

/// The circuit refuses what the native verifier refuses, by its constraints.
#[test]
fn circuits_refuse_other_bindings() {
    let srs = TestSrs::new(b"binding", 14);
    let mut case = mlp(5, 0, &[4, 1]);
    case.program.binding = ALL;
    let (honest, group) = honest_run(&case, &srs);
    let proof = honest.prove(&srs, FoldMode::On);
    assert!(satisfied(&honest.verifier, &honest.statement, &proof));
    // A context has no meaning, so what refuses another one is that the proof's transcript has this one.
    let mut copied = honest.statement.clone();
    copied.output_words[CONTEXT] += Fr::ONE;
    assert!(
        !satisfied(&honest.verifier, &copied, &proof),
        "SOUNDNESS: another context in the circuit"
    );
    let other = group.membership(0);
    let more = [group.tree.leaves.clone(), vec![Scalar(Fr::from(5))]].concat();
    let later = Tree::new(DEPTH, more).expect("tree");
    let own = group.tree.leaves[Group::OWN].0;
    let moved = later
        .membership(group.secrets[Group::OWN], &own)
        .expect("a member");
    type Change<'a> = &'a dyn Fn(&mut Forger);
    let changes: [(&str, Change<'_>); 11] = [
        ("another root", &|f| {
            f.statement.output_words[ROOT] += Fr::ONE
        }),
        ("another scope", &|f| {
            f.statement.output_words[SCOPE] += Fr::ONE
        }),
        ("another nullifier", &|f| {
            f.statement.output_words[NULLIFIER] += Fr::ONE
        }),
        ("another public input", &|f| {
            f.statement.output_words[CONTEXT + 1] += Fr::ONE
        }),
        ("other values under the leaf", &|f| {
            f.input[0] += Fr::ONE;
            f.restate();
        }),
        ("wrapped values under the leaf", &|f| {
            f.input[0] += Fr::from(1 << 16);
            f.input[1] -= Fr::ONE;
        }),
        ("another secret", &|f| {
            f.membership.as_mut().expect("a credential").secret += Fr::ONE
        }),
        ("another leaf", &|f| f.membership = Some(other.clone())),
        ("the path of another tree", &|f| {
            f.membership = Some(moved.clone())
        }),
        ("a side that is no bit", &|f| {
            f.membership.as_mut().expect("a credential").right[1] = Fr::from(2)
        }),
        ("a stranger by a side that is no bit", &|f| {
            stranger(f, &group)
        }),
    ];
    for (what, change) in changes {
        let mut forged = honest.clone();
        change(&mut forged);
        let proof = forged.prove(&srs, FoldMode::On);
        assert!(
            !satisfied(&forged.verifier, &forged.statement, &proof),
            "SOUNDNESS: {what} in the circuit"
        );
    }
    println!("in the circuit: {} tried, 0 accepted", changes.len() + 1);
}

/// A proof is of the words that its transcript has: shown with others, in a statement that is true otherwise, it is refused.
#[test]
fn proofs_are_of_no_other_context() {
    let srs = TestSrs::new(b"binding", 14);
    let mut tried = 0;
    for binding in [
        ALL,
        Binding {
            context: true,
            ..Binding::NONE
        },
    ] {
        let (model, links, trace) = prepared(binding.clone());
        let mut rng = ChaCha20Rng::seed_from_u64(3);
        let secret = model.commit(&srs.powers, &mut rng).expect("commit");
        let proven = prove_folded((&model, &secret), &trace, &links, &srs, &mut rng);
        let (statement, proof) = proven.expect("prove");
        let verdict = |statement: &Statement<Fr>| {
            let verifier = &model.verifier;
            verifier.verify_native(statement, &proof, &srs.tau_g2)
        };
        assert_eq!(verdict(&statement), Ok(()));
        let report = assert_agreement(&model.verifier, &statement, &proof);
        println!("{binding:?}\n{report}");
        let context = binding.words() - 1;
        for change in [Fr::ONE, -Fr::ONE, Fr::from(1 << 40)] {
            let mut other = statement.clone();
            other.output_words[context] += change;
            assert!(verdict(&other).is_err(), "SOUNDNESS: another context");
            tried += 1;
        }
        // The word left out, doubled, or at the end.
        let words = &statement.output_words;
        let without = [&words[..context], &words[context + 1..]].concat();
        let last = [without.as_slice(), &words[context..=context]].concat();
        let doubled = [&words[..=context], &words[context..]].concat();
        for words in [without, last, doubled, vec![]] {
            let mut other = statement.clone();
            other.output_words = words;
            assert!(
                verdict(&other).is_err(),
                "SOUNDNESS: words of another shape"
            );
            tried += 1;
        }
    }
    println!("other contexts: {tried} tried, 0 accepted");
}

/// Two votes of one person in two scopes have no more values in common than one of them has with a stranger's: of the model, and
/// what the issuer and the decision are.
#[test]
fn two_votes_of_one_person_share_nothing_of_theirs() {
    let srs = TestSrs::new(b"binding", 14);
    let own = case(Binding {
        context: true,
        credential: Some(DEPTH),
        ..Binding::NONE
    });
    let row = &own.inputs[0];
    let group = Group::new(&values(row));
    let model = Model::new(own.program.clone(), &own.weights).expect("model");
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    let secret = model.commit(&srs.powers, &mut rng).expect("commit");
    let mut vote = |place: usize, scope: u64| {
        // As `Group` has it.
        let more = if place == Group::OWN {
            0
        } else {
            place as i32 + 1
        };
        let inputs = vec![row.iter().map(|value| value + more).collect()];
        let trace = exec::run(&own.program, &own.weights, &inputs).expect("run");
        let bound = Bound {
            context: Some(Fr::from(70 + scope)),
            credential: Some(Credential {
                membership: group.membership(place),
                root: group.tree.root(),
                scope: Fr::from(scope),
            }),
        };
        let links = Links {
            bound,
            ..Links::default()
        };
        let proven = prove_folded((&model, &secret), &trace, &links, &srs, &mut rng);
        let (statement, proof) = proven.expect("prove");
        let verified = model.verifier.verify(&mut Native, &statement, &proof);
        let (deferred, _) = verified.expect("verify");
        let public = PublicValues::new(&own.program, &statement, deferred);
        let values = public.values(&mut Native);
        (
            statement,
            BTreeSet::from_iter(values.into_iter().map(|v| v.to_repr())),
        )
    };
    let (first, of_first) = vote(Group::OWN, 31);
    let (second, of_second) = vote(Group::OWN, 32);
    let (_, of_stranger) = vote(0, 32);
    assert_ne!(first.input_commitment, second.input_commitment);
    for word in [SCOPE, NULLIFIER, CONTEXT] {
        assert_ne!(first.output_words[word], second.output_words[word]);
    }
    let shared: BTreeSet<_> = of_first.intersection(&of_second).copied().collect();
    let with_stranger: BTreeSet<_> = of_first.intersection(&of_stranger).copied().collect();
    // Program, weights, root, weight rows, counts and a zero, at least; a decision if it is the same.
    assert!(shared.len() >= 6, "{}", shared.len());
    let output = first.output_words[CONTEXT + 1].to_repr();
    let own: Vec<_> = shared
        .difference(&with_stranger)
        .filter(|v| **v != output)
        .collect();
    assert!(own.is_empty(), "{own:?}");
}

/// A model with what its statements are bound to.
fn prepared(binding: Binding) -> (Model, Links, exec::Trace) {
    let case = case(binding.clone());
    let trace = exec::run(&case.program, &case.weights, &case.inputs).expect("run");
    let model = Model::new(case.program, &case.weights).expect("model");
    let group = Group::new(&values(&case.inputs[0]));
    let bound = Bound {
        context: binding.context.then(|| Fr::from(77)),
        credential: binding.credential.map(|_| Credential {
            membership: group.membership(Group::OWN),
            root: group.tree.root(),
            scope: Fr::from(31),
        }),
    };
    let links = Links {
        bound,
        ..Links::default()
    };
    (model, links, trace)
}

/// What a program wants and is not there, and what is there and no program wants, natively and by the prover.
#[test]
fn a_binding_is_neither_left_out_nor_added() {
    let srs = TestSrs::new(b"binding", 14);
    let (bound, _) = honest(&srs);
    let shape = |forger: &Forger| {
        let verdict = forger.verdict(&srs, FoldMode::On);
        matches!(verdict, Err(VerifyError::Shape { .. }))
    };
    let mut without = bound.clone();
    without.membership = None;
    assert!(shape(&without), "SOUNDNESS: no credential");
    let mut without = bound.clone();
    without.statement.output_words.drain(..ALL.words());
    assert!(shape(&without), "SOUNDNESS: no binding words");
    for change in [-1i32, 1] {
        let mut other = bound.clone();
        let membership = other.membership.as_mut().expect("a credential");
        let depth = (i32::from(DEPTH) + change) as usize;
        membership.siblings.resize(depth, Fr::ZERO);
        assert!(shape(&other), "SOUNDNESS: {change} siblings");
        let mut other = bound.clone();
        let membership = other.membership.as_mut().expect("a credential");
        membership.right.resize(depth, Fr::ZERO);
        assert!(shape(&other), "SOUNDNESS: {change} steps");
    }
    let plain = Forger::new(&case(Binding::NONE), &srs);
    assert_eq!(plain.verdict(&srs, FoldMode::On), Ok(()));
    let mut more = plain.clone();
    more.membership = bound.membership.clone();
    assert!(shape(&more), "SOUNDNESS: a credential more");
    let mut more = plain;
    more.statement.output_words.insert(0, Fr::from(77));
    assert!(shape(&more), "SOUNDNESS: a context more");

    let mut rng = ChaCha20Rng::seed_from_u64(3);
    let mut tried = 0;
    for wanted in 0..4 {
        for given in 0..4 {
            let binding = |bits: i32| Binding {
                context: bits & 1 != 0,
                credential: (bits & 2 != 0).then_some(DEPTH),
                ..Binding::NONE
            };
            let (model, _, trace) = prepared(binding(wanted));
            let (_, links, _) = prepared(binding(given));
            let secret = model.commit(&srs.powers, &mut rng).expect("commit");
            let proven = prove_folded((&model, &secret), &trace, &links, &srs, &mut rng);
            match proven {
                Ok((statement, _)) => {
                    assert_eq!(wanted, given);
                    let length = statement_len(&model.verifier.program);
                    assert_eq!(statement.fields().len(), length);
                }
                Err(error) => {
                    assert_ne!(wanted, given, "{error}");
                    assert!(matches!(error, ProveError::Binding { .. }), "{error}");
                    tried += 1;
                }
            }
        }
    }
    assert_eq!(tried, 12);
}

#[test]
fn bindings_that_no_program_can_have_are_refused() {
    let refused = |change: &dyn Fn(&mut Program)| {
        let mut program = mlp(5, 0, &[20, 4, 1]).program;
        change(&mut program);
        assert!(
            matches!(program.check(), Err(ProgramError::Bound { .. })),
            "SOUNDNESS: {:?}",
            program.binding
        );
    };
    for depth in [0, MIN_DEPTH - 1, MAX_DEPTH + 1, u8::MAX] {
        refused(&|p| p.binding.credential = Some(depth));
    }
    refused(&|p| {
        p.batch_log = 1;
        p.binding.credential = Some(DEPTH);
    });
    let weights = |change: &dyn Fn(&mut Program)| {
        let mut program = mlp(5, 0, &[20, 4, 1]).program.weights_program();
        assert_eq!(program.check(), Ok(()));
        change(&mut program);
        assert!(program.check().is_err(), "SOUNDNESS: of weights alone");
    };
    weights(&|p| p.binding.context = true);
    weights(&|p| p.binding.input = PublicInput::All);
    weights(&|p| p.binding.credential = Some(DEPTH));
    let tokens = |binding: Binding, shard: bool| {
        let mut program = sequence::case(5, &sequence::Shape::SMALL, false).program;
        program.binding = binding;
        if shard {
            let shard = laminate_model::program::Shard { index: 0, count: 2 };
            let sequence: &mut Sequence = program.sequence.as_mut().expect("tokens");
            sequence.shard = Some(shard);
        }
        program.check()
    };
    let context = Binding {
        context: true,
        ..Binding::NONE
    };
    assert_eq!(tokens(context.clone(), false), Ok(()));
    let named = |found: Result<(), ProgramError>, name: &str| {
        let found = found.expect_err("SOUNDNESS: accepted").to_string();
        assert!(found.contains(name), "{found}");
    };
    named(tokens(context, true), "binding of a shard");
    let open = Binding {
        input: PublicInput::All,
        ..Binding::NONE
    };
    named(tokens(open, false), "public input");
    let member = Binding {
        credential: Some(DEPTH),
        ..Binding::NONE
    };
    named(tokens(member, false), "rows of a credential");
}

/// A program without a binding has the encoding and the digest that it had before there were any; each binding has another.
#[test]
fn digests_tell_bindings_apart() {
    let plain = case(Binding::NONE).program;
    let mut digests = vec![plain.digest().expect("digest")];
    for context in [false, true] {
        for input in [PublicInput::Hidden, PublicInput::All] {
            for credential in [None, Some(20), Some(21)] {
                let binding = Binding {
                    context,
                    input: input.clone(),
                    credential,
                    ..Binding::NONE
                };
                if binding.is_none() {
                    continue;
                }
                let program = case(binding).program;
                let bytes = postcard::to_stdvec(&program).expect("encode");
                let read: Program = postcard::from_bytes(&bytes).expect("decode");
                assert_eq!(read, program);
                digests.push(program.digest().expect("digest"));
            }
        }
    }
    let count = digests.len();
    digests.sort_unstable();
    digests.dedup();
    assert_eq!((digests.len(), count), (12, 12));
}

/// What everything together costs a circuit: the rows stay those of a model without it.
#[test]
fn a_circuit_of_a_fraud_model_with_a_credential_has_no_more_rows() {
    for credential in [None, Some(MIN_DEPTH), Some(MAX_DEPTH)] {
        let mut program = mlp(5, 0, &[29, 64, 32, 1]).program;
        program.binding = Binding {
            context: credential.is_some(),
            credential,
            ..Binding::NONE
        };
        let verifier = Verifier::new(program).expect("program");
        let (report, params) = AggregationCircuit::cost(&verifier, FoldMode::On).expect("circuit");
        let params = params.expect("a shape");
        println!("{credential:?}: {params:?}\n{report}");
        assert_eq!(params.k, 14);
    }
}
