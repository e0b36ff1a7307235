//! An aggregation proof verified natively, by snark-verifier's own loader, and on cells; and everything in it altered.

use std::cell::RefCell;
use std::sync::LazyLock;

use halo2_base::gates::circuit::CircuitBuilderStage;
use halo2_base::halo2_proofs::dev::MockProver;
use halo2_base::halo2_proofs::halo2curves::bn256::{Fq, Fr, G1Affine};
use halo2_base::halo2_proofs::halo2curves::ff::{Field, PrimeField};
use halo2_base::halo2_proofs::halo2curves::group::Curve;
use halo2_base::halo2_proofs::halo2curves::group::prime::PrimeCurveAffine;
use halo2_base::halo2_proofs::plonk::keygen_vk;
use laminate_engine::backend::{Backend, Native, Part, point_scalars};
use laminate_engine::error::{Check, VerifyError};
use laminate_engine::fold::FoldMode;
use laminate_engine::transcript::{Domain, hash};
use laminate_model::public::{ACCUMULATOR_LIMBS, INSTANCES};
use snark_verifier::Error;
use snark_verifier::loader::native::{LOADER, NativeLoader};
use snark_verifier::util::transcript::{Transcript, TranscriptRead};
use snark_verifier::verifier::SnarkVerifier;
use snark_verifier_sdk::{CircuitExt, PlonkSuccinctVerifier, PlonkVerifier, SHPLONK};

use super::transcript::Sponge;
use super::*;
use crate::backend::{CellReport, CircuitBackend, Point, Scalar};
use crate::chips::range::EMPTY_ROWS;
use crate::circuit::tests::witnesses_are_bound;
use crate::circuit::{AggregationCircuit, Builder, CircuitParams};
use crate::evm::generate::{deciding_key, protocol};
use crate::evm::{check_same_constraints, key_words};
use crate::keys::ProvingKey;
use crate::srs::Srs;
use crate::testing::{perceptron, sample};

type NativeSnark = Snark<Fr, G1Affine>;

struct Fixture {
    srs: Srs,
    keys: ProvingKey,
    template: Template,
    snark: NativeSnark,
    bytes: Vec<u8>,
    /// Of the same statement with the Keccak transcript.
    keccak: Vec<u8>,
}

/// What one proof may cost the circuit.
const CELLS: usize = 4_200;
const POSEIDON_ROWS: usize = 49 * 45;

static FIXTURE: LazyLock<Fixture> = LazyLock::new(|| {
    let srs = Srs::development(15).unwrap();
    let sample = sample(perceptron(&[3, 4, 1], 0), FoldMode::On, &srs, 1);
    let verifier = &sample.model.verifier;
    let keys = ProvingKey::derive(verifier, FoldMode::On, &srs).unwrap();
    let srs = srs.truncated(keys.meta.k()).unwrap();
    let circuit = || {
        let (statement, proof) = (&sample.statement, &sample.proof);
        AggregationCircuit::prover(verifier, &keys.meta.pinning, statement, proof).unwrap()
    };
    let instances = circuit().instances().concat();
    let bytes = create_proof(&srs, &keys.pk, circuit(), &instances).unwrap();
    let keccak = crate::evm::create_proof(&srs, &keys.pk, circuit(), &instances).unwrap();
    let template = Template::of(&srs, keys.pk.get_vk()).unwrap();
    let key = Key::of(&srs, keys.pk.get_vk()).unwrap();
    let snark = Snark::read(&template, key, instances, &bytes).unwrap();
    Fixture {
        srs,
        keys,
        template,
        snark,
        bytes,
        keccak,
    }
});

impl Fixture {
    fn read(&self, bytes: &[u8]) -> Result<NativeSnark, SnarkError> {
        let (key, instances) = (self.snark.key.clone(), self.snark.instances.clone());
        Snark::read(&self.template, key, instances, bytes)
    }

    /// The proof's own pairing, without the accumulator's.
    fn pairs(&self, snark: &NativeSnark) -> Result<(), SnarkError> {
        let pairing = verify(&mut Native, &self.template, snark)?;
        Ok(pairing.check(&self.srs.s_g2())?)
    }
}

/// snark-verifier's native loader with this transcript.
struct Oracle<'a> {
    sponge: Sponge<Native>,
    points: std::slice::Iter<'a, G1Affine>,
    scalars: std::slice::Iter<'a, Fr>,
}

impl Transcript<G1Affine, NativeLoader> for Oracle<'_> {
    fn loader(&self) -> &NativeLoader {
        &LOADER
    }

    fn squeeze_challenge(&mut self) -> Fr {
        self.sponge.squeeze(&mut Native)
    }

    fn common_ec_point(&mut self, point: &G1Affine) -> Result<(), Error> {
        self.sponge.absorb(&point_scalars(point));
        Ok(())
    }

    fn common_scalar(&mut self, scalar: &Fr) -> Result<(), Error> {
        self.sponge.absorb(&[*scalar]);
        Ok(())
    }
}

impl TranscriptRead<G1Affine, NativeLoader> for Oracle<'_> {
    fn read_scalar(&mut self) -> Result<Fr, Error> {
        let scalar = *self.scalars.next().unwrap();
        self.common_scalar(&scalar)?;
        Ok(scalar)
    }

    fn read_ec_point(&mut self) -> Result<G1Affine, Error> {
        let point = *self.points.next().unwrap();
        self.common_ec_point(&point)?;
        Ok(point)
    }
}

#[test]
fn sums_are_those_of_snark_verifier() {
    let fixture = &*FIXTURE;
    let snark = &fixture.snark;
    verify_native(&fixture.srs.s_g2(), &fixture.template, snark).unwrap();
    let pairing = verify(&mut Native, &fixture.template, snark).unwrap();
    let protocol = protocol(&fixture.srs, fixture.keys.pk.get_vk(), INSTANCES).unwrap();
    let key = deciding_key(&fixture.srs);
    let instances = [snark.instances.clone()];
    let mut transcript = Oracle {
        sponge: Sponge::new(&mut Native),
        points: snark.points.iter(),
        scalars: snark.scalars.iter(),
    };
    let proof =
        PlonkVerifier::<SHPLONK>::read_proof(&key, &protocol, &instances, &mut transcript).unwrap();
    assert_eq!(transcript.squeeze_challenge(), pairing.seal);
    PlonkVerifier::<SHPLONK>::verify(&key, &protocol, &instances, &proof).unwrap();
    type Succinct = PlonkSuccinctVerifier<SHPLONK>;
    let claims = Succinct::verify(key.as_ref(), &protocol, &instances, &proof).unwrap();
    let sums = pairing.accumulator();
    assert_eq!((sums.left, sums.right), (claims[0].rhs, claims[0].lhs));
    println!(
        "{} points in a key; {} points and {} scalars in a proof, {} bytes; {} terms left, {} right",
        fixture.template.commitments(),
        snark.points.len(),
        snark.scalars.len(),
        fixture.bytes.len(),
        pairing.left.len(),
        pairing.right.len()
    );
}

#[test]
fn words_of_a_key_are_the_contracts() {
    let Fixture {
        srs, keys, snark, ..
    } = &*FIXTURE;
    let words = key_words(srs, keys.pk.get_vk(), INSTANCES).unwrap();
    let seen = RefCell::new(vec![]);
    let push = |mut word: [u8; 32]| {
        word.reverse();
        seen.borrow_mut().push(word);
    };
    let mapped: Result<Key<(), ()>, ()> = snark.key.try_map(
        &mut |scalar| {
            push(scalar.to_repr());
            Ok(())
        },
        &mut |point| {
            push(point.x.to_repr());
            push(point.y.to_repr());
            Ok(())
        },
    );
    mapped.unwrap();
    assert_eq!(seen.into_inner(), words);
}

/// A change of a key, with a name.
type Change = (&'static str, fn(&mut Key<Fr, G1Affine>));

/// Keys that [`Key::domain`] refuses.
const UNFIT: [Change; 7] = [
    ("rows", |key| key.rows += Fr::ONE),
    ("inverse of the rows", |key| key.rows_inverse += Fr::ONE),
    ("generator", |key| key.generator += Fr::ONE),
    ("inverse of the generator", |key| {
        key.generator_inverse += Fr::ONE
    }),
    ("three times the rows", |key| {
        set_rows(key, |n| n * Fr::from(3))
    }),
    ("one row", |key| set_rows(key, |_| Fr::ONE)),
    ("2^29 rows", |key| set_rows(key, |_| Fr::from(1 << 29))),
];

/// Keys of another domain or circuit.
const FALSE: [Change; 4] = [
    ("digest", |key| key.state += Fr::ONE),
    ("twice the rows", |key| set_rows(key, |n| n.double())),
    ("another generator", |key| {
        key.generator = key.generator.square();
        key.generator_inverse = key.generator_inverse.square();
    }),
    ("exchanged commitments", |key| key.commitments.swap(0, 1)),
];

fn set_rows(key: &mut Key<Fr, G1Affine>, rows: impl FnOnce(Fr) -> Fr) {
    key.rows = rows(key.rows);
    key.rows_inverse = key.rows.invert().unwrap();
}

#[test]
fn every_altered_value_is_refused() {
    let fixture = &*FIXTURE;
    let good = &fixture.snark;
    fixture.pairs(good).unwrap();
    let digest = good.key.digest(&mut Native);
    let seal = verify(&mut Native, &fixture.template, good).unwrap().seal;
    let mut tried = 0;
    // Scalars and points are numbered as `try_map` meets them.
    let scalars = 5 + INSTANCES + good.scalars.len();
    let points = good.key.commitments.len() + good.points.len();
    let other = |point: &G1Affine| [-*point, (*point + *point).to_affine()];
    for (at, way) in (0..scalars + points).flat_map(|at| [(at, 0), (at, 1)]) {
        let [scalar, point] = [RefCell::new(0), RefCell::new(scalars)];
        let met = |counter: &RefCell<usize>| counter.replace_with(|n| *n + 1) == at;
        let bad: Result<NativeSnark, ()> = good.try_map(
            &mut |s| {
                Ok(if met(&scalar) {
                    [*s + Fr::ONE, -*s][way]
                } else {
                    *s
                })
            },
            &mut |p| Ok(if met(&point) { other(p)[way] } else { *p }),
        );
        let bad = bad.unwrap();
        if bad == *good {
            continue; // minus zero
        }
        assert!(fixture.pairs(&bad).is_err(), "value {at}");
        // Whatever is absorbed reaches the last challenge; of the key, that is its digest.
        let absorbed = Key {
            state: bad.key.state,
            ..good.key.clone()
        } == bad.key;
        if let (true, Ok(pairing)) = (absorbed, verify(&mut Native, &fixture.template, &bad)) {
            assert_ne!(pairing.seal, seal, "value {at} is not absorbed");
        }
        let key = bad.key.digest(&mut Native);
        assert_eq!(bad.key == good.key, key == digest, "digest, value {at}");
        tried += 1;
    }
    for (name, change) in UNFIT {
        let mut bad = good.clone();
        change(&mut bad.key);
        let refused = fixture.pairs(&bad).unwrap_err();
        let check = matches!(
            refused,
            SnarkError::Verify(VerifyError::Check {
                check: Check::KeyDomain(_)
            })
        );
        assert!(check, "{name}: {refused}");
    }
    for (name, change) in FALSE {
        let mut bad = good.clone();
        change(&mut bad.key);
        let refused = fixture.pairs(&bad).unwrap_err();
        let check = matches!(
            refused,
            SnarkError::Verify(VerifyError::Check {
                check: Check::Pairing
            })
        );
        assert!(check, "{name}: {refused}");
    }
    println!(
        "{} alterations, 0 accepted",
        tried + UNFIT.len() + FALSE.len()
    );
}

/// The circuit leaves the limbs free; a proven but false accumulator is refused by its own pairing.
#[test]
fn false_accumulators_are_refused() {
    let fixture = &*FIXTURE;
    let mut bad = fixture.snark.clone();
    bad.instances[..ACCUMULATOR_LIMBS].rotate_left(6);
    let refused = verify_native(&fixture.srs.s_g2(), &fixture.template, &bad).unwrap_err();
    println!("{refused}");
    assert!(matches!(refused, SnarkError::Evm(_)));
}

#[test]
fn lengths_and_the_identity_are_typed_errors() {
    let fixture = &*FIXTURE;
    let good = &fixture.snark;
    type Alter = fn(&mut NativeSnark);
    let shapes: [Alter; 8] = [
        |s| s.key.commitments.truncate(1),
        |s| s.key.commitments.push(G1Affine::generator()),
        |s| s.instances.truncate(14),
        |s| s.instances.push(Fr::ONE),
        |s| s.points.truncate(3),
        |s| s.points.push(G1Affine::generator()),
        |s| s.scalars.clear(),
        |s| s.scalars.push(Fr::ONE),
    ];
    for alter in shapes {
        let mut bad = good.clone();
        alter(&mut bad);
        let refused = fixture.pairs(&bad).unwrap_err();
        let shape = matches!(refused, SnarkError::Verify(VerifyError::Shape { .. }));
        assert!(shape, "{refused}");
    }
    let identities: [Alter; 2] = [
        |s| s.key.commitments[3] = G1Affine::identity(),
        |s| s.points[3] = G1Affine::identity(),
    ];
    for alter in identities {
        let mut bad = good.clone();
        alter(&mut bad);
        let refused = verify_native(&fixture.srs.s_g2(), &fixture.template, &bad).unwrap_err();
        let identity = matches!(refused, SnarkError::Identity { index: 3, .. });
        assert!(identity, "{refused}");
    }
}

/// What of the bytes is refused while they are read: each for what it is.
#[test]
fn bytes_are_read_whole_and_without_the_identity() {
    let fixture = &*FIXTURE;
    let good = &fixture.bytes;
    let longer = [good.as_slice(), &[0]].concat();
    for bytes in [&good[..good.len() - 1], &longer, &[]] {
        let refused = fixture.read(bytes).unwrap_err();
        assert!(matches!(refused, SnarkError::Length { .. }), "{refused}");
    }
    // Of each end of the proof one point.
    for (at, index) in [(0, 0), (good.len() - 64, fixture.template.points() - 1)] {
        let mut bad = good.clone();
        bad[at..at + 64].fill(0);
        let refused = fixture.read(&bad).unwrap_err();
        let named = matches!(refused, SnarkError::Point { index: found, reason: "it is the point at infinity", .. } if found == index);
        assert!(named, "{refused}");
    }
}

#[test]
fn altered_bytes_are_refused() {
    let fixture = &*FIXTURE;
    let good = &fixture.bytes;
    assert_eq!(good.len(), fixture.template.proof_length());
    assert_eq!(fixture.read(good).unwrap(), fixture.snark);
    for length in [0, 1, 31, 32, good.len() - 1, good.len() + 1, 2 * good.len()] {
        let mut bytes = good.clone();
        bytes.resize(length, 0);
        let refused = fixture.read(&bytes).unwrap_err();
        let expected = good.len();
        assert!(
            matches!(refused, SnarkError::Length { expected: e, found } if (e, found) == (expected, length)),
            "{refused}"
        );
    }
    let moduli = [(-Fr::ONE).to_repr(), (-Fq::ONE).to_repr()];
    let (mut unread, mut unpaired) = (0, 0);
    let mut refused = |bytes: &[u8], what: &str| match fixture.read(bytes) {
        Err(SnarkError::Scalar { .. } | SnarkError::Point { .. }) => unread += 1,
        Err(error) => panic!("{what}: {error}"),
        Ok(snark) => {
            assert!(fixture.pairs(&snark).is_err(), "{what}");
            unpaired += 1;
        }
    };
    for at in (0..good.len()).step_by(32) {
        let what = format!("word {}", at / 32);
        for (byte, mask) in [(31, 1), (0, 0x80), (16, 0xff)] {
            let mut bad = good.clone();
            bad[at + byte] ^= mask;
            refused(&bad, &what);
        }
        // The same residue, not canonical.
        for modulus in &moduli {
            let mut bad = good.clone();
            let mut carry = 1u16;
            for (byte, add) in bad[at..at + 32].iter_mut().rev().zip(modulus) {
                carry += u16::from(*byte) + u16::from(*add);
                *byte = carry as u8;
                carry >>= 8;
            }
            refused(&bad, &what);
        }
        let mut bad = good.clone();
        bad[at..].iter_mut().take(64).for_each(|byte| *byte = 0);
        refused(&bad, "infinity");
    }
    // A proof of the same statement with the other transcript.
    assert_eq!(fixture.keccak.len(), good.len());
    refused(&fixture.keccak, "Keccak");
    println!("{unread} not read, {unpaired} without pairing, 0 accepted");
}

/// The verifier in a circuit, its pairing's values, and what it costs by part.
fn assign(
    template: &Template,
    snark: &NativeSnark,
) -> (Builder, Pairing<Fr, G1Affine>, Fr, CellReport) {
    assign_with(template, snark, |_, _| ())
}

/// [`assign`] with what a circuit does beside.
fn assign_with(
    template: &Template,
    snark: &NativeSnark,
    beside: impl FnOnce(&mut CircuitBackend<'_>, &Snark<Scalar, Point>),
) -> (Builder, Pairing<Fr, G1Affine>, Fr, CellReport) {
    let mut builder = Builder::new(CircuitBuilderStage::Mock);
    let mut backend = CircuitBackend::new(&mut builder);
    let cell = RefCell::new(&mut backend);
    let loaded: Result<Snark<Scalar, Point>, VerifyError> = snark.try_map(
        &mut |scalar| Ok(cell.borrow_mut().load(*scalar)),
        &mut |point| cell.borrow_mut().load_point(point),
    );
    let loaded = loaded.unwrap();
    backend.enter(Part::Statement);
    let digest = loaded.key.digest(&mut backend);
    backend.enter(Part::Opening);
    let pairing = verify(&mut backend, template, &loaded).unwrap();
    let terms = |terms: &[(Scalar, Point)]| {
        let terms = terms.iter().map(|(s, p)| (s.value(), p.value()));
        terms.collect::<Vec<_>>()
    };
    let values = Pairing {
        left: terms(&pairing.left),
        right: terms(&pairing.right),
        generator: pairing.generator.value(),
        seal: pairing.seal.value(),
    };
    beside(&mut backend, &loaded);
    let exposed = [digest, pairing.generator, pairing.seal].map(|s| backend.assigned(&s));
    let report = backend.finish();
    builder.expose(exposed.to_vec());
    let params = CircuitParams::choose(&builder.demand()).unwrap();
    builder.set_params(params);
    (builder, values, digest.value(), report)
}

/// The layout is the template's: a placeholder needs the same, and no witness is free.
#[test]
fn layout_depends_on_the_template_alone() {
    let Fixture {
        template, snark, ..
    } = &*FIXTURE;
    let layout = |snark: &NativeSnark| {
        let (builder, ..) = assign(template, snark);
        let demand = builder.demand();
        let copies = builder.base.core().copy_manager.lock().unwrap();
        let equal = copies.advice_equalities.clone();
        let constants = copies.constant_equalities.clone();
        (demand, equal, constants)
    };
    let placeholder = Snark::placeholder(template);
    assert!(layout(snark) == layout(&placeholder));
    // Whatever shows the pairing uses the points a second time.
    let (builder, ..) = assign_with(template, &placeholder, |backend, snark| {
        let points = snark.key.commitments.iter().chain(&snark.points);
        let points: Vec<Scalar> = points.flat_map(|p| backend.encode_point(p)).collect();
        hash(backend, Domain::Main, &points);
    });
    witnesses_are_bound(builder);
}

/// A circuit that verifies is of the constraint system that it verifies, and none of its commitments is the identity, though it is small and checks no range.
#[test]
fn proofs_of_verifying_circuits_can_be_verified() {
    let Fixture {
        srs,
        keys,
        template,
        snark,
        ..
    } = &*FIXTURE;
    let (builder, ..) = assign(template, snark);
    assert_eq!(builder.demand().range_rows, EMPTY_ROWS);
    let k = CircuitParams::choose(&builder.demand()).unwrap().k as u32;
    let own = Srs::development(k).unwrap();
    let key = keygen_vk(own.params(), &builder).unwrap();
    Key::of(&own, &key).unwrap();
    check_same_constraints((srs, keys.pk.get_vk()), (&own, &key), INSTANCES).unwrap();
}

fn satisfied(template: &Template, snark: &NativeSnark) -> bool {
    let (builder, ..) = assign(template, snark);
    let exposed = builder.exposed();
    let instances = [vec![Fr::ZERO; ACCUMULATOR_LIMBS], exposed].concat();
    let k = builder.demand();
    let k = CircuitParams::choose(&k).unwrap().k as u32;
    let prover = MockProver::run(k, &builder, vec![instances]).unwrap();
    prover.verify().is_ok()
}

#[test]
fn cells_and_native_values_agree() {
    let Fixture {
        template, snark, ..
    } = &*FIXTURE;
    let (builder, pairing, digest, report) = assign(template, snark);
    assert_eq!(pairing, verify(&mut Native, template, snark).unwrap());
    assert_eq!(digest, snark.key.digest(&mut Native));
    println!("{:?}\n{report}", builder.demand());
    let total = report.total();
    assert!(satisfied(template, snark));
    assert!(total.cells <= CELLS && total.poseidon_rows <= POSEIDON_ROWS);
    for (name, change) in UNFIT {
        let mut bad = snark.clone();
        change(&mut bad.key);
        assert!(!satisfied(template, &bad), "{name}");
    }
}
