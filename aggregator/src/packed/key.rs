//! The key's packs: fixed columns, each of their rotations, and the permutation, behind one commitment or two.

use halo2_base::halo2_proofs::halo2curves::bn256::{Fr, G1Affine};
use halo2_base::halo2_proofs::halo2curves::ff::{Field, FromUniformBytes, PrimeField};
use halo2_base::halo2_proofs::halo2curves::group::Curve;
use halo2_base::halo2_proofs::plonk::{ProvingKey, VerifyingKey};
use laminate_prover::kernels::msm;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha512};

use super::error::PackedError;
use super::layout::{Layout, Member};
use super::polynomial::interleave;
use super::store::Store;
use crate::evm::generate::protocol_of;
use crate::srs::Srs;

/// What a packed verifier needs of a key beside halo2's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackedKey {
    /// Commitments to the key's packs.
    pub commitments: Vec<laminate_engine::field::Point>,
}

impl PackedKey {
    /// Commits to the packs of a key.
    ///
    /// # Errors
    /// [`PackedError::Powers`] for a string that is too short, [`PackedError::Blinds`], [`PackedError::Protocol`].
    pub fn commit(
        srs: &Srs,
        key: &ProvingKey<G1Affine>,
        instances: usize,
    ) -> Result<Self, PackedError> {
        let layout = layout_of(key.get_vk(), instances)?;
        check_powers(srs, key.get_vk(), &layout)?;
        let packs = members(key, &layout)?;
        let commitments = packs.iter().map(|members| {
            let commitment = msm::full(&interleave(members), srs.powers());
            laminate_engine::field::Point(commitment.to_affine())
        });
        Ok(Self {
            commitments: commitments.collect(),
        })
    }

    /// The commitments.
    #[must_use]
    pub fn points(&self) -> Vec<G1Affine> {
        self.commitments.iter().map(|point| point.0).collect()
    }

    /// Refuses a key of another number of packs.
    ///
    /// # Errors
    /// [`PackedError::KeyPacks`].
    pub(crate) fn check(&self, layout: &Layout) -> Result<(), PackedError> {
        let (expected, found) = (layout.key, self.commitments.len());
        match found == expected {
            true => Ok(()),
            false => Err(PackedError::KeyPacks { expected, found }),
        }
    }

    /// Where the transcript starts: binds halo2's digest of the key and the packs, under a name that no other opening has.
    #[must_use]
    pub fn state(&self, key: &VerifyingKey<G1Affine>) -> Fr {
        let mut words = vec![key.transcript_repr().to_repr()];
        for G1Affine { x, y } in self.points() {
            words.extend([x.to_repr(), y.to_repr()]);
        }
        let hash = Sha512::new().chain_update(b"laminate.packed.v2");
        Fr::from_uniform_bytes(&hash.chain_update(words.concat()).finalize().into())
    }
}

/// The layout of a key, whose blinding rows must hide it.
pub(crate) fn layout_of(
    key: &VerifyingKey<G1Affine>,
    instances: usize,
) -> Result<Layout, PackedError> {
    let protocol = protocol_of(&Store::new(key.get_domain().k()), key, instances)?;
    let layout = Layout::of(&protocol)?;
    layout.check_blinds(key.cs())?;
    Ok(layout)
}

/// Refuses a string that is shorter than the longest pack.
pub(super) fn check_powers(
    srs: &Srs,
    key: &VerifyingKey<G1Affine>,
    layout: &Layout,
) -> Result<(), PackedError> {
    let (needed, found) = (layout.powers(key.get_domain().k()), srs.n());
    match found < needed {
        true => Err(PackedError::Powers { needed, found }),
        false => Ok(()),
    }
}

/// Coefficients of the members of the key's packs.
pub(super) fn members(
    key: &ProvingKey<G1Affine>,
    layout: &Layout,
) -> Result<Vec<Vec<Vec<Fr>>>, PackedError> {
    let domain = key.get_vk().get_domain();
    let columns = key.fixed_polys().iter().chain(key.permutation().polys());
    let columns: Vec<&[Fr]> = columns.map(|poly| &poly[..]).collect();
    if columns.len() != layout.preprocessed {
        return Err(PackedError::ForeignKey {
            expected: layout.preprocessed,
            found: columns.len(),
        });
    }
    let rotated = |member: &Member| -> Vec<Fr> {
        let Member { poly, rotation } = *member;
        let column = columns.get(poly).copied().unwrap_or_default();
        let shift = match rotation < 0 {
            true => domain.get_omega_inv(),
            false => domain.get_omega(),
        };
        let shift = shift.pow_vartime([u64::from(rotation.unsigned_abs())]);
        let mut power = Fr::ONE;
        let rotated = column.iter().map(|coefficient| {
            let value = coefficient * power;
            power *= shift;
            value
        });
        rotated.collect()
    };
    let packs = layout.of_key().iter();
    Ok(packs
        .map(|pack| pack.members.iter().map(rotated).collect())
        .collect())
}
