//! Folded proofs of all shards of a model, which are private.

use eyre::{Context, ensure};
use halo2curves_axiom::bn256::Fr;
use laminate_aggregator::srs::Srs;
use laminate_engine::field::Scalar;
use laminate_model::proof::{NativeProof, StoredProof};
use laminate_model::shards::{ShardError, ShardSet, WeightSet};
use laminate_model::statement::Statement;
use serde::{Deserialize, Serialize};

use crate::cmd::prove::stored;
use crate::files::hex_scalar;
use crate::pipeline;

/// Folded proofs of all shards with what they state. Private: they hold the input and all salts.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ShardsFile {
    /// Digest of the model.
    pub digest: Scalar,
    /// One for each shard, in their order.
    pub shards: Vec<ShardProof>,
}

/// The folded proof of one shard.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ShardProof {
    /// Statement without its boundaries.
    pub statement: Statement<Scalar>,
    /// What it reads, unless that is tokens.
    pub boundary_in: Option<Scalar>,
    /// What it gives out, unless that is tokens.
    pub boundary_out: Option<Scalar>,
    /// Proof.
    pub proof: StoredProof,
}

impl ShardProof {
    /// As files hold it.
    pub fn new(statement: &Statement<Fr>, proof: &NativeProof) -> Self {
        Self {
            statement: stored(statement),
            boundary_in: statement.boundary_in.map(Scalar),
            boundary_out: statement.boundary_out.map(Scalar),
            proof: proof.to_stored(),
        }
    }

    fn native(&self) -> (Statement<Fr>, NativeProof) {
        let statement = Statement {
            boundary_in: self.boundary_in.map(|b| b.0),
            boundary_out: self.boundary_out.map(|b| b.0),
            ..pipeline::native_statement(&self.statement)
        };
        (statement, self.proof.to_native())
    }
}

impl ShardsFile {
    /// What the proofs state.
    pub fn statements(&self) -> Vec<Statement<Fr>> {
        self.shards.iter().map(|s| s.native().0).collect()
    }

    /// Statements and proofs.
    pub fn native(&self) -> impl Iterator<Item = (Statement<Fr>, NativeProof)> {
        self.shards.iter().map(ShardProof::native)
    }
}

/// Verifies the proofs of all shards natively.
///
/// # Errors
/// Proofs of another model, or such that do not verify.
pub fn verify(set: &ShardSet, file: &ShardsFile, srs: &Srs) -> eyre::Result<Vec<Statement<Fr>>> {
    holding(set, file, |statements, proofs| {
        set.verify(statements, proofs, &srs.s_g2())
    })
}

/// Verifies the commitment proofs of a model's shards natively.
///
/// # Errors
/// Proofs of other weights, or such that do not verify.
pub fn verify_weights(
    set: &ShardSet,
    weights: &WeightSet,
    file: &ShardsFile,
    srs: &Srs,
) -> eyre::Result<Vec<Statement<Fr>>> {
    holding(set, file, |statements, proofs| {
        weights.verify(statements, proofs, &srs.s_g2())
    })
}

fn holding(
    set: &ShardSet,
    file: &ShardsFile,
    check: impl FnOnce(&[Statement<Fr>], &[NativeProof]) -> Result<(), ShardError>,
) -> eyre::Result<Vec<Statement<Fr>>> {
    ensure!(
        file.digest.0 == set.digest(),
        "the folded proofs are of the model with digest {}, the folder's has {}",
        hex_scalar(&file.digest.0),
        hex_scalar(&set.digest())
    );
    let (statements, proofs): (Vec<_>, Vec<_>) = file.native().unzip();
    check(&statements, &proofs)
        .wrap_err("the folded proofs do not verify; they were made by another version, with another reference string, or are altered")?;
    Ok(statements)
}
