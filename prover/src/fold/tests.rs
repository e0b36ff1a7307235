//! Rounds and values against polynomials and kernels that are written out entry by entry.

use std::sync::Arc;

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use laminate_engine::claim::{EvalClaim, Term, View};
use laminate_engine::field::fr_from_i64;
use laminate_engine::geometry::{Block, Poly};
use laminate_engine::maps::linear::LinearTerm;
use laminate_engine::maps::{Linear, Map, Mask, Wiring};
use laminate_engine::poly::eq;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::claims::ClaimSet;
use super::inner::Stored;
use super::outer::{CHUNK_LOG, Cut};
use super::plan;
use super::strips::Half;
use crate::columns::{Columns, TraceColumns, WeightColumns};

/// Both polynomials over `2^log` entries.
struct Polynomials {
    log: usize,
    weights: WeightColumns,
    weight_blinds: Vec<Fr>,
    trace: TraceColumns,
}

fn random(n: usize, rng: &mut ChaCha8Rng) -> Vec<Fr> {
    (0..n).map(|_| Fr::random(&mut *rng)).collect()
}

fn block(poly: Poly, offset: usize, log: usize) -> Block {
    Block { poly, offset, log }
}

impl Polynomials {
    /// `used` bytes, and `used` limbs with multiplicities among them and blinds behind: neither fills its last
    /// chunk. A blind of the weights stands behind them if `2^row_log` entries are more.
    fn new(log: usize, used: usize, rng: &mut ChaCha8Rng) -> Self {
        let mut limbs: Vec<u16> = (0..used).map(|_| rng.r#gen()).collect();
        let others = (used / 3) & !0xf;
        limbs[others..others + 16].fill(0);
        limbs[used - 5..].fill(0);
        let blinds = (block(Poly::Trace, used - 5, 2), random(4, rng));
        let mut trace = TraceColumns::of_limbs(limbs, blinds);
        let counts = (0..16).map(|_| rng.r#gen()).collect();
        trace.multiplicities = vec![(block(Poly::Trace, others, 4), counts)];
        let weights = WeightColumns {
            words: vec![],
            bytes: (0..used).map(|_| rng.r#gen()).collect(),
            blind_log: used.next_power_of_two().trailing_zeros() as usize,
        };
        Self {
            log,
            weights,
            weight_blinds: random(1, rng),
            trace,
        }
    }

    fn columns(&self) -> Columns<'_> {
        Columns::new(&self.weights, &self.trace, self.weight_blinds.clone())
    }

    /// Every entry of a polynomial in rows of `2^row_log`.
    fn entries(&self, poly: Poly, row_log: usize) -> Vec<Fr> {
        let mut out: Vec<Fr> = match poly {
            Poly::Weight => {
                let bytes = self.weights.bytes.iter();
                bytes.map(|v| Fr::from(u64::from(*v))).collect()
            }
            Poly::Trace => {
                let limbs = self.trace.values.iter();
                limbs.map(|v| Fr::from(u64::from(*v))).collect()
            }
        };
        out.resize(1 << self.log, Fr::ZERO);
        match poly {
            Poly::Weight if self.weights.blind_log < row_log => {
                out[1 << self.weights.blind_log] = self.weight_blinds[0];
            }
            Poly::Weight => {}
            Poly::Trace => {
                let (counted, counts) = &self.trace.multiplicities[0];
                for (o, v) in out[counted.offset..].iter_mut().zip(counts) {
                    *o = Fr::from(u64::from(*v));
                }
                let (blinds, values) = &self.trace.elements[0];
                out[blinds.offset..blinds.offset + 4].copy_from_slice(values);
            }
        }
        out
    }
}

/// How a block stands in a view.
#[derive(Clone, Copy)]
enum Wire {
    Direct,
    /// One later, on its only axis.
    Previous,
    /// One earlier along the first axis of `2^log`, below `count`.
    Next {
        count: usize,
        log: usize,
    },
    /// At entry `count - 1` of a first axis of `2^log` that the view has beside.
    Last {
        count: usize,
        log: usize,
    },
    /// A window of three along its second axis, its last one summed below three.
    Window,
}

impl Wire {
    fn wiring(self, block: usize) -> Option<Arc<Wiring>> {
        let same = |log, axis| (log, Map::Same { axis });
        let size = 1usize << block;
        let (view, axes, masks) = match self {
            Self::Direct => return None,
            Self::Previous => {
                let map = Map::Linear(Linear::shift(0, size, -1, size));
                (vec![block], vec![(block, map)], vec![])
            }
            Self::Next { count, log } => {
                let map = Map::Linear(Linear::shift(0, 1 << log, 1, count));
                let axes = vec![(log, map), same(block - log, 1)];
                (vec![log, block - log], axes, vec![])
            }
            Self::Last { count, log } => {
                let only = Mask::Only {
                    axis: 0,
                    at: count - 1,
                };
                (vec![log, block], vec![same(block, 1)], vec![only])
            }
            Self::Window => {
                let term = |axis, size| LinearTerm {
                    axis,
                    coefficient: 1,
                    size,
                };
                let window = Linear {
                    terms: vec![term(1, 6), term(2, 3)],
                    scale: 1,
                    offset: -1,
                    size: 7,
                };
                let axes = vec![
                    same(block - 5, 0),
                    (3, Map::Linear(window)),
                    (2, Map::Sum { below: 3 }),
                ];
                (vec![block - 5, 3, 2], axes, vec![])
            }
        };
        let wiring = Wiring { view, axes, masks };
        assert_eq!(wiring.check(), Ok(()));
        Some(Arc::new(wiring))
    }
}

/// A claim at a random point on the sum of blocks that are wired alike.
fn claim(wire: Wire, blocks: &[Block], rng: &mut ChaCha8Rng) -> EvalClaim<Fr> {
    let wiring = wire.wiring(blocks[0].log);
    let terms = blocks.iter().map(|block| Term {
        coefficient: Fr::random(&mut *rng),
        block: *block,
        wiring: wiring.clone(),
    });
    let view = View {
        constant: Fr::ZERO,
        masked: vec![],
        terms: terms.collect(),
    };
    EvalClaim {
        point: random(view.log(), rng),
        value: Fr::ZERO,
        view,
    }
}

/// `Σ_i η^i·claim_i` as a kernel over every entry of `poly`, by what the wires say of a column's entries.
fn kernel(claims: &[EvalClaim<Fr>], eta: Fr, poly: Poly, log: usize) -> Vec<Fr> {
    let mut out = vec![Fr::ZERO; 1 << log];
    let mut power = Fr::ONE;
    for claim in claims {
        let table = eq::table(&claim.point);
        for term in claim.view.terms.iter().filter(|t| t.block.poly == poly) {
            let runs = term.wiring.as_ref().map(|wiring| wiring.runs());
            for (x, e) in table.iter().enumerate() {
                let Some(runs) = &runs else {
                    out[term.block.offset + x] += power * term.coefficient * e;
                    continue;
                };
                let (part, place) = (x >> runs.inner, x & ((1 << runs.inner) - 1));
                for (number, entry) in &runs.parts[part] {
                    let at = term.block.offset + (number << runs.inner) + place;
                    out[at] += power * term.coefficient * e * fr_from_i64(*entry);
                }
            }
        }
        power *= eta;
    }
    out
}

/// Runs the sumcheck of one polynomial with strips of each length beside the plain one.
fn compare(
    polynomials: &Polynomials,
    claims: &[EvalClaim<Fr>],
    row_log: usize,
    strips: impl Iterator<Item = usize>,
    rng: &mut ChaCha8Rng,
) {
    let (log, eta) = (polynomials.log, Fr::random(&mut *rng));
    let columns = polynomials.columns();
    let point = random(log, rng);
    let polys = [Poly::Weight, Poly::Trace];
    let mut halves: Vec<(String, Poly, Half<'_>)> = vec![];
    for strip in strips {
        for poly in polys {
            let stored = Stored {
                columns: &columns,
                poly,
                row_log,
                cut: Cut { strip },
            };
            let set = ClaimSet::new(claims, eta, poly);
            let name = format!("{poly:?} in rows of 2^{row_log}, strips of 2^{strip}");
            halves.push((name, poly, Half::new(stored, &set, log)));
        }
    }
    let mut plain = polys.map(|poly| {
        let values = polynomials.entries(poly, row_log);
        (values, kernel(claims, eta, poly, log))
    });
    for (round, r) in point.iter().enumerate() {
        let half = 1usize << (log - round - 1);
        let expected = plain.each_ref().map(|(values, kernel)| {
            let at = |x: Fr, i: usize| {
                let [v, k] = [values, kernel].map(|t| t[i] + x * (t[half + i] - t[i]));
                v * k
            };
            [Fr::ZERO, -Fr::ONE].map(|x| (0..half).map(|i| at(x, i)).sum::<Fr>())
        });
        for (name, poly, sums) in &mut halves {
            assert_eq!(
                sums.round(),
                expected[*poly as usize],
                "{name}, round {round}"
            );
            sums.bind(r);
        }
        for (values, kernel) in &mut plain {
            for table in [values, kernel] {
                let bound = (0..half).map(|i| table[i] + r * (table[half + i] - table[i]));
                *table = bound.collect();
            }
        }
    }
    for (name, poly, half) in &halves {
        assert_eq!(half.value(), plain[*poly as usize].0[0], "{name}");
    }
}

/// Every wire; blocks of several strips, of one and of parts of one, several in a strip at one point and at
/// several, some behind the used prefix or across its end.
#[test]
fn rounds_are_those_of_the_expanded_polynomials() {
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    let log = 9;
    for used in [255, 333, 500] {
        let polynomials = Polynomials::new(log, used, &mut rng);
        let [w, t] =
            [Poly::Weight, Poly::Trace].map(|poly| move |offset, log| block(poly, offset, log));
        let (next, last) = (
            |count| Wire::Next { count, log: 3 },
            |count| Wire::Last { count, log: 2 },
        );
        let rng = &mut rng;
        let claims = [
            claim(Wire::Direct, &[w(0, 8), t(0, 8)], rng),
            claim(Wire::Direct, &[w(256, 6), w(64, 6), t(320, 6)], rng),
            claim(Wire::Direct, &[w(320, 3), w(8, 3), w(72, 3), t(16, 3)], rng),
            claim(
                Wire::Direct,
                &[w(5, 0), t(used - 5, 0), t(used - 1, 0)],
                rng,
            ),
            claim(Wire::Direct, &[w(0, 9)], rng),
            claim(Wire::Direct, &[t((used / 3) & !0xf, 4)], rng),
            claim(Wire::Previous, &[t(0, 8), t(256, 8)], rng),
            claim(Wire::Previous, &[t(64, 2), t(128, 2)], rng),
            claim(Wire::Previous, &[t(7, 0)], rng),
            claim(next(5), &[t(0, 7), t(128, 7)], rng),
            claim(next(8), &[t(256, 3), w(128, 3)], rng),
            claim(last(3), &[t(64, 5), t(96, 5)], rng),
            claim(Wire::Window, &[t(0, 7), w(256, 7)], rng),
            claim(Wire::Window, &[t(32, 5)], rng),
        ];
        for row_log in [3, 6, 9] {
            compare(&polynomials, &claims, row_log, 0..=log, rng);
        }
    }
}

/// Chunks of full length, and strips of several.
#[test]
fn rounds_are_those_of_long_polynomials() {
    let mut rng = ChaCha8Rng::seed_from_u64(19);
    let log = CHUNK_LOG + 3;
    let polynomials = Polynomials::new(log, 45_001, &mut rng);
    let [w, t] =
        [Poly::Weight, Poly::Trace].map(|poly| move |offset, log| block(poly, offset, log));
    let rng = &mut rng;
    let claims = [
        claim(Wire::Direct, &[w(0, log), t(0, log)], rng),
        claim(
            Wire::Direct,
            &[w(0, 14), w(1 << 14, 14), t(1 << 15, 14)],
            rng,
        ),
        claim(
            Wire::Direct,
            &[w(40_960, 12), t(4096, 12), t(20_480, 12)],
            rng,
        ),
        claim(Wire::Direct, &[w(44_992, 4), t(44_992, 4)], rng),
        claim(Wire::Previous, &[t(0, 15), t(1 << 15, 15)], rng),
        claim(Wire::Previous, &[t(8192, 13), t(40_960, 13)], rng),
        claim(Wire::Next { count: 6, log: 3 }, &[t(0, 15)], rng),
        claim(Wire::Last { count: 3, log: 2 }, &[t(1 << 14, 13)], rng),
        claim(Wire::Window, &[t(0, 15), w(0, 15)], rng),
    ];
    for row_log in [10, log] {
        compare(&polynomials, &claims, row_log, CHUNK_LOG - 1..=log, rng);
    }
}

/// Small polynomials are one strip; a large one is not expanded, however many blocks its claims have.
#[test]
fn strips_are_short_where_polynomials_are_long() {
    let mut rng = ChaCha8Rng::seed_from_u64(29);
    let mut strip = |claims: usize, log: usize| {
        let t = |offset, log| block(Poly::Trace, offset, log);
        let large = (0..claims).map(|_| claim(Wire::Direct, &[t(0, log - 1)], &mut rng));
        let mut all: Vec<EvalClaim<Fr>> = large.collect();
        let small = (0..50).map(|i| claim(Wire::Direct, &[t(i << 5, 5)], &mut rng));
        all.extend(small);
        let set = ClaimSet::new(&all, Fr::random(&mut rng), Poly::Trace);
        plan::cut(&set, (1 << log, 2), log).strip
    };
    for log in [6, CHUNK_LOG] {
        assert_eq!(strip(5, log), log);
    }
    assert_eq!(strip(5, 24), CHUNK_LOG);
    for (claims, log) in [(200, 20), (50, 24), (500, 28)] {
        let found = strip(claims, log);
        assert!(
            found < log - 2,
            "{claims} points on 2^{log}: strips of 2^{found}"
        );
    }
}
