//! Decoders of untrusted files: truncated, altered, oversized and non-canonical ones are refused with a
//! clear error, and none makes the decoder allocate more than in proportion to the file.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use halo2curves_axiom::bn256::{Fq, Fr};
use halo2curves_axiom::ff::PrimeField;
use halo2curves_axiom::group::GroupEncoding;
use laminate_engine::field::{Point, Scalar};
use laminate_engine::fold::FoldMode;
use laminate_engine::joint::JointProof;
use laminate_model::artifact::{self, ArtifactError, HEADER, Kind};
use laminate_model::binding::MIN_DEPTH;
use laminate_model::credential::Tree;
use laminate_model::program::{Program, Weights};
use laminate_prover::input::CommittedInput;
use laminate_prover::output::CommittedOutput;
use laminate_prover::prove::WeightSecret;
use laminate_tests::fuzz::{ProofFile, stored};
use laminate_tests::{TestSrs, committed, every_op, prove_case};
use serde::de::DeserializeOwned;

/// Counts the bytes that the current thread holds, and their peak.
struct Counting;

thread_local! {
    static HELD: Cell<i64> = const { Cell::new(0) };
    static PEAK: Cell<i64> = const { Cell::new(0) };
}

fn note(bytes: i64) {
    // The cells are gone while a thread ends.
    let _ = HELD.try_with(|held| {
        held.set(held.get() + bytes);
        let _ = PEAK.try_with(|peak| peak.set(peak.get().max(held.get())));
    });
}

// SAFETY: every call goes to the system allocator with the caller's arguments.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size() as i64);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        note(-(layout.size() as i64));
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Peak bytes that `f` holds beyond what was held before.
fn peak_of(f: impl FnOnce()) -> i64 {
    let before = HELD.with(Cell::get);
    PEAK.with(|peak| peak.set(before));
    f();
    PEAK.with(Cell::get) - before
}

/// One file of a kind: its bytes, and its decoder.
struct Artifact {
    kind: Kind,
    bytes: Vec<u8>,
    decode: fn(Kind, &[u8]) -> Result<(), ArtifactError>,
}

fn decode<T: DeserializeOwned>(kind: Kind, bytes: &[u8]) -> Result<(), ArtifactError> {
    artifact::decode::<T>(kind, bytes).map(|_| ())
}

/// Kinds whose payload is opaque here; their own readers are tested beside them.
fn opaque(kind: Kind, bytes: &[u8]) -> Result<(), ArtifactError> {
    artifact::open(kind, bytes).map(|_| ())
}

fn all() -> Vec<Artifact> {
    let case = every_op(3, 0);
    let proven = prove_case(&case, &TestSrs::new(b"artifacts", 14), FoldMode::On, 1);
    let file: ProofFile = (stored(&proven.statement), proven.proof.to_stored());
    let layer = proven.model.verifier.layer(&file.1, 3).expect("a node");
    let commitment = Scalar(proven.statement.weight_commitment);
    let input = committed(&case);
    let output = CommittedOutput {
        program_digest: Scalar(proven.statement.program_digest),
        salt: Scalar(Fr::from(5)),
        values: vec![-3, 0, 32_767],
        commitment: Scalar(Fr::from(7)),
    };
    let make = |kind, bytes: Result<Vec<u8>, ArtifactError>, decode| Artifact {
        kind,
        bytes: bytes.expect("encode"),
        decode,
    };
    let leaves = (1..9).map(|n| Scalar(Fr::from(n))).collect();
    let tree = Tree::new(MIN_DEPTH, leaves).expect("tree");
    let mut out = vec![
        make(
            Kind::CredentialTree,
            artifact::encode(Kind::CredentialTree, false, &tree),
            decode::<Tree>,
        ),
        make(
            Kind::Program,
            artifact::encode(Kind::Program, false, &case.program),
            decode::<Program>,
        ),
        make(
            Kind::Weights,
            artifact::encode(Kind::Weights, false, &case.weights),
            decode::<Weights>,
        ),
        make(
            Kind::WeightSecret,
            artifact::encode(Kind::WeightSecret, true, &proven.secret),
            decode::<WeightSecret>,
        ),
        make(
            Kind::WeightCommitment,
            artifact::encode(Kind::WeightCommitment, true, &commitment),
            decode::<Scalar>,
        ),
        make(
            Kind::Input,
            artifact::encode(Kind::Input, false, &input),
            decode::<CommittedInput>,
        ),
        make(
            Kind::Output,
            artifact::encode(Kind::Output, false, &output),
            decode::<CommittedOutput>,
        ),
        make(
            Kind::LayerProof,
            artifact::encode(Kind::LayerProof, false, &layer),
            decode::<JointProof<Scalar>>,
        ),
        make(
            Kind::FoldedProof,
            artifact::encode(Kind::FoldedProof, true, &file),
            decode::<ProofFile>,
        ),
    ];
    for kind in [
        Kind::ShardProofs,
        Kind::Proof,
        Kind::ShardedProof,
        Kind::Join,
        Kind::VerifyingKey,
        Kind::ProvingKey,
        Kind::Srs,
        Kind::Opening,
        Kind::Identity,
        Kind::Credential,
        Kind::Membership,
    ] {
        out.push(make(
            kind,
            artifact::encode(kind, true, &vec![7u8; 300]),
            opaque,
        ));
    }
    assert_eq!(out.len(), Kind::ALL.len());
    out
}

/// The payload under a header whose length and digest are right.
fn reseal(kind: Kind, payload: &[u8]) -> Vec<u8> {
    [artifact::header(kind, false, payload).as_slice(), payload].concat()
}

#[test]
fn truncations_and_flipped_bytes_are_refused() {
    let mut tried = 0;
    for a in all() {
        assert_eq!((a.decode)(a.kind, &a.bytes), Ok(()), "{:?}", a.kind);
        let step = (a.bytes.len() / 400).max(1);
        let places = (0..HEADER).chain((HEADER..a.bytes.len()).step_by(step));
        for at in places {
            assert!(
                (a.decode)(a.kind, &a.bytes[..at]).is_err(),
                "{:?} cut at {at}",
                a.kind
            );
            let mut altered = a.bytes.clone();
            altered[at] ^= 1 << (at % 8);
            assert!(
                (a.decode)(a.kind, &altered).is_err(),
                "{:?} byte {at}",
                a.kind
            );
            tried += 2;
        }
        let longer = [a.bytes.as_slice(), &[0]].concat();
        assert!(
            matches!(
                (a.decode)(a.kind, &longer),
                Err(ArtifactError::Length { .. })
            ),
            "{:?}",
            a.kind
        );
        for other in Kind::ALL.into_iter().filter(|k| *k != a.kind) {
            assert!(
                matches!((a.decode)(other, &a.bytes), Err(ArtifactError::Kind { .. })),
                "{:?} as {other:?}",
                a.kind
            );
            tried += 1;
        }
    }
    println!("truncated, altered and mistaken files: {tried} tried, 0 accepted");
}

/// The digest is no secret: whoever alters the payload can compute it anew.
#[test]
fn truncated_payloads_with_a_fresh_digest_are_refused() {
    let mut tried = 0;
    for a in all().into_iter().take(7) {
        let payload = &a.bytes[HEADER..];
        let step = (payload.len() / 300).max(1);
        for at in (0..payload.len()).step_by(step) {
            assert!(
                (a.decode)(a.kind, &reseal(a.kind, &payload[..at])).is_err(),
                "{:?} cut at {at}",
                a.kind
            );
            tried += 1;
        }
        let longer = [payload, &[0]].concat();
        let problem = (a.decode)(a.kind, &reseal(a.kind, &longer));
        assert!(
            matches!(problem, Err(ArtifactError::Decode { .. })),
            "{:?}: {problem:?}",
            a.kind
        );
        tried += 1;
    }
    println!("resealed truncations: {tried} tried, 0 accepted");
}

/// Writes a huge length at every place of the payload, where a true length may stand.
#[test]
fn length_bombs_do_not_allocate() {
    let huge: [&[u8]; 3] = [
        &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
        &[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x40],
        &[0xff, 0xff, 0xff, 0xff, 0x07],
    ];
    let (mut tried, mut worst) = (0, 0);
    for a in all().into_iter().take(7) {
        let payload = &a.bytes[HEADER..];
        let step = (payload.len() / 200).max(1);
        for at in (0..payload.len().min(200)).chain((0..payload.len()).step_by(step)) {
            for bomb in huge {
                let file = reseal(a.kind, &[&payload[..at], bomb, &payload[at + 1..]].concat());
                let peak = peak_of(|| drop((a.decode)(a.kind, &file)));
                // serde reserves at most 1 MiB for a length it has not seen; nested lists add one each.
                let cap = (8 << 20) + 64 * file.len() as i64;
                assert!(
                    peak < cap,
                    "{:?} at {at}: {peak} bytes for a file of {}",
                    a.kind,
                    file.len()
                );
                worst = worst.max(peak);
                tried += 1;
            }
        }
    }
    println!("length bombs: {tried} tried, 0 above the cap; the worst held {worst} bytes");
}

/// A list of a million empty lists is the densest thing a file can say.
#[test]
fn nested_empty_lists_stay_in_proportion() {
    let empty = 1 << 20;
    let length = |n: usize| -> Vec<u8> { postcard::to_stdvec(&(n as u64)).expect("varint") };
    // Layer proof: one stage with that many rounds without coefficients; that many stages of two
    // empty lists. Weights: that many layers of three empty lists, the first after its form.
    let cases = [
        (
            Kind::LayerProof,
            [vec![0], length(1), length(empty), vec![0; empty + 1]].concat(),
            decode::<JointProof<Scalar>> as fn(Kind, &[u8]) -> _,
        ),
        (
            Kind::LayerProof,
            [vec![0], length(empty), vec![0; 2 * empty]].concat(),
            decode::<JointProof<Scalar>>,
        ),
        (
            Kind::Weights,
            [length(empty), vec![0; 4 * empty]].concat(),
            decode::<Weights>,
        ),
    ];
    for (kind, payload, decode) in cases {
        let file = reseal(kind, &payload);
        let peak = peak_of(|| assert_eq!(decode(kind, &file), Ok(())));
        assert!(
            peak < 64 * file.len() as i64,
            "{kind:?}: {peak} bytes for a file of {}",
            file.len()
        );
        println!(
            "{kind:?} of {empty} empty lists: file {} bytes, peak {peak} bytes",
            file.len()
        );
    }
}

fn scalar(bytes: [u8; 32]) -> Result<Scalar, postcard::Error> {
    postcard::from_bytes(&bytes)
}

fn point(bytes: [u8; 32]) -> Result<Point, postcard::Error> {
    postcard::from_bytes(&bytes)
}

/// Adds `k·modulus` to little-endian bytes, if it fits in 256 bits.
fn add_modulus(bytes: [u8; 32], modulus: &str, k: u32) -> Option<[u8; 32]> {
    let digits = modulus.trim_start_matches("0x").to_lowercase();
    let mut modulus = hex::decode(format!("{digits:0>64}")).ok()?;
    modulus.reverse();
    let mut out = bytes;
    for _ in 0..k {
        let mut carry = 0u16;
        for (o, m) in out.iter_mut().zip(&modulus) {
            let sum = u16::from(*o) + u16::from(*m) + carry;
            (*o, carry) = (sum as u8, sum >> 8);
        }
        if carry > 0 {
            return None;
        }
    }
    Some(out)
}

#[test]
fn non_canonical_scalars_are_refused() {
    let mut tried = 0;
    for value in [0u64, 1, 12_345, u64::MAX] {
        let bytes = Fr::from(value).to_repr();
        assert_eq!(scalar(bytes), Ok(Scalar(Fr::from(value))));
        for k in 1..=5 {
            let Some(aliased) = add_modulus(bytes, Fr::MODULUS, k) else {
                break;
            };
            assert!(scalar(aliased).is_err(), "{value} + {k}r");
            tried += 1;
        }
    }
    assert!(scalar([0xff; 32]).is_err());
    println!("non-canonical scalars: {} tried, 0 accepted", tried + 1);
}

/// A compressed point: abscissa `x` and the two bits beside it.
fn compressed(x: u8, flags: u8) -> [u8; 32] {
    let mut bytes = [0u8; 32];
    (bytes[0], bytes[31]) = (x, flags);
    bytes
}

#[test]
fn points_off_the_curve_are_refused() {
    let (mut tried, mut refused) = (0, 0);
    // About half of all abscissas belong to no point.
    for x in 2u8..=255 {
        for flags in [0u8, 0x40] {
            tried += 1;
            match point(compressed(x, flags)) {
                Err(_) => refused += 1,
                Ok(Point(p)) => {
                    assert_eq!(p.y * p.y, p.x * p.x * p.x + Fq::from(3), "off the curve")
                }
            }
        }
    }
    assert!(refused > 200, "{refused}");
    let p = add_modulus([0; 32], Fq::MODULUS, 1).expect("p fits");
    assert!(point(p).is_err(), "an abscissa of p");
    assert!(point([0xff; 32]).is_err());
    println!(
        "points: {tried} encodings tried, {refused} without a point refused, 0 off the curve accepted"
    );
}

/// One point has one encoding: what is decoded encodes to the same bytes.
#[test]
fn second_encodings_of_points_are_refused() {
    let mut tried = 0;
    for x in 0u8..=255 {
        for flags in [0u8, 0x40, 0x80, 0xc0] {
            let bytes = compressed(x, flags);
            if let Ok(Point(p)) = point(bytes) {
                assert_eq!(p.to_bytes().as_ref(), bytes, "a second encoding of {p:?}");
            }
            tried += 1;
        }
    }
    println!("second encodings of points: {tried} tried, 0 accepted");
}
