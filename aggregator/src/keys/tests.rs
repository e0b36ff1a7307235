use std::time::Instant;

use halo2_base::halo2_proofs::halo2curves::bn256::Fr;
use halo2_base::halo2_proofs::halo2curves::group::Curve;
use laminate_engine::fold::FoldMode;
use laminate_model::artifact::ArtifactError;
use laminate_model::public::INSTANCES;
use laminate_model::verify::{PROTOCOL_VERSION, Verifier};

use super::*;
use crate::prove::{AggregationProof, Target, prove, verify};
use crate::testing::{perceptron, sample};

/// A key's circuit runs the verifier: keys in a cache are of no use behind a change of the protocol, whose versions go together.
#[test]
fn the_circuit_has_a_version_for_the_protocol() {
    assert_eq!((PROTOCOL_VERSION, CIRCUIT_VERSION), ("v8", 9));
}

/// Seconds of processor time that this process has used (Linux).
fn processor_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace();
    fields
        .skip(11)
        .take(2)
        .filter_map(|f| f.parse::<f64>().ok())
        .sum::<f64>()
        / 100.0
}

fn timed<T>(what: &str, run: impl FnOnce() -> T) -> T {
    let (start, used) = (Instant::now(), processor_seconds());
    let out = run();
    let used = processor_seconds() - used;
    println!(
        "{what}: {:?}, {used:.1} s of processor time",
        start.elapsed()
    );
    out
}

/// One real proof: keys, file round trip, proof, verification, and what is refused.
#[test]
fn a_real_proof_verifies_and_altered_ones_do_not() {
    let srs = Srs::development(19).unwrap();
    let sample = sample(perceptron(&[3, 4, 1], 0), FoldMode::On, &srs, 1);
    let verifier = &sample.model.verifier;
    let folder = tempfile::tempdir().unwrap();
    let cached = || ProvingKey::cached(folder.path(), verifier, FoldMode::On, &srs).unwrap();
    let (derived, was_cached) = timed("derive and save", cached);
    assert!(!was_cached);
    let (keys, was_cached) = timed("load", cached);
    assert!(was_cached);
    assert_eq!(keys.meta, derived.meta);
    assert_eq!(
        keys.verifying_key().digest(),
        derived.verifying_key().digest()
    );
    println!("{:?}", keys.meta.pinning);

    let srs = srs.truncated(keys.meta.k()).unwrap();
    let circuit = timed("circuit", || {
        let pinning = &keys.meta.pinning;
        AggregationCircuit::prover(verifier, pinning, &sample.statement, &sample.proof).unwrap()
    });
    let proof = timed("prove", || {
        prove(&keys, &srs, circuit, Target::Contract).unwrap()
    });
    println!(
        "{} instances, {} bytes of proof",
        INSTANCES,
        proof.proof.len()
    );
    assert_eq!(proof.public.statement, sample.statement.fields());
    let key = keys.verifying_key();
    timed("verify", || verify(&key, &srs, &proof).unwrap());

    let refused = |altered: &AggregationProof| verify(&key, &srs, altered).is_err();
    let mut tried = 0;
    for (what, altered) in altered_public_values(&proof) {
        assert!(refused(&altered), "{what}");
        tried += 1;
    }
    for index in (0..proof.proof.len()).step_by(29) {
        let mut altered = proof.clone();
        altered.proof[index] ^= 1;
        assert!(refused(&altered), "byte {index}");
        tried += 1;
    }
    for length in [
        0,
        1,
        31,
        32,
        64,
        proof.proof.len() - 1,
        proof.proof.len() + 1,
    ] {
        let mut altered = proof.clone();
        altered.proof.resize(length, 0);
        assert!(refused(&altered), "length {length}");
        tried += 1;
    }
    println!("{tried} alterations tried, 0 accepted");
    files_are_refused(&key, verifier, folder.path());
    unsatisfied_proof_is_refused(&keys, &srs, &sample);
}

/// Every public value altered, moved, left out or added; the digest recomputed or not.
fn altered_public_values(proof: &AggregationProof) -> Vec<(String, AggregationProof)> {
    type Public = PublicValues<Fr, G1Affine>;
    let mut alterations: Vec<(String, Public)> = vec![];
    let mut add = |what: String, alter: &dyn Fn(&mut Public)| {
        let mut public = proof.public.clone();
        alter(&mut public);
        alterations.push((what, public));
    };
    add("outputs".into(), &|p| p.outputs += 1);
    for i in 0..proof.public.statement.len() {
        add(format!("field {i}"), &|p| p.statement[i] += Fr::one());
    }
    add("no field".into(), &|p| p.statement.truncate(3));
    let terms = proof.public.deferred.terms.len();
    for i in 0..terms {
        add(format!("scalar {i}"), &|p| {
            p.deferred.terms[i].0 += Fr::one()
        });
        add(format!("point {i}"), &|p| {
            let point = &mut p.deferred.terms[i].1;
            *point = (*point + *point).to_affine();
        });
        // The negated point and scalar leave the sum alone.
        add(format!("negated term {i}"), &|p| {
            let (scalar, point) = &mut p.deferred.terms[i];
            (*scalar, *point) = (-*scalar, -*point);
        });
        add(format!("swapped {i}"), &|p| {
            p.deferred.terms.swap(i, (i + 1) % terms)
        });
    }
    add("term more".into(), &|p| {
        p.deferred.terms.insert(0, p.deferred.terms[0])
    });
    add("term less".into(), &|p| {
        p.deferred.terms.remove(0);
    });
    add("generator".into(), &|p| p.deferred.generator += Fr::one());
    add("left".into(), &|p| p.deferred.left[0] += Fr::one());
    add("left more".into(), &|p| p.deferred.left.push(Fr::zero()));
    add("left less".into(), &|p| p.deferred.left.clear());
    // A field and the first term's encoding change places.
    add("fields as terms".into(), &|p| {
        let last = p.statement.len() - 1;
        std::mem::swap(&mut p.deferred.terms[0].0, &mut p.statement[last]);
    });
    let both = alterations.into_iter().flat_map(|(what, public)| {
        [false, true].map(|recompute| {
            let digest = if recompute {
                public.digest()
            } else {
                proof.digest
            };
            let public = public.clone();
            let proof = proof.proof.clone();
            let altered = AggregationProof {
                public,
                digest,
                target: Target::Contract,
                proof,
            };
            (format!("{what}, digest recomputed: {recompute}"), altered)
        })
    });
    let mut out: Vec<_> = both.collect();
    let digest = proof.digest + Fr::one();
    let altered = AggregationProof {
        digest,
        ..proof.clone()
    };
    out.push(("digest".into(), altered));
    out
}

fn unsatisfied_proof_is_refused(keys: &ProvingKey, srs: &Srs, sample: &crate::testing::Sample) {
    let mut wrong = sample.proof.clone();
    wrong.output[0] += Fr::one();
    let verifier = &sample.model.verifier;
    let circuit =
        AggregationCircuit::prover(verifier, &keys.meta.pinning, &sample.statement, &wrong)
            .unwrap();
    assert!(prove(keys, srs, circuit, Target::Contract).is_err());
}

fn files_are_refused(key: &VerifyingKey, verifier: &Verifier, folder: &Path) {
    let path = folder.join("key.vkey");
    let identity = key.meta.identity;
    key.save(&path).unwrap();
    let loaded = VerifyingKey::load(&path, Some(&identity)).unwrap();
    assert_eq!((loaded.digest(), &loaded.meta), (key.digest(), &key.meta));

    let foreign = Identity {
        setup: [7; 32],
        ..identity
    };
    let other_program = Identity {
        program: Scalar(verifier.digest + Fr::one()),
        ..identity
    };
    let other_mode = Identity {
        mode: FoldMode::Off,
        ..identity
    };
    for expected in [foreign, other_program, other_mode] {
        let refused = VerifyingKey::load(&path, Some(&expected));
        assert!(
            matches!(refused, Err(AggregationError::Foreign { .. })),
            "{refused:?}"
        );
    }
    let bytes = std::fs::read(&path).unwrap();
    let mut tried = 0;
    for index in (0..bytes.len()).step_by(7) {
        let mut altered = bytes.clone();
        altered[index] ^= 0x10;
        std::fs::write(&path, &altered).unwrap();
        assert!(
            VerifyingKey::load(&path, Some(&identity)).is_err(),
            "byte {index}"
        );
        std::fs::write(&path, &bytes[..index]).unwrap();
        assert!(
            VerifyingKey::load(&path, Some(&identity)).is_err(),
            "cut at {index}"
        );
        tried += 2;
    }
    println!("{tried} damaged files, 0 accepted");
    assert!(matches!(
        VerifyingKey::load(&folder.join("none"), None),
        Err(AggregationError::Io { .. })
    ));
    assert!(matches!(
        VerifyingKey::load(&ProvingKey::path(folder, &identity), None),
        Err(AggregationError::Artifact(ArtifactError::Kind { .. }))
    ));
}

/// A proof of layers that keep an opening each is not made: its points would not be hidden.
#[test]
fn proofs_of_several_openings_are_not_made() {
    let srs = Srs::development(15).unwrap();
    let sample = sample(perceptron(&[3, 4, 1], 0), FoldMode::Off, &srs, 6);
    let verifier = &sample.model.verifier;
    let keys = ProvingKey::derive(verifier, FoldMode::Off, &srs).unwrap();
    let srs = srs.truncated(keys.meta.k()).unwrap();
    let pinning = &keys.meta.pinning;
    let circuit =
        AggregationCircuit::prover(verifier, pinning, &sample.statement, &sample.proof).unwrap();
    let error = prove(&keys, &srs, circuit, Target::Contract).unwrap_err();
    assert!(
        matches!(
            error,
            AggregationError::Evm(crate::evm::EvmError::SeveralOpenings { found }) if found > 1
        ),
        "{error}"
    );
}

/// Damaged keys are nobody's: the next setup makes them again.
#[test]
fn damaged_keys_are_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let srs = Srs::development(14).unwrap();
    let verifier = Verifier::new(perceptron(&[3, 4, 1], 0)).unwrap();
    let made = |expected: bool| {
        let (keys, read) = ProvingKey::cached(folder, &verifier, FoldMode::On, &srs).unwrap();
        assert_eq!(read, expected);
        keys
    };
    let keys = made(false);
    let path = ProvingKey::path(folder, &keys.meta.identity);
    let whole = std::fs::read(&path).unwrap();
    let mut altered = whole.clone();
    altered[whole.len() / 2] ^= 1;
    for damaged in [&[][..], &whole[..100], &altered] {
        std::fs::write(&path, damaged).unwrap();
        assert_eq!(
            made(false).verifying_key().digest(),
            keys.verifying_key().digest()
        );
        assert_eq!(std::fs::read(&path).unwrap(), whole);
    }
    made(true);

    // Keys of something else are not damage.
    let other = Verifier::new(perceptron(&[3, 5, 1], 0)).unwrap();
    let identity = Identity::new(&other, FoldMode::On, &srs);
    std::fs::rename(&path, ProvingKey::path(folder, &identity)).unwrap();
    let refused = ProvingKey::cached(folder, &other, FoldMode::On, &srs);
    assert!(matches!(refused, Err(AggregationError::Foreign { .. })));
}

/// A cache may serve several users: keys and reference strings are public.
#[cfg(unix)]
#[test]
fn keys_and_reference_strings_are_readable_by_others() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let srs = Srs::development(14).unwrap();
    let string = folder.join("dev-14.srs");
    srs.save(&string).unwrap();
    let verifier = Verifier::new(perceptron(&[3, 4, 1], 0)).unwrap();
    let (keys, _) = ProvingKey::cached(folder, &verifier, FoldMode::On, &srs).unwrap();
    let verifying = folder.join("key.vkey");
    keys.verifying_key().save(&verifying).unwrap();
    // What the umask leaves to a file made the usual way.
    let plain = folder.join("plain");
    std::fs::write(&plain, b"").unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode();
    for path in [
        &string,
        &verifying,
        &ProvingKey::path(folder, &keys.meta.identity),
    ] {
        assert_eq!(mode(path), mode(&plain), "{}", path.display());
    }
}

/// The proving key has no opening on disk; it takes that of a verifying key of the same circuit, and of no other.
#[test]
fn verifying_keys_of_both_openings_lie_side_by_side() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let srs = Srs::development(18).unwrap();
    let keys = |hidden: u32| {
        let verifier = Verifier::new(perceptron(&[3, hidden, 1], 0)).unwrap();
        ProvingKey::cached(folder, &verifier, FoldMode::On, &srs)
            .unwrap()
            .0
    };
    let plain = keys(4);
    let identity = plain.meta.identity;
    let packed = plain.clone().with_opening(Opening::Packed, &srs).unwrap();
    let digests = [&plain, &packed].map(|keys| keys.verifying_key().digest());
    assert_ne!(digests[0], digests[1]);
    let openings = [Opening::Shplonk, Opening::Packed];
    let path = |opening| VerifyingKey::path(folder, &identity, opening);
    for (opening, keys) in openings.into_iter().zip([&plain, &packed]) {
        keys.verifying_key().save(&path(opening)).unwrap();
    }
    let stored = ProvingKey::load(&ProvingKey::path(folder, &identity), &identity).unwrap();
    assert_eq!(stored.meta.opening(), Opening::Shplonk);
    for (place, opening) in openings.into_iter().enumerate() {
        let key = VerifyingKey::load(&path(opening), Some(&identity)).unwrap();
        assert_eq!(key.digest(), digests[place]);
        key.require_opening(opening).unwrap();
        let other = openings[1 - place];
        assert!(matches!(
            key.require_opening(other),
            Err(AggregationError::Foreign {
                what: "opening",
                ..
            })
        ));
        // From either, whatever it had before.
        for keys in [&stored, &packed] {
            let opened = keys.clone().opened_as(&key).unwrap();
            assert_eq!(opened.meta, key.meta);
            assert_eq!(opened.verifying_key().digest(), digests[place]);
        }
    }
    // Of another program, and one that only says that it is of this one.
    let mut foreign = keys(5).verifying_key();
    let refused = |key: &VerifyingKey, part: &str| {
        let refused = stored.clone().opened_as(key);
        assert!(
            matches!(refused, Err(AggregationError::Foreign { what, .. }) if what == part),
            "{part}"
        );
    };
    refused(&foreign, "program digest");
    foreign.meta.identity = identity;
    refused(&foreign, "proving key");
}
