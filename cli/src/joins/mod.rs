//! Folders of joins: several proofs as one.
//!
//! | file | what |
//! | --- | --- |
//! | `join.lam` | [`JoinFile`]; written last |
//! | `commitment.lam`, `setup.json`, `tokenizer.json` | as in model folders |
//! | `weights/` | the join of the commitment proofs, where the proofs joined do not show that weights are in range |

mod make;
mod prove;

use std::path::{Path, PathBuf};

use eyre::{Context, ensure, eyre};
use halo2curves_axiom::bn256::{Fr, G1Affine};
use laminate_aggregator::join::{Mode, Plan, Tokens, WeightRange, weight_commitment};
use laminate_aggregator::keys::{Form, Lead, OutputFormat, TokenFormat};
use laminate_aggregator::packed::Opening;
use laminate_aggregator::snark::Key;
use laminate_aggregator::srs::Srs;
use laminate_engine::backend::Native;
use laminate_engine::field::{Point, Scalar};
use laminate_engine::fold::FoldMode;
use laminate_model::artifact::Kind;
use laminate_model::statement::{Packing, STATEMENT_HEAD, VALUES_PER_WORD};
use serde::{Deserialize, Serialize};

use crate::files::{self, ModelDir, PublishedCommitment, hex_scalar};
use crate::output::Output;
use crate::pipeline;
use crate::reading::Reading;
use crate::subject::{Range, Subject};

pub use make::{At, Made, Source, make};
pub use prove::{prove, read};

/// What is joined. Public.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinFile {
    /// Names of what is joined.
    pub name: String,
    /// Identity of the reference string's ceremony.
    pub setup: [u8; 32],
    /// How, and the shapes.
    pub plan: Plan,
    /// The shards behind a chain, or behind the join of their commitment proofs.
    pub run: Option<Run>,
    /// What is known of each child beside.
    pub members: Vec<Member>,
}

/// Shards of a model that follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Digest of the model in shards.
    pub model: Scalar,
    /// Number of its shards.
    pub count: u32,
    /// The first of them.
    pub first: u32,
    /// One after the last.
    pub end: u32,
    /// Public tokens of the whole model.
    pub tokens: Tokens,
}

impl Run {
    /// All shards that runs have in common; what a chain of them is.
    ///
    /// # Errors
    /// Runs of several models, or such that do not follow each other.
    pub fn chain(runs: &[Self]) -> eyre::Result<Self> {
        let (Some(first), Some(last)) = (runs.first(), runs.last()) else {
            return Err(eyre!("no shards to join"));
        };
        for pair in runs.windows(2) {
            let [a, b] = pair else { continue };
            ensure!(
                (a.model, a.count, a.tokens) == (b.model, b.count, b.tokens),
                "shards of several models, {} and {}; a chain is of one",
                hex_scalar(&a.model.0),
                hex_scalar(&b.model.0)
            );
            ensure!(
                a.end == b.first,
                "shards {} to {} are followed by {} to {}; give all in their order",
                a.first,
                a.end.saturating_sub(1),
                b.first,
                b.end.saturating_sub(1)
            );
        }
        Ok(Self {
            end: last.end,
            ..*first
        })
    }

    /// How its shards are joined.
    pub fn mode(&self) -> Mode {
        let whole = self.first == 0 && self.end == self.count;
        Mode::Chain(whole.then_some(self.tokens))
    }
}

/// What makes the proofs that stand at one place of a join.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Name of the model or join.
    pub name: String,
    /// Words of the verifying key.
    pub key: Key<Scalar, Point>,
    /// Digest of the verifying key.
    pub vk_digest: [u8; 32],
    /// How the public output reads.
    pub output: OutputFormat,
    /// Its weights.
    pub weight_commitment: Scalar,
}

/// What one child of a batch says.
#[derive(Clone, Debug, Serialize)]
pub struct ChildOutput {
    /// Name of the model or join.
    pub name: String,
    /// Its output.
    pub output: Reading,
}

impl Member {
    /// The key's words.
    pub fn key(&self) -> Key<Fr, G1Affine> {
        let key = self.key.try_map(&mut |s| Ok(s.0), &mut |p| Ok(p.0));
        let Ok::<_, std::convert::Infallible>(key) = key;
        key
    }
}

impl JoinFile {
    /// Refuses what contradicts itself.
    fn check(&self) -> eyre::Result<()> {
        self.plan.check()?;
        let children = &self.plan.children;
        let run = self.run.map(|run| run.mode());
        ensure!(
            self.plan.mode == Mode::Batch || run == Some(self.plan.mode),
            "{run:?} of shards in {:?}",
            self.plan.mode
        );
        ensure!(
            self.members.len() == children.len(),
            "{} keys of {} proofs",
            self.members.len(),
            children.len()
        );
        for (place, (member, child)) in self.members.iter().zip(children).enumerate() {
            let key = member.key();
            key.check_points()?;
            ensure!(
                key.digest(&mut Native) == child.key.0,
                "the key of proof {place} is not the one whose digest stands beside it"
            );
            let words = member.output.words();
            ensure!(
                words == child.words(),
                "proof {place} has {} output words, {} values take {words}",
                child.words(),
                member.output.values
            );
        }
        Ok(())
    }

    /// Digest that the join's statement has as its program.
    pub fn digest(&self) -> Fr {
        self.plan.digest()
    }

    /// What the join's statement has as its weights.
    pub fn weight_commitment(&self) -> Fr {
        let members = self.members.iter().map(|m| m.weight_commitment.0);
        weight_commitment(&members.collect::<Vec<Fr>>())
    }

    /// How the join's public output reads: a chain's as the model's, that of one child as the child's. That of several is
    /// their words in a row, in which each begins with a new word; what fills the word before reads as the lowest value.
    pub fn output(&self) -> OutputFormat {
        let plan = &self.plan;
        if let (Mode::Batch, [member]) = (plan.mode, self.members.as_slice()) {
            return member.output.clone();
        }
        if let Mode::Chain(Some(tokens)) = plan.mode {
            return OutputFormat {
                values: tokens.public() as u32,
                width: 1,
                scale: 0,
                form: Form::Tokens(TokenFormat {
                    prompt: tokens.prompt_len() as u32,
                    packing: tokens.packing,
                }),
                lead: Lead::NONE,
            };
        }
        let words: usize = plan.children.iter().map(|c| c.words()).sum();
        let mut scales = self.members.iter().map(|m| match m.output.tokens() {
            None => m.output.scale,
            Some(_) => 0,
        });
        let first = scales.next().unwrap_or(0);
        // Words of int32 alone read as such.
        let wide = |m: &Member| {
            let values_alone = m.output.lead.words() == 0 && !m.output.is_hidden();
            m.output.packing() == Packing::Wide && values_alone
        };
        let (form, values) = match plan.mode {
            Mode::Batch if self.members.iter().all(wide) => {
                let values = Packing::Wide.values(plan.outputs() as usize);
                (Form::Wide, values as u32)
            }
            Mode::Batch => (Form::Short, plan.outputs()),
            // A part of a run, which is not published.
            Mode::Chain(_) => (Form::Short, (words * VALUES_PER_WORD) as u32),
        };
        OutputFormat {
            values,
            width: 1,
            scale: if scales.all(|s| s == first) { first } else { 0 },
            form,
            lead: Lead::NONE,
        }
    }

    /// What each child of a batch says, in their order; none of a chain, whose children say nothing apart.
    pub fn outputs(&self, statement: &[Fr]) -> Option<Vec<ChildOutput>> {
        let mut words = statement.get(STATEMENT_HEAD..)?;
        if self.plan.mode != Mode::Batch || words.is_empty() {
            return None;
        }
        let children = self.plan.children.iter().zip(&self.members);
        children
            .map(|(child, member)| {
                let (own, rest) = words.split_at_checked(child.words())?;
                words = rest;
                let format = &member.output;
                Some(ChildOutput {
                    name: member.name.clone(),
                    output: Reading::of_words(format, own)?,
                })
            })
            .collect()
    }

    /// Names of what is joined, for messages.
    pub fn names(&self) -> String {
        let names: Vec<&str> = self.members.iter().map(|m| m.name.as_str()).collect();
        names.join(", ")
    }
}

/// A folder made by `laminate join setup`.
#[derive(Clone, Debug)]
pub struct JoinDir {
    root: PathBuf,
    /// What is joined.
    pub file: JoinFile,
}

fn record_path(root: &Path) -> PathBuf {
    root.join("join.lam")
}

/// Whether a folder is of a join.
pub fn is_join(root: &Path) -> bool {
    record_path(root).exists()
}

impl JoinDir {
    /// Opens a folder; none if it is not of a join.
    ///
    /// # Errors
    /// An altered or malformed file.
    pub fn open(root: &Path) -> eyre::Result<Option<Self>> {
        if !is_join(root) {
            return Ok(None);
        }
        let path = record_path(root);
        let (_, file): (_, JoinFile) = files::read(Kind::Join, &path)?;
        file.check()
            .wrap_err_with(|| format!("{} is malformed; make it again", path.display()))?;
        Ok(Some(Self {
            root: root.to_path_buf(),
            file,
        }))
    }

    /// Opens the folder of a join.
    ///
    /// # Errors
    /// As [`Self::open`]; another folder.
    pub fn require(root: &Path) -> eyre::Result<Self> {
        Self::open(root)?.ok_or_else(|| {
            eyre!(
                "{} has no join.lam; make it with `laminate join setup {0} --chain DIR` or --batch DIR DIR...",
                root.display()
            )
        })
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder as one that holds a commitment, a tokenizer and the record of a setup.
    pub fn model_dir(&self) -> ModelDir {
        ModelDir::at(&self.root)
    }

    /// The join of the commitment proofs, if the proofs joined leave their weights open.
    ///
    /// # Errors
    /// If it is missing, or of other weights.
    pub fn weights(&self) -> eyre::Result<Option<Self>> {
        let ranges = self.file.plan.children.iter().map(|c| match c.range {
            WeightRange::Apart(program) => Some(program),
            WeightRange::Shown | WeightRange::Partly => None,
        });
        let Some(programs) = ranges.collect::<Option<Vec<Scalar>>>() else {
            return Ok(None);
        };
        let weights = Self::require(&self.root.join("weights"))?;
        let plan = &weights.file.plan;
        let [found, expected] = [&weights, self].map(|dir| dir.file.weight_commitment());
        ensure!(
            found == expected
                && plan.mode == Mode::Batch
                && plan.children.iter().map(|c| c.program).eq(programs),
            "{} is not the join of the commitment proofs of what is joined: weights {}, expected {}; run `laminate join setup` again",
            weights.root.display(),
            hex_scalar(&found),
            hex_scalar(&expected)
        );
        Ok(Some(weights))
    }

    /// What its keys are of.
    ///
    /// # Errors
    /// As [`Self::weights`].
    pub fn subject(&self) -> eyre::Result<Subject> {
        let again = || format!("{}: run `laminate join setup` again", self.root.display());
        let published = self.model_dir().commitment().wrap_err_with(again)?;
        ensure!(
            published.commitment.0 == self.file.weight_commitment()
                && published.program_digest.0 == self.file.digest(),
            "commitment.lam is not of what join.lam joins; {}",
            again()
        );
        let mut children = self.file.plan.children.iter();
        let range = match self.weights()? {
            Some(weights) => Range::Apart(weights.file.digest()),
            None if children.all(|c| c.range == WeightRange::Shown) => Range::Shown,
            None => Range::Partly,
        };
        let output = self.file.output();
        Ok(Subject {
            name: self.file.name.clone(),
            digest: self.file.digest(),
            input: None,
            words: output.words(),
            output,
            range,
        })
    }

    /// Compares the keys of what is joined with those that `setup` made of the same programs here.
    ///
    /// # Errors
    /// Keys that are missing or others.
    pub fn check_children(&self, srs: &Srs, out: Output) -> eyre::Result<()> {
        let children = self.file.plan.children.iter().zip(&self.file.members);
        for (child, member) in children {
            let what = || format!("{}, which is joined", member.name);
            let key =
                pipeline::load_verifying_key(child.program.0, FoldMode::On, srs, Opening::Shplonk)
                    .wrap_err_with(what)?;
            let (_, cut) = pipeline::cut_srs(&self.root, srs, key.meta.k(), out)?;
            let words = Key::of(&cut, &key.vk).wrap_err_with(what)?;
            ensure!(
                words.digest(&mut Native) == child.key.0 && key.meta.public == child.public,
                "{}: its verifying key is not that of its program; do not rely on this join",
                what()
            );
        }
        Ok(())
    }

    /// Refuses a part of a model.
    ///
    /// # Errors
    /// If the join is of some shards of a model.
    pub fn require_whole(&self) -> eyre::Result<()> {
        if self.file.plan.ends() == [false; 2] {
            return Ok(());
        }
        let what = "joins some shards of a model";
        Err(crate::shards::not_on_chain(&self.root, what))
    }

    /// Writes the files but those of the setup; the record last.
    fn write(
        root: &Path,
        development: bool,
        file: JoinFile,
        tokenizer: Option<&[u8]>,
    ) -> eyre::Result<Self> {
        file.check()?;
        let dir = ModelDir::at(root);
        if let Some(json) = tokenizer {
            dir.write_tokenizer(json)?;
        }
        let published = PublishedCommitment {
            commitment: Scalar(file.weight_commitment()),
            program_digest: Scalar(file.digest()),
        };
        dir.write_published(development, &published)?;
        files::write(Kind::Join, development, &file, &record_path(root))?;
        Ok(Self {
            root: root.to_path_buf(),
            file,
        })
    }
}
