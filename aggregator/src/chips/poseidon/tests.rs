use halo2_base::gates::circuit::CircuitBuilderStage;
use halo2_base::gates::{GateChip, GateInstructions};
use halo2_base::halo2_proofs::dev::MockProver;
use halo2_base::halo2_proofs::halo2curves::bn256::Fr;
use halo2_base::halo2_proofs::plonk::{Circuit, ConstraintSystem};
use halo2_base::poseidon::hasher::PoseidonHasher;
use halo2_base::poseidon::hasher::spec::OptimizedPoseidonSpec;
use laminate_engine::transcript::poseidon::{FULL_ROUNDS, PARTIAL_ROUNDS, RATE, WIDTH};
use laminate_model::public::ACCUMULATOR_LIMBS;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use super::constants::{apply, is_partial};
use super::{COLUMNS, Input, ROWS, tags};
use crate::chips::range::EMPTY_ROWS;
use crate::circuit::builder::DEGREE;
use crate::circuit::{Builder, CircuitParams};

const K: usize = 9;

fn random(rng: &mut ChaCha8Rng) -> Fr {
    Fr::from_raw([rng.next_u64(), rng.next_u64(), rng.next_u64(), 0])
}

fn params(permutations: usize) -> CircuitParams {
    CircuitParams {
        k: K,
        poseidon_rows: permutations * ROWS,
        range_rows: EMPTY_ROWS,
    }
}

/// Two permutations; the second one takes outputs of the first and a constant.
fn circuit(seed: u64) -> (Builder, Vec<Fr>) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut builder = Builder::new(CircuitBuilderStage::Mock);
    let input: [Fr; WIDTH] = std::array::from_fn(|_| random(&mut rng));
    let cells = input.map(|v| builder.base.main(0).load_witness(v));
    let first = builder.poseidon.permute(cells.map(Input::Cell));
    let gate = GateChip::<Fr>::default();
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

/// Whether the circuit holds with these values exposed, behind the accumulator limbs, which are free.
fn satisfied(builder: &Builder, exposed: Vec<Fr>) -> bool {
    let instances = [vec![Fr::zero(); ACCUMULATOR_LIMBS], exposed].concat();
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
    let mut builder = Builder::new(CircuitBuilderStage::Mock);
    let gate = GateChip::<Fr>::default();
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
    laminate_engine::transcript::poseidon::permute(&mut state);
    assert_eq!(state[1], *expected.value());
    println!(
        "halo2-base: {cost} cells, this chip: {} cells in {ROWS} rows",
        ROWS * COLUMNS
    );
}

/// Every cell of the chip's rows.
#[test]
fn every_altered_cell_is_refused() {
    let (builder, output) = circuit(1);
    assert!(satisfied(&builder, output.clone()));
    let mut tried = 0;
    for row in 0..2 * ROWS {
        for column in 0..COLUMNS {
            let mut altered = builder.clone();
            altered.poseidon.tampered = Some((row, column));
            assert!(
                !satisfied(&altered, output.clone()),
                "row {row} column {column}"
            );
            tried += 1;
        }
    }
    assert_eq!(tried, 2 * COLUMNS * ROWS);
    println!("{tried} cells altered, 0 accepted");
}

/// The rows in which each gate's factor is not 0, of two permutations between rows of other chips.
#[test]
fn tags_select_the_rows_of_each_gate() {
    let zeros = [0; 4];
    let column = [&zeros[..], &tags(), &tags(), &zeros].concat();
    let at = |row: usize| column[row] as i64;
    let [
        mut squares,
        mut linear,
        mut exit,
        mut output,
        mut entry,
        mut recurrence,
    ] = std::array::from_fn(|_| Vec::new());
    for row in 1..column.len() - 2 {
        let (above, tag, next, below) = (at(row - 1), at(row), at(row + 1), at(row + 2));
        let note = |rows: &mut Vec<usize>, factor: i64| {
            if factor != 0 {
                rows.push(row - zeros.len());
            }
        };
        note(&mut squares, tag * (1 - next));
        note(&mut linear, tag * (2 - tag - next));
        note(&mut exit, tag * (2 - tag - next) * above * below);
        let is_output = (1 - below) * (2 - below);
        note(&mut output, tag * (2 - tag - next) * is_output);
        note(&mut entry, tag * (tag - 1));
        note(&mut recurrence, tag * next);
        // Where the linear layer is selected, these two are 0 or 1.
        let flags = [0, 1].contains(&(above * below)) && [0, 2].contains(&is_output);
        assert!(flags || tag * (2 - tag - next) == 0);
    }
    let (start, end) = (FULL_ROUNDS, FULL_ROUNDS + PARTIAL_ROUNDS / 2);
    let twice = |rows: Vec<usize>| [rows.clone(), rows.iter().map(|r| r + ROWS).collect()].concat();
    let full = (0..start).step_by(2).chain((end..ROWS - 1).step_by(2));
    let full: Vec<usize> = full.collect();
    let with = |mut rows: Vec<usize>, more: usize| {
        rows.push(more);
        rows.sort_unstable();
        rows
    };
    let plain: Vec<usize> = full.iter().copied().filter(|r| *r != start - 2).collect();
    assert_eq!(squares, twice(with(full, end - 2)));
    assert_eq!(linear, twice(with(plain, end - 2)));
    assert_eq!(exit, twice(vec![end - 2]));
    assert_eq!(output, twice(vec![ROWS - 3]));
    assert_eq!(entry, twice(vec![start - 2]));
    assert_eq!(recurrence, twice((start..end - 2).collect()));
}

/// A permutation that goes wrong in one word before one round and is right from there on, with the
/// output that it comes to: only the gates of that round can tell.
#[test]
fn every_forged_round_is_refused() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let input: [Fr; WIDTH] = std::array::from_fn(|_| random(&mut rng));
    let forged = |at: Option<(usize, usize)>| {
        let mut builder = Builder::new(CircuitBuilderStage::Mock);
        let cells = input.map(|v| builder.base.main(0).load_witness(v));
        let output = builder.poseidon.permute(cells.map(Input::Cell));
        builder.expose(output.to_vec());
        builder.set_params(params(1));
        builder.poseidon.forged = at;
        let constants = laminate_engine::transcript::poseidon::constants();
        let mut state = input;
        for (round, added) in constants.round.iter().enumerate() {
            if let Some((_, word)) = at.filter(|(r, _)| *r == round) {
                state[word] += Fr::one();
            }
            let partial = is_partial(round);
            state = std::array::from_fn(|i| {
                let x = state[i] + added[i];
                let power = x.square().square() * x;
                if partial && i > 0 { x } else { power }
            });
            state = apply(&constants.mds, &state);
        }
        satisfied(&builder, state.to_vec())
    };
    assert!(forged(None));
    let mut tried = 0;
    for round in 0..FULL_ROUNDS + PARTIAL_ROUNDS {
        for word in 0..WIDTH {
            assert!(!forged(Some((round, word))), "round {round} word {word}");
            tried += 1;
        }
    }
    println!("{tried} rounds forged, 0 accepted");
}

/// What the generated contract depends on: the chips add fixed columns and nothing else.
#[test]
fn constraint_system_is_fixed() {
    let shape = |params: CircuitParams| {
        let mut meta = ConstraintSystem::<Fr>::default();
        let _ = Builder::configure_with_params(&mut meta, params);
        meta
    };
    let meta = shape(params(1));
    let mut base = ConstraintSystem::<Fr>::default();
    let _ = halo2_base::gates::circuit::BaseConfig::configure(&mut base, params(1).base());
    let gates = meta.gates().iter().flat_map(|gate| gate.polynomials());
    assert_eq!(gates.map(|p| p.degree()).max(), Some(DEGREE));
    assert_eq!(meta.degree(), DEGREE);
    assert!(meta.lookups().is_empty());
    assert_eq!(meta.blinding_factors(), base.blinding_factors());
    assert_eq!(meta.advice_queries().len(), base.advice_queries().len());
    assert_eq!(meta.num_advice_columns(), 4);
    assert_eq!(meta.num_fixed_columns(), 3);
    assert_eq!(meta.num_selectors(), 5);
    assert_eq!(meta.num_instance_columns(), 1);
    assert_eq!(meta.permutation().get_columns().len(), 6);
    // The same column is never read twice at one row: all rotations are small and distinct.
    for (_, rotation) in meta.advice_queries().iter() {
        assert!((0..4).contains(&rotation.0));
    }
    // Rows and chips do not matter.
    let other = shape(CircuitParams {
        k: 15,
        poseidon_rows: 1000,
        range_rows: 99,
    });
    assert_eq!(
        format!("{:?}", meta.pinned()),
        format!("{:?}", other.pinned())
    );
}
