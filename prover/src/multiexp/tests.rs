//! Traces that a cheating prover would commit to, and rows that no trace may have.

use halo2curves_axiom::CurveAffine;
use halo2curves_axiom::bn256::{Fq, Fr, G1, G1Affine, G2, G2Affine};
use halo2curves_axiom::ff::{Field, WithSmallOrderMulGroup};
use halo2curves_axiom::group::Curve;
use laminate_engine::backend::Native;
use laminate_engine::error::VerifyError;
use laminate_engine::geometry::Block;
use laminate_engine::multiexp::chunks::{CHUNKS, chunks, contract, modulus, native};
use laminate_engine::multiexp::sheet::{Challenge, Row};
use laminate_engine::multiexp::{Multiexp, NativeMultiexp, end, multiples, steps};
use laminate_engine::transcript::{Domain, Transcript};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;

use super::{WeightColumns, prove_trace, witness};
use crate::columns::TraceColumns;

const ROW_LOG: u8 = 15;

struct Case {
    multiexp: Multiexp,
    terms: Vec<(Fr, G1Affine)>,
    powers: Vec<G1Affine>,
    tau: G2Affine,
    rng: ChaCha20Rng,
}

impl Case {
    fn new(count: usize) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(7);
        let tau = Fr::random(&mut rng);
        let powers = std::iter::successors(Some(G1::generator()), |p| Some(p * tau));
        let powers: Vec<G1> = powers.take((1 << ROW_LOG) + 1).collect();
        let mut affine = vec![G1Affine::default(); powers.len()];
        G1::batch_normalize(&powers, &mut affine);
        let mut terms: Vec<(Fr, G1Affine)> = (1..count)
            .map(|_| {
                let point = G1::generator() * Fr::random(&mut rng);
                (Fr::random(&mut rng), point.to_affine())
            })
            .collect();
        let sum: G1 = terms.iter().map(|(s, p)| p * s).sum();
        terms.push((-Fr::ONE, sum.to_affine()));
        Self {
            multiexp: Multiexp::new(count, ROW_LOG).unwrap(),
            terms,
            powers: affine,
            tau: (G2::generator() * tau).to_affine(),
            rng,
        }
    }

    fn transcript(&self) -> Transcript<Native> {
        Transcript::new(&mut Native, Domain::Main)
    }

    fn trace(&mut self) -> TraceColumns {
        let combination = (self.terms.as_slice(), &Fr::ZERO);
        witness::lay_out(&self.multiexp, combination, &mut self.rng).unwrap()
    }

    fn prove(&self, trace: &TraceColumns) -> NativeMultiexp {
        let combination = (self.terms.as_slice(), &Fr::ZERO);
        let mut transcript = self.transcript();
        prove_trace(
            &self.multiexp,
            &mut transcript,
            combination,
            trace,
            &self.powers,
        )
        .unwrap()
    }

    fn verify(&self, proof: &NativeMultiexp) -> Result<(), VerifyError> {
        let combination = (self.terms.as_slice(), &Fr::ZERO);
        let mut transcript = self.transcript();
        let multiexp = &self.multiexp;
        let deferred = multiexp.verify(&mut Native, &mut transcript, combination, proof)?;
        deferred.accumulator()?.check(&self.tau)
    }

    /// Proves an altered trace, its lookups counted anew.
    fn refuses(&self, trace: &mut TraceColumns, what: &str) {
        let tree = std::slice::from_ref(&self.multiexp.placement.tree);
        trace.recount(tree, &WeightColumns::none());
        let proof = self.prove(trace);
        assert!(self.verify(&proof).is_err(), "{what} accepted");
    }
}

#[test]
fn altered_traces_are_refused() {
    let mut case = Case::new(2);
    let honest = case.trace();
    let proof = case.prove(&honest);
    case.verify(&proof).unwrap();
    let columns = case.multiexp.columns.clone();
    let mut blocks: Vec<(&str, Block)> = vec![];
    for (name, sheet) in [("step", &columns.steps), ("multiple", &columns.multiples)] {
        let integers = sheet.integers.iter().flatten();
        blocks.extend(integers.map(|b| (name, *b)));
        blocks.extend(sheet.tops.iter().map(|(_, b)| (name, *b)));
        for identity in &sheet.identities {
            blocks.extend(identity.quotient.iter().map(|b| (name, *b)));
            blocks.extend(identity.carries.iter().flatten().map(|b| (name, *b)));
        }
    }
    // A column of each kind, in a row of its own; the others by lot.
    let mut tried = 0;
    for (i, (name, block)) in blocks.iter().enumerate() {
        if i % 29 != 3 {
            continue;
        }
        let mut trace = honest.clone();
        let row = case.rng.gen_range(0..1usize << block.log);
        trace.values[block.offset + row] ^= 1;
        case.refuses(&mut trace, &format!("limb {i} of a {name}"));
        tried += 1;
    }
    // What bounds abscissas below 2^254: the topmost limbs, four times.
    for sheet in [&columns.steps, &columns.multiples] {
        for (_, block) in &sheet.tops {
            let mut trace = honest.clone();
            let row = case.rng.gen_range(0..1usize << block.log);
            trace.values[block.offset + row] ^= 4;
            case.refuses(&mut trace, "topmost limb");
            tried += 1;
        }
    }
    for (i, block) in columns.flags.iter().enumerate() {
        let row = case.rng.gen_range(0..1usize << block.log);
        let mut trace = honest.clone();
        match trace.elements.iter_mut().find(|(b, _)| b == block) {
            Some((_, values)) => values[row] += Fr::ONE,
            None => trace.values[block.offset + row] ^= 1,
        }
        case.refuses(&mut trace, &format!("flag {i}"));
        tried += 1;
    }
    println!("{tried} altered traces, 0 accepted");
}

/// A trace that is right but for its end: every row holds, the sum is another point.
#[test]
fn sums_that_end_elsewhere_are_refused() {
    let mut case = Case::new(2);
    let honest = case.trace();
    case.verify(&case.prove(&honest)).unwrap();
    case.terms[0].0 += Fr::ONE;
    let combination = (case.terms.as_slice(), &Fr::ZERO);
    let (trace, _) = witness::lay_out_any(&case.multiexp, combination, &mut case.rng).unwrap();
    assert!(case.verify(&case.prove(&trace)).is_err());
}

/// Sums that end in a point which shares one coordinate with the end: the other one alone tells. They are made with
/// a term that is the difference.
#[test]
fn each_coordinate_of_the_end_counts() {
    let right = end();
    let zeta = <Fq as WithSmallOrderMulGroup<3>>::ZETA;
    let ends = [
        -right,
        G1Affine {
            x: right.x * zeta,
            ..right
        },
    ];
    for (i, wrong) in ends.into_iter().enumerate() {
        assert!(bool::from(wrong.is_on_curve()));
        let mut case = Case::new(2);
        case.terms[0].0 = Fr::ZERO;
        case.terms[1] = (Fr::ONE, (G1::from(wrong) - G1::from(right)).to_affine());
        let combination = (case.terms.as_slice(), &Fr::ZERO);
        let laid_out = witness::lay_out_any(&case.multiexp, combination, &mut case.rng);
        let (trace, last) = laid_out.unwrap();
        assert_eq!(last, Some(wrong));
        let found = case.verify(&case.prove(&trace));
        assert!(found.is_err(), "SOUNDNESS: end {i} is accepted");
    }
}

/// A contracted row of steps whose identities modulo the base field all hold: a forger may choose what is added
/// to an expression to make it zero.
fn step(
    challenge: &Challenge<Fr>,
    [slope, x, y]: [Fq; 3],
    flags: &steps::Flags<Fr>,
    operands: &steps::Operands<Fr>,
) -> Fr {
    let value = |v: &Fq| contract(&mut Native, &chunks(v), &challenge.chi);
    let mut row = Row {
        integers: [slope, x, y].iter().map(value).collect(),
        rests: vec![Fr::ZERO; steps::IDENTITIES],
    };
    // Each rest is linear in the joined value, with the powers of `step` as factors.
    let mut power = Fr::ONE;
    for i in 0..steps::IDENTITIES {
        let at = |row: &Row<Fr>| {
            steps::identities(&mut Native, challenge, row, flags, operands).unwrap()
        };
        let base = at(&row);
        row.rests[i] += Fr::ONE;
        assert_eq!(at(&row) - base, power, "rest {i}");
        row.rests[i] -= Fr::ONE;
        power *= challenge.step;
    }
    let expressions = [
        // Those of an addition; all three are what the identities have before their rests.
        (row.integers[0] * (operands.point.x - operands.before.x))
            - ((Fr::ONE - flags.negative.double()) * operands.point.y - operands.before.y),
        row.integers[0].square() - operands.before.x - operands.point.x - row.integers[1],
        row.integers[0] * (operands.before.x - row.integers[1])
            - operands.before.y
            - row.integers[2],
    ];
    for (rest, expression) in row.rests.iter_mut().zip(expressions) {
        *rest = -expression;
    }
    steps::identities(&mut Native, challenge, &row, flags, operands).unwrap()
}

fn contracted(challenge: &Challenge<Fr>, point: &G1Affine) -> steps::Contracted<Fr> {
    let values = [chunks(&point.x), chunks(&point.y)].concat();
    assert_eq!(values.len(), 2 * CHUNKS);
    steps::Contracted::new(&mut Native, challenge, &values)
}

/// Where the sum is the point that is added, any slope satisfies the chord's identity: only that abscissas differ
/// keeps it out, whatever stands in the column of inverses, also for abscissas that differ by the modulus.
#[test]
fn equal_points_are_never_added() {
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    let challenge = Challenge::new(&mut Native, Fr::random(&mut rng));
    let point = G1Affine::from(G1::generator() * Fr::from(77));
    let operands = |shift: Fr| {
        let own = contracted(&challenge, &point);
        let mut before = own.clone();
        before.native_x += shift;
        steps::Operands {
            before,
            triple: own.clone(),
            point: own,
            double: Fr::ZERO,
        }
    };
    let any = [Fq::from(5), Fq::from(6), Fq::from(7)];
    for shift in [Fr::ZERO, modulus(), -modulus()] {
        for inverse in [Fr::ZERO, Fr::ONE, Fr::random(&mut rng)] {
            let flags = steps::Flags {
                large: Fr::ZERO,
                negative: Fr::ZERO,
                both: Fr::ZERO,
                chosen: native(&mut Native, &chunks(&point.x)),
                inverse,
            };
            assert_ne!(step(&challenge, any, &flags, &operands(shift)), Fr::ZERO);
        }
    }
    // With another difference there is an inverse, so the check can pass.
    let difference = Fr::from(9);
    let flags = steps::Flags {
        large: Fr::ZERO,
        negative: Fr::ZERO,
        both: Fr::ZERO,
        chosen: native(&mut Native, &chunks(&point.x)),
        inverse: (-difference * (difference.square() - modulus().square()))
            .invert()
            .unwrap(),
    };
    assert_eq!(
        step(&challenge, any, &flags, &operands(difference)),
        Fr::ZERO
    );
    // Nor if the column of abscissas says that another one is added, which the sum's differs from.
    for shift in [Fr::ZERO, modulus(), -modulus(), difference] {
        let operands = operands(shift);
        let mut lie = flags.clone();
        lie.chosen += Fr::from(5);
        let difference = lie.chosen - operands.before.native_x;
        lie.inverse = (difference * (difference.square() - modulus().square()))
            .invert()
            .unwrap();
        assert_ne!(step(&challenge, any, &lie, &operands), Fr::ZERO);
    }
}

/// Flags that are no bits, or whose product is another: the digit would be any number.
#[test]
fn digits_are_of_bits() {
    let mut rng = ChaCha20Rng::seed_from_u64(4);
    let challenge = Challenge::new(&mut Native, Fr::random(&mut rng));
    let points = [5u64, 9].map(|n| G1Affine::from(G1::generator() * Fr::from(n)));
    let [before, point] = points.map(|p| contracted(&challenge, &p));
    let difference = point.native_x - before.native_x;
    let inverse = difference * (difference.square() - modulus().square());
    let operands = steps::Operands {
        before,
        triple: point.clone(),
        double: Fr::ZERO,
        point,
    };
    let at = |large: u64, negative: u64, both: u64| {
        let flags = steps::Flags {
            large: Fr::from(large),
            negative: Fr::from(negative),
            both: Fr::from(both),
            chosen: operands.point.native_x,
            inverse: inverse.invert().unwrap(),
        };
        let any = [Fq::from(5), Fq::from(6), Fq::from(7)];
        step(&challenge, any, &flags, &operands)
    };
    assert_eq!(at(0, 0, 0), Fr::ZERO);
    assert_eq!(at(1, 0, 0), Fr::ZERO, "the triple is the point here");
    assert_eq!(at(0, 1, 0), Fr::ZERO, "the negative");
    let none = [(2, 0, 0), (0, 2, 0), (0, 0, 1), (1, 1, 0), (7, 0, 0)];
    for (large, negative, both) in none {
        assert_ne!(
            at(large, negative, both),
            Fr::ZERO,
            "{large} {negative} {both}"
        );
    }
}

/// The curve's equation is an identity of its own: a point off it changes the joined value by what it is off.
#[test]
fn points_off_the_curve_have_no_row() {
    let mut rng = ChaCha20Rng::seed_from_u64(5);
    let challenge = Challenge::new(&mut Native, Fr::random(&mut rng));
    // With slopes of zero the ordinate enters the curve's identity (1), and with factor one those of the
    // double's line (4), the chord (5) and the triple's line (7).
    let row = |y: u64| {
        let mut integers = vec![Fr::ZERO; multiples::INTEGERS];
        [integers[0], integers[1], integers[2]] = [1, y, 1].map(Fr::from);
        let rests = vec![Fr::ZERO; multiples::IDENTITIES];
        multiples::identities(&mut Native, &challenge, &Row { integers, rests }).unwrap()
    };
    let power = |i: u64| challenge.step.pow_vartime([i]);
    let lines = -power(4) + power(5) - power(7);
    // (1, 2) is on the curve, (1, 3) is off by 9 - 4.
    assert_eq!(row(3) - row(2) - lines, power(1) * Fr::from(5));
    assert_eq!(row(2) - row(0) - lines.double(), power(1) * Fr::from(4));
}

/// Every identity of a position has a rest of its own, the quotient and the carries: whatever they are changed by
/// changes the joined value, by that times the identity's power.
#[test]
fn every_identity_of_a_point_counts() {
    let mut rng = ChaCha20Rng::seed_from_u64(6);
    let challenge = Challenge::new(&mut Native, Fr::random(&mut rng));
    let integers: Vec<Fr> = (0..multiples::INTEGERS)
        .map(|_| Fr::random(&mut rng))
        .collect();
    let mut row = Row {
        integers,
        rests: vec![Fr::ZERO; multiples::IDENTITIES],
    };
    let at = |row: &Row<Fr>| multiples::identities(&mut Native, &challenge, row).unwrap();
    let mut power = Fr::ONE;
    for i in 0..multiples::IDENTITIES {
        let before = at(&row);
        row.rests[i] += Fr::ONE;
        assert_eq!(at(&row) - before, power, "identity {i}");
        power *= challenge.step;
    }
}
