use halo2_base::gates::circuit::builder::BaseCircuitBuilder;
use halo2_base::halo2_proofs::dev::MockProver;
use halo2_base::halo2_proofs::halo2curves::bn256::{Fq, Fr, G1, G1Affine};
use halo2_base::halo2_proofs::halo2curves::ff::Field;
use halo2_base::halo2_proofs::halo2curves::group::{Curve, Group};
use halo2_base::halo2_proofs::plonk::Assigned;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use super::library::LibraryCurve;
use super::point::Sum;
use super::*;

const BITS: usize = 14;

fn builder() -> Builder {
    let base = BaseCircuitBuilder::new(false).use_lookup_bits(BITS);
    Builder { base }
}

/// A plain circuit of halo2-base.
#[derive(Clone)]
struct Builder {
    base: BaseCircuitBuilder<Fr>,
}

fn field(builder: &Builder) -> FieldChip {
    FieldChip::new(builder.base.range_chip())
}

fn satisfied(mut builder: Builder) -> bool {
    let k = 17;
    builder.base.set_k(k);
    builder.base.calculate_params(Some(20));
    MockProver::run(k as u32, &builder.base, vec![])
        .unwrap()
        .verify()
        .is_ok()
}

fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

fn random_point(rng: &mut ChaCha8Rng) -> G1Affine {
    G1::random(rng).to_affine()
}

fn affine(point: &Point) -> G1Affine {
    G1Affine {
        x: point.x.value(),
        y: point.y.value(),
    }
}

#[test]
fn chord_and_tangent_agree_with_the_curve() {
    let mut rng = rng(1);
    let mut builder = builder();
    let field = field(&builder);
    let ctx = builder.base.main(0);
    let values: Vec<G1Affine> = (0..4).map(|_| random_point(&mut rng)).collect();
    let points: Vec<Point> = values.iter().map(|p| Point::load(&field, ctx, p)).collect();
    let before = ctx.advice.len();
    let double = points[0].double(&field, ctx);
    println!("doubling: {} cells", ctx.advice.len() - before);
    assert_eq!(affine(&double), (values[0] + values[0]).to_affine());
    let mut running = Sum::from(points[0].clone());
    for point in &points[1..] {
        let before = ctx.advice.len();
        running = running.plus(point, true, &field, ctx);
        println!("addition: {} cells", ctx.advice.len() - before);
    }
    let sum = running.point(&field, ctx);
    let expected: G1 = values.iter().map(|p| G1::from(*p)).sum();
    assert_eq!(affine(&sum), expected.to_affine());
    assert!(satisfied(builder));
}

#[test]
fn equal_and_opposite_points_have_no_witness() {
    let point = random_point(&mut rng(2));
    for other in [point, -point] {
        let mut builder = builder();
        let field = field(&builder);
        let ctx = builder.base.main(0);
        let a = Point::load(&field, ctx, &point);
        let b = Point::load(&field, ctx, &other);
        let _ = Sum::from(a).plus(&b, true, &field, ctx);
        assert!(!satisfied(builder));
    }
}

#[test]
fn points_off_the_curve_and_unreduced_coordinates_are_refused() {
    let point = random_point(&mut rng(3));
    let off = G1Affine {
        x: point.x + Fq::ONE,
        y: point.y,
    };
    let infinity = G1Affine {
        x: Fq::ZERO,
        y: Fq::ZERO,
    };
    for bad in [off, infinity] {
        let mut builder = builder();
        let field = field(&builder);
        Point::load(&field, builder.base.main(0), &bad);
        assert!(!satisfied(builder));
    }
    // p itself, and p + 1, as limbs of a witness: congruent to 0 and 1, refused as not canonical.
    for extra in [0u64, 1] {
        let mut builder = builder();
        let field = field(&builder);
        let ctx = builder.base.main(0);
        let element = field.unreduced(ctx, extra);
        assert_eq!(element.value(), Fq::from(extra));
        field.assert_canonical(ctx, &element);
        assert!(!satisfied(builder));
    }
    // The largest canonical value and zero are accepted.
    for good in [-Fq::ONE, Fq::ZERO, Fq::ONE] {
        let mut builder = builder();
        let field = field(&builder);
        let ctx = builder.base.main(0);
        let element = field.witness(ctx, &good);
        field.assert_canonical(ctx, &element);
        assert!(satisfied(builder));
    }
}

fn sum(
    seed: u64,
    scalars: &[Fr],
    unit: bool,
    generator: Option<Fr>,
) -> (Builder, G1Affine, G1Affine) {
    let mut rng = rng(seed);
    let mut builder = builder();
    let field = field(&builder);
    let ctx = builder.base.main(0);
    let mut expected = G1::identity();
    let mut pairs = vec![];
    for scalar in scalars {
        let point = random_point(&mut rng);
        expected += point * scalar;
        pairs.push((ctx.load_witness(*scalar), Point::load(&field, ctx, &point)));
    }
    let mut units = vec![];
    if unit {
        let point = random_point(&mut rng);
        expected += point;
        units.push(Point::load(&field, ctx, &point));
    }
    let generator = generator.map(|scalar| {
        expected += G1::generator() * scalar;
        ctx.load_witness(scalar)
    });
    let before = ctx.advice.len();
    let result = msm(&field, ctx, &pairs, &units, generator.as_ref());
    println!("{} terms: {} cells", pairs.len(), ctx.advice.len() - before);
    (builder, affine(&result), expected.to_affine())
}

#[test]
fn sums_agree_with_native_ones() {
    let mut rng = rng(4);
    let random = Fr::random(&mut rng);
    let cases: [(&[Fr], bool, Option<Fr>); 4] = [
        (&[random], false, None),
        (&[Fr::ONE], true, Some(Fr::ZERO)),
        (&[Fr::ZERO, -Fr::ONE], true, Some(random)),
        (&[], true, Some(-random)),
    ];
    for (seed, (scalars, unit, generator)) in cases.into_iter().enumerate() {
        let (builder, found, expected) = sum(seed as u64, scalars, unit, generator);
        assert_eq!(found, expected);
        assert!(satisfied(builder));
    }
}

#[test]
fn sums_agree_with_halo2_ecc() {
    let mut rng = rng(5);
    let points: Vec<G1Affine> = (0..2).map(|_| random_point(&mut rng)).collect();
    let scalars: Vec<Fr> = (0..3).map(|_| Fr::random(&mut rng)).collect();
    let mut builder = builder();
    let (field, library) = (
        field(&builder),
        LibraryCurve::new(builder.base.range_chip()),
    );
    let ctx = builder.base.main(0);
    let cells: Vec<_> = scalars.iter().map(|s| ctx.load_witness(*s)).collect();
    let own: Vec<Point> = points.iter().map(|p| Point::load(&field, ctx, p)).collect();
    let start = ctx.advice.len();
    let pairs = [(cells[0], own[0].clone())];
    let found = msm(&field, ctx, &pairs, &own[1..], Some(&cells[2]));
    let middle = ctx.advice.len();
    let theirs: Vec<_> = points.iter().map(|p| library.load(ctx, p)).collect();
    let pairs = [(cells[0], theirs[0].clone())];
    let expected = library.msm(&mut builder.base, &pairs, &theirs[1..], Some(cells[2]));
    let total: usize = builder
        .base
        .core()
        .phase_manager
        .iter()
        .map(|p| p.total_advice())
        .sum();
    println!(
        "own {} cells, halo2-ecc {} cells",
        middle - start,
        total - middle
    );
    // Limb by limb: both are canonical.
    let ctx = builder.base.main(0);
    for (own, theirs) in [found.x.limbs, found.y.limbs]
        .iter()
        .zip(super::library::limbs(&expected))
    {
        for (own, theirs) in own.iter().zip(&theirs) {
            assert_eq!(own.value(), theirs.value());
            ctx.constrain_equal(own, theirs);
        }
    }
    assert!(satisfied(builder));
}

/// Every witness cell of a sum is bound: altering any one is refused (a random sample of them).
#[test]
fn altered_cells_are_refused() {
    let (builder, _, _) = sum(6, &[Fr::from(12345)], true, None);
    let length = builder.base.core().phase_manager[0].threads[0].advice.len();
    let mut rng = rng(7);
    let tries = 60;
    for _ in 0..tries {
        let at = rng.next_u32() as usize % length;
        let mut altered = builder.clone();
        let ctx = altered.base.main(0);
        let value = match ctx.advice[at] {
            Assigned::Trivial(value) => value,
            _ => continue,
        };
        ctx.advice[at] = Assigned::Trivial(value + Fr::ONE);
        assert!(!satisfied(altered), "cell {at} of {length}");
    }
    println!("{tries} cells of {length} altered, 0 accepted");
}
