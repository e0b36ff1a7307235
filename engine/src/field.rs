//! Canonical encodings of field elements and curve points.

use halo2curves_axiom::bn256::{Fr, G1Affine};
use halo2curves_axiom::ff::{FromUniformBytes, PrimeField};
use halo2curves_axiom::group::GroupEncoding;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

/// Hashes `bytes` under `domain` with SHA-256 (twice, to 512 bits) and reduces into `Fr`: the
/// result is within 2^-250 of uniform.
pub fn fr_from_digest(domain: &[u8], bytes: &[u8]) -> Fr {
    let mut wide = [0u8; 64];
    for (i, half) in wide.chunks_mut(32).enumerate() {
        let mut hasher = Sha256::new();
        hasher.update((domain.len() as u64).to_le_bytes());
        hasher.update(domain);
        hasher.update([i as u8]);
        hasher.update(bytes);
        half.copy_from_slice(&hasher.finalize());
    }
    Fr::from_uniform_bytes(&wide)
}

/// A signed integer as a field element.
pub fn fr_from_i64(v: i64) -> Fr {
    let magnitude = Fr::from(v.unsigned_abs());
    if v < 0 { -magnitude } else { magnitude }
}

/// `2^n` in the field.
pub fn pow2(n: usize) -> Fr {
    use halo2curves_axiom::ff::Field;
    Fr::from(2).pow_vartime([n as u64])
}

/// A scalar whose serialised form is its 32 canonical little-endian bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scalar(pub Fr);

impl Serialize for Scalar {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let bytes: [u8; 32] = self.0.to_repr();
        bytes.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = <[u8; 32]>::deserialize(deserializer)?;
        Option::from(Fr::from_repr(bytes))
            .map(Self)
            .ok_or_else(|| serde::de::Error::custom("scalar is not below the field modulus"))
    }
}

/// A point whose serialised form is its 32 compressed bytes; decoding checks the curve equation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point(pub G1Affine);

impl Serialize for Point {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut bytes = [0u8; 32];
        bytes.copy_from_slice(self.0.to_bytes().as_ref());
        bytes.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Point {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = <[u8; 32]>::deserialize(deserializer)?;
        let mut repr = <G1Affine as GroupEncoding>::Repr::default();
        repr.as_mut().copy_from_slice(&bytes);
        // The decoder ignores a spare bit; only the encoding that is written is accepted.
        Option::from(G1Affine::from_bytes(&repr))
            .filter(|point: &G1Affine| point.to_bytes().as_ref() == bytes)
            .map(Self)
            .ok_or_else(|| serde::de::Error::custom("not a point of the curve"))
    }
}
