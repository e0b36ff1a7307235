//! Commitment proofs beside an inference: what it leaves open about its weights.

use std::path::Path;

use eyre::{Context, ensure, eyre};
use halo2curves_axiom::bn256::Fr;
use laminate_model::artifact::{self, Kind};
use laminate_model::program::Program;
use laminate_model::shards::{ShardSet, WeightSet};
use laminate_model::statement::Statement;

use super::Verify;
use crate::files::{self, FoldedFile, ModelDir, ProofFile, hex_scalar};
use crate::output::Output;
use crate::pipeline;
use crate::shards::{self, ShardDir, ShardedProof, ShardsFile};
use crate::subject::Subject;

/// A proof that holds, as far as a commitment proof beside it must fit.
struct Held {
    statement: Statement<Fr>,
    setup: [u8; 32],
}

impl Verify {
    /// Verifies the commitment proof of the weights that an inference of `setup` states.
    ///
    /// # Errors
    /// A proof of other weights or another reference string, one that does not verify, or a model that
    /// needs none.
    pub(super) fn weights(
        &self,
        path: &Path,
        given: Option<&(ModelDir, Subject)>,
        inference: &Statement<Fr>,
        setup: [u8; 32],
        out: Output,
    ) -> eyre::Result<()> {
        let (dir, subject) = given.ok_or_else(|| {
            eyre!(
                "{} is checked against the model's program; give the model folder with --dir DIR",
                path.display()
            )
        })?;
        let weights = subject.weight_program()?;
        needed(weights.is_some(), dir.root())?;
        let weights = weights.unwrap_or_default();
        ensure!(
            inference.program_digest != weights,
            "{} is a commitment proof itself; give the proof of an inference, and this one with --weight-proof",
            self.proof.display()
        );
        let held = match kind(path)? {
            Kind::Proof => published(path)?,
            Kind::FoldedProof => self.folded_weights(path, dir, &dir.program()?, out)?,
            other => return Err(wrong_kind(path, other, "proof")),
        };
        ensure!(
            held.statement.program_digest != inference.program_digest,
            "{} is the proof of an inference, expected the commitment proof of {}; make it with `laminate prove-weights {1}`",
            path.display(),
            dir.root().display()
        );
        ensure!(
            held.statement.program_digest == weights,
            "{} is of program {}, the weights of {} have {}; it was made for another model",
            path.display(),
            hex_scalar(&held.statement.program_digest),
            dir.root().display(),
            hex_scalar(&weights)
        );
        ensure!(
            held.statement.weight_commitment == inference.weight_commitment,
            "{} is of weights {}, the inference is of {}; make it again with `laminate prove-weights` where the inference was made",
            path.display(),
            hex_scalar(&held.statement.weight_commitment),
            hex_scalar(&inference.weight_commitment)
        );
        same_setup(path, held.setup, setup)
    }

    fn folded_weights(
        &self,
        path: &Path,
        dir: &ModelDir,
        program: &Program,
        out: Output,
    ) -> eyre::Result<Held> {
        let (_, file): (_, FoldedFile) = files::read(Kind::FoldedProof, path)?;
        let srs = self.srs.load(dir, program, out)?;
        let held = pipeline::verify_folded(program, &file, &srs);
        Ok(Held {
            statement: held.wrap_err_with(|| path.display().to_string())?,
            setup: srs.setup_id(),
        })
    }

    /// Verifies the commitment proofs of all shards that need one.
    ///
    /// # Errors
    /// As [`Verify::weights`].
    pub(super) fn shard_weights(
        &self,
        path: &Path,
        dir: &ShardDir,
        set: &ShardSet,
        setup: [u8; 32],
        out: Output,
    ) -> eyre::Result<()> {
        let weights = WeightSet::new(set)?;
        needed(!weights.shards().is_empty(), dir.model_dir().root())?;
        let found = match kind(path)? {
            Kind::ShardedProof => {
                let (_, file): (_, ShardedProof) = files::read(Kind::ShardedProof, path)?;
                ensure!(
                    file.weights().is_some(),
                    "{} holds the proofs of an inference, expected the commitment proofs of {}; make them with `laminate prove-weights {1}`",
                    path.display(),
                    dir.model_dir().root().display()
                );
                shards::verify_weights(set, &weights, &file, out).map(|checked| checked.setup)
            }
            Kind::ShardProofs => {
                let (_, file): (_, ShardsFile) = files::read(Kind::ShardProofs, path)?;
                let srs = self.shards_srs(dir, set, out)?;
                shards::verify_folded_weights(set, &weights, &file, &srs).map(|_| srs.setup_id())
            }
            other => return Err(wrong_kind(path, other, "sharded proof")),
        };
        let found = found.wrap_err_with(|| path.display().to_string())?;
        same_setup(path, found, setup)
    }
}

fn kind(path: &Path) -> eyre::Result<Kind> {
    let head = files::read_head(path, artifact::HEADER)?;
    let header = artifact::read_header(&head).wrap_err_with(|| path.display().to_string())?;
    Ok(header.kind)
}

fn published(path: &Path) -> eyre::Result<Held> {
    let (_, file): (_, ProofFile) = files::read(Kind::Proof, path)?;
    pipeline::verify(&file).wrap_err_with(|| path.display().to_string())?;
    Ok(Held {
        statement: super::statement(path, &file)?,
        setup: file.setup,
    })
}

fn wrong_kind(path: &Path, found: Kind, expected: &str) -> eyre::Report {
    eyre!(
        "{} is a {} file, expected the {expected} file that `laminate prove-weights` makes of this model",
        path.display(),
        found.name()
    )
}

fn needed(needed: bool, dir: &Path) -> eyre::Result<()> {
    ensure!(
        needed,
        "every inference of {} shows that its weights are in range; leave --weight-proof out",
        dir.display()
    );
    Ok(())
}

/// Commitments under another reference string, whose secret may be known, bind to nothing.
fn same_setup(path: &Path, found: [u8; 32], inference: [u8; 32]) -> eyre::Result<()> {
    ensure!(
        found == inference,
        "{} was made with another reference string than the inference; make both with one",
        path.display()
    );
    Ok(())
}
