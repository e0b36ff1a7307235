use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use laminate_engine::poly::eq;
use rand::{RngCore, SeedableRng};

use super::*;

/// The layer by its definition, as `crate::sumcheck` runs it: three evaluations of the summand over
/// full tables, the equality polynomial bound with the others.
struct Reference {
    tables: [Vec<Fr>; 5],
    lambda: Fr,
}

impl Reference {
    fn new(level: &Level, point: &[Fr], lambda: Fr) -> Self {
        let size = 1 << level.log;
        let (mut p, mut q) = (level.numerators(), level.q.clone());
        p.resize(size, Fr::ZERO);
        q.resize(size, Fr::ONE);
        let (p1, q1) = (p.split_off(size / 2), q.split_off(size / 2));
        Self {
            tables: [eq::table(point), p, p1, q, q1],
            lambda,
        }
    }

    fn summand(&self, t: [Fr; 5]) -> Fr {
        t[0] * (t[1] * t[4] + t[2] * t[3] + self.lambda * t[3] * t[4])
    }

    fn claim(&self) -> Fr {
        (0..self.tables[0].len())
            .map(|i| self.summand(std::array::from_fn(|t| self.tables[t][i])))
            .sum()
    }

    /// Coefficients `c_0, c_2, c_3` from the values at 0, 1, -1 and 2.
    fn message(&self) -> [Fr; 3] {
        let half = self.tables[0].len() / 2;
        let at = |x: Fr| -> Fr {
            (0..half)
                .map(|i| {
                    self.summand(std::array::from_fn(|t| {
                        let low = self.tables[t][i];
                        low + x * (self.tables[t][i + half] - low)
                    }))
                })
                .sum()
        };
        let [zero, one] = [at(Fr::ZERO), at(Fr::ONE)];
        let [minus, two] = [at(-Fr::ONE), at(Fr::from(2))];
        let inverse = |x: u64| Fr::from(x).invert().unwrap_or(Fr::ZERO);
        [
            zero,
            (one + minus) * inverse(2) - zero,
            (two - one * Fr::from(3) + zero * Fr::from(3) - minus) * inverse(6),
        ]
    }

    fn bind(&mut self, r: Fr) {
        for table in &mut self.tables {
            let high = table.split_off(table.len() / 2);
            for (l, h) in table.iter_mut().zip(high) {
                *l += r * (h - *l);
            }
        }
    }
}

fn level(log: usize, used: usize, rng: &mut impl RngCore) -> Level {
    level_with_ones(log, 0, used, rng)
}

fn level_with_ones(log: usize, ones: usize, used: usize, rng: &mut impl RngCore) -> Level {
    let mut random = |_| match rng.next_u32() % 8 {
        0 => Fr::ONE,
        1 => -Fr::ONE,
        2 => Fr::ZERO,
        _ => Fr::random(&mut *rng),
    };
    let p = (ones..used).map(&mut random).collect();
    let q = (0..used).map(&mut random).collect();
    Level::with_ones(log, ones, p, q)
}

fn compare(level: &Level, point: &[Fr], vectors: bool, rng: &mut impl RngCore) {
    let lambda = Fr::random(&mut *rng);
    let mut reference = Reference::new(level, point, lambda);
    let claim = reference.claim();
    let mut sumcheck = LayerSumcheck::new(level.clone(), point, lambda, claim);
    sumcheck.vectors = vectors;
    let mut challenge = None;
    for round in 0..sumcheck.rounds() {
        let message = sumcheck.message(challenge);
        assert_eq!(message, reference.message(), "round {round}");
        let r = Fr::random(&mut *rng);
        reference.bind(r);
        challenge = Some(r);
    }
    let halves: Vec<Fr> = reference.tables[1..].iter().map(|t| t[0]).collect();
    assert_eq!(sumcheck.finish(challenge).as_slice(), halves);
}

#[test]
fn messages_are_those_of_the_definition() {
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(21);
    for log in 1..=13 {
        let size = 1usize << log;
        for used in [
            0,
            1,
            size / 4 + 1,
            size / 2,
            size / 2 + size / 8,
            size - size / 5,
            size,
        ] {
            let level = level(log, used.min(size), &mut rng);
            let point: Vec<Fr> = (1..log).map(|_| Fr::random(&mut rng)).collect();
            compare(&level, &point, true, &mut rng);
            compare(&level, &point, false, &mut rng);
        }
        for (ones, used) in [
            (size, size),
            (size / 2, size),
            (size / 4, size / 2 + 1),
            (size / 2 + size / 4, size - size / 8),
            (size / 3, size / 3),
            (size - size / 4, size),
            (size - size / 16, size),
            (size - 1, size),
        ] {
            let level = level_with_ones(log, ones, used, &mut rng);
            let point: Vec<Fr> = (1..log).map(|_| Fr::random(&mut rng)).collect();
            compare(&level, &point, true, &mut rng);
            compare(&level, &point, false, &mut rng);
        }
    }
}

#[test]
fn points_with_zeros_and_ones() {
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(22);
    let level = level(7, 90, &mut rng);
    // All kinds of passes: nothing but ones, some beyond them, and what is left of both as plain tables.
    let long = level_with_ones(9, 480, 512, &mut rng);
    for zeros in 0..256usize {
        let point: Vec<Fr> = (0..8)
            .map(|i| match zeros >> i & 1 {
                1 => Fr::ZERO,
                _ => Fr::random(&mut rng),
            })
            .collect();
        compare(&long, &point, zeros % 2 == 0, &mut rng);
    }
    for zeros in 0..64 {
        let point: Vec<Fr> = (0..6)
            .map(|i| match zeros >> i & 1 {
                1 => Fr::ZERO,
                _ if i % 2 == 0 => Fr::ONE,
                _ => Fr::random(&mut rng),
            })
            .collect();
        compare(&level, &point, true, &mut rng);
    }
}

#[test]
fn levels_above_add_the_fractions() {
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(23);
    for (log, ones, used) in [
        (1, 0, 1),
        (1, 1, 2),
        (3, 2, 3),
        (5, 0, 17),
        (12, 1500, 2500),
        (12, 3000, 4096),
    ] {
        let level = level_with_ones(log, ones, used, &mut rng);
        let above = level.above();
        assert_eq!(above.log(), log - 1);
        let half = (1 << log) / 2;
        let at = |l: &Level, i: usize| {
            (
                l.numerators().get(i).copied().unwrap_or(Fr::ZERO),
                l.q.get(i).copied().unwrap_or(Fr::ONE),
            )
        };
        for i in 0..half {
            let ((p0, q0), (p1, q1)) = (at(&level, i), at(&level, i + half));
            assert_eq!(at(&above, i), (p0 * q1 + p1 * q0, q0 * q1));
        }
    }
}

#[test]
fn proofs_are_those_of_the_generic_sumcheck() {
    use laminate_engine::backend::Native;
    use laminate_engine::transcript::{Domain, Transcript};

    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(24);
    for (log, used) in [(1, 2), (2, 3), (6, 40), (9, 512), (12, 1500), (13, 5000)] {
        let level = level(log, used, &mut rng);
        let point: Vec<Fr> = (1..log).map(|_| Fr::random(&mut rng)).collect();
        let lambda = Fr::random(&mut rng);
        let claim = Reference::new(&level, &point, lambda).claim();
        let [mut first, mut second] =
            [(); 2].map(|()| Transcript::new(&mut Native, Domain::InputCommitment));
        let expected = reference(&mut first, &level, &point, lambda, claim);
        assert_eq!(prove(&mut second, level, &point, lambda, claim), expected);
    }
}

#[test]
fn chunks_of_fractions_add_up() {
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(25);
    for count in [1, 7, 8, 20, 64] {
        let mut some = |ones: bool| {
            let mut random = || (0..count).map(|_| Fr::random(&mut rng)).collect();
            Fractions {
                p: (!ones).then(&mut random),
                q: random(),
            }
        };
        for ones in [[true, true], [true, false], [false, true], [false, false]] {
            let [a, b] = ones.map(&mut some);
            let sum = a.clone().join(b.clone());
            for i in 0..count {
                let [p0, p1] = [&a, &b].map(|f| f.p.as_ref().map_or(Fr::ONE, |p| p[i]));
                let made = sum.p.as_ref().map_or(Fr::ONE, |p| p[i]);
                assert_eq!(made, p0 * b.q[i] + p1 * a.q[i], "{ones:?} {i}");
                assert_eq!(sum.q[i], a.q[i] * b.q[i]);
            }
        }
    }
}
