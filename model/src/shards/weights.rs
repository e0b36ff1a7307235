//! The commitment proofs of a model in shards.

use halo2curves_axiom::bn256::{Fr, G2Affine};

use super::{ShardError, ShardSet};
use crate::proof::NativeProof;
use crate::statement::Statement;
use crate::verify::Verifier;
use laminate_engine::switch::on;

/// A shard whose inferences do not show that its weights are in range.
#[derive(Clone, Debug)]
pub struct Unchecked {
    /// Its place.
    pub shard: usize,
    /// Of its commitment proof.
    pub verifier: Verifier,
    /// Of its weights.
    pub commitment: Fr,
}

/// The shards of a model that need a commitment proof, in their order.
#[derive(Clone, Debug)]
pub struct WeightSet(Vec<Unchecked>);

impl WeightSet {
    /// Those of a model; none if every inference shows that the weights are in range.
    ///
    /// # Errors
    /// [`ShardError::Program`] if weights are too many for one proof.
    pub fn new(set: &ShardSet) -> Result<Self, ShardError> {
        let mut unchecked = vec![];
        let shards = set.verifiers().iter().zip(set.weight_commitments());
        for (shard, (verifier, commitment)) in shards.enumerate() {
            if verifier.program.check_weights {
                continue;
            }
            let verifier = Verifier::new(verifier.program.weights_program())
                .map_err(|error| ShardError::Program { shard, error })?;
            unchecked.push(Unchecked {
                shard,
                verifier,
                commitment: *commitment,
            });
        }
        Ok(Self(unchecked))
    }

    /// The shards.
    pub fn shards(&self) -> &[Unchecked] {
        &self.0
    }

    /// Checks that the statements are those of the commitment proofs of this model. The proofs of the
    /// statements are checked elsewhere.
    ///
    /// # Errors
    /// [`ShardError`] with the first shard that does not fit.
    pub fn check_statements(&self, statements: &[Statement<Fr>]) -> Result<(), ShardError> {
        if on("statements of unchecked weights") {
            self.same_count(statements.len())?;
        }
        for (statement, unchecked) in statements.iter().zip(&self.0) {
            let shard = unchecked.shard;
            let foreign = |what| Err(ShardError::Foreign { shard, what });
            if statement.program_digest != unchecked.verifier.digest
                && on("program of unchecked weights")
            {
                return foreign("program digest");
            }
            if statement.weight_commitment != unchecked.commitment
                && on("commitment to unchecked weights")
            {
                return foreign("weight commitment");
            }
        }
        Ok(())
    }

    /// Verifies the commitment proofs natively, pairings included. `tau_g2` is `[τ]_2` of the reference
    /// string.
    ///
    /// # Errors
    /// [`ShardError`] with the first shard that is refused.
    pub fn verify(
        &self,
        statements: &[Statement<Fr>],
        proofs: &[NativeProof],
        tau_g2: &G2Affine,
    ) -> Result<(), ShardError> {
        if on("proofs of unchecked weights") {
            self.same_count(proofs.len())?;
        }
        self.check_statements(statements)?;
        for ((statement, proof), unchecked) in statements.iter().zip(proofs).zip(&self.0) {
            let shard = unchecked.shard;
            unchecked
                .verifier
                .verify_native(statement, proof, tau_g2)
                .map_err(|error| ShardError::Proof { shard, error })?;
        }
        Ok(())
    }

    /// Refuses another number of proofs than there are shards.
    ///
    /// # Errors
    /// [`ShardError::WeightProofs`].
    pub fn same_count(&self, found: usize) -> Result<(), ShardError> {
        let expected = self.0.len();
        if found == expected {
            return Ok(());
        }
        Err(ShardError::WeightProofs { found, expected })
    }
}
