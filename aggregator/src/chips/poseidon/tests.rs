use halo2_base::gates::GateInstructions;
use halo2_base::gates::circuit::CircuitBuilderStage;
use halo2_base::halo2_proofs::dev::MockProver;
use halo2_base::halo2_proofs::halo2curves::bn256::Fr;
use halo2_base::halo2_proofs::plonk::{Circuit, ConstraintSystem};
use halo2_base::poseidon::hasher::PoseidonHasher;
use halo2_base::poseidon::hasher::spec::OptimizedPoseidonSpec;
use laminate_protocol::transcript::poseidon::{FULL_ROUNDS, PARTIAL_ROUNDS, RATE, WIDTH};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use super::{COLUMNS, Input, ROWS};
use crate::circuit::{Builder, CircuitParams};

const K: usize = 9;

fn random(rng: &mut ChaCha8Rng) -> Fr {
    Fr::from_raw([rng.next_u64(), rng.next_u64(), rng.next_u64(), 0])
}

fn params(permutations: usize) -> CircuitParams {
    CircuitParams {
        k: K,
        num_advice: 5,
        num_lookup_advice: 1,
        num_fixed: 1,
        lookup_bits: 7,
        poseidon_rows: permutations * ROWS,
    }
}

/// Two permutations; the second one takes outputs of the first and a constant.
fn circuit(seed: u64) -> (Builder, Vec<Fr>) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut builder = Builder::new(CircuitBuilderStage::Mock, 7);
    let input: [Fr; WIDTH] = std::array::from_fn(|_| random(&mut rng));
    let cells = input.map(|v| builder.base.main(0).load_witness(v));
    let first = builder.poseidon.permute(cells.map(Input::Cell));
    let gate = builder.base.range_chip().gate;
    let sum = gate.add(builder.base.main(0), first[1], cells[0]);
    let second = builder.poseidon.permute([
        Input::Cell(first[0]),
        Input::Cell(sum),
        Input::Constant(Fr::from(7)),
        Input::Cell(first[3]),
    ]);
    let output = second.to_vec();
    builder.expose(output.clone());
    builder.set_params(params(2));
    (builder, output.iter().map(|c| *c.value()).collect())
}

fn satisfied(builder: &Builder, instances: Vec<Fr>) -> bool {
    MockProver::run(K as u32, builder, vec![instances])
        .unwrap()
        .verify()
        .is_ok()
}

#[test]
fn agrees_with_the_native_permutation() {
    for seed in 0..4 {
        let (builder, output) = circuit(seed);
        assert!(satisfied(&builder, output.clone()));
        for word in 0..WIDTH {
            let mut wrong = output.clone();
            wrong[word] += Fr::one();
            assert!(!satisfied(&builder, wrong), "word {word}");
        }
    }
}

/// The library gadget, at the same width: same digest of one block.
#[test]
fn agrees_with_halo2_base() {
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    let spec = OptimizedPoseidonSpec::<Fr, WIDTH, RATE>::new::<FULL_ROUNDS, PARTIAL_ROUNDS, 0>();
    let mut builder = Builder::new(CircuitBuilderStage::Mock, 7);
    let gate = builder.base.range_chip().gate;
    let message: [Fr; RATE - 1] = std::array::from_fn(|_| random(&mut rng));
    let ctx = builder.base.main(0);
    let cells = message.map(|v| ctx.load_witness(v));
    let before = ctx.advice.len();
    let mut hasher = PoseidonHasher::<Fr, WIDTH, RATE>::new(spec);
    hasher.initialize_consts(ctx, &gate);
    let expected = hasher.hash_fix_len_array(ctx, &gate, &cells);
    let cost = ctx.advice.len() - before;
    // Its sponge starts at 2^64, absorbs the message and a padding one.
    let mut state = [
        Fr::from_raw([0, 1, 0, 0]),
        message[0],
        message[1],
        Fr::one(),
    ];
    laminate_protocol::transcript::poseidon::permute(&mut state);
    assert_eq!(state[1], *expected.value());
    println!(
        "halo2-base: {cost} cells, this chip: {} cells in {ROWS} rows",
        ROWS * COLUMNS
    );
}

/// Every witness cell of the chip that a gate reads is constrained.
#[test]
fn every_altered_cell_is_refused() {
    let (builder, output) = circuit(1);
    let mut tried = 0;
    for row in 0..2 * ROWS {
        let local = row % ROWS;
        let partial = (FULL_ROUNDS..FULL_ROUNDS + PARTIAL_ROUNDS).contains(&local);
        for column in 0..if partial { COLUMNS } else { WIDTH } {
            let mut altered = builder.clone();
            altered.poseidon.tampered = Some((row, column));
            assert!(
                !satisfied(&altered, output.clone()),
                "row {row} column {column}"
            );
            tried += 1;
        }
    }
    assert_eq!(tried, 2 * (4 * ROWS + PARTIAL_ROUNDS));
    println!("{tried} cells altered, 0 accepted");
}

#[test]
fn adds_no_degree_and_no_advice_query() {
    let mut meta = ConstraintSystem::<Fr>::default();
    let _ = Builder::configure_with_params(&mut meta, params(1));
    let mut base = ConstraintSystem::<Fr>::default();
    let _ = halo2_base::gates::circuit::BaseConfig::configure(&mut base, params(1).base());
    let gates = meta.gates().iter().flat_map(|gate| gate.polynomials());
    assert_eq!(gates.map(|p| p.degree()).max(), Some(base.degree()));
    assert_eq!(meta.degree(), crate::circuit::builder::DEGREE);
    assert_eq!(meta.blinding_factors(), base.blinding_factors());
    assert_eq!(meta.advice_queries().len(), base.advice_queries().len());
    assert_eq!(meta.num_advice_columns(), base.num_advice_columns());
    assert_eq!(meta.num_fixed_columns(), base.num_fixed_columns() + 1);
    assert_eq!(meta.num_selectors(), base.num_selectors() + 2);
    // The same column is never read twice at one row: all rotations are small and distinct.
    for (_, rotation) in meta.advice_queries().iter() {
        assert!((0..4).contains(&rotation.0));
    }
}
