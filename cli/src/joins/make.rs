//! Making the folder of a join.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use eyre::{Context, ensure, eyre};
use halo2curves_axiom::bn256::Fr;
use laminate_aggregator::error::AggregationError;
use laminate_aggregator::join::{
    Child, Join, JoinError, Mode, Plan, Tokens, WeightRange, default_row_log,
};
use laminate_aggregator::keys::{ProvingKey, PublicShape, VerifyingKey};
use laminate_aggregator::packed::Opening;
use laminate_aggregator::snark::{Key, Template};
use laminate_aggregator::srs::Srs;
use laminate_engine::backend::Native;
use laminate_engine::field::{Point, Scalar};
use laminate_engine::fold::FoldMode;
use laminate_model::program::Program;
use laminate_model::statement::{Packing, ends};

use super::{JoinDir, JoinFile, Member, Run};
use crate::cmd::setup::{OpeningArg, choose, dev_path, development, reach, record};
use crate::files::{Lock, ModelDir, own};
use crate::output::Output;
use crate::pipeline;
use crate::shards::ShardDir;
use crate::subject::{self, Subject};

/// Whose proofs stand at one place of a join.
#[derive(Clone, Debug)]
pub struct Source {
    /// Folder, for messages.
    label: String,
    /// Name at its place.
    name: String,
    subject: Subject,
    ends: [bool; 2],
    weight_commitment: Fr,
    /// Whose commitment proofs show that its weights are in range.
    weights: Option<Subject>,
}

/// A reference string and where it lies.
pub type At = (PathBuf, Srs);

/// A join and its keys.
#[derive(Debug)]
pub struct Made {
    /// Its folder.
    pub dir: JoinDir,
    /// Keys.
    pub keys: ProvingKey,
    /// Commitment rows of the combination's trace.
    pub rows: usize,
}

impl Source {
    fn of_program(label: String, program: &Program, weight_commitment: Fr) -> eyre::Result<Self> {
        let weights = match program.check_weights {
            true => None,
            false => Some(Subject::of(&program.weights_program())?),
        };
        let name = match program.sequence.and_then(|s| s.shard) {
            Some(shard) => format!("{} (shard {})", program.name, shard.index),
            None => program.name.clone(),
        };
        Ok(Self {
            label,
            name,
            subject: Subject::of(program)?,
            ends: ends(program),
            weight_commitment,
            weights,
        })
    }

    /// A model or a join of such; a batch may have both.
    ///
    /// # Errors
    /// A shard, shards, or a folder without a commitment.
    pub fn whole(root: &Path) -> eyre::Result<Self> {
        let label = root.display().to_string();
        ensure!(
            !crate::shards::is_sharded(root),
            "{label} is a model in shards; join these first with `laminate join setup CHAIN --chain {label}`, and give CHAIN in its place"
        );
        if let Some(join) = JoinDir::open(root)? {
            join.require_whole()?;
            return Self::of_join(label, &join);
        }
        let dir = ModelDir::open(root)?;
        let program = dir.program()?;
        ensure!(
            program.sequence.is_none_or(|s| s.shard.is_none()),
            "{label} is one shard of a model, whose proof says nothing alone; join all shards with `laminate join setup CHAIN --chain DIR`, and give CHAIN"
        );
        let commitment = dir.commitment()?;
        ensure!(
            commitment.program_digest.0 == program.digest()?,
            "{label}: commitment.lam is of another program; run commit again"
        );
        Self::of_program(label, &program, commitment.commitment.0)
    }

    /// Shards of a model, all or those in `range`.
    ///
    /// # Errors
    /// Shards without a commitment, or that are not there.
    pub fn shards(
        shards: &ShardDir,
        range: Option<Range<usize>>,
    ) -> eyre::Result<(Vec<Self>, Run)> {
        let set = shards.set()?;
        let count = set.verifiers().len();
        let range = range.unwrap_or(0..count);
        ensure!(
            range.start < range.end && range.end <= count,
            "shards {} to {} of {}, which has 0 to {}",
            range.start,
            range.end.saturating_sub(1),
            shards.model_dir().root().display(),
            count - 1
        );
        let all = shards.dirs().iter().zip(set.verifiers());
        let all = all.zip(set.weight_commitments());
        let sources = all.map(|((dir, verifier), commitment)| {
            let label = dir.root().display().to_string();
            Self::of_program(label, &verifier.program, *commitment)
        });
        let sources = sources.skip(range.start).take(range.len());
        let packing = set
            .verifiers()
            .first()
            .map(|v| Packing::of_output(&v.program));
        let run = Run {
            model: Scalar(set.digest()),
            count: count as u32,
            first: range.start as u32,
            end: range.end as u32,
            tokens: Tokens::of(&shards.sequence()?, packing.unwrap_or_default()),
        };
        Ok((sources.collect::<eyre::Result<_>>()?, run))
    }

    /// A join of some shards of a model.
    ///
    /// # Errors
    /// Another folder.
    pub fn run(root: &Path) -> eyre::Result<(Self, Run)> {
        let part = JoinDir::open(root)?.filter(|join| join.require_whole().is_err());
        let part = part.and_then(|join| Some((join.file.run?, join)));
        let (run, join) = part.ok_or_else(|| {
            eyre!(
                "{} is not a model in shards, nor a join of some of its shards (`laminate join setup --shards`); give whole models with --batch",
                root.display()
            )
        })?;
        Ok((Self::of_join(root.display().to_string(), &join)?, run))
    }

    fn of_join(label: String, join: &JoinDir) -> eyre::Result<Self> {
        Ok(Self {
            label,
            name: match join.file.run {
                Some(run) if join.require_whole().is_err() => format!(
                    "{} (shards {} to {})",
                    join.file.name,
                    run.first,
                    run.end.saturating_sub(1)
                ),
                _ => join.file.name.clone(),
            },
            subject: join.subject()?,
            ends: join.file.plan.ends(),
            weight_commitment: join.file.weight_commitment(),
            weights: join.weights()?.map(|w| w.subject()).transpose()?,
        })
    }

    /// That of its commitment proofs.
    fn of_weights(&self) -> Option<Self> {
        Some(Self {
            label: format!("the weights of {}", self.label),
            name: format!("weights of {}", self.name),
            subject: self.weights.clone()?,
            ends: [false; 2],
            weight_commitment: self.weight_commitment,
            weights: None,
        })
    }

    /// What is joined at its place, given its verifying key with a string of its size.
    fn member(&self, key: &VerifyingKey, srs: &Srs) -> eyre::Result<(Child, Member)> {
        let words = Key::of(srs, &key.vk).wrap_err_with(|| self.label.clone())?;
        let child = Child {
            key: Scalar(words.digest(&mut Native)),
            program: Scalar(self.subject.digest),
            range: match self.subject.range {
                subject::Range::Shown => WeightRange::Shown,
                subject::Range::Apart(program) => WeightRange::Apart(Scalar(program)),
                subject::Range::Partly => WeightRange::Partly,
            },
            public: key.meta.public,
            boundary_in: self.ends[0],
            boundary_out: self.ends[1],
        };
        let PublicShape { statement, .. } = child.public;
        ensure!(
            child.words() == self.subject.words && key.meta.output == self.subject.output,
            "{}: its key is of statements of {statement} fields and {:?}, expected {} output words and {:?}; run setup again",
            self.label,
            key.meta.output,
            self.subject.words,
            self.subject.output
        );
        let words = words.try_map(&mut |s| Ok(Scalar(*s)), &mut |p| Ok(Point(*p)));
        let Ok::<_, std::convert::Infallible>(words) = words;
        let member = Member {
            name: self.name.clone(),
            key: words,
            vk_digest: key.digest(),
            output: self.subject.output.clone(),
            weight_commitment: Scalar(self.weight_commitment),
        };
        Ok((child, member))
    }
}

/// Plan and members, and the constraint system of all.
fn members(
    sources: &[Source],
    (path, srs): (&Path, &Srs),
    out: Output,
) -> eyre::Result<(Vec<Child>, Vec<Member>, Template)> {
    let mut known: Vec<(Fr, Child, Member)> = vec![];
    let mut template = None;
    let (mut children, mut members) = (vec![], vec![]);
    for source in sources {
        let digest = source.subject.digest;
        let (child, mut member) = match known.iter().find(|(d, _, _)| *d == digest) {
            Some((_, child, member)) => (*child, member.clone()),
            None => {
                let key = pipeline::load_verifying_key(digest, FoldMode::On, srs, Opening::Shplonk)
                    .wrap_err_with(|| source.label.clone())?;
                let (_, cut) = pipeline::cut_srs(path, srs, key.meta.k(), out)?;
                if template.is_none() {
                    template = Some(Template::of(&cut, &key.vk)?);
                }
                let (child, member) = source.member(&key, &cut)?;
                known.push((digest, child, member.clone()));
                (child, member)
            }
        };
        member.weight_commitment = Scalar(source.weight_commitment);
        member.name.clone_from(&source.name);
        children.push(child);
        members.push(member);
    }
    let template = template.ok_or_else(|| eyre!("nothing to join"))?;
    Ok((children, members, template))
}

/// Names of what is joined: each once.
fn name(sources: &[Source]) -> String {
    let mut names: Vec<&str> = vec![];
    for source in sources {
        let name = source.subject.name.as_str();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names.join(" + ")
}

/// Makes the folder of a join, with its keys in the cache: the development reference string is made longer where it must be,
/// another one is refused.
///
/// # Errors
/// What cannot be joined, too short a reference string, or a folder of another join without `force`.
pub fn make(
    root: &Path,
    (sources, run): (&[Source], Option<Run>),
    (row_log, force, asked): (Option<u8>, bool, Option<OpeningArg>),
    at: &mut At,
    tokenizer: Option<&[u8]>,
    out: Output,
) -> eyre::Result<Made> {
    let (children, members, template) = members(sources, (&at.0, &at.1), out)?;
    let row_log = match row_log {
        Some(row_log) => row_log,
        None => default_row_log(&children, at.1.k())?,
    };
    // Shards follow each other; their commitment proofs stand side by side.
    let shards = sources.iter().any(|s| s.ends != [false; 2]);
    let plan = Plan {
        mode: run.filter(|_| shards).map_or(Mode::Batch, |run| run.mode()),
        children,
        row_log,
    };
    let plan_ends = plan.ends();
    let join = Join::new(plan.clone(), template).map_err(|error| named(error, sources))?;
    let file = JoinFile {
        name: name(sources),
        setup: at.1.setup_id(),
        plan,
        run,
        members,
    };
    let other = JoinDir::open(root).ok().flatten();
    if let Some(other) = other.filter(|other| other.file.digest() != file.digest()) {
        ensure!(
            force,
            "{} joins {}; give another folder, or --force to replace it",
            root.display(),
            other.file.names()
        );
    }
    // A row and the blind of its commitment.
    let powers = u32::from(row_log) + 1;
    at.reach(powers, &format!("commitment rows of 2^{row_log}"), out)?;
    let keys = loop {
        let _stage = out.stage("Making the keys of the join");
        match pipeline::setup_join(&join, file.output(), &at.1) {
            Err(error) => match error.downcast_ref() {
                Some(AggregationError::SrsTooSmall { needed, .. }) => {
                    at.reach(*needed, "the join's circuit", out)?;
                }
                _ => return Err(error),
            },
            Ok(keys) => break keys,
        }
    };
    let needed = |opening: Opening| opening.required_k(keys.meta.k());
    // The proofs of a part are joined again.
    let opening = match plan_ends == [false; 2] {
        true => choose(asked, reach(&at.1), &needed, out),
        false => Opening::Shplonk,
    };
    let needed = needed(opening);
    at.reach(needed, "packed proofs of the join (SHPLONK less)", out)?;
    let keys = pipeline::finish_join(keys, opening, &at.1)?;
    ensure!(
        keys.meta.output == file.output(),
        "the cached keys of this join are of another output format; remove them and run setup again"
    );
    let (cut_path, _) = pipeline::cut_srs(&at.0, &at.1, keys.meta.k(), out)?;
    pipeline::link_srs(&keys, &cut_path)?;
    fs::create_dir_all(root).wrap_err_with(|| format!("cannot create {}", root.display()))?;
    let _lock = Lock::take(root)?;
    clear(root)?;
    let k = powers.max(needed);
    let (whole_path, whole) = pipeline::cut_srs(&at.0, &at.1, k, out)?;
    record(&ModelDir::at(root), whole_path, &whole, (k, opening))?;
    let weights: Option<Vec<Source>> = sources.iter().map(Source::of_weights).collect();
    if let Some(weights) = weights {
        let parts = (weights.as_slice(), run);
        make(
            &root.join("weights"),
            parts,
            // One contract may verify both.
            (None, true, Some(opening.into())),
            at,
            None,
            out,
        )
        .wrap_err("the join of the commitment proofs")?;
    }
    let development = keys.meta.development;
    Ok(Made {
        dir: JoinDir::write(root, development, file, tokenizer)?,
        rows: join.multiexp.rows(),
        keys,
    })
}

/// Names the folder whose place an error names.
fn named(error: JoinError, sources: &[Source]) -> eyre::Report {
    let order: Vec<String> = sources
        .iter()
        .enumerate()
        .map(|(place, source)| format!("{place} {}", source.label))
        .collect();
    eyre::Report::new(error).wrap_err(format!("joining {}", order.join(", ")))
}

/// Removes what was made of another join.
fn clear(root: &Path) -> eyre::Result<()> {
    let weights = root.join("weights");
    if super::is_join(&weights) {
        clear(&weights)?;
    }
    own::remove(root)
}

/// Makes sure that a string is long enough for something.
trait Reach {
    fn reach(&mut self, k: u32, what: &str, out: Output) -> eyre::Result<()>;
}

impl Reach for At {
    fn reach(&mut self, k: u32, what: &str, out: Output) -> eyre::Result<()> {
        if self.1.k() >= k {
            return Ok(());
        }
        ensure!(
            self.1.origin().is_development(),
            "reference string {} has k = {}, {what} need k >= {k}; import a larger one of the same ceremony and give it with --srs",
            self.0.display(),
            self.1.k()
        );
        *self = (dev_path(k), development(k, out)?);
        Ok(())
    }
}
