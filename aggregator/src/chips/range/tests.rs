use halo2_base::gates::circuit::CircuitBuilderStage;
use halo2_base::halo2_proofs::dev::MockProver;
use halo2_base::halo2_proofs::halo2curves::bn256::Fr;
use halo2_base::halo2_proofs::halo2curves::ff::Field;

use super::COLUMNS;
use crate::circuit::{Builder, CircuitParams};

const K: usize = 9;

/// Checks of `(value, bits)`, one after the other.
fn circuit(checks: &[(Fr, usize)]) -> Builder {
    let mut builder = Builder::new(CircuitBuilderStage::Mock);
    for (value, bits) in checks {
        let cell = builder.base.main(0).load_witness(*value);
        builder.range.check(cell, *bits);
    }
    builder.set_params(CircuitParams {
        k: K,
        range_rows: builder.range.rows(),
        ..CircuitParams::default()
    });
    builder
}

fn satisfied(builder: &Builder) -> bool {
    MockProver::run(K as u32, builder, vec![vec![]])
        .unwrap()
        .verify()
        .is_ok()
}

fn power(bits: usize) -> Fr {
    Fr::from(2).pow_vartime([bits as u64])
}

#[test]
fn accepts_what_is_in_range_and_refuses_what_is_not() {
    let half = Fr::from(2).invert().unwrap();
    let mut tried = 0;
    for bits in (1..=33).chain([88, 251, 252]) {
        let top = power(bits);
        let good = [Fr::ZERO, Fr::ONE, top - Fr::ONE, top * half];
        for value in good {
            assert!(satisfied(&circuit(&[(value, bits)])), "{value:?}, {bits}");
        }
        let double = top + top;
        let bad = [
            top,
            top + Fr::ONE,
            double - Fr::ONE,
            double,
            -Fr::ONE,
            -top,
            half,
            half.square(),
            top * half.square() * half.square() * half.square(),
        ];
        // The last is an integer in range from 6 bits on.
        let count = if bits < 6 { bad.len() } else { bad.len() - 1 };
        for value in &bad[..count] {
            assert!(!satisfied(&circuit(&[(*value, bits)])), "{value:?}, {bits}");
            tried += 1;
        }
    }
    println!("{tried} values out of range, 0 accepted");
}

/// Sizes in any order; one value out of range among them is refused.
#[test]
fn sizes_mix() {
    let bits = [16, 3, 16, 1, 32, 16, 2, 7, 16, 16, 5];
    let good: Vec<(Fr, usize)> = bits.iter().map(|b| (power(*b) - Fr::ONE, *b)).collect();
    assert!(satisfied(&circuit(&good)));
    for at in 0..good.len() {
        let mut altered = good.clone();
        altered[at].0 += Fr::ONE;
        assert!(!satisfied(&circuit(&altered)), "value {at}");
    }
}

/// All cells of blocks that are full: chains of equal and of different lengths.
#[test]
fn every_altered_cell_is_refused() {
    let cases: [&[usize]; 3] = [&[16; 4], &[16, 16, 15, 13, 9, 1], &[32, 31, 2, 1, 8, 8]];
    let mut tried = 0;
    for bits in cases {
        for offset in 0..2 {
            let value = |bits: &usize| (power(*bits) - Fr::ONE) * Fr::from(1 - offset);
            let checks: Vec<(Fr, usize)> = bits.iter().map(|b| (value(b), *b)).collect();
            let builder = circuit(&checks);
            assert!(satisfied(&builder));
            let full = builder.range.blocks();
            let full = full.iter().filter(|(_, chains)| chains.len() == COLUMNS);
            let rows: usize = full.map(|(rows, _)| rows).sum();
            for at in (0..rows).flat_map(|row| (0..COLUMNS).map(move |column| (row, column))) {
                let mut altered = builder.clone();
                altered.range.tampered = Some(at);
                assert!(!satisfied(&altered), "{bits:?}: {at:?}");
                tried += 1;
            }
        }
    }
    println!("{tried} cells altered, 0 accepted");
}

#[test]
fn budget() {
    let check = (Fr::from(40_000), 16);
    let four = circuit(&[check; 4]);
    assert_eq!((four.range.cells(), four.range.rows()), (36, 9));
    let odd = circuit(&[(Fr::ONE, 15)]);
    assert_eq!(odd.range.cells(), 11);
    let mut bits = Builder::new(CircuitBuilderStage::Mock);
    let ctx = bits.base.main(0);
    let cell = ctx.load_witness(check.0);
    let before = ctx.advice.len();
    use halo2_base::gates::{GateChip, GateInstructions};
    GateChip::default().num_to_bits(ctx, cell, check.1);
    println!(
        "16 bits: {} cells here, {} by bits",
        four.range.cells() / 4,
        ctx.advice.len() - before
    );
}
