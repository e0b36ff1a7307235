//! What is joined: keys, shapes and order of the children, and what their statements make.
//!
//! | mode | children | the join's statement |
//! | --- | --- | --- |
//! | batch | any | weight and input commitments are hashes of theirs, output words theirs in their order |
//! | chain | shards of a model in their order; runs of shards | each begins with the boundary that the one before ends in; input commitment of the first; a whole model's output words are its public tokens |
//!
//! The program digest is `H_join(mode, row log, children, (key digest, program digest, weights, shape) of each)`: it
//! binds circuits and programs of all children, in their order, down to the leaves, and who shows that their weights are
//! in range. So a shard left out, doubled or
//! moved, a foreign key or another model is another program digest.

use halo2_base::halo2_proofs::halo2curves::bn256::Fr;
use laminate_engine::field::Scalar;
use laminate_engine::multiexp::{MAX_ROW_LOG, MAX_TERMS, Multiexp};
use laminate_engine::switch::on;
use laminate_model::program::{MAX_VOCAB, Sequence};
use laminate_model::statement::{Packing, STATEMENT_HEAD};
use serde::{Deserialize, Serialize};

use super::error::JoinError;
use crate::keys::PublicShape;

/// Shortest commitment rows: the blinds stand in one.
pub const MIN_ROW_LOG: u8 = 4;
/// Most children.
pub const MAX_CHILDREN: usize = 64;
/// Points of a child's SHPLONK check: 27, and the opening once more on the left.
pub(super) const SNARK_TERMS: usize = 28;
/// The two sides of the joined pairing.
pub(super) const SIDES: usize = 2;

/// Shortest commitment rows that are chosen, as log2, and in how few the trace should lie: each is a point on chain.
const DEFAULT_ROW_LOG: u8 = 15;
const DEFAULT_ROWS: usize = 2;

/// log2 of the commitment rows for these children with a reference string of `2^k` powers: the shortest that make two rows of
/// the trace, else the longest that the string allows, but never shorter than `2^15`.
///
/// # Errors
/// [`JoinError::Verify`] for more points than a combination takes.
pub fn default_row_log(children: &[Child], k: u32) -> Result<u8, JoinError> {
    let terms = terms(children);
    let longest = k.saturating_sub(1).min(MAX_ROW_LOG.into()) as u8;
    for row_log in DEFAULT_ROW_LOG..longest {
        if Multiexp::new(terms, row_log)?.rows() <= DEFAULT_ROWS {
            return Ok(row_log);
        }
    }
    Ok(longest.max(DEFAULT_ROW_LOG))
}

/// Points of all pairings, and the two sides of the joined one.
fn terms(children: &[Child]) -> usize {
    children.iter().map(Child::terms).sum::<usize>() + SIDES
}

/// How statements are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Independent statements.
    Batch,
    /// Shards that follow each other. The tokens of a model's run where the children are all of its shards.
    Chain(Option<Tokens>),
}

/// The public tokens of a run: what the first shard was fed must be what the last one chose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tokens {
    /// Input tokens.
    pub tokens: u32,
    /// How many of them are the prompt.
    pub prompt: u32,
    /// Whether the prompt is public.
    pub prompt_public: bool,
    /// Size of the vocabulary.
    pub vocab: u32,
    /// How ids are packed.
    pub packing: Packing,
}

impl Tokens {
    /// Those of a sharded program.
    pub fn of(sequence: &Sequence, packing: Packing) -> Self {
        Self {
            tokens: sequence.tokens,
            prompt: sequence.prompt,
            prompt_public: sequence.prompt_public,
            vocab: sequence.vocab,
            packing,
        }
    }

    /// Public tokens among those that the first shard was fed.
    pub fn fed(&self) -> usize {
        let first = if self.prompt_public { 0 } else { self.prompt };
        self.tokens.saturating_sub(first) as usize
    }

    /// Tokens that the last shard chose.
    pub fn choices(&self) -> usize {
        self.tokens.saturating_add(1).saturating_sub(self.prompt) as usize
    }

    /// Public tokens of the whole: a public prompt, then the choices.
    pub fn public(&self) -> usize {
        self.prompt_len() + self.choices()
    }

    /// Length of the public prompt.
    pub fn prompt_len(&self) -> usize {
        if self.prompt_public {
            self.prompt as usize
        } else {
            0
        }
    }
}

/// Who shows that a child's weights are in range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WeightRange {
    /// Its own proof.
    Shown,
    /// Commitment proofs of the program with this digest.
    Apart(Scalar),
    /// Of a join: of some of its children their own proofs, of others commitment proofs.
    Partly,
}

impl WeightRange {
    /// How it stands in the join's program digest; digests are never so small.
    pub fn value(&self) -> Fr {
        match self {
            Self::Shown => Fr::zero(),
            Self::Partly => Fr::one(),
            Self::Apart(digest) => digest.0,
        }
    }
}

/// A child.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Child {
    /// Digest of its verifying key ([`crate::snark::Key::digest`]).
    pub key: Scalar,
    /// Its program digest.
    pub program: Scalar,
    /// Who shows that its weights are in range.
    pub range: WeightRange,
    /// Numbers of its public values.
    pub public: PublicShape,
    /// Whether its statement has the boundary that it begins with.
    pub boundary_in: bool,
    /// Whether its statement has the boundary that it ends in.
    pub boundary_out: bool,
}

impl Child {
    /// Output words of its statement.
    pub fn words(&self) -> usize {
        let before =
            STATEMENT_HEAD + usize::from(self.boundary_in) + usize::from(self.boundary_out);
        (self.public.statement as usize).saturating_sub(before)
    }

    /// Terms that its two pairings leave.
    pub(super) fn terms(&self) -> usize {
        SNARK_TERMS + self.public.terms as usize
    }
}

/// A join.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// How.
    pub mode: Mode,
    /// What.
    pub children: Vec<Child>,
    /// log2 of the commitment rows of the combination's trace. Longer rows are fewer points on chain and
    /// more time.
    pub row_log: u8,
}

impl Plan {
    /// Refuses what cannot be.
    ///
    /// # Errors
    /// [`JoinError::Plan`].
    pub fn check(&self) -> Result<(), JoinError> {
        let refused = |problem: String| Err(JoinError::Plan { problem });
        let count = self.children.len();
        if (count == 0 && on("a child of a join")) || (count > MAX_CHILDREN && on("most children"))
        {
            return refused(format!("{count} proofs, expected 1 to {MAX_CHILDREN}"));
        }
        if !(MIN_ROW_LOG..=MAX_ROW_LOG).contains(&self.row_log) && on("rows of a join") {
            let found = self.row_log;
            return refused(format!(
                "rows of 2^{found}, expected 2^{MIN_ROW_LOG} to 2^{MAX_ROW_LOG}"
            ));
        }
        for (i, child) in self.children.iter().enumerate() {
            let PublicShape {
                outputs,
                statement,
                terms,
                left,
            } = child.public;
            let head =
                STATEMENT_HEAD + usize::from(child.boundary_in) + usize::from(child.boundary_out);
            if ((statement as usize) < head && on("fewest fields of a child"))
                || (statement > 1 << 16 && on("most fields of a child"))
            {
                return refused(format!(
                    "proof {i} has {statement} fields, expected {head} or more"
                ));
            }
            let most = Packing::Short.per_word() * child.words();
            if outputs as usize > most && on("outputs of a child") {
                return refused(format!(
                    "proof {i} has {outputs} outputs, its words hold at most {most}"
                ));
            }
            if (left != 1 && on("one opening of a child")) || (terms < 2 && on("points of a child"))
            {
                return refused(format!(
                    "proof {i} has {terms} points and {left} factors; several openings cannot be joined, prove with --fold on"
                ));
            }
        }
        let terms = self.terms();
        if terms > MAX_TERMS && on("points of a join") {
            return refused(format!(
                "{terms} points, expected at most {MAX_TERMS}; join in two levels"
            ));
        }
        match self.mode {
            Mode::Batch => self.check_batch(),
            Mode::Chain(tokens) => self.check_chain(tokens.as_ref()),
        }
    }

    fn check_batch(&self) -> Result<(), JoinError> {
        let mut children = self.children.iter();
        let shard = |c: &Child| {
            (c.boundary_in && on("beginning of a shard in a batch"))
                || (c.boundary_out && on("end of a shard in a batch"))
        };
        match children.position(shard) {
            None => Ok(()),
            Some(i) => Err(JoinError::Plan {
                problem: format!(
                    "proof {i} is of a shard, which says nothing alone; join the model's shards first"
                ),
            }),
        }
    }

    fn check_chain(&self, tokens: Option<&Tokens>) -> Result<(), JoinError> {
        let refused = |problem: String| Err(JoinError::Plan { problem });
        for (i, pair) in self.children.windows(2).enumerate() {
            let [a, b] = pair else { continue };
            if (!a.boundary_out && on("end of a shard before another"))
                || (!b.boundary_in && on("beginning of a shard behind another"))
            {
                return refused(format!("proofs {i} and {} share no boundary", i + 1));
            }
        }
        if self.ends() != [false, false] {
            return match tokens {
                None => Ok(()),
                Some(_) if !on("tokens of a part") => Ok(()),
                Some(_) => refused("only all shards of a model have its tokens".into()),
            };
        }
        let Some(tokens) = tokens else {
            return refused("all shards of a model have its tokens, expected their numbers".into());
        };
        let bounds = (tokens.prompt >= 1 || !on("prompt of a join"))
            && (tokens.prompt <= tokens.tokens || !on("tokens behind the prompt of a join"))
            && (tokens.tokens <= 1 << 16 || !on("most tokens of a join"))
            && ((1..=MAX_VOCAB).contains(&tokens.vocab) || !on("vocabulary of a join"));
        let [Some(first), Some(last)] = [self.children.first(), self.children.last()] else {
            return refused("no proofs".into());
        };
        let words = [tokens.fed(), tokens.choices()].map(|n| tokens.packing.words(n));
        let [fed, chosen] = words;
        if !bounds
            || (self.children.len() < 2 && on("two shards of a model"))
            || (first.words() != fed && on("words of the first shard"))
            || (last.words() != chosen && on("words of the last shard"))
        {
            return refused(format!(
                "{} and {} output words of first and last shard do not fit {tokens:?}",
                first.words(),
                last.words()
            ));
        }
        Ok(())
    }

    /// Whether the join's statement has the boundary that it begins with, and that it ends in.
    pub fn ends(&self) -> [bool; 2] {
        let first = self.children.first().is_some_and(|c| c.boundary_in);
        [first, self.children.last().is_some_and(|c| c.boundary_out)]
    }

    /// Outputs as the contracts count them: words hold 15, and only the last word may be used in part. Of a part
    /// of a model, which is not published, none.
    pub fn outputs(&self) -> u32 {
        match self.mode {
            Mode::Chain(None) => 0,
            Mode::Chain(Some(tokens)) => tokens.packing.fields(tokens.public()) as u32,
            Mode::Batch => {
                let words: usize = self.children.iter().map(Child::words).sum();
                let last = self.children.iter().rev().find(|c| c.words() > 0);
                last.map_or(0, |last| {
                    let before = words - last.words();
                    let per_word = Packing::Short.per_word();
                    (before * per_word) as u32 + last.public.outputs
                })
            }
        }
    }

    /// Points of all pairings, and the two sides of the joined one.
    pub(super) fn terms(&self) -> usize {
        terms(&self.children)
    }

    /// The verifier of the combination.
    ///
    /// # Errors
    /// [`JoinError::Verify`].
    pub(super) fn multiexp(&self) -> Result<Multiexp, JoinError> {
        Ok(Multiexp::new(self.terms(), self.row_log)?)
    }

    /// The join's program digest.
    pub fn digest(&self) -> Fr {
        let children = self.children.iter();
        let children = children.map(|c| [c.key.0, c.program.0, c.range.value()]);
        let children: Vec<[Fr; 3]> = children.collect();
        let mut native = laminate_engine::backend::Native;
        super::statement::program_digest(&mut native, self, &children)
    }
}
