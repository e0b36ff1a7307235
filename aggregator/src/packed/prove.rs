//! Packed proofs: making them, and the contract's checks natively.

use halo2_base::halo2_proofs::halo2curves::bn256::{Fr, G1Affine, G2Affine};
use halo2_base::halo2_proofs::halo2curves::ff::Field;
use halo2_base::halo2_proofs::plonk::{
    Circuit, ProvingKey, VerifyingKey, create_proof as halo2_create_proof,
};
use laminate_engine::accumulator::Accumulator;
use laminate_engine::deferred::Deferred;
use laminate_model::public::{ACCUMULATOR_LIMBS, PublicValues};
use rand::rngs::OsRng;
use snark_verifier::loader::native::NativeLoader;
use snark_verifier::system::halo2::transcript::evm::EvmTranscript;
use snark_verifier::verifier::plonk::PlonkProtocol;

use super::error::PackedError;
use super::key::{PackedKey, check_powers, layout_of, members};
use super::layout::Layout;
use super::opening::succinct;
use super::store::{NoOpening, Scheme, Store};
use super::transcript::{Setting, Writer};
use crate::evm::generate::protocol_of;
use crate::evm::{EvmError, PackedVerifier, generate_packed, one_left};
use crate::snark::proof::check_words;
use crate::srs::Srs;

/// A statement as packed proofs are shown with it: the circuit's limbs are zero, as whoever verifies sums the terms up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The instances behind the limbs: D, ω and E.
    pub words: Vec<Fr>,
    /// The group operations that the circuit leaves.
    pub deferred: Deferred<Fr, G1Affine>,
}

impl Claim {
    /// That of a proof's public values, for the digest that it states.
    #[must_use]
    pub fn new(public: &PublicValues<Fr, G1Affine>, digest: Fr) -> Self {
        Self {
            words: public.instances(digest).to_vec(),
            deferred: public.deferred.clone(),
        }
    }
}

/// Instances whose limbs are zero.
pub(crate) fn with_limbs(words: &[Fr]) -> Vec<Fr> {
    let limbs = std::iter::repeat_n(Fr::ZERO, ACCUMULATOR_LIMBS);
    limbs.chain(words.iter().copied()).collect()
}

/// Proves `circuit` for one column of zero limbs and `words`; the blinding comes from the system's generator. `srs` is as long as the packs need it, and longer than the
/// circuit; its Lagrange basis is not used.
///
/// The result is not verified: call [`verify_proof`].
///
/// # Errors
/// [`PackedError::Powers`], [`PackedError::Blinds`], [`PackedError::Evm`] if halo2 refuses.
pub fn create_proof(
    srs: &Srs,
    key: &ProvingKey<G1Affine>,
    packed: &PackedKey,
    circuit: impl Circuit<Fr>,
    words: &[Fr],
) -> Result<Vec<u8>, PackedError> {
    let instances = &with_limbs(words);
    let vk = key.get_vk();
    let layout = layout_of(vk, instances.len())?;
    check_powers(srs, vk, &layout)?;
    let store = Store::new(vk.get_domain().k());
    let setting = Setting {
        layout: &layout,
        domain: vk.get_domain(),
        powers: srs.powers(),
        store: &store,
        state: packed.state(vk),
    };
    let mut transcript = Writer::new(setting, members(key, &layout)?);
    halo2_create_proof::<Scheme, NoOpening, _, _, _, _>(
        &store,
        key,
        &[circuit],
        &[&[instances]],
        OsRng,
        &mut transcript,
    )
    .map_err(|error| EvmError::Prove {
        reason: format!("{error:?}"),
    })?;
    let body = transcript.finish().map_err(|error| PackedError::Prover {
        reason: error.to_string(),
    })?;
    let contract = generate_packed(srs, vk, packed, instances.len())?;
    Ok(contract.with_inverse(words, &[], &body))
}

/// What the contract checks, and what its caller must: exact length, canonical encodings, the proof, the pairing of the terms, and the word behind the
/// opening. That D, ω and E are those of the public values is [`Claim::new`]'s. Of `srs` the secret is used. For several proofs of one key make one [`Verifier`].
///
/// # Errors
/// A variant per failure; nothing panics on any bytes.
pub fn verify_proof(
    srs: &Srs,
    key: &VerifyingKey<G1Affine>,
    packed: &PackedKey,
    claim: &Claim,
    proof: &[u8],
) -> Result<(), PackedError> {
    let instances = ACCUMULATOR_LIMBS + claim.words.len();
    Verifier::new(srs, key, packed, instances)?.verify(claim, proof)
}

/// The verifier of one key's proofs.
#[derive(Clone, Debug)]
pub struct Verifier {
    layout: Layout,
    protocol: PlonkProtocol<G1Affine>,
    key: Vec<G1Affine>,
    s_g2: G2Affine,
    contract: PackedVerifier,
}

impl Verifier {
    /// For circuits of so many instances; of `srs` the secret is used.
    ///
    /// # Errors
    /// As [`PackedKey::commit`] but for the string's length.
    pub fn new(
        srs: &Srs,
        key: &VerifyingKey<G1Affine>,
        packed: &PackedKey,
        instances: usize,
    ) -> Result<Self, PackedError> {
        Ok(Self {
            layout: layout_of(key, instances)?,
            protocol: protocol(key, packed, instances)?,
            key: packed.points(),
            s_g2: srs.s_g2(),
            contract: generate_packed(srs, key, packed, instances)?,
        })
    }

    /// [`verify_proof`].
    ///
    /// # Errors
    /// As [`verify_proof`]; another number of instances is [`EvmError::Verify`].
    pub fn verify(&self, claim: &Claim, proof: &[u8]) -> Result<(), PackedError> {
        let layout = &self.layout;
        let words = (layout.points_before(), layout.scalars());
        check_words(proof, layout.proof_length(), words)?;
        let (body, inverse) = proof.split_at(layout.body_length());
        one_left(&claim.deferred)?;
        let accumulator = claim.deferred.accumulator()?;
        accumulator
            .check(&self.s_g2)
            .map_err(|_| EvmError::AccumulatedPairing)?;
        let mut transcript = EvmTranscript::<G1Affine, NativeLoader, _, Vec<u8>>::new(body);
        let given = [with_limbs(&claim.words)];
        let refused = |reason: String| EvmError::Verify { reason };
        let own = succinct(layout, &self.protocol, &self.key, &given, &mut transcript)
            .map_err(|error| refused(format!("{error:?}")))?;
        let own = Accumulator {
            left: own.rhs,
            right: own.lhs,
        };
        own.check(&self.s_g2)
            .map_err(|_| refused("the opening's pairing does not hold".to_owned()))?;
        let expected = self.contract.inverse(&claim.words, &[], body);
        if inverse != expected {
            let expected = expected.iter().map(|byte| format!("{byte:02x}")).collect();
            return Err(PackedError::Inverse { expected });
        }
        Ok(())
    }
}

/// The key's protocol with the state of the packed transcript.
pub(crate) fn protocol(
    key: &VerifyingKey<G1Affine>,
    packed: &PackedKey,
    instances: usize,
) -> Result<PlonkProtocol<G1Affine>, PackedError> {
    let store = Store::new(key.get_domain().k());
    let mut protocol = protocol_of(&store, key, instances)?;
    protocol.transcript_initial_state = Some(packed.state(key));
    protocol.accumulator_indices = vec![];
    Ok(protocol)
}

/// Bytes of a packed proof.
///
/// # Errors
/// As [`PackedKey::commit`].
pub fn proof_length(key: &VerifyingKey<G1Affine>, instances: usize) -> Result<usize, PackedError> {
    let layout: Layout = layout_of(key, instances)?;
    Ok(layout.proof_length())
}
