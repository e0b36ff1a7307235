//! Forgeries of a decision by a threshold: a clip to two neighbouring integers, and a view of it as the public output.

use std::sync::OnceLock;

use halo2curves_axiom::bn256::Fr;
use laminate_engine::fold::FoldMode;
use laminate_front::quant::Decides;
use laminate_model::ops::{Clip, Dense, View};
use laminate_model::program::{
    AxisMap, DenseShape, DenseWeights, Op, Program, Role, Tensor, TensorView, Weights,
};
use laminate_tests::attack::{Tally, srs};
use laminate_tests::circuit::assert_agreement;
use laminate_tests::forger::{At, Forger};
use laminate_tests::{Case, programs, prove_case};

/// The least logit of class 1.
const LEAST: i32 = 2;
/// The logit is the first less the second: far above, far below, at the threshold and one below it.
const ROWS: [[i32; 2]; 4] = [[900, 1], [-32_000, 5], [4, 2], [4, 3]];
const DECISIONS: [i128; 4] = [1, 0, 1, 0];
/// The node of the clip.
const CLIP: usize = 1;

fn case(limb_bits: u8) -> Case {
    let mut program = Program::empty("decision", 2, 17);
    program.limb_bits = limb_bits;
    program.tensors.push(Tensor::new("columns", 2, 0));
    program.weights.push(DenseShape::new(1, 2));
    let dense = Dense {
        weight: 0,
        shift: 16,
    };
    let number = |name: &str| Tensor::new(name, 1, 0);
    let clip = Clip {
        lowest: LEAST as i16 - 1,
        highest: LEAST as i16,
    };
    let view = View {
        view: 0,
        operands: 1,
    };
    program.views.push(TensorView {
        constant: 1 - i64::from(LEAST),
        ..TensorView::of(vec![AxisMap::Same { axis: 0 }])
    });
    for (op, name) in [
        (Op::Dense(dense), "logit"),
        (Op::Clip(clip), "clip"),
        (Op::View(view), "decision"),
    ] {
        let last = program.tensors.len() - 1;
        programs::node(&mut program, op, &[last], number(name));
    }
    program.output = program.tensors.len() - 1;
    assert_eq!(program.check(), Ok(()));
    let decides = Decides::Threshold {
        least: LEAST,
        scale: 0,
    };
    assert_eq!(Decides::of(&program), Some(decides));
    Case {
        program,
        weights: Weights {
            dense: vec![DenseWeights {
                weight: vec![1, -1],
                bias: vec![0],
                multiplier: vec![1 << 16],
            }],
        },
        inputs: ROWS.iter().map(|row| row.to_vec()).collect(),
    }
}

fn honest() -> &'static [Forger; 2] {
    static HONEST: OnceLock<[Forger; 2]> = OnceLock::new();
    HONEST.get_or_init(|| {
        [8, 16].map(|limb_bits| {
            let honest = Forger::new(&case(limb_bits), srs());
            assert_eq!(honest.broken(), [""; 0], "honest");
            let decisions = DECISIONS.map(|d| Fr::from(d as u64));
            assert_eq!(honest.output, decisions);
            honest
        })
    })
}

/// A proof whose row `slot` says the other decision; `up` and `down` are what the clip moved the logit by.
fn turned(honest: &Forger, slot: usize, [up, down]: [i128; 2]) -> Forger {
    let mut forged = honest.clone();
    let decision = 1 - DECISIONS[slot];
    let y = i128::from(LEAST) - 1 + decision;
    for (at, value) in [
        (At::Output, y),
        (At::Aux(Role::UP), up),
        (At::Aux(Role::DOWN), down),
        (At::Aux(Role::ABOVE), decision),
        (At::Aux(Role::BELOW), 1 - decision),
    ] {
        forged.put(CLIP, at, slot, value);
    }
    forged.recount_elements();
    forged.output[slot] = Fr::from(decision as u64);
    forged.restate();
    forged
}

#[test]
fn decisions_are_proven_natively_and_in_the_circuit() {
    for limb_bits in [8, 16] {
        let case = case(limb_bits);
        for mode in [FoldMode::On, FoldMode::Off] {
            let proven = prove_case(&case, srs(), mode, 3);
            let verifier = &proven.model.verifier;
            let verified = verifier.verify_native(&proven.statement, &proven.proof, &srs().tau_g2);
            assert_eq!(verified, Ok(()), "{limb_bits}");
            assert_agreement(verifier, &proven.statement, &proven.proof);
        }
    }
}

#[test]
fn no_row_is_decided_otherwise() {
    let mut tally = Tally::new("other decisions");
    for honest in honest() {
        for slot in 0..ROWS.len() {
            let z = i128::from(ROWS[slot][0] - ROWS[slot][1]);
            let y = i128::from(LEAST) - DECISIONS[slot];
            // The logit is moved beyond the threshold by what it takes.
            let moved = [(y - z).max(0), (z - y).max(0)];
            let forged = turned(honest, slot, moved);
            let broken = forged.broken();
            let quadratic = broken.iter().any(|b| b.contains("quadratic"));
            assert!(quadratic, "row {slot}: {broken:?}");
            tally.refuse("a logit moved too far", "", &forged);
            // By as much more on both ways.
            tally.refuse(
                "moved up and down",
                "",
                &turned(honest, slot, moved.map(|by| by + 1)),
            );
            // By nothing, or by what it was.
            tally.refuse(
                "a logit left where it is",
                "",
                &turned(honest, slot, [0, 0]),
            );
            let own = [Role::UP, Role::DOWN].map(|role| honest.integer(CLIP, At::Aux(role), slot));
            tally.refuse("a clip that is another's", "", &turned(honest, slot, own));
        }
    }
}

#[test]
fn the_output_is_the_clips_and_a_decision() {
    let mut tally = Tally::new("outputs beside the clip");
    for honest in honest() {
        for slot in [0, 3] {
            let own = DECISIONS[slot] as u64;
            for told in [1 - own, 2, u64::from(LEAST as u32) + own] {
                let mut forged = honest.clone();
                forged.output[slot] = Fr::from(told);
                forged.restate();
                tally.refuse("an output beside the clip", "", &forged);
            }
            // A clip outside its ends: neither 0 nor 1.
            for y in [LEAST + 1, LEAST - 2] {
                let mut forged = honest.clone();
                forged.put(CLIP, At::Output, slot, y.into());
                forged.recount_elements();
                let above = y - LEAST + 1;
                forged.output[slot] = match above {
                    -1 => -Fr::from(1),
                    above => Fr::from(above as u64),
                };
                forged.restate();
                tally.refuse("no decision", "", &forged);
            }
        }
    }
}
