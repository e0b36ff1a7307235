//! The key's pack: fixed columns, each of their rotations, and the permutation, behind one commitment.

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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackedKey {
    /// Commitment to the key's pack.
    pub commitment: laminate_engine::field::Point,
}

impl PackedKey {
    /// Commits to the pack of a key.
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
        let pack = interleave(&members(key, &layout)?);
        let commitment = msm::full(&pack, srs.powers()).to_affine();
        Ok(Self {
            commitment: laminate_engine::field::Point(commitment),
        })
    }

    /// The commitment.
    #[must_use]
    pub fn point(&self) -> G1Affine {
        self.commitment.0
    }

    /// Where the transcript starts: binds halo2's digest of the key and the pack, under a name that no other opening has.
    #[must_use]
    pub fn state(&self, key: &VerifyingKey<G1Affine>) -> Fr {
        let G1Affine { x, y } = self.point();
        let words = [key.transcript_repr().to_repr(), x.to_repr(), y.to_repr()];
        let hash = Sha512::new().chain_update(b"laminate.packed.v1");
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

/// Coefficients of the members of the key's pack.
pub(super) fn members(
    key: &ProvingKey<G1Affine>,
    layout: &Layout,
) -> Result<Vec<Vec<Fr>>, PackedError> {
    let domain = key.get_vk().get_domain();
    let columns = key.fixed_polys().iter().chain(key.permutation().polys());
    let columns: Vec<&[Fr]> = columns.map(|poly| &poly[..]).collect();
    if columns.len() != layout.preprocessed {
        return Err(PackedError::ForeignKey {
            expected: layout.preprocessed,
            found: columns.len(),
        });
    }
    let members = layout.packs.first().map(|pack| pack.members.as_slice());
    let rotated = members.unwrap_or_default().iter().map(|member| {
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
    });
    Ok(rotated.collect())
}
