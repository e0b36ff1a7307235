//! `laminate setup`: proving and verifying keys of a program.

use std::path::{Path, PathBuf};

use clap::Args;
use eyre::{Context, ensure, eyre};
use laminate_aggregator::packed::Opening;
use laminate_aggregator::srs::Srs;
use laminate_engine::fold::FoldMode;
use laminate_model::layout::Layout;
use laminate_model::program::Program;
use serde::{Deserialize, Serialize};

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
    /// How proofs for contracts are opened. `packed` takes some 160,000 gas less and a reference string of 16 times the circuit's rows: the default where the
    /// string is as long. Proofs that are joined have SHPLONK either way.
    #[arg(long, value_enum)]
    pub opening: Option<OpeningArg>,
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

impl From<Opening> for OpeningArg {
    fn from(opening: Opening) -> Self {
        match opening {
            Opening::Packed => Self::Packed,
            Opening::Shplonk => Self::Shplonk,
        }
    }
}

/// The opening that is asked for, or the packed one where a string of `2^found` powers reaches, or a development string of so many that is made longer if the
/// packed opening is asked for; `needed` says the powers of each opening (log2).
pub fn choose(
    asked: Option<OpeningArg>,
    (found, development): (u32, bool),
    needed: &dyn Fn(Opening) -> u32,
    out: Output,
) -> Opening {
    if let Some(asked) = asked {
        return asked.into();
    }
    let packed = needed(Opening::Packed);
    if packed <= found {
        return Opening::Packed;
    }
    let longer = match development {
        true => "; `--opening packed` makes a longer one",
        false => "",
    };
    out.line(&format!(
        "SHPLONK opening: the packed one, which takes less gas, needs a reference string of k >= {packed}, this one has k = {found}{longer}"
    ));
    Opening::Shplonk
}

/// log2 of the powers that a string has or, if it is the development one (the flag), is given without being asked.
pub fn reach(srs: &Srs) -> (u32, bool) {
    match srs.origin().is_development() {
        true => (srs.k().max(DEV_K), true),
        false => (srs.k(), false),
    }
}

/// The record of a reference string of the same ceremony that is longer: it serves the keys, too.
fn longer(dir: &ModelDir, wanted: &Setup, srs: &Srs) -> Option<Setup> {
    let recorded = dir.setup().ok().filter(|recorded| recorded.k > wanted.k)?;
    let longer = pipeline::load_setup_srs(&recorded).ok()?;
    (longer.setup_id() == srs.setup_id()).then_some(recorded)
}

/// `--fold on|off`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
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
    pub opening: Opening,
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
        let needed = |opening| sizes.needed(&program, opening);
        let (opening, (path, srs)) = self.reference(&needed, self.opening, out)?;
        let report = make(&program, sizes, (&path, &srs), opening, "", out)?;
        record(&dir, path, &srs, (needed(opening), opening))?;
        out.result(&human(&report), &report)
    }

    /// Makes the keys of all shards, one after another. Their proofs are joined.
    fn shards(&self, shards: &ShardDir, out: Output) -> eyre::Result<()> {
        ensure!(
            self.opening != Some(OpeningArg::Packed),
            "{} is a model in shards, whose proofs are joined and so opened with SHPLONK; give --opening to `laminate join setup`",
            self.dir.display()
        );
        let _lock = Lock::take(&self.dir)?;
        let programs = shards.programs()?;
        let sizes: Vec<Sizes> = programs
            .iter()
            .map(Sizes::of)
            .collect::<eyre::Result<_>>()?;
        let needed = programs.iter().zip(&sizes);
        let needed = needed.map(|(p, s)| s.needed(p, Opening::Shplonk));
        let needed = needed.max().unwrap_or(0);
        let asked = Some(OpeningArg::Shplonk);
        let (opening, (path, srs)) = self.reference(&|_| needed, asked, out)?;
        let mut reports = vec![];
        for (index, (program, sizes)) in programs.iter().zip(sizes).enumerate() {
            let of = format!(" of shard {index} (of {})", programs.len());
            reports.push(make(program, sizes, (&path, &srs), opening, &of, out)?);
        }
        record(&shards.model_dir(), path, &srs, (needed, opening))?;
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

    /// The opening, and the reference string, cut in the cache to the powers that it needs where it is longer.
    fn reference(
        &self,
        needed: &dyn Fn(Opening) -> u32,
        asked: Option<OpeningArg>,
        out: Output,
    ) -> eyre::Result<(Opening, (PathBuf, Srs))> {
        if self.srs.srs.is_none() {
            let least = needed(Opening::Shplonk).max(DEV_K);
            let opening = choose(asked, (least, true), needed, out);
            let k = needed(opening);
            return Ok((opening, (dev_path(k), development(k, out)?)));
        }
        let (path, srs) = self.srs.load(needed(Opening::Shplonk), out)?;
        let opening = choose(asked, (srs.k(), false), needed, out);
        let k = needed(opening);
        if srs.k() < k {
            return Err(eyre!(
                "reference string {} has k = {}, this program needs k >= {k}{}; import a larger one",
                path.display(),
                srs.k(),
                match opening {
                    Opening::Packed => " with `--opening packed`, and less without",
                    Opening::Shplonk => "",
                }
            ));
        }
        if srs.k() == k {
            return Ok((opening, (path, srs)));
        }
        let (path, srs) = pipeline::cut_srs(&path, &srs, k, out)?;
        Ok((opening, (path, srs.into_owned())))
    }
}

/// Records the reference string, the powers needed (log2) and the opening in the model folder.
///
/// # Errors
/// If the file cannot be written.
pub fn record(
    dir: &ModelDir,
    path: PathBuf,
    srs: &Srs,
    (k, opening): (u32, Opening),
) -> eyre::Result<()> {
    let setup = Setup {
        version: Setup::VERSION,
        srs: std::path::absolute(path)?,
        srs_digest: hex::encode(srs.digest()),
        k,
        development: srs.origin().is_development(),
        opening,
    };
    let recorded = longer(dir, &setup, srs);
    dir.write_setup(&recorded.map_or(setup, |longer| Setup { opening, ..longer }))
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
