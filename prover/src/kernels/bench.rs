//! Measured figures of the kernels, for `laminate bench kernels`.

use std::time::Instant;

use halo2curves_axiom::bn256::{Fr, G1, G1Affine};
use halo2curves_axiom::ff::Field;
use halo2curves_axiom::group::{Curve, Group};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rayon::prelude::*;

use laminate_engine::backend::Native;
use laminate_engine::transcript::{Domain, Transcript};

use super::ternary::Packed;
use super::{dot, logup, msm, pass};

/// One measured kernel.
#[derive(Clone, Debug, PartialEq)]
pub struct KernelFigure {
    /// Kernel and shape.
    pub name: String,
    /// Weights, points or leaves processed.
    pub elements: usize,
    /// Bytes of input and output the kernel must touch once.
    pub bytes: usize,
    /// Best of two runs.
    pub seconds: f64,
    /// The same work by the reference, where it was measured.
    pub reference_seconds: Option<f64>,
    /// Worker threads.
    pub threads: usize,
}

/// Runs of which the best counts.
const RUNS: usize = 2;
/// Bytes read by [`memory_bandwidth`].
const BUFFER: usize = 1 << 29;

fn best<T>(mut work: impl FnMut() -> T) -> f64 {
    (0..RUNS)
        .map(|_| {
            let start = Instant::now();
            std::hint::black_box(work());
            start.elapsed().as_secs_f64()
        })
        .fold(f64::INFINITY, f64::min)
}

fn figure(name: String, elements: usize, bytes: usize, seconds: f64) -> KernelFigure {
    KernelFigure {
        name,
        elements,
        bytes,
        seconds,
        reference_seconds: None,
        threads: rayon::current_num_threads(),
    }
}

/// Bytes a second that all threads read together from a buffer larger than the caches.
pub fn memory_bandwidth() -> f64 {
    let buffer = vec![1u64; BUFFER / 8];
    let seconds = best(|| {
        buffer
            .par_chunks(1 << 17)
            .map(|chunk| {
                let (groups, _) = chunk.as_chunks::<32>();
                let mut sums = [0u64; 32];
                for group in groups {
                    for (sum, word) in sums.iter_mut().zip(group) {
                        *sum = sum.wrapping_add(*word);
                    }
                }
                sums.iter().fold(0, |a: u64, b| a.wrapping_add(*b))
            })
            .reduce(|| 0, u64::wrapping_add)
    });
    BUFFER as f64 / seconds
}

/// All kernels; about a minute.
pub fn run() -> Vec<KernelFigure> {
    let mut rng = StdRng::seed_from_u64(1);
    let mut out = passes(&mut rng);
    out.extend(llama_layer(&mut rng));
    out.extend(sums_of_points(&mut rng));
    out.extend(ternary_sums_of_points(&mut rng));
    out.push(lookup_tree(&mut rng));
    out
}

fn elements(n: usize, rng: &mut StdRng) -> Vec<Fr> {
    (0..n).map(|_| Fr::random(&mut *rng)).collect()
}

/// Weights of a pass.
const WEIGHTS: usize = 1 << 28;
/// Weights of the reference's pass, scaled up.
const REFERENCE_WEIGHTS: usize = 1 << 22;

fn passes(rng: &mut StdRng) -> Vec<KernelFigure> {
    let seed: u64 = rng.r#gen();
    let bytes: Vec<u8> = (0..WEIGHTS as u64)
        .into_par_iter()
        .map(|i| ((i ^ seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8)
        .collect();
    let signed: Vec<i8> = bytes.par_iter().map(|b| *b as i8).collect();
    let mut out = vec![];
    for cols in [1024, 8192] {
        let rows = WEIGHTS / cols;
        let (selector, vector) = (elements(rows, rng), elements(cols, rng));
        let least = REFERENCE_WEIGHTS / cols;
        let scale = (WEIGHTS / REFERENCE_WEIGHTS) as f64;
        let mut add = |name: &str, seconds, reference| {
            out.push(KernelFigure {
                reference_seconds: reference,
                ..figure(format!("{name}, {cols} columns"), WEIGHTS, WEIGHTS, seconds)
            });
        };
        let plain = best(|| pass::plain_combine(&signed[..least * cols], cols, &selector[..least]));
        add(
            "combine rows, int8",
            best(|| pass::combine_rows(&signed, cols, &selector)),
            Some(plain * scale),
        );
        let plain = best(|| pass::plain_dot(&signed[..least * cols], &vector));
        add(
            "dot rows, int8",
            best(|| pass::dot_rows(&signed, &vector)),
            Some(plain * scale),
        );
        add(
            "combine rows, uint8",
            best(|| pass::combine_rows_u8(&bytes, cols, &selector)),
            None,
        );
        let quarter = &bytes[..WEIGHTS / 4];
        let seconds = best(|| pass::combine_rows_ternary(quarter, cols, &selector));
        out.push(figure(
            format!("combine rows, ternary, {cols} columns"),
            WEIGHTS,
            WEIGHTS / 4,
            seconds,
        ));
    }
    out.extend(words_pass(&bytes, rng));
    out
}

/// A layer of the dimensions of a Llama of 7 billion weights: int8 and ternary, packed with two bits.
fn llama_layer(rng: &mut StdRng) -> Vec<KernelFigure> {
    let (rows, cols) = (4096, 11_008);
    let count = rows * cols;
    let weights: Vec<i8> = (0..count).map(|_| rng.gen_range(-1..=1)).collect();
    let bytes: Vec<u8> = weights.iter().map(|w| (w + 1) as u8).collect();
    let codes: Vec<u8> = bytes
        .as_chunks::<4>()
        .0
        .iter()
        .map(|[a, b, c, d]| a | b << 2 | c << 4 | d << 6)
        .collect();
    let selector = elements(rows, rng);
    let (plain, packed) = (count, count / 4);
    let int8 = best(|| pass::combine_rows(&weights, cols, &selector));
    let uint8 = best(|| pass::combine_rows_u8(&bytes, cols, &selector));
    let ternary = best(|| pass::combine_rows_ternary(&codes, cols, &selector));
    let named = |name: &str| format!("{name}, {rows} x {cols}");
    let mut out = vec![
        figure(named("combine rows, int8"), count, plain, int8),
        figure(named("combine rows, uint8"), count, plain, uint8),
        figure(named("combine rows, ternary"), count, packed, ternary),
    ];
    let matrix = Packed::new(&weights, cols);
    for tokens in [1, 16] {
        let x: Vec<i16> = (0..tokens * cols).map(|_| rng.r#gen()).collect();
        let reference = best(|| dot::products(&weights, &x, cols));
        let seconds = best(|| matrix.products(0..rows, &x));
        let name = named(&format!("activations, {tokens} tokens, int8"));
        out.push(figure(name, tokens * count, plain, reference));
        out.push(KernelFigure {
            reference_seconds: Some(reference),
            ..figure(
                named(&format!("activations, {tokens} tokens, ternary")),
                tokens * count,
                packed,
                seconds,
            )
        });
    }
    out
}

fn words_pass(bytes: &[u8], rng: &mut StdRng) -> Vec<KernelFigure> {
    let cols = 1024;
    let words: Vec<u16> = bytes[..WEIGHTS / 4]
        .as_chunks::<2>()
        .0
        .iter()
        .map(|b| u16::from_le_bytes(*b))
        .collect();
    let selector = elements(words.len() / cols, rng);
    let combine = best(|| pass::combine_rows_u16(&words, cols, &selector));
    let short = &words[..1 << 22];
    let vector = elements(short.len(), rng);
    let dot = best(|| pass::dot_u16(short, &vector));
    let name = "combine rows, uint16, 1024 columns".into();
    vec![
        figure(name, words.len(), 2 * words.len(), combine),
        figure("dot, uint16".into(), short.len(), 34 * short.len(), dot),
    ]
}

/// Points without small relations: sums of equal or opposite points would take the slow path.
fn points(n: usize, rng: &mut StdRng) -> Vec<G1Affine> {
    let few: Vec<G1> = (0..1024).map(|_| G1::random(&mut *rng)).collect();
    let choices: Vec<u32> = (0..n).map(|_| rng.r#gen()).collect();
    let points: Vec<G1> = choices
        .par_iter()
        .map(|choice| {
            let four = (0..4).map(|i| few[256 * i + usize::from(choice.to_le_bytes()[i])]);
            four.sum()
        })
        .collect();
    let mut out = vec![G1Affine::default(); n];
    out.par_chunks_mut(1 << 12)
        .zip(points.par_chunks(1 << 12))
        .for_each(|(out, points)| G1::batch_normalize(points, out));
    out
}

fn sums_of_points(rng: &mut StdRng) -> Vec<KernelFigure> {
    let points = points(1 << 20, rng);
    let mut out = vec![];
    for log in [12, 16, 20] {
        let n = 1 << log;
        let bytes: Vec<u8> = (0..n).map(|_| rng.r#gen()).collect();
        let signed: Vec<i8> = bytes.iter().map(|b| *b as i8).collect();
        let words: Vec<u16> = (0..n).map(|_| rng.r#gen()).collect();
        let mut add = |name: &str, size: usize, seconds| {
            out.push(figure(
                format!("points, {name}, 2^{log}"),
                n,
                (64 + size) * n,
                seconds,
            ));
        };
        add("uint8", 1, best(|| msm::bytes(&bytes, &points)));
        add("int8", 1, best(|| msm::signed_bytes(&signed, &points)));
        add("uint16", 2, best(|| msm::words(&words, &points)));
    }
    let scalars = elements(1 << 18, rng);
    let plain = best(|| msm::full_reference(&scalars, &points));
    let seconds = best(|| msm::full(&scalars, &points));
    out.push(KernelFigure {
        reference_seconds: Some(plain),
        ..figure(
            "points, 254 bits, 2^18".into(),
            scalars.len(),
            96 * scalars.len(),
            seconds,
        )
    });
    out
}

/// Lists of ternary weights over the same points, together and each by itself.
fn ternary_sums_of_points(rng: &mut StdRng) -> Vec<KernelFigure> {
    let log = 16;
    let points = points(1 << log, rng);
    let count = 512;
    let weights: Vec<i8> = (0..count << log).map(|_| rng.gen_range(-1..=1)).collect();
    let all: Vec<&[i8]> = weights.chunks(1 << log).collect();
    [1, 8, 64, count]
        .into_iter()
        .map(|lists| {
            let seconds = best(|| msm::ternary(&all[..lists], &points));
            let least = lists.min(8);
            let reference = best(|| msm::ternary_reference(&all[..least], &points));
            KernelFigure {
                reference_seconds: Some(reference * (lists / least) as f64),
                ..figure(
                    format!("points, ternary, {lists} x 2^{log}"),
                    lists << log,
                    (lists + 64) << log,
                    seconds,
                )
            }
        })
        .collect()
}

/// A whole tree of 2^20 leaves: the levels, then a sumcheck a layer.
fn lookup_tree(rng: &mut StdRng) -> KernelFigure {
    let log = 20;
    let n = 1 << log;
    let leaves = logup::Level::with_ones(log, n, vec![], elements(n, rng));
    let point = elements(log, rng);
    let lambda = Fr::random(&mut *rng);
    let transcript = || Transcript::new(&mut Native, Domain::InputCommitment);
    let tree = |leaves: logup::Level, prove: &dyn Fn(logup::Level, &[Fr])| {
        let mut levels = vec![leaves];
        while levels.last().is_some_and(|l| l.log() > 1) {
            levels.extend(levels.last().map(logup::Level::above));
        }
        for level in levels.into_iter().rev() {
            let variables = level.log() - 1;
            prove(level, &point[..variables]);
        }
    };
    let mut copies = vec![leaves.clone(); RUNS];
    let seconds = best(|| {
        let prove = |level, point: &[Fr]| {
            logup::prove(&mut transcript(), level, point, lambda, lambda);
        };
        copies.pop().map(|leaves| tree(leaves, &prove))
    });
    let mut copies = vec![leaves; RUNS];
    let reference = best(|| {
        let prove = |level: logup::Level, point: &[Fr]| {
            logup::reference(&mut transcript(), &level, point, lambda, lambda);
        };
        copies.pop().map(|leaves| tree(leaves, &prove))
    });
    KernelFigure {
        reference_seconds: Some(reference),
        ..figure("lookup tree, leaves, 2^20".into(), n, 64 * n, seconds)
    }
}
