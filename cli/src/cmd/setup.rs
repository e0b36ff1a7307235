//! `laminate setup`: proving and verifying keys of a program.

use std::path::{Path, PathBuf};

use clap::Args;
use eyre::{Context, ensure, eyre};
use laminate_aggregator::packed::Opening;
use laminate_aggregator::srs::Srs;
use laminate_engine::fold::FoldMode;
use laminate_model::layout::Layout;
use laminate_model::program::Program;
use serde::Serialize;

use crate::destination;
use crate::files::{Lock, ModelDir, Setup, cache_dir};
use crate::output::Output;
use crate::pipeline;
use crate::shards::ShardDir;

/// log2 of the development reference string that every command shares.
pub const DEV_K: u32 = 18;

/// Which reference string.
#[derive(Clone, Debug, Args)]
#[group(required = true, multiple = false)]
pub struct SrsArgs {
    /// Reference string (made by `laminate srs import`).
    #[arg(long)]
    pub srs: Option<PathBuf>,
    /// The development reference string: its secret is public, only for local chains.
    #[arg(long)]
    pub dev_srs: bool,
}

impl SrsArgs {
    /// Loads it, with the path it lies at; the development one has at least `2^least` powers.
    ///
    /// # Errors
    /// A missing or altered file.
    pub fn load(&self, least: u32, out: Output) -> eyre::Result<(PathBuf, Srs)> {
        let k = least.max(DEV_K);
        match &self.srs {
            Some(path) => {
                let _stage = out.stage("Reading the reference string");
                Ok((path.clone(), load_srs(path)?))
            }
            None => Ok((dev_path(k), development(k, out)?)),
        }
    }
}

/// Which reference string a folded proof is for, where there was no `setup`.
#[derive(Clone, Debug, Default, Args)]
#[group(multiple = false)]
pub struct FoldedSrs {
    /// Reference string of a folded proof; that of `setup` by default.
    #[arg(long)]
    pub srs: Option<PathBuf>,
    /// The development reference string for a folded proof.
    #[arg(long)]
    pub dev_srs: bool,
}

impl FoldedSrs {
    /// Loads it, at least as long as the program's commitments.
    ///
    /// # Errors
    /// A missing or altered file; nothing given and no setup.
    pub fn load(&self, dir: &ModelDir, program: &Program, out: Output) -> eyre::Result<Srs> {
        if self.dev_srs {
            return development(commitment_k(program).max(DEV_K), out);
        }
        if let Some(path) = &self.srs {
            return load_srs(path);
        }
        if !dir.has_setup() {
            return Err(eyre!(
                "which reference string? {} had no `laminate setup`; give the one of `laminate commit` with --srs FILE (or --dev-srs)",
                dir.root().display()
            ));
        }
        pipeline::load_setup_srs(&dir.setup()?)
    }

    /// Whether one is named.
    pub fn is_given(&self) -> bool {
        self.dev_srs || self.srs.is_some()
    }
}

/// log2 of the powers that a program's commitments need: a row's, and one more for its blind.
pub fn commitment_k(program: &Program) -> u32 {
    Layout::new(program).geometry.row_log as u32 + 1
}

/// Where the development reference string of `2^k` powers is cached.
pub fn dev_path(k: u32) -> PathBuf {
    cache_dir().join(format!("dev-{k}.srs"))
}

/// The cached development reference string, made if it is missing or altered.
///
/// # Errors
/// If it cannot be made or written.
pub fn development(k: u32, out: Output) -> eyre::Result<Srs> {
    let path = dev_path(k);
    if let Some(srs) = cached_srs(&path)?
        && srs.origin().is_development()
        && srs.k() == k
    {
        return Ok(srs);
    }
    let stage = out.stage("Making the development reference string");
    let srs = Srs::development_with(k, &|done, total| stage.advance(done, total))?;
    std::fs::create_dir_all(cache_dir())
        .wrap_err_with(|| format!("cannot create {}", cache_dir().display()))?;
    srs.save(&path)?;
    pipeline::remember_checked(&srs);
    Ok(srs)
}

/// The reference string in the cache at `path`; none if there is none or it is damaged, as it is made again then.
///
/// # Errors
/// If there is one that cannot be read, as of another user.
pub fn cached_srs(path: &Path) -> eyre::Result<Option<Srs>> {
    match std::fs::File::open(path) {
        Ok(_) => Ok(Srs::load(path).ok()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).wrap_err_with(|| {
            format!(
                "cannot read {}; LAMINATE_CACHE names another cache",
                path.display()
            )
        }),
    }
}

/// Loads a reference string in Laminate's format, with every check of an import unless one with its digest passed before.
///
/// # Errors
/// Names `srs import` if it is another format; the first check that fails.
pub fn load_srs(path: &std::path::Path) -> eyre::Result<Srs> {
    let unusable = || {
        format!(
            "{} is not a usable reference string (import a ceremony's file with `laminate srs import`)",
            path.display()
        )
    };
    let srs = Srs::load(path).wrap_err_with(unusable)?;
    pipeline::require_checked(&srs).wrap_err_with(unusable)?;
    Ok(srs)
}

/// Make the proving and verifying keys of a program, or of all shards of a model.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  laminate setup fraud --dev-srs")]
pub struct SetupCommand {
    /// Folder made by `laminate compile`.
    pub dir: PathBuf,
    #[command(flatten)]
    pub srs: SrsArgs,
    /// How proofs for contracts are opened. `packed` takes some 168,000 gas less and a reference string of 32 times the circuit's rows; proofs that are joined
    /// have SHPLONK either way.
    #[arg(long, value_enum, default_value_t = OpeningArg::Shplonk)]
    pub opening: OpeningArg,
}

/// `--opening shplonk|packed`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum OpeningArg {
    /// One commitment a column.
    Shplonk,
    /// One commitment a phase.
    Packed,
}

impl From<OpeningArg> for Opening {
    fn from(opening: OpeningArg) -> Self {
        match opening {
            OpeningArg::Shplonk => Self::Shplonk,
            OpeningArg::Packed => Self::Packed,
        }
    }
}

/// Whether the recorded reference string is of the same ceremony and longer: it serves the keys then.
fn serves(dir: &ModelDir, wanted: &Setup, srs: &Srs) -> bool {
    let recorded = dir.setup().ok().filter(|recorded| recorded.k > wanted.k);
    let longer = recorded.and_then(|recorded| pipeline::load_setup_srs(&recorded).ok());
    longer.is_some_and(|longer| longer.setup_id() == srs.setup_id())
}

/// `--fold on|off`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Fold {
    /// All layers in one opening.
    On,
    /// An opening for each layer.
    Off,
}

impl From<Fold> for FoldMode {
    fn from(fold: Fold) -> Self {
        match fold {
            Fold::On => Self::On,
            Fold::Off => Self::Off,
        }
    }
}

/// What `setup` reports.
#[derive(Debug, Serialize)]
pub struct Report {
    /// log2 of the circuit's rows.
    pub k: u32,
    /// Advice columns of the circuit.
    pub advice_columns: usize,
    /// How proofs for contracts are opened.
    pub opening: &'static str,
    /// Digest of the verifying key.
    pub vk_digest: String,
    /// Size of the proving key's file.
    pub proving_key_bytes: u64,
    /// Size of the verifying key's file.
    pub verifying_key_bytes: u64,
    /// Whether the reference string is a development one.
    pub development: bool,
    /// Keys of the commitment proof, where inferences do not show that the weights are in range.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weights: Option<Box<Report>>,
}

/// What `setup` reports of a model in shards.
#[derive(Debug, Serialize)]
struct ShardsReport {
    /// Of the model.
    digest: String,
    /// Keys of each shard.
    shards: Vec<Report>,
    /// Whether the reference string is a development one.
    development: bool,
}

/// log2 of the rows of a program's circuits.
#[derive(Clone, Copy, Debug)]
struct Sizes {
    inference: u32,
    /// Of the commitment proof, where inferences do not show that the weights are in range.
    weights: Option<u32>,
}

impl Sizes {
    fn of(program: &Program) -> eyre::Result<Self> {
        let weights = (!program.check_weights).then(|| program.weights_program());
        Ok(Self {
            inference: pipeline::circuit_k(program, FoldMode::On)?,
            weights: weights
                .map(|weights| pipeline::circuit_k(&weights, FoldMode::On))
                .transpose()?,
        })
    }

    /// log2 of the powers for circuits, their openings and commitments.
    fn needed(self, program: &Program, opening: Opening) -> u32 {
        let circuits = self.inference.max(self.weights.unwrap_or(0));
        opening.required_k(circuits).max(commitment_k(program))
    }
}

/// Makes the keys of a program, and of its weights' program if there is one; `of` tells whose they are.
fn make(
    program: &Program,
    sizes: Sizes,
    (path, srs): (&Path, &Srs),
    opening: Opening,
    of: &str,
    out: Output,
) -> eyre::Result<Report> {
    let one = |program: &Program, k: u32, what: String| {
        let (cut_path, cut) = pipeline::cut_srs(path, srs, k, out)?;
        let _stage = out.stage(what);
        let keys = pipeline::setup(program, FoldMode::On, &cut, (opening, srs))?;
        pipeline::link_srs(&keys, &cut_path)?;
        pipeline::key_report(&keys)
    };
    let keys = one(program, sizes.inference, format!("Making the keys{of}"))?;
    let weights = match sizes.weights {
        None => None,
        Some(k) => {
            let what = format!("Making the keys of the commitment proof{of}");
            Some(Box::new(one(&program.weights_program(), k, what)?))
        }
    };
    Ok(Report { weights, ..keys })
}

impl SetupCommand {
    /// Runs the command.
    ///
    /// # Errors
    /// A reference string that is too small, or keys that cannot be written.
    pub fn run(&self, out: Output) -> eyre::Result<()> {
        destination::inside(&self.dir)?;
        if let Some(shards) = ShardDir::open(&self.dir)? {
            return self.shards(&shards, out);
        }
        let dir = ModelDir::open(&self.dir)?;
        // Keys take minutes, in which no other program may come to lie there.
        let _lock = dir.lock()?;
        let program = dir.program()?;
        ensure!(
            program.sequence.is_none_or(|s| s.shard.is_none()),
            "{} is one shard of a model; give the folder that holds all of them",
            self.dir.display()
        );
        let sizes = Sizes::of(&program)?;
        let needed = sizes.needed(&program, self.opening.into());
        let (path, srs) = self.srs_of(needed, out)?;
        let report = make(&program, sizes, (&path, &srs), self.opening.into(), "", out)?;
        record(&dir, path, &srs, needed)?;
        out.result(&human(&report), &report)
    }

    /// Makes the keys of all shards, one after another.
    fn shards(&self, shards: &ShardDir, out: Output) -> eyre::Result<()> {
        let _lock = Lock::take(&self.dir)?;
        let programs = shards.programs()?;
        let sizes: Vec<Sizes> = programs
            .iter()
            .map(Sizes::of)
            .collect::<eyre::Result<_>>()?;
        let opening = self.opening.into();
        let needed = programs.iter().zip(&sizes);
        let needed = needed.map(|(p, s)| s.needed(p, opening));
        let needed = needed.max().unwrap_or(0);
        let (path, srs) = self.srs_of(needed, out)?;
        let mut reports = vec![];
        for (index, (program, sizes)) in programs.iter().zip(sizes).enumerate() {
            let of = format!(" of shard {index} (of {})", programs.len());
            reports.push(make(program, sizes, (&path, &srs), opening, &of, out)?);
        }
        record(&shards.model_dir(), path, &srs, needed)?;
        let lines: Vec<String> = reports
            .iter()
            .enumerate()
            .map(|(index, report)| format!("shard {index}\n{}", lines(report)))
            .collect();
        let report = ShardsReport {
            digest: shards.digest().into(),
            shards: reports,
            development: srs.origin().is_development(),
        };
        let human = format!("{}{}", lines.join("\n"), dev(report.development));
        out.result(&human, &report)
    }

    /// The reference string, cut to `2^k` powers in the cache where it is longer.
    fn srs_of(&self, k: u32, out: Output) -> eyre::Result<(PathBuf, Srs)> {
        if self.srs.srs.is_none() {
            return Ok((dev_path(k), development(k, out)?));
        }
        let (path, srs) = self.srs.load(k, out)?;
        if srs.k() < k {
            return Err(eyre!(
                "reference string {} has k = {}, this program needs k >= {k}{}; import a larger one",
                path.display(),
                srs.k(),
                match self.opening {
                    OpeningArg::Packed => " with `--opening packed`, and less without",
                    OpeningArg::Shplonk => "",
                }
            ));
        }
        if srs.k() == k {
            return Ok((path, srs));
        }
        let (path, srs) = pipeline::cut_srs(&path, &srs, k, out)?;
        Ok((path, srs.into_owned()))
    }
}

/// Records the reference string in the model folder.
///
/// # Errors
/// If the file cannot be written.
pub fn record(dir: &ModelDir, path: PathBuf, srs: &Srs, k: u32) -> eyre::Result<()> {
    let setup = Setup {
        version: 1,
        srs: std::path::absolute(path)?,
        srs_digest: hex::encode(srs.digest()),
        k,
        development: srs.origin().is_development(),
    };
    if serves(dir, &setup, srs) {
        return Ok(());
    }
    dir.write_setup(&setup)
}

fn human(report: &Report) -> String {
    format!("{}{}", lines(report), dev(report.development))
}

fn lines(report: &Report) -> String {
    let weights = report.weights.as_ref().map_or_else(String::new, |w| {
        format!(
            "\ncommitment proof: keys for k = {}, {} advice columns, proving key {}",
            w.k,
            w.advice_columns,
            crate::measure::size(w.proving_key_bytes)
        )
    });
    format!(
        "keys for k = {}, {} advice columns, {} opening\nverifying key {}\nproving key {}{weights}",
        report.k,
        report.advice_columns,
        report.opening,
        report.vk_digest,
        crate::measure::size(report.proving_key_bytes)
    )
}

fn dev(development: bool) -> &'static str {
    if development {
        "\nDEV reference string: only for local chains"
    } else {
        ""
    }
}
