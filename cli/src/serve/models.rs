//! Models as the server holds them: program, weights, secret, keys and reference string, each read once.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use eyre::{WrapErr, ensure, eyre};
use laminate_aggregator::keys::ProvingKey;
use laminate_aggregator::prove::Target;
use laminate_aggregator::srs::Srs;
use laminate_engine::fold::FoldMode;
use laminate_model::artifact::{self, Kind};
use laminate_model::program::{Program, Weights};
use laminate_prover::prove::{Model, WeightSecret};
use serde::Serialize;
use serde_json::Value;

use super::job::Proven;
use crate::bound::BoundArgs;
use crate::files::{ModelDir, ProofFile, hex_scalar};
use crate::input::Given;
use crate::measure::Stages;
use crate::output::Output;
use crate::pipeline::{self, Laid};
use crate::subject::{InputFormat, Subject};

/// A model that is served.
pub struct Served {
    /// Its name in the API.
    pub name: String,
    /// Its program.
    pub program: Program,
    dir: ModelDir,
    weights: Weights,
    model: Model,
    secret: WeightSecret,
    keys: ProvingKey,
    /// For the folded proof.
    srs: Arc<Srs>,
    /// For the last proof: as its opening wants it.
    last_srs: Arc<Srs>,
    /// What the API tells.
    pub view: View,
}

/// A model as the API shows it.
#[derive(Clone, Debug, Serialize)]
pub struct View {
    name: String,
    /// Name of the compiled program.
    program: String,
    /// Digest of the program.
    pub program_digest: String,
    /// Commitment to the weights.
    pub weight_commitment: String,
    /// Rows that it takes; none of a language model, which takes tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<Rows>,
    /// Tokens that it takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    tokens: Option<u32>,
    /// Whether its statements have a context.
    context: bool,
    /// Levels of the tree that its credentials are in.
    #[serde(skip_serializing_if = "Option::is_none")]
    credential: Option<u8>,
    /// Whether everybody can forge its proofs.
    development: bool,
    /// Where its proofs can be submitted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registry: Option<Registered>,
}

/// Rows of a statement.
#[derive(Clone, Debug, Serialize)]
struct Rows {
    /// At most so many.
    slots: u32,
    /// Values to a row.
    width: u32,
    /// Value = number · 2^scale, to the nearest integer.
    scale: i8,
}

/// A model in a registry.
#[derive(Clone, Debug, Serialize)]
pub struct Registered {
    /// The chain.
    pub chain_id: u64,
    /// The registry's address.
    pub registry: String,
    /// The model's id there.
    pub model_id: String,
}

/// The reference strings read so far: models mostly share one.
#[derive(Debug, Default)]
pub struct Strings(Vec<Arc<Srs>>);

impl Strings {
    fn shared(&mut self, srs: Srs) -> Arc<Srs> {
        let same = |known: &&Arc<Srs>| known.digest() == srs.digest();
        if let Some(known) = self.0.iter().find(same) {
            return Arc::clone(known);
        }
        let srs = Arc::new(srs);
        self.0.push(Arc::clone(&srs));
        srs
    }
}

/// Name and folder of an argument `NAME=DIR` or `DIR`, whose last part is the name.
///
/// # Errors
/// A name that is empty or has other characters than letters, digits, dots, hyphens and underscores.
pub fn named(argument: &str) -> eyre::Result<(String, PathBuf)> {
    let (name, dir) = match argument.split_once('=') {
        Some((name, dir)) => (name.to_owned(), PathBuf::from(dir)),
        None => {
            let dir = PathBuf::from(argument);
            let full = std::path::absolute(&dir)?;
            let last = full.file_name().map(|name| name.to_string_lossy());
            (last.unwrap_or_default().into_owned(), dir)
        }
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    ensure!(
        !name.is_empty() && name.len() <= 64 && name.chars().all(plain),
        "{name:?} is no name of a model, expected 1 to 64 letters, digits, dots, hyphens and underscores; give NAME={}",
        dir.display()
    );
    Ok((name, dir))
}

impl Served {
    /// Reads everything that proving needs.
    ///
    /// # Errors
    /// A model in shards or a join, missing or altered files, no commitment or no keys.
    pub fn load(name: &str, root: &Path, strings: &mut Strings, out: Output) -> eyre::Result<Self> {
        let dir = ModelDir::open_whole(root)?;
        let program = dir.program()?;
        let (_, secret) = dir.secret()?;
        pipeline::check_secret(&dir, &program, &secret)?;
        let setup = dir.setup()?;
        let srs = strings.shared(pipeline::load_setup_srs(&setup)?);
        let keys = pipeline::load_keys(&program, FoldMode::On, &srs, setup.opening)?;
        let cut = pipeline::proving_srs(&keys, &srs, Target::Contract, out)?.into_owned();
        let last_srs = match cut.k() == srs.k() {
            true => Arc::clone(&srs),
            false => strings.shared(cut),
        };
        let weights = dir.weights()?;
        let model =
            Model::new(program.clone(), &weights).wrap_err_with(|| root.display().to_string())?;
        let rows = Subject::of(&program)?.input.map(rows);
        let view = View {
            name: name.into(),
            program: program.name.clone(),
            program_digest: hex_scalar(&program.digest()?),
            weight_commitment: hex_scalar(&secret.commitment()),
            tokens: program.sequence.map(|sequence| sequence.tokens),
            rows,
            context: program.binding.context,
            credential: program.binding.credential,
            development: keys.meta.development,
            registry: None,
        };
        Ok(Self {
            name: name.into(),
            program,
            dir,
            weights,
            model,
            secret,
            keys,
            srs,
            last_srs,
            view,
        })
    }

    /// Whether everybody can forge its proofs.
    pub fn is_development(&self) -> bool {
        self.keys.meta.development
    }

    /// The proof of an input that was committed to, verified.
    ///
    /// # Errors
    /// An input of another program, one that the model cannot be run on, or another credential.
    pub fn prove(&self, input: &Path, bound: &BoundArgs, out: Output) -> eyre::Result<Proven> {
        let mut given = Given::read(input, &self.program)?;
        given.bound = bound.read(&self.program, &given)?;
        let mut stages = Stages::default();
        let trace = pipeline::trace(&self.program, &self.weights, &given, &mut stages)?;
        let laid = Laid {
            dir: &self.dir,
            program: &self.program,
            model: &self.model,
            secret: &self.secret,
        };
        let mode = FoldMode::On;
        let folded = laid.fold(&given, &trace, &self.srs, mode, &mut stages, out)?;
        let keys = (&self.keys, &*self.last_srs);
        let target = Target::Contract;
        let file =
            pipeline::aggregate_with(&self.program, &folded, keys, target, &mut stages, out)?;
        self.proven(&file)
    }

    /// A proof that nobody would accept is none.
    fn proven(&self, file: &ProofFile) -> eyre::Result<Proven> {
        pipeline::verify_with(&self.keys.verifying_key(), &self.last_srs, file)
            .wrap_err("the proof that was just made does not verify")?;
        let statement = file
            .statement()
            .ok_or_else(|| eyre!("the proof that was just made has no statement"))?;
        let output: Value = serde_json::to_value(file.reading())?;
        Ok(Proven {
            proof: artifact::encode(Kind::Proof, self.is_development(), file)?,
            output,
            weight_commitment: hex_scalar(&statement.weight_commitment),
        })
    }
}

fn rows(format: InputFormat) -> Rows {
    Rows {
        slots: format.slots,
        width: format.width,
        scale: format.scale,
    }
}
