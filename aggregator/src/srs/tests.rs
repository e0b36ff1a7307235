//! Strings whole: real files, altered files, the artifact.

use std::{
    fs,
    path::{Path, PathBuf},
};

use halo2_base::halo2_proofs::{
    halo2curves::{
        bn256::{Bn256, Fr, G1Affine},
        ff::Field,
        group::Curve,
    },
    poly::kzg::commitment::ParamsKZG,
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use tempfile::TempDir;

use super::*;

fn parts_from_tau(k: u32, tau: Fr) -> Parts {
    dev::parts_from_tau(k, tau, &|_, _| {})
}

/// A string with an unknown secret, for tests that alter it.
fn random_parts(k: u32, seed: u64) -> Parts {
    parts_from_tau(k, Fr::random(StdRng::seed_from_u64(seed)))
}

/// halo2's own raw file of these points.
fn raw_file(parts: &Parts) -> Vec<u8> {
    let mut bytes = parts.k.to_le_bytes().to_vec();
    for point in parts.g.iter().chain(&parts.g_lagrange) {
        bytes.extend(point.to_raw_bytes());
    }
    bytes.extend(parts.g2.to_raw_bytes());
    bytes.extend(parts.s_g2.to_raw_bytes());
    bytes
}

fn import_bytes(bytes: &[u8]) -> Result<Srs, SrsError> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("string.srs");
    fs::write(&path, bytes).unwrap();
    match Srs::import(&path) {
        Err(SrsError::File {
            source,
            path: named,
        }) => {
            assert_eq!(named, path);
            Err(*source)
        }
        other => other,
    }
}

/// The folder with the data of the tests; none where it is missing.
fn shared(file: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("LAMINATE_SHARED").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"),
        PathBuf::from,
    );
    let path = folder.join("data/srs").join(file);
    if path.is_file() {
        return Some(path);
    }
    println!(
        "skipped: {} is missing (set LAMINATE_SHARED to the data folder)",
        path.display()
    );
    None
}

/// `8.ptau` of the crate `ppot-rs`, a dev-dependency for this file only; none where cargo keeps its sources elsewhere.
fn crate_ptau() -> Option<PathBuf> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")))?;
    let registries = fs::read_dir(home.join("registry/src")).ok()?;
    let found = registries
        .flatten()
        .map(|registry| registry.path().join("ppot-rs-0.1.1/8.ptau"))
        .find(|path| path.is_file());
    if found.is_none() {
        println!(
            "skipped: ppot-rs-0.1.1/8.ptau is not under {}",
            home.display()
        );
    }
    found
}

#[test]
fn development_string_passes_its_checks_and_survives_the_artifact() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("dev.srs");
    let srs = Srs::development(6).unwrap();
    srs.check().unwrap();
    srs.save(&path).unwrap();
    let loaded = Srs::load(&path).unwrap();
    assert_eq!(loaded.origin(), &Origin::Development);
    assert_eq!(
        (loaded.digest(), loaded.k(), loaded.powers()),
        (srs.digest(), 6, srs.powers())
    );
    assert_eq!(loaded.raw_lagrange(), srs.raw_lagrange());
    loaded.check().unwrap();
    assert_eq!(Srs::import(&path).unwrap().digest(), srs.digest());
    assert_eq!(
        srs.truncated(4).unwrap().digest(),
        Srs::development(4).unwrap().digest()
    );
    assert_eq!(srs.truncated(4).unwrap().setup_id(), srs.setup_id());
    assert!(matches!(
        srs.truncated(7),
        Err(SrsError::TooSmall {
            needed: 7,
            found: 6
        })
    ));
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        1,
        "no temporary file is left"
    );
}

/// A string for commitments only: as long ones are, here a short one.
#[test]
fn a_string_without_a_lagrange_basis_survives_the_artifact_and_cuts_to_one_with() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("powers.srs");
    let mut parts = parts_from_tau(6, dev::development_tau());
    parts.g_lagrange.clear();
    let srs = Srs::from_parts(parts, Origin::Development);
    assert!(!srs.has_lagrange());
    srs.check().unwrap();
    srs.save(&path).unwrap();
    let loaded = Srs::load(&path).unwrap();
    assert!(!loaded.has_lagrange());
    assert_eq!(loaded.powers(), srs.powers());
    assert_eq!(loaded.digest(), srs.digest());
    assert_ne!(loaded.digest(), Srs::development(6).unwrap().digest());
    assert_eq!(Srs::import(&path).unwrap().digest(), srs.digest());
    for k in [4, 6] {
        let cut = loaded.truncated(k).unwrap();
        assert!(cut.has_lagrange());
        assert_eq!(
            cut.raw_lagrange(),
            Srs::development(k).unwrap().raw_lagrange()
        );
    }
    let bytes = fs::read(&path).unwrap();
    for at in 0..bytes.len() {
        let mut altered = bytes.clone();
        altered[at] ^= 1;
        fs::write(&path, &altered).unwrap();
        assert!(Srs::load(&path).is_err(), "byte {at}");
    }
    fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    assert!(Srs::load(&path).is_err());
}

/// Fixed columns commit to zero under a basis of zeros: whoever makes keys from such a file gets those of a circuit without gates.
#[test]
fn a_false_lagrange_basis_has_another_digest_and_fails_the_check() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("foreign.srs");
    let parts = || parts_from_tau(4, dev::development_tau());
    let honest = Srs::from_parts(parts(), Origin::Development);
    let foreign = |alter: &dyn Fn(&mut Vec<G1Affine>)| {
        let mut parts = parts();
        alter(&mut parts.g_lagrange);
        let made = Srs::from_parts(parts, Origin::Development);
        assert_ne!(made.digest(), honest.digest());
        made.save(&path).unwrap();
        assert!(Srs::import(&path).is_err());
        let loaded = Srs::load(&path).unwrap();
        assert_eq!(loaded.digest(), made.digest());
        loaded.check().unwrap_err()
    };
    for position in 0..16 {
        let refusal = foreign(&|basis| basis[position] = -basis[position]);
        assert!(matches!(refusal, SrsError::Lagrange { k: 4 }), "{position}");
        let refusal = foreign(&|basis| basis[position] = G1Affine::default());
        assert!(
            matches!(refusal, SrsError::Infinity { list: PointList::Lagrange, index } if index == position),
            "{position}: {refusal}"
        );
    }
    let swapped = foreign(&|basis| basis.swap(2, 11));
    assert!(matches!(swapped, SrsError::Lagrange { k: 4 }));
    let same = foreign(&|basis| basis.fill(G1Affine::generator()));
    assert!(matches!(same, SrsError::Lagrange { k: 4 }));
    // Under the honest digest: refused when the file is read.
    let mut parts = parts();
    parts.g_lagrange.swap(2, 11);
    let lie = Srs::from_parts_with_digest(parts, Origin::Development, honest.digest());
    lie.save(&path).unwrap();
    assert!(
        matches!(Srs::load(&path), Err(SrsError::File { source, .. }) if matches!(*source, SrsError::Digest { .. }))
    );
    println!("35 false Lagrange bases tried, 0 accepted");
}

#[test]
fn every_altered_byte_of_the_artifact_is_refused() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("dev.srs");
    Srs::development(3).unwrap().save(&path).unwrap();
    let good = fs::read(&path).unwrap();
    for position in 0..good.len() {
        let mut bad = good.clone();
        bad[position] ^= 1 << (position % 8);
        fs::write(&path, &bad).unwrap();
        assert!(Srs::load(&path).is_err(), "byte {position}");
    }
    for length in (0..good.len()).step_by(37) {
        fs::write(&path, &good[..length]).unwrap();
        assert!(Srs::load(&path).is_err(), "cut to {length}");
    }
    fs::write(&path, [&good[..], &[0]].concat()).unwrap();
    assert!(
        matches!(Srs::load(&path), Err(SrsError::File { source, .. }) if matches!(*source, SrsError::FileSize { .. }))
    );
    println!("{} flipped bytes tried, 0 accepted", good.len());
}

#[test]
fn the_artifact_cannot_pass_the_development_secret_off_as_a_ceremony() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("lie.srs");
    let origin = Origin::Ceremony {
        name: "Aztec Ignition".into(),
        sha256: [1; 32],
    };
    let lie = Srs::from_parts(parts_from_tau(3, dev::development_tau()), origin.clone());
    lie.save(&path).unwrap();
    assert!(
        matches!(Srs::load(&path), Err(SrsError::File { source, .. }) if matches!(*source, SrsError::Origin { .. }))
    );
    let lie = Srs::from_parts(random_parts(3, 1), origin);
    lie.save(&path).unwrap();
    assert!(
        matches!(Srs::load(&path), Err(SrsError::File { source, .. }) if matches!(*source, SrsError::Origin { .. }))
    );
}

#[test]
fn halo2_raw_parameters_are_imported() {
    let parts = random_parts(5, 2);
    let bytes = raw_file(&parts);
    let srs = import_bytes(&bytes).unwrap();
    assert_eq!((srs.k(), srs.powers()), (5, &parts.g[..]));
    assert!(matches!(srs.origin(), Origin::Ceremony { name, .. } if name == "unrecognised"));
    // The same file as halo2 writes it.
    let mut written = Vec::new();
    srs.params().write(&mut written).unwrap();
    assert_eq!(written, bytes);
    // A development string stays one whatever file it comes in.
    let dev = raw_file(&parts_from_tau(4, dev::development_tau()));
    assert!(import_bytes(&dev).unwrap().origin().is_development());
}

#[test]
fn headers_are_bounded_before_allocation() {
    let bytes = raw_file(&random_parts(4, 3));
    for k in [0u32, MAX_K + 1, 28, 31, 40, 63, 64, 255, u32::MAX] {
        let bomb = [&k.to_le_bytes(), &bytes[4..]].concat();
        let refusal = import_bytes(&bomb).unwrap_err();
        assert!(
            matches!(refusal, SrsError::KOutOfRange { found, .. } if found == u64::from(k)),
            "{k}: {refusal}"
        );
    }
    for k in [1u32, 3, 5, MAX_K] {
        let other = [&k.to_le_bytes(), &bytes[4..]].concat();
        assert!(
            matches!(import_bytes(&other), Err(SrsError::FileSize { .. })),
            "{k}"
        );
    }
    for length in [0, 3, 7, 8, 100, bytes.len() - 1] {
        assert!(import_bytes(&bytes[..length]).is_err(), "{length}");
    }
    for n in [u64::MAX, 1 << 58, 1 << 40] {
        let refusal = import_bytes(&[n.to_le_bytes().to_vec(), vec![0; 400]].concat()).unwrap_err();
        println!("{refusal}");
    }
    assert!(matches!(
        import_bytes(b"what is this file?"),
        Err(SrsError::UnknownFormat { size: 18, .. })
    ));
}

#[test]
fn wrong_points_are_refused() {
    let parts = || random_parts(5, 4);
    let refusal = |parts: &Parts| import_bytes(&raw_file(parts)).unwrap_err();

    let mut swapped = parts();
    swapped.g.swap(7, 8);
    assert!(matches!(refusal(&swapped), SrsError::Powers { k: 5 }));
    let mut swapped = parts();
    swapped.g_lagrange.swap(7, 8);
    assert!(matches!(refusal(&swapped), SrsError::Lagrange { k: 5 }));

    for position in [1, 16, 31] {
        let mut wrong = parts();
        wrong.g[position] = (wrong.g[position] + G1Affine::generator()).to_affine();
        assert!(
            matches!(refusal(&wrong), SrsError::Powers { .. }),
            "{position}"
        );
        let mut wrong = parts();
        wrong.g_lagrange[position] = -wrong.g_lagrange[position];
        assert!(
            matches!(refusal(&wrong), SrsError::Lagrange { .. }),
            "{position}"
        );
    }

    // Every power over another generator: consistent among themselves.
    let mut wrong = parts();
    let two = Fr::from(2);
    for point in wrong.g.iter_mut().chain(&mut wrong.g_lagrange) {
        *point = (*point * two).to_affine();
    }
    assert!(matches!(
        refusal(&wrong),
        SrsError::Generator {
            list: PointList::Powers
        }
    ));
    let mut wrong = parts();
    wrong.g2 = (wrong.g2 * two).to_affine();
    wrong.s_g2 = (wrong.s_g2 * two).to_affine();
    assert!(matches!(
        refusal(&wrong),
        SrsError::Generator {
            list: PointList::G2
        }
    ));

    // τ·G2 of another secret.
    let mut wrong = parts();
    wrong.s_g2 = random_parts(1, 5).s_g2;
    assert!(matches!(refusal(&wrong), SrsError::Powers { .. }));
}

#[test]
fn degenerate_and_public_secrets_are_refused() {
    use rand_chacha::ChaCha20Rng;
    let mut seed0 = Vec::new();
    ParamsKZG::<Bn256>::setup(4, ChaCha20Rng::from_seed(Default::default()))
        .write(&mut seed0)
        .unwrap();
    assert!(
        matches!(import_bytes(&seed0), Err(SrsError::KnownSecret { which }) if which.contains("gen_srs"))
    );
    assert!(matches!(
        import_bytes(&raw_file(&parts_from_tau(4, Fr::from(5)))),
        Err(SrsError::KnownSecret { .. })
    ));
    // A root of unity of the domain: τ^16 = 1, and the Lagrange basis would hold zeros; the powers alone look right.
    let mut parts = parts_from_tau(4, dev::root_of_unity(4));
    parts.g_lagrange = random_parts(4, 6).g_lagrange;
    assert!(matches!(
        import_bytes(&raw_file(&parts)),
        Err(SrsError::Degenerate { .. })
    ));
}

#[test]
fn altered_raw_files_are_refused() {
    let bytes = raw_file(&random_parts(3, 7));
    let mut rng = StdRng::seed_from_u64(8);
    let tried = 200;
    for _ in 0..tried {
        let mut bad = bytes.clone();
        let position = rng.gen_range(0..bad.len());
        bad[position] ^= 1 << rng.gen_range(0..8);
        assert!(import_bytes(&bad).is_err(), "byte {position}");
    }
    println!("{tried} flipped bits tried, 0 accepted");
}

#[test]
fn hermez_file_is_recognised_and_checked() {
    let mut tried = 0;
    for path in [shared("powersOfTau28_hez_final_08.ptau"), crate_ptau()]
        .into_iter()
        .flatten()
    {
        let srs = Srs::import(&path).unwrap();
        assert_eq!((srs.k(), srs.n()), (8, 256));
        assert!(
            srs.origin().is_recognised() && srs.origin().to_string().contains("Hermez"),
            "{}",
            srs.origin()
        );
        // The basis of the file, reordered, is the one of halo2.
        let computed = lagrange::from_powers(srs.powers(), 8);
        let bytes: Vec<u8> = computed
            .iter()
            .flat_map(|point| point.to_raw_bytes())
            .collect();
        assert_eq!(srs.raw_lagrange(), bytes);
        let small = Srs::import_with(
            &path,
            &ImportOptions {
                k: Some(5),
                sha256: None,
            },
        )
        .unwrap();
        small.check().unwrap();
        assert_eq!((small.n(), small.setup_id()), (32, srs.setup_id()));
        assert_eq!(small.digest(), srs.truncated(5).unwrap().digest());
        let large = Srs::import_with(
            &path,
            &ImportOptions {
                k: Some(9),
                sha256: None,
            },
        );
        assert!(
            matches!(large, Err(SrsError::File { source, .. }) if matches!(*source, SrsError::TooSmall { needed: 9, found: 8 }))
        );
        let pinned = Srs::import_with(
            &path,
            &ImportOptions {
                k: None,
                sha256: Some([0; 32]),
            },
        );
        assert!(
            matches!(pinned, Err(SrsError::File { source, .. }) if matches!(*source, SrsError::Sha256 { .. }))
        );
        tried += 1;
    }
    println!("{tried} Hermez files imported");
}

#[test]
fn altered_ptau_files_are_refused() {
    let Some(path) = crate_ptau() else { return };
    let bytes = fs::read(path).unwrap();
    // Header fields, a power, τ·G2, a Lagrange point of size 2^8, the sizes of sections.
    for position in [
        0,
        4,
        8,
        13,
        17,
        25,
        60,
        64,
        80 + 64,
        80 + 255 * 64,
        32796 + 130,
        181_684 + 64 * 300,
        32784 + 4,
    ] {
        let mut bad = bytes.clone();
        bad[position] ^= 1;
        assert!(import_bytes(&bad).is_err(), "byte {position}");
    }
    for length in [11, 24, 60, 80, 1000, bytes.len() - 1] {
        assert!(import_bytes(&bytes[..length]).is_err(), "cut to {length}");
    }
    assert!(import_bytes(&[&bytes[..], &[0]].concat()).is_err());
    // A section that claims more than the file, and a power that claims more than the section.
    let mut bomb = bytes.clone();
    bomb[72..80].copy_from_slice(&u64::MAX.to_le_bytes());
    assert!(matches!(
        import_bytes(&bomb),
        Err(SrsError::FileSize { .. })
    ));
    let mut bomb = bytes;
    bomb[60..64].copy_from_slice(&28u32.to_le_bytes());
    assert!(matches!(
        import_bytes(&bomb),
        Err(SrsError::Header {
            field: "size of section 2 (tauG1)",
            ..
        })
    ));
}

#[test]
fn ignition_file_is_recognised_and_checked() {
    let Some(path) = shared("aztec-ignition-g1-32769.ark.bin") else {
        return;
    };
    let started = std::time::Instant::now();
    let srs = Srs::import(&path).unwrap();
    println!(
        "imported with its Lagrange basis in {:.1?}",
        started.elapsed()
    );
    assert_eq!((srs.k(), srs.origin().is_recognised()), (15, true));
    assert!(
        srs.origin().to_string().contains("Aztec Ignition"),
        "{}",
        srs.origin()
    );

    let small = |bytes: &[u8]| {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("ignition.bin");
        fs::write(&path, bytes).unwrap();
        Srs::import_with(
            &path,
            &ImportOptions {
                k: Some(4),
                sha256: None,
            },
        )
    };
    let bytes = fs::read(&path).unwrap();
    small(&bytes).unwrap().check().unwrap();
    // A coordinate, the sign flag of a point, τ·G2, a separator.
    for position in [
        8 + 64 * 3,
        8 + 64 * 3 + 63,
        bytes.len() - 9 - 100,
        bytes.len() - 1,
    ] {
        let mut bad = bytes.clone();
        bad[position] ^= 0x80;
        assert!(small(&bad).is_err(), "byte {position}");
    }
    let mut swapped = bytes.clone();
    let (third, fourth) = (8 + 64 * 3, 8 + 64 * 4);
    swapped.copy_within(fourth..fourth + 64, third);
    swapped[fourth..fourth + 64].copy_from_slice(&bytes[third..fourth]);
    assert!(small(&swapped).is_err());
    assert!(small(&bytes[..bytes.len() - 8]).is_err());
    // The known name with another content.
    let folder = TempDir::new().unwrap();
    let renamed = folder.path().join("aztec-ignition-g1-32769.ark.bin");
    fs::write(&renamed, &swapped).unwrap();
    assert!(
        matches!(Srs::import(&renamed), Err(SrsError::File { source, .. }) if matches!(*source, SrsError::Sha256 { .. }))
    );
}
