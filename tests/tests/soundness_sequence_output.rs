//! Forgeries of the tokens that a language model gives out.

use laminate_engine::field::fr_from_i64;
use laminate_model::ops::Argmax;
use laminate_model::program::{ACTIVATION_BOUND, Op};
use laminate_tests::attack::{Attack, Tally, overwrite, srs};
use laminate_tests::forger::Forger;
use laminate_tests::replay::{Step, choose};
use laminate_tests::sequence::{self, Shape};

/// A slot that is published and not fed back.
const LAST: usize = 5;

fn argmax(op: &Op) -> bool {
    *op == Op::Argmax(Argmax)
}

/// The forger who claims `(id, best)` at a slot, given the slot's logits.
fn claims(attack: &Attack, slot: usize, claim: impl Fn(&[i64]) -> (usize, i64)) -> Forger {
    let vocab = Shape::SMALL.vocab as usize;
    let trace = attack.steered((attack.node(argmax), 0), |x, step| {
        let logits = &x[0][slot * 32..][..32];
        let mut row = Step::default();
        choose(&mut row, logits, claim(&logits[..vocab]), vocab);
        // The row is one value, one best and a row of gaps.
        overwrite(step, slot, row);
        true
    });
    attack.forger(&trace.expect("a slot"))
}

/// Place and logit of the largest and of the second.
fn largest(logits: &[i64]) -> [(usize, i64); 2] {
    let mut order: Vec<(usize, i64)> = logits.iter().copied().enumerate().collect();
    order.sort_by_key(|(v, logit)| (-logit, *v));
    [order[0], order[1]]
}

#[test]
fn wrong_output_tokens_are_refused() {
    let attack = Attack::small();
    let mut tally = Tally::new("output tokens");
    // Published, not published, and beyond the tokens.
    for slot in [LAST, 0, 7] {
        let second = claims(attack, slot, |l| largest(l)[1]);
        tally.refuse("second best, by its logit", ": gap", &second);
        let second = claims(attack, slot, |l| (largest(l)[1].0, largest(l)[0].1));
        tally.refuse("second best, by the largest logit", "argmax", &second);
        let high = claims(attack, slot, |l| (largest(l)[0].0, largest(l)[0].1 + 1));
        tally.refuse("best one too large", "argmax", &high);
        let other = claims(attack, slot, |l| (largest(l)[1].0, largest(l)[0].1 + 1));
        tally.refuse("another token, best one too large", "argmax", &other);
        // Padded logits are zero, so every relation holds for the first padded token.
        for id in [21, 25, 31] {
            let padded = claims(attack, slot, |l| (id, largest(l)[0].1 + 1));
            tally.refuse(
                "a token of the padded vocabulary",
                "vocabulary range",
                &padded,
            );
        }
    }
    let honest = attack.forger(&attack.trace);
    for slot in [LAST, 0, 7] {
        let mut restated = honest.clone();
        let id = (restated.known[1][slot] + 1) % 21;
        restated.output[slot] = fr_from_i64(id as i64 - ACTIVATION_BOUND);
        restated.restate();
        tally.refuse("another token, restated", "joint sumcheck", &restated);
        restated.known[1][slot] = id;
        tally.refuse("another token, restated and proven", "argmax", &restated);
    }
}

/// The highest of two tokens of one logit.
#[test]
fn ties_won_by_the_higher_token_are_refused() {
    let shape = Shape {
        prompt: 6,
        ..Shape::SMALL
    };
    let attack = Attack::new(sequence::case(6, &shape, true));
    let logits = attack.case.program.nodes[attack.node(argmax)].inputs[0];
    let mut tally = Tally::new("ties");
    for slot in [LAST, 3] {
        let row = attack.trace.tensors[logits][slot * 32..][..21].iter();
        let row: Vec<i64> = row.map(|v| i64::from(*v)).collect();
        let [(id, best), _] = largest(&row);
        let free = (id + 1..21).find(|v| !attack.tokens.contains(&(*v as i64)));
        let Some(twin) = free else { continue };
        let tied = attack.reweighted(|w| {
            let table = &mut w.dense[0];
            table.weight.copy_within(id * 12..(id + 1) * 12, twin * 12);
            table.multiplier[twin] = table.multiplier[id];
        });
        let forged = claims(&tied, slot, |l| {
            assert_eq!((l[id], l[twin]), (best, best));
            (twin, best)
        });
        tally.refuse("a tie", ": gap", &forged);
        let honest = tied.forger(&tied.trace);
        assert_eq!(
            honest.verdict(srs(), Default::default()),
            Ok(()),
            "the lower token"
        );
    }
}
