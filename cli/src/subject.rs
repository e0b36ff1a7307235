//! What is published: a model's inferences, or a join. Contracts and commands on keys see no difference.

use std::path::Path;

use eyre::eyre;
use halo2curves_axiom::bn256::Fr;
use laminate_aggregator::keys::OutputFormat;
use laminate_model::program::Program;
use laminate_model::statement::{Packing, output_words};
use serde::{Deserialize, Serialize};

use crate::files::ModelDir;
use crate::joins::JoinDir;

/// What shows that committed weights are in their ranges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Range {
    /// Every proof.
    Shown,
    /// Commitment proofs, whose program has this digest.
    Apart(Fr),
    /// Of a join: some of the proofs that it joins do, others leave it to commitment proofs.
    Partly,
}

/// What proofs and verifying keys are of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Name of the model, or of all that are joined.
    pub name: String,
    /// The program digest that statements have.
    pub digest: Fr,
    /// How the public output reads.
    pub output: OutputFormat,
    /// What rows of numbers are committed to as; none of tokens and of joins.
    pub input: Option<InputFormat>,
    /// Output words of a statement.
    pub words: usize,
    /// Who shows that weights are in range.
    pub range: Range,
}

/// How rows of numbers become the values that an input commitment is of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InputFormat {
    /// Rows of a statement; fewer are filled up with the last one.
    pub slots: u32,
    /// Values to a row.
    pub width: u32,
    /// Value = number · 2^scale, to the nearest integer.
    pub scale: i8,
    /// Of a raw input the scale of each column in its place; none of another.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scales: Vec<i8>,
    /// How values are packed into words.
    pub packing: Packing,
    /// Values are the ordered keys of float32 numbers instead, as programs of trees take them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub keys: bool,
}

impl InputFormat {
    /// That of a program over rows.
    fn of(program: &Program) -> Option<Self> {
        let tensor = program.tensors.get(program.input)?;
        program.sequence.is_none().then(|| Self {
            slots: program.slots() as u32,
            width: tensor.width() as u32,
            scale: tensor.scale,
            scales: program.input_scales.clone(),
            packing: Packing::of_input(program),
            keys: program.takes_keys(),
        })
    }
}

impl Subject {
    /// A model, or one of its parts.
    ///
    /// # Errors
    /// A malformed program.
    pub fn of(program: &Program) -> eyre::Result<Self> {
        let range = match program.check_weights {
            true => Range::Shown,
            false => Range::Apart(program.weights_program().digest()?),
        };
        Ok(Self {
            name: program.name.clone(),
            digest: program.digest()?,
            output: OutputFormat::of(program),
            input: InputFormat::of(program),
            words: output_words(program),
            range,
        })
    }

    /// Outputs as the contracts count them.
    pub fn outputs(&self) -> u32 {
        self.output.outputs() as u32
    }

    /// The program of commitment proofs, if there are such.
    ///
    /// # Errors
    /// If they show only a part of what the others leave open.
    pub fn weight_program(&self) -> eyre::Result<Option<Fr>> {
        match self.range {
            Range::Shown => Ok(None),
            Range::Apart(digest) => Ok(Some(digest)),
            Range::Partly => Err(eyre!(
                "of {}, some proofs show that their weights are in range and others leave it to commitment proofs, which no contract can check beside a join; compile all with one --weight-check",
                self.name
            )),
        }
    }

    /// The folder of a model, of one of its shards, or of a join.
    ///
    /// # Errors
    /// If it is another, or altered.
    pub fn open(root: &Path) -> eyre::Result<(ModelDir, Self)> {
        if let Some(join) = JoinDir::open(root)? {
            return Ok((join.model_dir(), join.subject()?));
        }
        let dir = ModelDir::open(root)?;
        let subject = Self::of(&dir.program()?)?;
        Ok((dir, subject))
    }

    /// A folder whose proofs a contract may check.
    ///
    /// # Errors
    /// As [`Self::open`]; a folder of shards or of a part of them.
    pub fn open_whole(root: &Path) -> eyre::Result<(ModelDir, Self)> {
        match JoinDir::open(root)? {
            Some(join) => {
                join.require_whole()?;
                Ok((join.model_dir(), join.subject()?))
            }
            None => {
                let dir = ModelDir::open_whole(root)?;
                let subject = Self::of(&dir.program()?)?;
                Ok((dir, subject))
            }
        }
    }
}
