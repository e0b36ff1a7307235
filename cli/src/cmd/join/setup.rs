//! `laminate join setup`: which proofs a join is of, and its keys.

use std::ops::Range;
use std::path::{Path, PathBuf};

use clap::Args;
use eyre::{Context, ensure, eyre};
use laminate_aggregator::packed::Opening;
use serde::Serialize;

use crate::cmd::setup::{DEV_K, FoldedSrs, OpeningArg, dev_path, development, load_srs};
use crate::destination;
use crate::files::{ModelDir, hex_scalar, own, read_bytes};
use crate::joins::{self, JoinDir, Made, Run, Source};
use crate::measure::size;
use crate::output::Output;
use crate::pipeline;
use crate::shards::ShardDir;

/// Make the folder of a join: what it joins, and its keys.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  laminate join setup story-join --chain story\n  laminate join setup day --batch fraud fraud ternary\n\nThe folders need `commit` and `setup` first. The new one is then used like a model folder: `verifier`,\n`deploy`, `register`, `submit` and `check` take it, `laminate join prove` makes its proofs. A join is of these\nprograms and keys in this order. Joins can be joined again; a batch may have folders several times.\n\nWhere proofs do not show that weights are in range, the join of the commitment proofs is made beside it."
)]
pub struct JoinSetup {
    /// The folder to make.
    pub output: PathBuf,
    #[command(flatten)]
    pub what: What,
    /// Only shards A to B - 1 of the model, to be joined again: for models of more shards than one join takes.
    #[arg(long, value_name = "A..B", value_parser = range, conflicts_with = "batch")]
    pub shards: Option<Range<usize>>,
    /// log2 of the length of commitment rows: each is a point on chain, and the reference string must have one power more
    /// than a row is long. By default such that two rows are enough, or as long as the reference string allows.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(4..=24))]
    pub row_log: Option<u8>,
    /// Replace the folder of another join.
    #[arg(long)]
    pub force: bool,
    #[command(flatten)]
    pub srs: FoldedSrs,
    /// How the join's proofs for contracts are opened, as of `laminate setup`.
    #[arg(long, value_enum)]
    pub opening: Option<OpeningArg>,
}

/// What is joined.
#[derive(Clone, Debug, Args)]
#[group(required = true, multiple = false)]
pub struct What {
    /// All shards of a model (`compile --shard-layers`): one statement of the whole model. Or joins of some of its shards
    /// (--shards), in their order.
    #[arg(long, value_name = "DIR", num_args = 1..)]
    pub chain: Vec<PathBuf>,
    /// Models and joins, one for each proof: all their statements in one.
    #[arg(long, value_name = "DIR", num_args = 1..)]
    pub batch: Vec<PathBuf>,
}

/// What `join setup` reports.
#[derive(Debug, Serialize)]
struct Report {
    /// What is joined, in this order.
    children: Vec<String>,
    /// Digest that the join's statements have as their program.
    program_digest: String,
    /// Commitment that they have as their weights.
    weight_commitment: String,
    /// log2 of the circuit's rows.
    k: u32,
    /// log2 of the length of commitment rows.
    row_log: u8,
    /// Commitment rows of the combination's trace.
    rows: usize,
    /// How proofs for contracts are opened.
    opening: Opening,
    /// Digest of the verifying key.
    vk_digest: String,
    /// Size of the proving key's file.
    proving_key_bytes: u64,
    /// Whether every proof that is joined shows that its weights are in range; otherwise commitment proofs must.
    weights_checked: bool,
    /// The folder of the join of these, if they can be joined.
    #[serde(skip_serializing_if = "Option::is_none")]
    weights: Option<PathBuf>,
    /// Whether the reference string is a development one.
    development: bool,
}

impl JoinSetup {
    /// Runs the command.
    ///
    /// # Errors
    /// Folders that cannot be joined, without keys or of several ceremonies; a reference string that is too short.
    pub fn run(&self, out: Output) -> eyre::Result<()> {
        destination::folder(&self.output)?;
        own::claim(&self.output)?;
        for (name, file) in [
            ("a model", "program.lam"),
            ("a model in shards", "shards.json"),
        ] {
            ensure!(
                !self.output.join(file).exists(),
                "{} is the folder of {name}; give another for the join",
                self.output.display()
            );
        }
        ensure!(
            !self.what.batch.contains(&self.output) && !self.what.chain.contains(&self.output),
            "{} is to be made and to be joined; give another folder for the join",
            self.output.display()
        );
        let (sources, run, dirs) = self.sources()?;
        let mut at = self.reference(&dirs, out)?;
        let tokenizer = self.what.chain.first();
        let tokenizer = tokenizer.map(|dir| dir.join("tokenizer.json"));
        let tokenizer = tokenizer.filter(|path| path.exists());
        let tokenizer = tokenizer.map(|path| read_bytes(&path)).transpose()?;
        let what = (sources.as_slice(), run);
        let json = tokenizer.as_deref();
        let made = joins::make(
            &self.output,
            what,
            (self.row_log, self.force, self.opening),
            &mut at,
            json,
            out,
        )?;
        let report = Report::new(&made)?;
        out.result(&human(&report), &report)
    }

    /// What is joined, and the folders that had a setup.
    fn sources(&self) -> eyre::Result<(Vec<Source>, Option<Run>, Vec<ModelDir>)> {
        let What { chain, batch } = &self.what;
        if let [path] = chain.as_slice()
            && let Some(shards) = ShardDir::open(path)?
        {
            let (sources, run) = Source::shards(&shards, self.shards.clone())?;
            return Ok((sources, Some(run), vec![shards.model_dir()]));
        }
        let dirs = chain.iter().chain(batch).map(|path| ModelDir::at(path));
        let dirs: Vec<ModelDir> = dirs.collect();
        if chain.is_empty() {
            let sources = batch.iter().map(|path| Source::whole(path));
            return Ok((sources.collect::<eyre::Result<_>>()?, None, dirs));
        }
        ensure!(
            self.shards.is_none(),
            "--shards is of a model in shards, which {} is not",
            dirs.first().map_or(Path::new(""), ModelDir::root).display()
        );
        let runs = chain.iter().map(|path| Source::run(path));
        let (sources, runs): (Vec<Source>, Vec<Run>) =
            runs.collect::<eyre::Result<Vec<_>>>()?.into_iter().unzip();
        Ok((sources, Some(Run::chain(&runs)?), dirs))
    }

    /// The reference string: the one given, or the longest of those of the setups, which are all of one ceremony.
    fn reference(&self, dirs: &[ModelDir], out: Output) -> eyre::Result<joins::At> {
        let mut at: Option<joins::At> = None;
        let mut ceremony: Option<(&Path, [u8; 32])> = None;
        if let Some(path) = &self.srs.srs {
            let srs = load_srs(path)?;
            ceremony = Some((path, srs.setup_id()));
            at = Some((path.clone(), srs));
        }
        let mut known: Vec<(PathBuf, [u8; 32])> = vec![];
        for dir in dirs {
            let setup = dir.setup()?;
            let id = match known.iter().find(|(path, _)| *path == setup.srs) {
                Some((_, id)) => *id,
                None => {
                    let srs = pipeline::load_setup_srs(&setup)
                        .wrap_err_with(|| dir.root().display().to_string())?;
                    let id = srs.setup_id();
                    known.push((setup.srs.clone(), id));
                    let longer = at.as_ref().is_none_or(|(_, at)| srs.k() > at.k());
                    if longer && self.srs.srs.is_none() {
                        at = Some((setup.srs, srs));
                    }
                    id
                }
            };
            let (first, expected) = *ceremony.get_or_insert((dir.root(), id));
            ensure!(
                id == expected,
                "the keys of {} were made with the reference string of another ceremony than {}; run commit and setup again, with one for all",
                dir.root().display(),
                first.display()
            );
        }
        let (path, srs) = at.ok_or_else(|| eyre!("nothing to join"))?;
        let is_development = srs.origin().is_development();
        ensure!(
            !self.srs.dev_srs || is_development,
            "--dev-srs, but the keys of what is joined were made with {}; leave --dev-srs out, or set up with it",
            path.display()
        );
        match is_development && srs.k() < DEV_K {
            true => Ok((dev_path(DEV_K), development(DEV_K, out)?)),
            false => Ok((path, srs)),
        }
    }
}

/// `A..B`.
fn range(text: &str) -> Result<Range<usize>, String> {
    let ends = text.split_once("..");
    let ends = ends.and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
    let (start, end) = ends.ok_or("expected A..B, such as 0..8")?;
    Ok(start..end)
}

impl Report {
    fn new(made: &Made) -> eyre::Result<Self> {
        let (dir, keys) = (&made.dir, &made.keys);
        let report = pipeline::key_report(keys)?;
        let weights = dir.weights()?;
        let subject = dir.subject()?;
        Ok(Self {
            children: dir.file.members.iter().map(|m| m.name.clone()).collect(),
            program_digest: hex_scalar(&subject.digest),
            weight_commitment: hex_scalar(&dir.file.weight_commitment()),
            k: report.k,
            row_log: dir.file.plan.row_log,
            rows: made.rows,
            opening: report.opening,
            vk_digest: report.vk_digest,
            proving_key_bytes: report.proving_key_bytes,
            weights_checked: subject.range == crate::subject::Range::Shown,
            weights: weights.as_ref().map(JoinDir::root).map(Path::to_owned),
            development: report.development,
        })
    }
}

fn human(report: &Report) -> String {
    let weights = match (&report.weights, report.weights_checked) {
        (_, true) => String::new(),
        (Some(path), _) => format!(
            "\nnot shown by its proofs: that weights are in range; join the commitment proofs, too (`laminate join prove --weights`, keys in {})",
            path.display()
        ),
        (None, _) => {
            "\nnot shown by all its proofs: that weights are in range; no contract can check it"
                .into()
        }
    };
    let rows = match report.rows {
        0..=4 => "",
        _ => ": each a point on chain, longer ones are fewer (--row-log)",
    };
    let dev = if report.development {
        "\nDEV reference string: only for local chains"
    } else {
        ""
    };
    format!(
        "joins {}\nkeys for k = {}, {} opening, {} commitment rows of 2^{}{rows}\nprogram           {}\nweight commitment {}\nverifying key {}\nproving key {}{weights}{dev}",
        report.children.join(", "),
        report.k,
        report.opening,
        report.rows,
        report.row_log,
        report.program_digest,
        report.weight_commitment,
        report.vk_digest,
        size(report.proving_key_bytes)
    )
}
