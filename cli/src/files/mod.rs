//! Files of a model folder.

mod io;
mod lock;
pub mod own;

use std::fs;
use std::path::{Path, PathBuf};

use eyre::{Context, ensure, eyre};
use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::PrimeField;
use laminate_aggregator::keys::OutputFormat;
use laminate_aggregator::packed::Opening;
use laminate_aggregator::prove::{AggregationProof, Target};
use laminate_engine::field::Scalar;
use laminate_engine::fold::FoldMode;
use laminate_front::llama::Tokenizer;
use laminate_model::artifact::{self, Header, Kind};
use laminate_model::program::{Program, Weights};
use laminate_model::proof::StoredProof;
use laminate_model::statement::Statement;
use laminate_prover::prove::WeightSecret;
use serde::{Deserialize, Serialize};

use crate::reading::Reading;

pub use io::{
    begin, end, read, read_at_most, read_bytes, read_head, read_text, write, write_bytes, write_new,
};
use io::{persist, stage};
pub use lock::Lock;

/// Longest record in JSON that is read.
pub const MAX_RECORD: u64 = 1 << 20;

/// A folder made by `laminate compile`.
#[derive(Clone, Debug)]
pub struct ModelDir {
    root: PathBuf,
}

/// What `setup` records: which reference string the keys were made with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setup {
    /// Format version.
    pub version: u32,
    /// The reference string in Laminate's format.
    pub srs: PathBuf,
    /// Hex digest of the reference string.
    pub srs_digest: String,
    /// log2 of the powers that circuit and commitments need.
    pub k: u32,
    /// Whether it is a development reference string.
    pub development: bool,
    /// How proofs for contracts are opened.
    pub opening: Opening,
}

impl Setup {
    /// Version of the format.
    pub const VERSION: u32 = 2;
}

/// The published weight commitment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedCommitment {
    /// Poseidon hash.
    pub commitment: Scalar,
    /// Digest of the program it was made with (the commitment does not depend on the batch).
    pub program_digest: Scalar,
}

/// A folded proof with what it states. Private: it holds the input and both salts.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FoldedFile {
    /// Statement.
    pub statement: Statement<Scalar>,
    /// Proof.
    pub proof: StoredProof,
}

/// The published proof.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProofFile {
    /// Name of the program.
    pub program_name: String,
    /// Digest of the program.
    pub program_digest: Scalar,
    /// How layers were joined.
    pub fold: FoldMode,
    /// Identity of the reference string's ceremony.
    pub setup: [u8; 32],
    /// Digest of the verifying key.
    pub vk_digest: [u8; 32],
    /// How the output reads; `verify` compares it with the verifying key's.
    pub output: OutputFormat,
    /// Public values and the KZG proof.
    pub proof: AggregationProof,
}

impl ProofFile {
    /// The statement of a whole model or of weights; none if there are more or fewer fields than one has, as
    /// in the proof of a shard.
    pub fn statement(&self) -> Option<Statement<Fr>> {
        self.statement_between([false; 2])
    }

    /// The statement, with boundaries at the ends given.
    pub fn statement_between(&self, ends: [bool; 2]) -> Option<Statement<Fr>> {
        Statement::of_fields(&self.proof.public.statement, ends, self.output.words())
    }

    /// The public output as integers; none of a hidden one.
    #[cfg(test)]
    pub fn outputs(&self) -> Vec<i32> {
        self.statement()
            .and_then(|s| self.output.read(&s.output_words))
            .unwrap_or_default()
    }

    /// The public output as people read it.
    pub fn reading(&self) -> Reading {
        self.statement()
            .and_then(|s| Reading::of_words(&self.output, &s.output_words))
            .unwrap_or_else(|| Reading::of(&self.output, &[]))
    }
}

impl ModelDir {
    /// An existing model folder.
    ///
    /// # Errors
    /// If there is no compiled program in it.
    pub fn open(root: &Path) -> eyre::Result<Self> {
        let dir = Self {
            root: root.to_path_buf(),
        };
        if dir.program_path().exists() {
            return Ok(dir);
        }
        if crate::shards::is_sharded(root) {
            return Err(eyre!(
                "{0} is a model in shards, of which this command takes one: give a folder such as {0}/shard-000, or compile without --shard-layers",
                root.display()
            ));
        }
        if crate::joins::is_join(root) {
            return Err(eyre!(
                "{} is a join, this command takes a model; `laminate join` sets up and proves joins",
                root.display()
            ));
        }
        Err(eyre!(
            "{} has no program.lam; make it with `laminate compile MODEL -o {0}`",
            root.display()
        ))
    }

    /// An existing folder of a whole model, whose proofs a contract may check.
    ///
    /// # Errors
    /// If there is no compiled program in it, or it is of a model in shards or of one of those.
    pub fn open_whole(root: &Path) -> eyre::Result<Self> {
        if crate::shards::is_sharded(root) {
            return Err(crate::shards::not_on_chain(root, "is a model in shards"));
        }
        let dir = Self::open(root)?;
        if dir.program()?.sequence.is_some_and(|s| s.shard.is_some()) {
            let what = "is one shard of a model";
            return Err(crate::shards::not_on_chain(root, what));
        }
        Ok(dir)
    }

    /// A folder that may not exist yet.
    pub fn at(root: &Path) -> Self {
        Self {
            root: root.to_path_buf(),
        }
    }

    /// Creates the folder.
    ///
    /// # Errors
    /// If it cannot be created.
    pub fn create(root: &Path) -> eyre::Result<Self> {
        fs::create_dir_all(root)
            .wrap_err_with(|| format!("cannot create folder {}", root.display()))?;
        Ok(Self {
            root: root.to_path_buf(),
        })
    }

    fn program_path(&self) -> PathBuf {
        self.root.join("program.lam")
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The program, checked.
    ///
    /// # Errors
    /// A missing or altered file, or a malformed program.
    pub fn program(&self) -> eyre::Result<Program> {
        let (_, program): (_, Program) = read(Kind::Program, &self.program_path())?;
        program
            .check()
            .wrap_err_with(|| self.program_path().display().to_string())?;
        Ok(program)
    }

    /// The private weights.
    ///
    /// # Errors
    /// A missing or altered file.
    pub fn weights(&self) -> eyre::Result<Weights> {
        let path = self.root.join("weights.lam");
        let context = || format!("cannot read {}", path.display());
        let mut file = fs::File::open(&path).wrap_err_with(context)?;
        let read = artifact::read(Kind::Weights, &mut file);
        Ok(read.wrap_err_with(|| path.display().to_string())?.1)
    }

    /// The tokenizer that came with the model, if any.
    ///
    /// # Errors
    /// A file that is not a tokenizer.
    pub fn tokenizer(&self) -> eyre::Result<Option<Tokenizer>> {
        let path = self.root.join("tokenizer.json");
        if !path.exists() {
            return Ok(None);
        }
        let tokenizer = Tokenizer::from_json(&read_bytes(&path)?);
        tokenizer
            .map(Some)
            .wrap_err_with(|| path.display().to_string())
    }

    /// Writes the model's tokenizer beside the program.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write_tokenizer(&self, json: &[u8]) -> eyre::Result<()> {
        write_bytes(&self.root.join("tokenizer.json"), json, false)
    }

    /// The private salt and rows.
    ///
    /// # Errors
    /// A missing or altered file.
    pub fn secret(&self) -> eyre::Result<(Header, WeightSecret)> {
        let path = self.root.join("weight_secret.lam");
        if !path.exists() {
            return Err(eyre!(
                "{} has no weight commitment; make it with `laminate commit {0}`",
                self.root.display()
            ));
        }
        let (header, secret): (_, WeightSecret) = read(Kind::WeightSecret, &path)?;
        let published = self.root.join("commitment.lam");
        if published.exists() {
            let (_, published): (_, PublishedCommitment) =
                read(Kind::WeightCommitment, &published)?;
            ensure!(
                published.commitment.0 == secret.commitment(),
                "{}: weight_secret.lam opens {}, commitment.lam publishes {}: they are of two runs of `laminate commit`; put the file back that belongs to the other, or commit again with --force",
                self.root.display(),
                hex_scalar(&secret.commitment()),
                hex_scalar(&published.commitment.0)
            );
        }
        Ok((header, secret))
    }

    /// Keeps other commands from writing into the folder while this one does.
    ///
    /// # Errors
    /// If another command is writing into it.
    pub fn lock(&self) -> eyre::Result<Lock> {
        Lock::take(&self.root)
    }

    /// The published commitment.
    ///
    /// # Errors
    /// A missing or altered file.
    pub fn commitment(&self) -> eyre::Result<PublishedCommitment> {
        let path = self.root.join("commitment.lam");
        if !path.exists() {
            return Err(eyre!(
                "{} has no weight commitment; make it with `laminate commit {0}`",
                self.root.display()
            ));
        }
        Ok(read(Kind::WeightCommitment, &path)?.1)
    }

    /// Whether there was a `setup`.
    pub fn has_setup(&self) -> bool {
        self.root.join("setup.json").exists()
    }

    /// What `setup` recorded.
    ///
    /// # Errors
    /// If there was no setup, or its record is altered.
    pub fn setup(&self) -> eyre::Result<Setup> {
        let path = self.root.join("setup.json");
        ensure!(
            path.exists(),
            "{} has no keys; make them with `laminate setup {0} --srs FILE` (or --dev-srs)",
            self.root.display()
        );
        let text = read_text(&path, MAX_RECORD)?;
        let setup: Setup = serde_json::from_str(&text).wrap_err_with(|| {
            format!(
                "{} is not a setup record of this version; run setup again",
                path.display()
            )
        })?;
        ensure!(
            setup.version == Setup::VERSION,
            "{} is a setup record of version {}, expected {}; run setup again",
            path.display(),
            setup.version,
            Setup::VERSION
        );
        Ok(setup)
    }

    /// Whether there is a weight commitment, whose secret a new one would destroy.
    pub fn is_committed(&self) -> bool {
        self.root.join("weight_secret.lam").exists()
    }

    /// Refuses to go on where a commitment would be destroyed.
    ///
    /// # Errors
    /// If there is a weight commitment and no `force`.
    pub fn keep_commitment(&self, force: bool) -> eyre::Result<()> {
        // A commitment to public weights has no secret and is made again as it was.
        let public = || self.program().is_ok_and(|p| p.binding.weights_public);
        if force || !self.is_committed() || public() {
            return Ok(());
        }
        Err(eyre!(
            "{} holds the secret of a weight commitment; without it nothing can be proven for a model registered with it; use another folder, or --force to destroy it",
            self.root.display()
        ))
    }

    /// Writes program and weights.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn write_compiled(&self, program: &Program, weights: &Weights) -> eyre::Result<()> {
        // Under temporary names first: what is there stays if they cannot be written.
        let weights_path = self.root.join("weights.lam");
        let new_weights = stage(Kind::Weights, false, weights, &weights_path)?;
        let new_program = stage(Kind::Program, false, program, &self.program_path())?;
        self.clear()?;
        persist(new_weights, &weights_path)?;
        persist(new_program, &self.program_path())
    }

    /// Removes what was made of another program: it must not survive a new compilation.
    ///
    /// # Errors
    /// If a file cannot be removed.
    pub fn clear(&self) -> eyre::Result<()> {
        crate::shards::clear(&self.root)?;
        own::remove(&self.root)
    }

    /// Writes the secret and the published commitment.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn write_commitment(
        &self,
        development: bool,
        secret: &WeightSecret,
        published: &PublishedCommitment,
    ) -> eyre::Result<()> {
        write(
            Kind::WeightSecret,
            development,
            secret,
            &self.root.join("weight_secret.lam"),
        )?;
        self.write_published(development, published)
    }

    /// Writes the published commitment alone.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write_published(
        &self,
        development: bool,
        published: &PublishedCommitment,
    ) -> eyre::Result<()> {
        let path = self.root.join("commitment.lam");
        write(Kind::WeightCommitment, development, published, &path)
    }

    /// Records the setup.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write_setup(&self, setup: &Setup) -> eyre::Result<()> {
        write_bytes(
            &self.root.join("setup.json"),
            serde_json::to_string_pretty(setup)?.as_bytes(),
            false,
        )
    }
}

/// The cache folder: `LAMINATE_CACHE`, else `~/.cache/laminate`, else `.laminate` here.
pub fn cache_dir() -> PathBuf {
    std::env::var_os("LAMINATE_CACHE")
        .map(PathBuf::from)
        .unwrap_or_else(|| {
            std::env::var_os("XDG_CACHE_HOME")
                .map(PathBuf::from)
                .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")))
                .map_or_else(
                    || PathBuf::from(".laminate"),
                    |cache| cache.join("laminate"),
                )
        })
}

/// A field element as 0x-prefixed big-endian hex, as Ethereum writes it.
pub fn hex_scalar(value: &Fr) -> String {
    let mut bytes = value.to_repr();
    bytes.reverse();
    format!("0x{}", hex::encode(bytes))
}

/// Reads a proof that a contract may check.
///
/// # Errors
/// As [`read`]; the proofs of a model in shards, and that of a shard.
pub fn read_publishable(path: &Path) -> eyre::Result<ProofFile> {
    let head = artifact::read_header(&read_head(path, artifact::HEADER)?);
    if head.is_ok_and(|head| head.kind == Kind::ShardedProof) {
        let what = "holds the proofs of a model in shards";
        return Err(crate::shards::not_on_chain(path, what));
    }
    let (_, file): (_, ProofFile) = read(Kind::Proof, path)?;
    if file.statement().is_none() {
        let what = "is the proof of one shard of a model, or altered";
        return Err(crate::shards::not_on_chain(path, what));
    }
    ensure!(
        file.proof.target == Target::Contract,
        "{} was made to be joined, contracts take proofs of another form: join it with `laminate join`, or prove without --for-join",
        path.display()
    );
    Ok(file)
}
