//! Structured reference strings: `[1, τ, …, τ^(n−1)]·G1`, their Lagrange basis, `G2` and `τ·G2` over BN254, n = 2^k.
//!
//! One string serves the layer commitments and the circuit. It comes from a ceremony ([`Srs::import`]: `.ptau`, halo2 raw parameters or the
//! Aztec Ignition file, with every check of [`Srs::check`]) or, for development, from a secret that is public on purpose
//! ([`Srs::development`]). Either way it is kept as one artifact ([`Srs::save`], [`Srs::load`]) with its origin and digest.
//!
//! | module | what |
//! | --- | --- |
//! | `dev`, `fixed_base` | the development string, in seconds |
//! | `ptau`, `halo2_raw`, `ignition`, `points` | readers of untrusted files: caps first, then checked points |
//! | `lagrange` | Lagrange basis where the file has none |
//! | `check` | generators, secret, powers, Lagrange consistency |
//! | `origin` | provenance; known ceremonies and known bad secrets |
//! | `import`, `file` | from any format to an [`Srs`]; the artifact |

mod check;
mod dev;
mod error;
mod file;
mod fixed_base;
mod halo2_raw;
mod ignition;
mod import;
mod lagrange;
mod origin;
mod points;
mod ptau;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod timing;

use halo2_base::halo2_proofs::{
    SerdeFormat,
    halo2curves::{
        bn256::{Bn256, G1Affine, G2Affine},
        serde::SerdeObject,
    },
    poly::{
        commitment::{Params, ParamsProver},
        kzg::commitment::ParamsKZG,
    },
};
use rand::{SeedableRng, rngs::StdRng};
use sha2::{Digest, Sha256};

pub use error::{PointList, SrsError};
pub use import::{Format, ImportOptions};
pub use origin::{Origin, development_s_g2, known_ceremony};

/// Smallest supported logarithm of the number of powers.
pub const MIN_K: u32 = 1;
/// Largest supported logarithm: 2^25 powers take 2 GiB.
pub const MAX_K: u32 = 25;
/// Largest logarithm at which a string has its Lagrange basis: only circuits need it, and they are smaller than the rows of
/// commitments. 2^22 powers with their basis take 512 MiB.
pub const MAX_LAGRANGE_K: u32 = 22;

/// The points of a string, before they are checked.
struct Parts {
    k: u32,
    g: Vec<G1Affine>,
    /// Empty in a string for commitments only.
    g_lagrange: Vec<G1Affine>,
    g2: G2Affine,
    s_g2: G2Affine,
}

/// A structured reference string with its provenance.
#[derive(Clone, Debug)]
pub struct Srs {
    params: ParamsKZG<Bn256>,
    origin: Origin,
    digest: [u8; 32],
    lagrange: bool,
}

impl Srs {
    /// The development string of 2^`k` powers: the same one everywhere, its secret public. With its Lagrange basis up to
    /// [`MAX_LAGRANGE_K`].
    ///
    /// # Errors
    /// [`SrsError::KOutOfRange`].
    pub fn development(k: u32) -> Result<Self, SrsError> {
        Self::development_with(k, &|_, _| {})
    }

    /// [`Srs::development`], telling `progress` how many points of how many are made.
    ///
    /// # Errors
    /// [`SrsError::KOutOfRange`].
    pub fn development_with(
        k: u32,
        progress: &(dyn Fn(u64, u64) + Sync),
    ) -> Result<Self, SrsError> {
        let k = error::bounded_k("the requested development string", k.into())?;
        Ok(Self::from_parts(
            dev::parts_from_tau(k, dev::development_tau(), progress),
            Origin::Development,
        ))
    }

    /// A string of 2^`k` powers of a given secret.
    #[cfg(test)]
    pub(crate) fn of_secret(k: u32, tau: halo2_base::halo2_proofs::halo2curves::bn256::Fr) -> Self {
        let origin = Origin::Ceremony {
            name: "test".to_owned(),
            sha256: [0; 32],
        };
        Self::from_parts(dev::parts_from_tau(k, tau, &|_, _| {}), origin)
    }

    fn from_parts(parts: Parts, origin: Origin) -> Self {
        let digest = digest(&parts);
        Self::from_parts_with_digest(parts, origin, digest)
    }

    fn from_parts_with_digest(parts: Parts, origin: Origin, digest: [u8; 32]) -> Self {
        let Parts {
            k,
            g,
            g_lagrange,
            g2,
            s_g2,
        } = parts;
        let lagrange = !g_lagrange.is_empty();
        // halo2 offers its constructor only as a method of an existing string; this one has two points and is dropped.
        let params = ParamsKZG::setup(1, StdRng::from_seed([0; 32])).from_parts(
            k,
            g,
            Some(g_lagrange),
            g2,
            s_g2,
        );
        Self {
            params,
            origin,
            digest,
            lagrange,
        }
    }

    /// The same string cut to 2^`k` powers, with its Lagrange basis up to [`MAX_LAGRANGE_K`].
    ///
    /// A development string is made anew (seconds), another one needs the Lagrange basis of the smaller domain (4 s at k = 15).
    ///
    /// # Errors
    /// [`SrsError::TooSmall`], [`SrsError::KOutOfRange`].
    pub fn truncated(&self, k: u32) -> Result<Self, SrsError> {
        if k > self.k() {
            return Err(SrsError::TooSmall {
                needed: k,
                found: self.k(),
            });
        }
        if k == self.k() && (self.has_lagrange() || k > MAX_LAGRANGE_K) {
            return Ok(self.clone());
        }
        let k = error::bounded_k("the requested size", k.into())?;
        if self.origin.is_development() {
            return Self::development(k);
        }
        let g = self
            .powers()
            .iter()
            .take(1 << k)
            .copied()
            .collect::<Vec<_>>();
        let g_lagrange = if k > MAX_LAGRANGE_K {
            vec![]
        } else {
            lagrange::from_powers(&g, k)
        };
        let parts = Parts {
            k,
            g,
            g_lagrange,
            g2: self.g2(),
            s_g2: self.s_g2(),
        };
        Ok(Self::from_parts(parts, self.origin.clone()))
    }

    /// Every check of an imported string again: points on the curve, generators, secret, consecutive powers, Lagrange basis.
    ///
    /// Two multi-scalar multiplications of 2^k terms (1.1 s at k = 18 on two cores).
    ///
    /// # Errors
    /// The first refusal.
    pub fn check(&self) -> Result<(), SrsError> {
        let bytes = self.raw_lagrange();
        let g_lagrange = points::read_g1(
            &mut &bytes[..],
            bytes.len() / points::G1_BYTES,
            points::Encoding::Raw,
            PointList::Lagrange,
        )?;
        drop(bytes);
        points::check_g1(self.powers(), PointList::Powers)?;
        for (index, point) in [self.g2(), self.s_g2()].iter().enumerate() {
            points::read_g2(&mut &point.to_raw_bytes()[..], points::Encoding::Raw, index)?;
        }
        let (g2, s_g2) = (self.g2(), self.s_g2());
        let view = check::View {
            k: self.k(),
            g: self.powers(),
            g_lagrange: &g_lagrange,
            g2: &g2,
            s_g2: &s_g2,
        };
        check::check(&view, &self.origin)
    }

    /// Logarithm of the number of powers.
    #[must_use]
    pub fn k(&self) -> u32 {
        self.params.k()
    }

    /// Number of powers, 2^k.
    #[must_use]
    pub fn n(&self) -> usize {
        self.powers().len()
    }

    /// `[1, τ, …, τ^(n−1)]·G1`.
    #[must_use]
    pub fn powers(&self) -> &[G1Affine] {
        self.params.get_g()
    }

    /// The generator of G2.
    #[must_use]
    pub fn g2(&self) -> G2Affine {
        self.params.g2()
    }

    /// `τ·G2`.
    #[must_use]
    pub fn s_g2(&self) -> G2Affine {
        self.params.s_g2()
    }

    /// Whether a circuit can be proven under it; else it is for commitments only, see [`MAX_LAGRANGE_K`].
    #[must_use]
    pub fn has_lagrange(&self) -> bool {
        self.lagrange
    }

    /// As halo2's prover and verifier take it; its Lagrange basis is empty without [`Srs::has_lagrange`].
    #[must_use]
    pub fn params(&self) -> &ParamsKZG<Bn256> {
        &self.params
    }

    /// Where it comes from.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Digest of all that a string holds: `sha256("laminate srs v2" ‖ k ‖ G2 ‖ τ·G2 ‖ sha256(powers) ‖ sha256(Lagrange basis))`, raw encodings; a string
    /// for commitments only has the digest of an empty basis.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// Digest of the secret alone, the same for every cut of one ceremony: `sha256("laminate srs setup v1" ‖ G2 ‖ τ·G2)`.
    #[must_use]
    pub fn setup_id(&self) -> [u8; 32] {
        setup_id(&self.g2(), &self.s_g2())
    }

    /// The Lagrange basis as raw bytes. halo2 keeps it private, so it is cut out of halo2's own serialisation.
    fn raw_lagrange(&self) -> Vec<u8> {
        if !self.lagrange {
            return vec![];
        }
        let list = self.n() * points::G1_BYTES;
        let mut window = Window {
            skip: 4 + list,
            take: list,
            bytes: Vec::with_capacity(list),
        };
        // `Window` does not fail.
        let _ = self.params.write_custom(&mut window, SerdeFormat::RawBytes);
        window.bytes
    }
}

/// The secret of the development string, for provers in tests.
#[cfg(test)]
pub(crate) fn development_secret() -> halo2_base::halo2_proofs::halo2curves::bn256::Fr {
    dev::development_tau()
}

/// [`Srs::setup_id`] of a string with these points.
pub(crate) fn setup_id(g2: &G2Affine, s_g2: &G2Affine) -> [u8; 32] {
    let hash = Sha256::new().chain_update(b"laminate srs setup v1");
    hash.chain_update(g2.to_raw_bytes())
        .chain_update(s_g2.to_raw_bytes())
        .finalize()
        .into()
}

/// The digest of [`Srs::digest`].
fn digest(parts: &Parts) -> [u8; 32] {
    let list = |list: &[G1Affine]| {
        let mut hash = Sha256::new();
        for points in list.chunks(points::CHUNK) {
            hash.update(points::raw_bytes(points));
        }
        hash.finalize().into()
    };
    let (powers, lagrange) = rayon::join(|| list(&parts.g), || list(&parts.g_lagrange));
    finish_digest(parts.k, &parts.g2, &parts.s_g2, [powers, lagrange])
}

/// `lists` are the digests of the powers and of the Lagrange basis.
fn finish_digest(k: u32, g2: &G2Affine, s_g2: &G2Affine, lists: [[u8; 32]; 2]) -> [u8; 32] {
    let hash = Sha256::new()
        .chain_update(b"laminate srs v2")
        .chain_update(k.to_le_bytes());
    let hash = hash
        .chain_update(g2.to_raw_bytes())
        .chain_update(s_g2.to_raw_bytes());
    hash.chain_update(lists.concat()).finalize().into()
}

/// Keeps `take` bytes after the first `skip` of what is written to it.
struct Window {
    skip: usize,
    take: usize,
    bytes: Vec<u8>,
}

impl std::io::Write for Window {
    fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
        let skipped = self.skip.min(buffer.len());
        self.skip -= skipped;
        let kept = (self.take - self.bytes.len()).min(buffer.len() - skipped);
        self.bytes.extend(buffer.iter().skip(skipped).take(kept));
        Ok(buffer.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
