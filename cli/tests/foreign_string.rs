//! Reference strings from unknown hands: files whose digests are right, as whoever writes a file makes them, over points that are not.

#[path = "../src/chain/tests/anvil.rs"]
#[expect(dead_code, reason = "only its key is of use here")]
mod anvil;
mod user;

use sha2::{Digest, Sha256};
use user::{User, workspace};

const K: u32 = 15;
/// Bytes of a point of G1, and of a list of them.
const POINT: usize = 64;
const LIST: usize = POINT << K;
/// Bytes of the container's header, and of the payload before the string's digest and before the points.
const HEADER: usize = 56;
const DIGEST: usize = HEADER + 4 + 1 + 1 + 64 + 32;
const POWERS: usize = DIGEST + 32;
const LAGRANGE: usize = POWERS + LIST;

/// Makes both digests of a file anew.
fn seal(file: &mut [u8]) {
    let sha = |bytes: &[u8]| Sha256::digest(bytes).to_vec();
    let string = [
        b"laminate srs v2".as_slice(),
        &K.to_le_bytes(),
        &file[LAGRANGE + LIST..],
        &sha(&file[POWERS..LAGRANGE]),
        &sha(&file[LAGRANGE..LAGRANGE + LIST]),
    ];
    let string = sha(&string.concat());
    file[DIGEST..POWERS].copy_from_slice(&string);
    let container = sha(&[&file[..24], &file[HEADER..]].concat());
    file[24..HEADER].copy_from_slice(&container);
}

type Alteration = fn(&mut [u8]);

#[test]
fn commit_and_setup_refuse_a_string_with_a_false_lagrange_basis() {
    let Some(user) = User::new() else { return };
    let models = workspace().join("models/fraud");
    let path = |name: &str| models.join(name).to_string_lossy().into_owned();
    let (model, calibration) = (path("fraud.onnx"), path("calibration.csv"));
    user.accepted(&["compile", &model, "--calibration", &calibration, "-o", "m"]);
    user.accepted(&["srs", "dev", "-k", &K.to_string(), "-o", "honest.srs"]);
    let honest = std::fs::read(user.dir.path().join("honest.srs")).expect("string");
    let mut resealed = honest.clone();
    seal(&mut resealed);
    assert!(
        resealed == honest,
        "the digests are made as the program makes them"
    );

    let alterations: [(&str, Alteration, &str); 5] = [
        (
            "a point exchanged for another",
            |file| file.copy_within(POWERS..POWERS + POINT, LAGRANGE + 7 * POINT),
            "Lagrange points do not belong to the powers",
        ),
        (
            "two points swapped",
            |file| {
                let (low, high) = file.split_at_mut(LAGRANGE + 4 * POINT);
                low[LAGRANGE + 3 * POINT..].swap_with_slice(&mut high[..POINT]);
            },
            "Lagrange points do not belong to the powers",
        ),
        (
            "zeros",
            |file| file[LAGRANGE..LAGRANGE + LIST].fill(0),
            "G1 Lagrange basis: point 0 is the point at infinity",
        ),
        (
            "a point off the curve",
            |file| file[LAGRANGE + 5 * POINT] ^= 1,
            "G1 Lagrange basis: point 5 is not on the curve",
        ),
        (
            "two powers swapped",
            |file| {
                let (low, high) = file.split_at_mut(POWERS + 4 * POINT);
                low[POWERS + 3 * POINT..].swap_with_slice(&mut high[..POINT]);
            },
            "are not consecutive powers",
        ),
    ];
    let write = |file: &[u8]| std::fs::write(user.dir.path().join("foreign.srs"), file);
    for (what, alter, expected) in alterations {
        println!("{what}");
        let mut file = honest.clone();
        alter(&mut file);
        seal(&mut file);
        write(&file).expect("written");
        for command in ["commit", "setup"] {
            user.refused(&[command, "m", "--srs", "foreign.srs"], expected);
        }
        user.refused(&["srs", "check", "foreign.srs"], expected);
        // Under the digest of the honest one, which passed: the container's digest alone is made anew.
        file[DIGEST..POWERS].copy_from_slice(&honest[DIGEST..POWERS]);
        let container = Sha256::digest([&file[..24], &file[HEADER..]].concat());
        file[24..HEADER].copy_from_slice(&container);
        write(&file).expect("written");
        for command in ["commit", "setup"] {
            user.refused(
                &[command, "m", "--srs", "foreign.srs"],
                "the digest of the string is",
            );
        }
    }
    let left: Vec<_> = ["commitment.lam", "weight_secret.lam", "setup.json"]
        .into_iter()
        .filter(|name| user.dir.path().join("m").join(name).exists())
        .collect();
    assert!(left.is_empty(), "refused, and yet written: {left:?}");
    user.accepted(&["commit", "m", "--srs", "honest.srs"]);
    println!("25 refusals of 10 foreign strings");
}
