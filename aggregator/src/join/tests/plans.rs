//! Statements that are joined, and plans.

use halo2_base::halo2_proofs::halo2curves::bn256::Fr;
use halo2_base::halo2_proofs::halo2curves::ff::Field;
use laminate_engine::backend::Native;
use laminate_engine::error::{Check, VerifyError};
use laminate_engine::field::{Scalar, fr_from_i64};
use laminate_engine::multiexp::MAX_ROW_LOG;
use laminate_model::program::{ACTIVATION_BOUND, MAX_VOCAB};
use laminate_model::statement::{self as packing, Packing};

use super::super::*;
use crate::keys::PublicShape;

fn shard(words: u32, boundary_in: bool, boundary_out: bool) -> Child {
    Child {
        key: Scalar(Fr::from(5)),
        program: Scalar(Fr::from(6)),
        range: WeightRange::Apart(Scalar(Fr::from(7))),
        public: PublicShape {
            outputs: 0,
            statement: 3 + u32::from(boundary_in) + u32::from(boundary_out) + words,
            terms: 5,
            left: 1,
        },
        boundary_in,
        boundary_out,
    }
}

fn tokens(prompt_public: bool) -> Tokens {
    Tokens {
        tokens: 20,
        prompt: 2,
        prompt_public,
        vocab: 300,
        packing: Packing::Short,
    }
}

fn ids(range: std::ops::Range<i64>) -> Vec<Fr> {
    range.map(|id| fr_from_i64(id - ACTIVATION_BOUND)).collect()
}

/// Statements of three shards: the first was fed 2.., the last chose them and one more.
#[test]
fn chains_join_what_follows_each_other() {
    for public in [false, true] {
        let whole = tokens(public);
        let fed = if public { ids(0..20) } else { ids(2..20) };
        let choices = ids(2..21);
        let pack = |ids: &[Fr]| packing::pack(&mut Native, Packing::Short, ids);
        let head = |n: u64| [n, n + 1, n + 2].map(Fr::from).to_vec();
        let boundary = |n: u64| vec![Fr::from(100 + n)];
        let statements = [
            [head(10), boundary(1), pack(&fed)].concat(),
            [head(20), boundary(1), boundary(2)].concat(),
            [head(30), boundary(2), pack(&choices)].concat(),
        ];
        let words = [pack(&fed).len() as u32, pack(&choices).len() as u32];
        let plan = Plan {
            mode: Mode::Chain(Some(whole)),
            children: vec![
                shard(words[0], false, true),
                shard(0, true, true),
                shard(words[1], true, false),
            ],
            row_log: 17,
        };
        plan.check().unwrap();
        let keys = [1u64, 2, 3].map(|n| [Fr::from(n), Fr::from(7)]);
        let join = |statements: &[Vec<Fr>], fed: &[Fr], choices: &[Fr]| {
            let all: Vec<&[Fr]> = statements.iter().map(Vec::as_slice).collect();
            statement::join(&mut Native, &plan, &keys, &all, [fed, choices])
        };
        let fields = join(&statements, &fed, &choices).unwrap();
        let shown = if public { ids(0..21) } else { ids(2..21) };
        assert_eq!(fields[3..], pack(&shown));
        assert_eq!(fields[2], Fr::from(12), "input of the first");
        assert_eq!(plan.outputs() as usize, shown.len());

        let refused = |statements: &[Vec<Fr>], fed: &[Fr], choices: &[Fr], check| {
            let found = join(statements, fed, choices);
            assert_eq!(found, Err(VerifyError::Check { check }));
        };
        let mut other = statements.clone();
        other[1][3] += Fr::ONE;
        refused(&other, &fed, &choices, Check::Boundary);
        let mut other = statements.clone();
        other[1][4] += Fr::ONE;
        refused(&other, &fed, &choices, Check::Boundary);
        // Words and tokens both changed: what was fed is not what was chosen.
        let mut changed = choices.clone();
        changed[3] += Fr::ONE;
        let mut other = statements.clone();
        other[2] = [head(30), boundary(2), pack(&changed)].concat();
        refused(&other, &fed, &changed, Check::Generated);
        refused(&statements, &fed, &changed, Check::OutputWords);
        // A token beyond 16 bits that packs to the same words.
        let mut carried = choices.clone();
        carried[0] += Fr::from(1 << 16);
        carried[1] -= Fr::ONE;
        refused(&statements, &fed, &carried, Check::TokenRange);
        for (i, statement) in statements.iter().enumerate() {
            let mut shorter = statements.clone();
            shorter[i] = statement[..statement.len() - 1].to_vec();
            assert!(matches!(
                join(&shorter, &fed, &choices),
                Err(VerifyError::Shape { .. })
            ));
        }
    }
}

/// Digests differ whatever differs in a plan, and plans that say nothing are refused.
#[test]
fn plans_are_bound_and_bounded() {
    let whole = Mode::Chain(Some(tokens(false)));
    let children = vec![
        shard(2, false, true),
        shard(0, true, true),
        shard(2, true, false),
    ];
    let plan = |mode, children: &[Child]| Plan {
        mode,
        children: children.to_vec(),
        row_log: 17,
    };
    let honest = plan(whole, &children);
    honest.check().unwrap();
    let mut digests = vec![honest.digest()];
    let mut other = honest.clone();
    other.children[1].key.0 += Fr::ONE;
    digests.push(other.digest());
    let mut other = honest.clone();
    other.children[1].program.0 += Fr::ONE;
    digests.push(other.digest());
    for range in [
        WeightRange::Shown,
        WeightRange::Partly,
        WeightRange::Apart(Scalar(Fr::from(8))),
    ] {
        let mut other = honest.clone();
        other.children[1].range = range;
        digests.push(other.digest());
    }
    for alter in [
        (|c: &mut Child| c.public.outputs += 1) as fn(&mut Child),
        |c| c.public.statement += 1,
        |c| c.public.terms += 1,
        |c| c.public.left += 1,
        |c| c.boundary_in = !c.boundary_in,
        |c| c.boundary_out = !c.boundary_out,
    ] {
        let mut other = honest.clone();
        alter(&mut other.children[1]);
        digests.push(other.digest());
    }
    digests.push(plan(whole, &children[..2]).digest());
    digests.push(plan(Mode::Batch, &children).digest());
    digests.push(plan(Mode::Chain(None), &children).digest());
    digests.push(plan(Mode::Chain(Some(tokens(true))), &children).digest());
    let mut other = honest.clone();
    other.row_log = 18;
    digests.push(other.digest());
    for (i, a) in digests.iter().enumerate() {
        assert!(digests[..i].iter().all(|b| a != b), "plan {i}");
    }
    let refused = |plan: Plan, what: &str| {
        let text = plan.check().unwrap_err().to_string();
        assert!(text.contains(what), "{text}");
    };
    refused(plan(Mode::Batch, &children), "shard");
    refused(plan(Mode::Batch, &[]), "0 proofs");
    refused(plan(whole, &children[..2]), "only all shards");
    refused(plan(Mode::Chain(None), &children), "tokens");
    refused(
        plan(whole, &[children[0], children[2], children[1]]),
        "boundary",
    );
    let doubled = [children[0], children[0], children[1], children[2]];
    refused(plan(whole, &doubled), "boundary");
    refused(
        plan(Mode::Batch, &vec![shard(1, false, false); 65]),
        "65 proofs",
    );
    let mut outputs = shard(1, false, false);
    outputs.public.outputs = 16;
    refused(plan(Mode::Batch, &[outputs]), "16 outputs");
    let mut rows = plan(Mode::Batch, &[shard(1, false, false)]);
    rows.row_log = 3;
    refused(rows, "rows of 2^3");
    let mut several = shard(1, false, false);
    several.public.left = 3;
    refused(plan(Mode::Batch, &[several]), "openings");
    let mut long = shard(1, false, false);
    long.public.terms = 5000;
    refused(plan(Mode::Batch, &[long]), "points");
    let mut short = shard(1, false, false);
    short.public.statement = 2;
    refused(plan(Mode::Batch, &[short]), "fields");
    let parts = plan(Mode::Chain(None), &children[..2]);
    parts.check().unwrap();
    assert_eq!(parts.ends(), [false, true]);
}

/// Every condition of a plan alone: the plan without the change can be.
#[test]
fn every_condition_of_a_plan_is_its_own() {
    let batch = Plan {
        mode: Mode::Batch,
        children: vec![shard(1, false, false); 2],
        row_log: 17,
    };
    let chain = Plan {
        mode: Mode::Chain(Some(tokens(false))),
        children: vec![
            shard(2, false, true),
            shard(0, true, true),
            shard(2, true, false),
        ],
        row_log: 17,
    };
    let refused = |honest: &Plan, what: &str, change: &dyn Fn(&mut Plan)| {
        honest.check().unwrap();
        let mut plan = honest.clone();
        change(&mut plan);
        let Err(error) = plan.check() else {
            panic!("SOUNDNESS: accepted, expected {what:?}");
        };
        assert!(error.to_string().contains(what), "{what:?}: {error}");
    };
    let in_batch = |what: &str, change: &dyn Fn(&mut Plan)| refused(&batch, what, change);
    in_batch("0 proofs", &|p| p.children.clear());
    in_batch("65 proofs", &|p| {
        p.children = vec![shard(0, false, false); 65]
    });
    in_batch("rows of 2^3", &|p| p.row_log = 3);
    in_batch("rows of 2^25", &|p| p.row_log = MAX_ROW_LOG + 1);
    in_batch("has 2 fields", &|p| p.children[1].public.statement = 2);
    in_batch("has 65537 fields", &|p| {
        p.children[1].public.statement = (1 << 16) + 1
    });
    in_batch("has 16 outputs", &|p| p.children[1].public.outputs = 16);
    // Several openings would need the points of the left side apart.
    in_batch("0 factors", &|p| p.children[1].public.left = 0);
    in_batch("2 factors", &|p| p.children[1].public.left = 2);
    in_batch("1 points", &|p| p.children[1].public.terms = 1);
    in_batch("points, expected at most", &|p| {
        p.children[1].public.terms = 4093
    });
    // A part of a model is no statement of its own.
    in_batch("proof 1 is of a shard", &|p| {
        p.children[1] = shard(1, true, false)
    });
    in_batch("proof 1 is of a shard", &|p| {
        p.children[1] = shard(1, false, true)
    });
    let in_chain = |what: &str, change: &dyn Fn(&mut Plan)| refused(&chain, what, change);
    let share = "proofs 0 and 1 share no boundary";
    in_chain(share, &|p| p.children[0] = shard(2, false, false));
    in_chain(share, &|p| p.children[1] = shard(0, false, true));
    in_chain("only all shards of a model have its tokens", &|p| {
        p.children.pop();
    });
    in_chain("expected their numbers", &|p| p.mode = Mode::Chain(None));
    let of_tokens = |change: &dyn Fn(&mut Tokens)| {
        in_chain("do not fit", &|p| {
            let mut whole = tokens(false);
            change(&mut whole);
            p.mode = Mode::Chain(Some(whole));
            // Words as many as these tokens have.
            p.children[0] = shard(whole.packing.words(whole.fed()) as u32, false, true);
            p.children[2] = shard(whole.packing.words(whole.choices()) as u32, true, false);
        });
    };
    of_tokens(&|t| t.prompt = 0);
    of_tokens(&|t| t.prompt = t.tokens + 1);
    of_tokens(&|t| t.tokens = (1 << 16) + 1);
    of_tokens(&|t| t.vocab = 0);
    of_tokens(&|t| t.vocab = MAX_VOCAB + 1);
    in_chain("do not fit", &|p| p.children[0] = shard(3, false, true));
    in_chain("do not fit", &|p| p.children[2] = shard(3, true, false));
    // One proof that has neither end is no chain: it is fed its own choices.
    in_chain("do not fit", &|p| {
        let whole = Tokens {
            prompt: 1,
            tokens: 20,
            prompt_public: true,
            ..tokens(false)
        };
        assert_eq!(whole.fed(), whole.choices());
        p.mode = Mode::Chain(Some(whole));
        p.children = vec![shard(whole.packing.words(20) as u32, false, false)];
    });
}

/// Everything of a run is in the digest.
#[test]
fn digests_are_of_all_tokens() {
    let digest = |tokens: Tokens| {
        let plan = Plan {
            mode: Mode::Chain(Some(tokens)),
            children: vec![shard(2, false, true), shard(2, true, false)],
            row_log: 17,
        };
        plan.digest()
    };
    let honest = tokens(false);
    let others = [
        Tokens {
            tokens: 21,
            ..honest
        },
        Tokens {
            prompt: 3,
            ..honest
        },
        Tokens {
            prompt_public: true,
            ..honest
        },
        Tokens {
            vocab: 301,
            ..honest
        },
        Tokens {
            packing: Packing::Long,
            ..honest
        },
    ];
    for (i, other) in others.into_iter().enumerate() {
        assert_ne!(digest(other), digest(honest), "{i}");
    }
}

/// Ids of a large vocabulary: beyond its bits, what packs to the same words is refused. Numbers of tokens and of their
/// words are those of the plan.
#[test]
fn long_tokens_are_in_range() {
    let whole = Tokens {
        vocab: 70_000,
        packing: Packing::Long,
        ..tokens(false)
    };
    let (fed, choices) = (ids(69_000..69_018), ids(69_000..69_019));
    let pack = |ids: &[Fr]| packing::pack(&mut Native, Packing::Long, ids);
    let words = [pack(&fed).len() as u32, pack(&choices).len() as u32];
    let plan = Plan {
        mode: Mode::Chain(Some(whole)),
        children: vec![shard(words[0], false, true), shard(words[1], true, false)],
        row_log: 17,
    };
    plan.check().unwrap();
    let head = |n: u64| [n, n + 1, n + 2, 100].map(Fr::from).to_vec();
    let keys = [1u64, 2].map(|n| [Fr::from(n), Fr::from(7)]);
    let join = |plan: &Plan, fed: &[Fr], choices: &[Fr]| {
        let all = [
            [head(10), pack(fed)].concat(),
            [head(20), pack(choices)].concat(),
        ];
        let all: Vec<&[Fr]> = all.iter().map(Vec::as_slice).collect();
        statement::join(&mut Native, plan, &keys, &all, [fed, choices])
    };
    let fields = join(&plan, &fed, &choices).unwrap();
    assert_eq!(fields[3..], pack(&choices));
    // 2^32 more and one less in the next field are the same word.
    let mut carried = choices.clone();
    carried[0] += Fr::from(1 << 32);
    carried[1] -= Fr::ONE;
    assert_eq!(pack(&carried), pack(&choices));
    let check = Check::TokenRange;
    assert_eq!(
        join(&plan, &fed, &carried),
        Err(VerifyError::Check { check })
    );
    let shape = |found: Result<Vec<Fr>, VerifyError>, name: &str| {
        assert!(
            matches!(found, Err(VerifyError::Shape { what, .. }) if what == name),
            "{name}: {found:?}"
        );
    };
    // The words of as many tokens, but of the last ones nothing is said.
    let statements = [
        [head(10), pack(&fed)].concat(),
        [head(20), pack(&choices)].concat(),
    ];
    let all: Vec<&[Fr]> = statements.iter().map(Vec::as_slice).collect();
    let with = |tokens: [&[Fr]; 2]| statement::join(&mut Native, &plan, &keys, &all, tokens);
    shape(with([&fed[..17], &choices]), "tokens fed");
    shape(with([&fed, &choices[..18]]), "tokens chosen");
    // A plan that was not checked: the last word has no tokens.
    let mut unchecked = plan.clone();
    unchecked.children[1].public.statement += 1;
    let longer = [statements[1].clone(), vec![Fr::from(5)]].concat();
    let found = statement::join(
        &mut Native,
        &unchecked,
        &keys,
        &[all[0], &longer],
        [&fed, &choices],
    );
    shape(found, "words of tokens");
}

/// Statements of other lengths than the plan's: their words would be those of nobody.
#[test]
fn fields_are_as_many_as_the_plan_says() {
    let plan = Plan {
        mode: Mode::Batch,
        children: vec![shard(1, false, false); 2],
        row_log: 17,
    };
    let keys = [1u64, 2].map(|n| [Fr::from(n), Fr::from(7)]);
    let join = |second: &[Fr]| {
        let first = [1u64, 2, 3, 4].map(Fr::from);
        statement::join(&mut Native, &plan, &keys, &[&first, second], [&[], &[]])
    };
    let fields = [5u64, 6, 7, 8, 9].map(Fr::from);
    let words = [Fr::from(4), Fr::from(8)];
    assert_eq!(join(&fields[..4]).unwrap()[3..], words);
    for count in [0, 2, 3, 5] {
        let found = join(&fields[..count]);
        let what = "fields of a statement";
        let expected = 4;
        let found_shape = VerifyError::Shape {
            what,
            expected,
            found: count,
        };
        assert_eq!(found, Err(found_shape), "{count} fields");
    }
}
