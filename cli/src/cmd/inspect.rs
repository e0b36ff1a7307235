//! `laminate inspect`: what a file holds.

use std::path::PathBuf;

use clap::Args;
use eyre::Context;
use halo2curves_axiom::bn256::Fr;
use laminate_engine::field::Scalar;
use laminate_engine::joint::{JointProof, StageProof};
use laminate_front::quant::saturate;
use laminate_model::artifact::{self, Kind};
use laminate_model::program::{Program, Weights};
use laminate_model::proof::StoredProof;
use laminate_prover::input::CommittedInput;
use laminate_prover::output::CommittedOutput;
use serde_json::{Value, json};

use crate::bound::{BoundReport, Issued, Member, public_columns, public_input, read_tree};
use crate::cmd::audit::Opening;
use crate::cmd::compile::DecisionReport;
use crate::files::{self, FoldedFile, ProofFile, PublishedCommitment, hex_scalar};
use crate::joins::JoinFile;
use crate::measure::size;
use crate::output::Output;
use crate::shards::{self, ShardedProof, ShardsFile};

/// Longest list of numbers of a program that is shown.
const LONGEST: usize = 64;

/// Show what a Laminate file holds, after checking it.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  laminate inspect fraud/program.lam --json")]
pub struct Inspect {
    /// Any file with Laminate's header.
    pub file: PathBuf,
    /// Show private values too (weights, inputs, evaluations).
    #[arg(long)]
    pub reveal: bool,
}

impl Inspect {
    /// Runs the command.
    ///
    /// # Errors
    /// A file that is not ours, or altered.
    pub fn run(&self, out: Output) -> eyre::Result<()> {
        let head = files::read_head(&self.file, artifact::HEADER)?;
        let header =
            artifact::read_header(&head).wrap_err_with(|| self.file.display().to_string())?;
        let mut value = json!({
            "kind": header.kind.name(),
            "version": header.kind.version(),
            "development": header.development,
            "payload_bytes": header.length,
            "sha256": hex::encode(header.digest),
        });
        let content = self.content(header.kind)?;
        let mut human = format!(
            "{} file, version {}, {}{}",
            header.kind.name(),
            header.kind.version(),
            size(header.length),
            if header.development {
                ", DEV reference string"
            } else {
                ""
            }
        );
        if let Some(content) = content {
            human = format!("{human}\n{}", serde_json::to_string_pretty(&content)?);
            value["content"] = content;
        }
        out.result(&human, &value)
    }

    fn content(&self, kind: Kind) -> eyre::Result<Option<Value>> {
        Ok(match kind {
            Kind::Program => {
                let program: Program = files::read(kind, &self.file)?.1;
                program.check()?;
                // Read off the program alone: what was asked for is in the name of its node.
                let mut shown = json!({
                    "digest": hex_scalar(&program.digest()?),
                    "decides": DecisionReport::of(&program, None),
                    "input_scales": program.input_scales,
                    "saturates": saturate::count(&program),
                    "program": program,
                });
                shorten(&mut shown);
                Some(shown)
            }
            Kind::Weights => {
                let weights: Weights = files::read(kind, &self.file)?.1;
                let shapes: Vec<_> = weights
                    .dense
                    .iter()
                    .map(|d| json!({ "weights": d.weight.len(), "rows": d.multiplier.len() }))
                    .collect();
                Some(if self.reveal {
                    json!({ "dense": shapes, "weights": weights })
                } else {
                    json!({ "dense": shapes })
                })
            }
            Kind::WeightCommitment => {
                let published: PublishedCommitment = files::read(kind, &self.file)?.1;
                Some(json!({
                    "weight_commitment": hex_scalar(&published.commitment.0),
                    "program_digest": hex_scalar(&published.program_digest.0),
                }))
            }
            Kind::Opening => {
                let opening: Opening = files::read(kind, &self.file)?.1;
                Some(opening.shown())
            }
            Kind::Input => Some(self.input(&files::read(kind, &self.file)?.1)),
            Kind::Output => Some(self.output(&files::read(kind, &self.file)?.1)),
            Kind::LayerProof => Some(self.layer(&files::read(kind, &self.file)?.1)),
            Kind::FoldedProof => Some(self.folded(&files::read(kind, &self.file)?.1)),
            Kind::ShardProofs => {
                let file: ShardsFile = files::read(kind, &self.file)?.1;
                let statements = shards::reports(&file.statements());
                let proofs = file.shards.iter().map(|s| self.proof(&s.proof));
                Some(json!({
                    "digest": hex_scalar(&file.digest.0),
                    "statements": statements,
                    "shards": proofs.collect::<Vec<Value>>(),
                }))
            }
            Kind::ShardedProof => {
                let file: ShardedProof = files::read(kind, &self.file)?.1;
                let statements = file.weights().or_else(|| file.inferences());
                Some(json!({
                    "digest": hex_scalar(&file.digest.0),
                    "statements": statements.map(|s| shards::reports(&s)),
                    "shards": file.shards.iter().map(shard).collect::<Vec<Value>>(),
                }))
            }
            Kind::Join => Some(join(&files::read(kind, &self.file)?.1)),
            Kind::Proof => Some(proof(&files::read(kind, &self.file)?.1)),
            Kind::CredentialTree => {
                let tree = read_tree(&self.file)?;
                Some(json!({
                    "depth": tree.depth,
                    "leaves": tree.leaves.len(),
                    "root": hex_scalar(&tree.root()),
                }))
            }
            Kind::Credential => {
                let (_, issued): (_, Issued) = files::read(kind, &self.file)?;
                let mut value = json!({
                    "program_digest": hex_scalar(&issued.program_digest.0),
                    "identity": hex_scalar(&issued.identity.0),
                    "leaf": hex_scalar(&issued.leaf.0),
                });
                if self.reveal {
                    value["values"] = issued.values.into();
                }
                Some(value)
            }
            Kind::Membership => {
                let member = Member::read(&self.file)?;
                Some(json!({
                    "leaf": hex_scalar(&member.leaf.0),
                    "root": hex_scalar(&member.root.0),
                    "depth": member.membership.siblings.len(),
                }))
            }
            Kind::Identity
            | Kind::WeightSecret
            | Kind::VerifyingKey
            | Kind::ProvingKey
            | Kind::Srs => {
                let bytes = files::read_bytes(&self.file)?;
                artifact::open(kind, &bytes).wrap_err_with(|| self.file.display().to_string())?;
                None
            }
        })
    }

    fn input(&self, input: &CommittedInput) -> Value {
        let mut value = json!({
            "input_commitment": hex_scalar(&input.commitment.0),
            "program_digest": hex_scalar(&input.program_digest.0),
            "values": input.values.len(),
        });
        if self.reveal {
            value["input"] = input.values.clone().into();
        }
        value
    }

    fn output(&self, output: &CommittedOutput) -> Value {
        let mut value = json!({
            "output_commitment": hex_scalar(&output.commitment.0),
            "program_digest": hex_scalar(&output.program_digest.0),
            "values": output.values.len(),
        });
        if self.reveal {
            value["output"] = output.values.clone().into();
        }
        value
    }

    fn layer(&self, stored: &JointProof<Scalar>) -> Value {
        let values = |values: &[Scalar]| -> Value {
            if self.reveal {
                values.iter().map(|s| hex_scalar(&s.0)).collect()
            } else {
                values.len().into()
            }
        };
        let stage = |stage: &StageProof<Scalar>| {
            json!({
                "rounds": stage.sumcheck.rounds.len(),
                "evaluations": values(&stage.evaluations),
            })
        };
        let stages: Vec<Value> = stored.stages.iter().map(stage).collect();
        json!({ "targets": values(&stored.targets), "stages": stages })
    }

    fn folded(&self, file: &FoldedFile) -> Value {
        self.proof(&file.proof)
    }

    fn proof(&self, proof: &StoredProof) -> Value {
        let rounds = |joint: &JointProof<Scalar>| -> usize {
            let stages = joint.stages.iter();
            stages.map(|stage| stage.sumcheck.rounds.len()).sum()
        };
        let mut value = json!({
            "fold": proof.mode,
            "relations": proof.relations.len(),
            "relation_rounds": proof.relations.iter().map(rounds).sum::<usize>(),
            "lookup_layers": proof.lookups.iter().map(|l| l.layers.len()).sum::<usize>(),
            "openings": proof.openings.len(),
            "output": proof.output.len(),
        });
        if self.reveal {
            value["input"] = proof.input.iter().map(|s| hex_scalar(&s.0)).collect();
        }
        value
    }
}

/// Puts the length in the place of long lists of numbers: tables, angles.
fn shorten(value: &mut Value) {
    match value {
        Value::Array(items) if items.len() > LONGEST && items.iter().all(Value::is_number) => {
            *value = format!("{} numbers", items.len()).into();
        }
        Value::Array(items) => items.iter_mut().for_each(shorten),
        Value::Object(fields) => fields.values_mut().for_each(shorten),
        _ => {}
    }
}

/// A proof among those of other shards, whose statements are shown apart.
fn shard(file: &ProofFile) -> Value {
    json!({
        "program": file.program_name,
        "verifying_key": hex::encode(file.vk_digest),
        "points": file.proof.public.deferred.terms.len(),
        "proof_bytes": file.proof.proof.len(),
    })
}

fn join(file: &JoinFile) -> Value {
    let children = file.plan.children.iter().zip(&file.members);
    let children = children.map(|(child, member)| {
        json!({
            "name": member.name,
            "program_digest": hex_scalar(&child.program.0),
            "verifying_key": hex::encode(member.vk_digest),
            "key": hex_scalar(&child.key.0),
            "weight_commitment": hex_scalar(&member.weight_commitment.0),
            "weights_in_range": child.range,
            "boundary_in": child.boundary_in,
            "boundary_out": child.boundary_out,
            "output_words": child.words(),
            "points": child.public.terms,
        })
    });
    json!({
        "name": file.name,
        "program_digest": hex_scalar(&file.digest()),
        "weight_commitment": hex_scalar(&file.weight_commitment()),
        "mode": file.plan.mode,
        "row_log": file.plan.row_log,
        "children": children.collect::<Vec<Value>>(),
    })
}

fn proof(file: &ProofFile) -> Value {
    let hex = |s: &Fr| hex_scalar(s);
    let statement = file.statement();
    json!({
        "program": file.program_name,
        "program_digest": hex(&file.program_digest.0),
        "verifying_key": hex::encode(file.vk_digest),
        "weight_commitment": statement.as_ref().map(|s| hex(&s.weight_commitment)),
        "input_commitment": statement.as_ref().map(|s| hex(&s.input_commitment)),
        "binding": statement.as_ref().and_then(|s| BoundReport::of(&file.output, &s.output_words)),
        "input": statement.as_ref().and_then(|s| public_input(&file.output, &s.output_words)),
        "input_columns": public_columns(&file.output),
        "weights_public": file.output.lead.binding.weights_public,
        "output": file.reading(),
        "for": file.proof.target,
        "points": file.proof.public.deferred.terms.len(),
        "proof_bytes": file.proof.proof.len(),
    })
}
