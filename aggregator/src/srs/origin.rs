//! Where a structured reference string comes from, and the secrets that are recognised.
//!
//! A string is determined by `k` and `τ·G2` (once its powers are checked), so recognition goes by `τ·G2`: it does not
//! matter in which file or format, or cut to which size, a ceremony's string arrives.

use halo2_base::halo2_proofs::halo2curves::{
    bn256::{Fr, G2, G2Affine},
    group::{Curve, Group},
    serde::SerdeObject,
};
use sha2::{Digest, Sha256};

use super::{dev::development_tau, error::SrsError};

/// Provenance of a structured reference string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Made here from a secret that is public on purpose. Proofs under it prove nothing to anyone.
    Development,
    /// Imported from a file.
    Ceremony {
        /// Name of the ceremony where the secret is recognised, `unrecognised` otherwise.
        name: String,
        /// sha256 of the imported file.
        sha256: [u8; 32],
    },
}

impl Origin {
    /// Whether the string is one for development only; artifacts made with it are stamped `DEV`.
    #[must_use]
    pub fn is_development(&self) -> bool {
        matches!(self, Self::Development)
    }

    /// Whether the string belongs to a ceremony that this program knows by its secret.
    #[must_use]
    pub fn is_recognised(&self) -> bool {
        matches!(self, Self::Ceremony { name, .. } if CEREMONIES.iter().any(|known| known.name == name))
    }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Development => f.write_str("DEV (public secret)"),
            Self::Ceremony { name, sha256 } => write!(f, "{name} (file sha256 {})", hex(sha256)),
        }
    }
}

/// A ceremony known by its secret, as `sha256(τ·G2)` over the 128 bytes of halo2's raw encoding.
struct Ceremony {
    name: &'static str,
    fingerprint: &'static str,
}

/// The fingerprints are those of the files named beside them, whose powers the tests check against the pairing.
const CEREMONIES: &[Ceremony] = &[
    // `powersOfTau28_hez_final_08.ptau`, sha256 f741f2ddee2875915c24db8aae90d021f51181533f1ee3b58baf64b042e91654 (also
    // `8.ptau` of crates.io `ppot-rs` 0.1.1). Assumed: the larger files of the series are cuts of one string, with the same secret.
    Ceremony {
        name: "Hermez powers of tau (powersOfTau28_hez_final)",
        fingerprint: "f9f0416d47fc9128e4fcac130f1ea9a0cd0c015dfe9c53a6b81476099b080979",
    },
    // First 32,769 powers as kept by `ark-srs`, sha256 adfc7e882e487656ce92f4a0542a74c4c92022497fd6e29d70d22e74f5a229fe.
    Ceremony {
        name: "Aztec Ignition",
        fingerprint: "73a537b654b9e2b30cf1f0dddec92610a9706efec3321901668a88842b9a096e",
    },
];

/// Files known by their digest; a file with one of these names but another digest is refused on import.
const FILES: &[(&str, &str)] = &[
    (
        "powersOfTau28_hez_final_08.ptau",
        "f741f2ddee2875915c24db8aae90d021f51181533f1ee3b58baf64b042e91654",
    ),
    (
        "aztec-ignition-g1-32769.ark.bin",
        "adfc7e882e487656ce92f4a0542a74c4c92022497fd6e29d70d22e74f5a229fe",
    ),
];

/// Secrets that are drawn from public seeds by libraries' helpers, and are therefore known to everyone.
///
/// Each is the first `Fr` drawn by `ParamsKZG::setup`, little-endian canonical bytes in hexadecimal; a test draws them again.
const PUBLIC_SECRETS: &[(&str, &str)] = &[
    (
        "halo2-base `gen_srs`: ChaCha20Rng, all-zero seed",
        "bafc6dddbc8695c89c26677a331bf7098c1dde6a524309740843ff6c9ba5591c",
    ),
    (
        "ChaCha20Rng::seed_from_u64(0)",
        "b5becfd8021a2b6552990cfb172884a811444f87f8d7b3a820136adf4330a52f",
    ),
    (
        "StdRng, all-zero seed",
        "6e185aec3fe209dbb13123776dc4d532399db112c7dc91d911c77aa41e99bb2b",
    ),
    (
        "StdRng::seed_from_u64(0)",
        "b39db627fa3c79832ca783b7ad42f9ba2139b3fa952886780babed4e41055a0a",
    ),
];

/// Smallest integers that are not searched for: τ = 2, 3, …, 255 appear in toy setups.
const SMALL_SECRETS: u64 = 256;

/// Refuses the secrets of [`PUBLIC_SECRETS`], zero, one, and other small integers.
///
/// # Errors
/// [`SrsError::KnownSecret`], [`SrsError::Degenerate`].
pub(super) fn refuse_public_secret(s_g2: &G2Affine) -> Result<(), SrsError> {
    let target = G2::from(*s_g2);
    if bool::from(target.is_identity()) {
        return Err(SrsError::Degenerate { reason: "τ = 0" });
    }
    let generator = G2::generator();
    if target == generator {
        return Err(SrsError::Degenerate { reason: "τ = 1" });
    }
    for (which, secret) in PUBLIC_SECRETS {
        if scalar_from_hex(secret).is_some_and(|tau| generator * tau == target) {
            return Err(SrsError::KnownSecret { which });
        }
    }
    let mut multiple = generator;
    for _ in 2..SMALL_SECRETS {
        multiple += generator;
        if multiple == target {
            return Err(SrsError::KnownSecret {
                which: "a small integer",
            });
        }
    }
    Ok(())
}

/// Whether `s_g2` is `τ·G2` of the development secret.
pub(super) fn is_development_secret(s_g2: &G2Affine) -> bool {
    development_s_g2() == *s_g2
}

/// `τ·G2` of the development secret.
#[must_use]
pub fn development_s_g2() -> G2Affine {
    (G2::generator() * development_tau()).to_affine()
}

/// The ceremony whose secret has this `τ·G2`, if this program knows it.
#[must_use]
pub fn known_ceremony(s_g2: &G2Affine) -> Option<&'static str> {
    let found = fingerprint(s_g2);
    let known = CEREMONIES.iter().find(|known| known.fingerprint == found);
    known.map(|known| known.name)
}

/// The origin of an imported string: development where the secret is that one, whatever the file says.
pub(super) fn recognise(s_g2: &G2Affine, sha256: [u8; 32]) -> Origin {
    if is_development_secret(s_g2) {
        return Origin::Development;
    }
    let name = known_ceremony(s_g2).unwrap_or("unrecognised").to_owned();
    Origin::Ceremony { name, sha256 }
}

/// Checks the digest of a file whose name is known.
///
/// # Errors
/// [`SrsError::Sha256`].
pub(super) fn check_known_file(file_name: &str, sha256: &[u8; 32]) -> Result<(), SrsError> {
    let found = hex(sha256);
    match FILES.iter().find(|(name, _)| *name == file_name) {
        Some((_, expected)) if *expected != found => Err(SrsError::Sha256 {
            expected: (*expected).to_owned(),
            found,
        }),
        _ => Ok(()),
    }
}

/// `sha256(τ·G2)`, hexadecimal.
pub(super) fn fingerprint(s_g2: &G2Affine) -> String {
    hex(&Sha256::digest(s_g2.to_raw_bytes()))
}

/// Lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes
        .iter()
        .fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

fn scalar_from_hex(text: &str) -> Option<Fr> {
    let mut bytes = [0u8; 32];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Option::from(Fr::from_bytes(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use halo2_base::halo2_proofs::{
        halo2curves::{bn256::Bn256, ff::Field},
        poly::kzg::commitment::ParamsKZG,
    };
    use rand::{SeedableRng, rngs::StdRng};
    use rand_chacha::ChaCha20Rng;

    #[test]
    fn public_secrets_are_those_of_the_public_seeds() {
        let drawn = [
            Fr::random(ChaCha20Rng::from_seed(Default::default())),
            Fr::random(ChaCha20Rng::seed_from_u64(0)),
            Fr::random(StdRng::from_seed(Default::default())),
            Fr::random(StdRng::seed_from_u64(0)),
        ];
        let written: Vec<_> = PUBLIC_SECRETS
            .iter()
            .map(|(_, text)| (*text).to_owned())
            .collect();
        assert_eq!(drawn.map(|tau| hex(&tau.to_bytes())).to_vec(), written);
    }

    #[test]
    fn string_of_the_library_helper_is_refused() {
        // The body of `halo2_base::utils::fs::gen_srs`, which writes it under the production file name.
        let params = ParamsKZG::<Bn256>::setup(3, ChaCha20Rng::from_seed(Default::default()));
        let refusal = refuse_public_secret(&params.s_g2());
        assert!(
            matches!(refusal, Err(SrsError::KnownSecret { which }) if which.contains("gen_srs")),
            "{refusal:?}"
        );
    }

    #[test]
    fn small_secrets_are_refused_and_others_are_not() {
        for tau in [0u64, 1, 2, 3, 255] {
            let s_g2 = (G2::generator() * Fr::from(tau)).to_affine();
            assert!(refuse_public_secret(&s_g2).is_err(), "{tau}");
        }
        let s_g2 = (G2::generator() * Fr::from(1 << 40)).to_affine();
        assert!(refuse_public_secret(&s_g2).is_ok());
    }

    #[test]
    fn the_development_secret_is_recognised() {
        let s_g2 = (G2::generator() * development_tau()).to_affine();
        assert_eq!(recognise(&s_g2, [7; 32]), Origin::Development);
        let other = (G2::generator() * Fr::from(1 << 40)).to_affine();
        assert!(!recognise(&other, [7; 32]).is_recognised());
    }
}
