//! Proofs of a model in shards, which are checked against the folder of its programs.

use std::path::Path;
use std::time::Instant;

use eyre::{ensure, eyre};
use halo2curves_axiom::bn256::Fr;
use laminate_aggregator::srs::Srs;
use laminate_model::artifact::Kind;
use laminate_model::shards::ShardSet;
use laminate_model::statement::Statement;
use serde::Serialize;

use super::{Verify, expect, expect_of, unchecked, valid};
use crate::cmd::setup::commitment_k;
use crate::exit::Exit;
use crate::files::{self, hex_scalar};
use crate::llm;
use crate::measure::{peak_bytes, size};
use crate::output::Output;
use crate::reading::Reading;
use crate::shards::{self, Checked, ShardDir, ShardReport, ShardedProof, ShardsFile};

/// What `verify` reports of a model in shards.
#[derive(Debug, Serialize)]
struct ShardsReport {
    valid: bool,
    /// Of the model.
    digest: String,
    /// Of the tokens, which the first shard reads.
    input_commitment: String,
    /// What each shard's proof states.
    shards: Vec<ShardReport>,
    /// Public tokens.
    output: Reading,
    /// Their text, if the model folder has a tokenizer.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    /// Whether the proofs show that all weights are in range; otherwise commitment proofs must.
    weights_checked: bool,
    /// Whether they are folded proofs, which hold the input and are not to be published.
    folded: bool,
    seconds: f64,
    peak_bytes: u64,
    development: bool,
}

impl Verify {
    /// The proofs of all shards of a model, folded (of kind `ShardProofs`) or published.
    ///
    /// # Errors
    /// Proofs of another model or of several runs, such that do not verify, or missing keys.
    pub(super) fn shards(&self, kind: Kind, out: Output) -> eyre::Result<Exit> {
        ensure!(
            self.opening.is_none(),
            "the output of a model in shards is public; leave --opening out"
        );
        let path = self.dir.as_deref().ok_or_else(|| {
            eyre!(
                "{} holds the proofs of a model's shards, which are checked against its programs; give the model folder with --dir DIR",
                self.proof.display()
            )
        })?;
        let shards = ShardDir::open(path)?.ok_or_else(|| {
            eyre!(
                "{} is not a model in shards, {} holds the proofs of one; give the folder that `laminate compile --shard-layers` made",
                path.display(),
                self.proof.display()
            )
        })?;
        ensure!(
            self.weight_commitment.is_none(),
            "--weight-commitment names one; each shard has its own, which is compared with {}/shard-000/commitment.lam and so on",
            path.display()
        );
        let set = shards.set()?;
        let digest = hex_scalar(&set.digest());
        expect("digest", self.program_digest.as_deref(), &digest)?;
        let start = Instant::now();
        let folded = kind == Kind::ShardProofs;
        let checked = match folded {
            true => self.folded_shards(&shards, &set, out)?,
            false => {
                self.refuse_srs()?;
                let (_, file): (_, ShardedProof) = files::read(kind, &self.proof)?;
                ensure!(
                    file.weights().is_none(),
                    "{} holds commitment proofs; give the proofs of an inference, and these with --weight-proof",
                    self.proof.display()
                );
                shards::verify(&set, &file, out)?
            }
        };
        let input_commitment = shards::input_commitment(&checked.statements);
        let wanted = self.input_commitment.as_deref();
        expect_of("input commitment", wanted, &input_commitment, "input")?;
        let mut weights_checked = set.verifiers().iter().all(|v| v.program.check_weights);
        if let Some(path) = &self.weight_proof {
            self.shard_weights(path, &shards, &set, checked.setup, out)?;
            weights_checked = true;
        }
        let output = shards::reading(&set, &checked.statements);
        let report = ShardsReport {
            valid: true,
            digest,
            input_commitment,
            shards: shards::reports(&checked.statements),
            text: llm::text(&shards.model_dir(), std::slice::from_ref(&output))?,
            output,
            weights_checked,
            folded,
            seconds: start.elapsed().as_secs_f64(),
            peak_bytes: peak_bytes(),
            development: checked.development,
        };
        out.result(&human(&report, self.weight_proof.as_deref()), &report)?;
        Ok(self.exit(weights_checked))
    }

    fn folded_shards(
        &self,
        shards: &ShardDir,
        set: &ShardSet,
        out: Output,
    ) -> eyre::Result<Checked> {
        let (_, file): (_, ShardsFile) = files::read(Kind::ShardProofs, &self.proof)?;
        let srs = self.shards_srs(shards, set, out)?;
        let _stage = out.stage("Verifying");
        let statements: Vec<Statement<Fr>> = shards::verify_folded(set, &file, &srs)?;
        Ok(Checked {
            statements,
            setup: srs.setup_id(),
            development: srs.origin().is_development(),
        })
    }

    /// The reference string of the shards' folded proofs.
    pub(super) fn shards_srs(
        &self,
        shards: &ShardDir,
        set: &ShardSet,
        out: Output,
    ) -> eyre::Result<Srs> {
        let programs = set.verifiers().iter().map(|v| &v.program);
        let widest = programs.max_by_key(|p| commitment_k(p));
        let dir = shards.model_dir();
        let program = widest.ok_or_else(|| eyre!("{} holds no shards", dir.root().display()))?;
        self.srs.load(&dir, program, out)
    }
}

fn human(report: &ShardsReport, weight_proof: Option<&Path>) -> String {
    let dev = if report.development {
        "\nDEV reference string: proves nothing to others"
    } else {
        ""
    };
    let text = report.text.as_ref();
    let text = text.map_or_else(String::new, |text| format!("\ntext   {text:?}"));
    let weights = match weight_proof {
        Some(path) => format!("\nweights in range, by {}", path.display()),
        None => unchecked(!report.weights_checked).into(),
    };
    let folded = if report.folded {
        "\nfolded proofs: they hold the input and are not to be published"
    } else {
        ""
    };
    format!(
        "{}: {} shards of one run, checked in {:.3} s with {} of memory\ndigest {}\ninput commitment {}\noutput {}{text}{weights}{folded}{dev}",
        valid(report.weights_checked),
        report.shards.len(),
        report.seconds,
        size(report.peak_bytes),
        report.digest,
        report.input_commitment,
        report.output
    )
}
