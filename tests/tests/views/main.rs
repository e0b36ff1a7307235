//! Programs with views: what they compute against the definitions, proofs of them, forgeries of windows, and programs
//! that must be refused.

mod forged;
mod refused;

use laminate_engine::fold::FoldMode;
use laminate_model::ops::{Max, View};
use laminate_model::program::{
    AxisMap, AxisMask, AxisPair, Op, Program, TensorView, ViewTerm, padded_index,
};
use laminate_prover::exec::{self, Trace};
use laminate_tests::forger::{Forger, rerun};
use laminate_tests::programs::refuse;
use laminate_tests::views::{Net, places, random, reference, tensor};
use laminate_tests::{Case, TestSrs, prove_case};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;

fn srs() -> TestSrs {
    TestSrs::new(b"views", 16)
}

/// How many random programs are tried: few, unless all are asked for.
fn sweep(few: u64, all: u64) -> u64 {
    match std::env::var_os("LAMINATE_SWEEP") {
        Some(_) => all,
        None => few,
    }
}

/// The unpadded entries of every slot.
fn unpadded(case: &Case, trace: &Trace, id: usize) -> Vec<Vec<i64>> {
    let tensor = &case.program.tensors[id];
    let rows = trace.tensors[id].chunks(1 << tensor.width_log());
    rows.map(|row| {
        let places = (0..tensor.width()).map(|i| padded_index(&tensor.axes, i));
        places.map(|at| i64::from(row[at])).collect()
    })
    .collect()
}

/// A run is what the definitions say, every tensor of every slot.
fn run(case: &Case, name: &str) -> Trace {
    let trace = exec::run(&case.program, &case.weights, &case.inputs).expect(name);
    for (slot, row) in case.inputs.iter().enumerate() {
        let expected = reference(&case.program, &case.weights, row);
        for (id, expected) in expected.iter().enumerate() {
            assert_eq!(
                &unpadded(case, &trace, id)[slot],
                expected,
                "{name}: tensor {id}, slot {slot}, {:?}",
                case.program.nodes.iter().find(|n| n.output == id)
            );
        }
    }
    trace
}

fn proves(case: &Case, srs: &TestSrs, mode: FoldMode, name: &str) {
    let proven = prove_case(case, srs, mode, 5);
    let verified =
        proven
            .model
            .verifier
            .verify_native(&proven.statement, &proven.proof, &srs.tau_g2);
    assert_eq!(verified, Ok(()), "{name}");
}

#[test]
fn random_programs_compute_what_the_definitions_say() {
    let (mut ran, mut refused) = (0, 0);
    for seed in 0..sweep(600, 20_000) {
        let case = random(seed);
        match case.program.check() {
            Ok(()) => {
                run(&case, &format!("seed {seed}"));
                ran += 1;
            }
            Err(error) => {
                let error = error.to_string();
                let known = [
                    "compose",
                    "more than entries of one tensor",
                    "may have entries",
                ];
                assert!(
                    known.iter().any(|k| error.contains(k)),
                    "seed {seed}: {error}"
                );
                refused += 1;
            }
        }
    }
    println!("random programs with views: {ran} run as defined, {refused} refused");
    assert!(ran > 4 * refused);
}

#[test]
fn random_programs_are_proven() {
    let srs = srs();
    let mut proven = 0;
    for seed in 1000..sweep(1014, 1600) {
        let case = random(seed);
        if case.program.check().is_err() {
            continue;
        }
        let mode = [FoldMode::On, FoldMode::Off][(seed % 2) as usize];
        proves(&case, &srs, mode, &format!("seed {seed}"));
        proven += 1;
    }
    println!("random programs with views: {proven} proven");
}

/// Convolutions of one and two axes with stride, dilation and padding, pools, and a dense layer behind them.
fn nets() -> Vec<(&'static str, Case)> {
    let mut out = vec![];
    let mut net = Net::new(1, 1, &[11, 2]);
    let x = net.convolution(0, &[[3, 2, 1, 1]], 3);
    let x = net.relu(x);
    let x = net.convolution(x, &[[2, 1, 3, 0]], 4);
    net.dense(x, 2, &[2]);
    out.push(("1-D", net.case()));
    let mut net = Net::new(2, 0, &[7, 6, 2]);
    let x = net.convolution(0, &[[3, 1, 1, 1], [3, 1, 1, 0]], 3);
    let x = net.relu(x);
    let x = net.max_pool(x, &[[2, 2, 1, 0], [2, 2, 1, 0]]);
    let x = net.convolution(x, &[[2, 1, 2, 1], [2, 1, 1, 0]], 2);
    let x = net.max_pool(x, &[[3, 2, 1, 1], [1, 1, 1, 0]]);
    net.dense(x, 3, &[3]);
    out.push(("2-D", net.case()));
    let mut net = Net::new(3, 0, &[5, 6, 3]);
    let x = net.convolution(0, &[[2, 1, 1, 0], [3, 1, 1, 1]], 3);
    let x = net.fused_relu(x);
    let x = average_pool(&mut net, x, 2);
    let x = net.transpose(x, &[2, 0, 1]);
    let x = net.relu(x);
    out.push(("average pool, output of three axes", {
        assert_eq!(net.axes(x), [3, 2, 3]);
        net.case()
    }));
    out
}

fn map(program: &mut Program, view: usize, axis: usize) -> &mut AxisMap {
    &mut program.views[view].terms[0].maps[axis]
}

/// A convolution of `(8, 8, 2)` by 3 × 3 windows, stride 2, dilation 2, padding 2.
fn convolution() -> Case {
    let mut net = Net::new(7, 0, &[8, 8, 2]);
    net.convolution(0, &[[3, 2, 2, 2], [3, 2, 2, 2]], 3);
    net.case()
}

/// Means of `size × size` windows that do not overlap.
fn average_pool(net: &mut Net, x: usize, size: u32) -> usize {
    let axes = net.axes(x);
    let pool = |axis: u32| AxisMap::Pairs {
        axes: vec![axis],
        entries: (0..axes[axis as usize] / size * size)
            .map(|at| AxisPair {
                view: vec![at / size],
                at,
                coefficient: 1,
            })
            .collect(),
    };
    let maps = vec![pool(0), pool(1), AxisMap::Same { axis: 2 }];
    let out = [axes[0] / size, axes[1] / size, axes[2]];
    let sums = net.view(TensorView::of(maps), &[x], &out);
    net.rescale(sums)
}

#[test]
fn convolutional_nets_are_proven() {
    let srs = srs();
    for (name, case) in nets() {
        run(&case, name);
        for limb_bits in [8, 16] {
            let mut case = case.clone();
            case.program.limb_bits = limb_bits;
            proves(
                &case,
                &srs,
                FoldMode::On,
                &format!("{name}, limbs of {limb_bits}"),
            );
        }
    }
}

/// The tensors of a view have one shape a name: nothing is read beside it.
#[test]
fn a_tensor_of_several_axes_is_given_and_published_unpadded() {
    let srs = srs();
    let mut net = Net::new(13, 1, &[3, 5]);
    let x = net.dense(0, 1, &[3]);
    assert_eq!(net.axes(x), [3, 3]);
    let case = net.case();
    let trace = run(&case, "several axes");
    assert_eq!(
        (case.program.input_len(), case.program.output_len()),
        (30, 18)
    );
    assert_eq!(trace.outputs(&case.program)[1].len(), 9);
    let forger = Forger::new(&case, &srs);
    assert_eq!(forger.verdict(&srs, FoldMode::On), Ok(()));
    // What stands behind the ends of the axes: of the input nothing, of the output what biases make of nothing.
    for at in (0..32).filter(|at| {
        !places(&[3, 5])
            .iter()
            .any(|p| (p[0] * 8 + p[1]) as usize == *at)
    }) {
        let mut forged = trace.clone();
        forged.tensors[case.program.input][at] = 9;
        assert!(
            Forger::with_trace(&case, &forged, &srs).refused(&srs),
            "input {at}"
        );
    }
    for at in 0..16 {
        let mut forged = trace.clone();
        forged.tensors[case.program.output][at] += 1;
        assert!(
            Forger::with_trace(&case, &forged, &srs).refused(&srs),
            "output {at}"
        );
    }
    assert_eq!(tensor(&[3, 5], 16).width(), 15);
}
