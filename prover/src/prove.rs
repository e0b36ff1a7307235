//! From a trace to a folded proof: commit, prove relations and lookups on transcripts of their own, fold.

use halo2curves_axiom::bn256::{Fr, G1Affine};
use halo2curves_axiom::ff::Field;
use laminate_engine::backend::Native;
use laminate_engine::claim::EvalClaim;
use laminate_engine::error::VerifyError;
use laminate_engine::field::{Point, Scalar, fr_from_i64};
use laminate_engine::fold::{self as protocol_fold, FoldMode};
use laminate_engine::geometry::{BLINDS_LOG, Poly};
use laminate_engine::joint::JointProof;
use laminate_engine::transcript::Transcript;
use laminate_model::binding::{BindingWords, CredentialWords};
use laminate_model::credential::{self, Membership};
use laminate_model::layout::Layout;
use laminate_model::program::{Program, ProgramError, Weights, padded_index};
use laminate_model::proof::NativeProof;
use laminate_model::statement::{self, Packing, Statement};
use laminate_model::verify::Verifier;
use rand::{CryptoRng, RngCore};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::columns::{Columns, TraceColumns, WeightColumns, blinds};
use crate::exec::{ExecError, Trace, check_weights};
use crate::joint::{self, Inputs};
use crate::{fold, lookup};

/// Why no proof was made.
#[derive(Debug, Error)]
pub enum ProveError {
    /// The reference string is too short.
    #[error(
        "reference string has {found} powers, this program needs {needed}; use one with k >= {k}"
    )]
    SrsTooSmall {
        /// Powers at hand.
        found: usize,
        /// Powers needed.
        needed: usize,
        /// log2 of the need.
        k: u32,
    },
    /// The weights do not have the program's shapes or formats.
    #[error(transparent)]
    Weights(#[from] ExecError),
    /// The weight secret belongs to other weights.
    #[error(
        "the weight secret does not belong to this program: {found} rows, expected {expected}; run commit again"
    )]
    Secret {
        /// Rows in the secret.
        found: usize,
        /// Rows of the program.
        expected: usize,
    },
    /// What statements of the program are bound to, and what was given.
    #[error(
        "statements of this program {} a {what}; {}",
        if *.wanted { "are bound to" } else { "are not bound to" },
        if *.wanted { "give one" } else { "give none, or compile the model with one" }
    )]
    Binding {
        /// The part.
        what: &'static str,
        /// Whether the program wants it.
        wanted: bool,
    },
    /// The weights are public, so that their commitment follows from them, and a salt was given.
    #[error(
        "the weights of this program are public, so that their commitment has no salt, and the secret has one; run commit again"
    )]
    Salted,
    /// The program is malformed.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// A relation that no joint sumcheck shows.
    #[error(transparent)]
    Relation(#[from] VerifyError),
}

/// What the owner of a model keeps beside its weights: the salt, which the rows' blinds follow from,
/// and the rows. The salt must not be published; the rows are with every proof.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WeightSecret {
    /// Salt of the published commitment.
    pub salt: Scalar,
    /// Commitments to the rows of the weight polynomial.
    pub rows: Vec<Point>,
}

impl WeightSecret {
    /// The published weight commitment.
    pub fn commitment(&self) -> Fr {
        let rows: Vec<G1Affine> = self.rows.iter().map(|p| p.0).collect();
        statement::weight_commitment(&mut Native, &self.salt.0, &rows)
    }

    /// Blinds of `count` rows.
    pub fn blinds(&self, count: usize) -> Vec<Fr> {
        blinds::derive(&[self.salt.0], count)
    }
}

/// A program with its hidden parameters, ready to prove.
#[derive(Clone, Debug)]
pub struct Model {
    /// The verifier of its program.
    pub verifier: Verifier,
    columns: WeightColumns,
}

impl Model {
    /// Checks shapes and lays the weights out.
    ///
    /// # Errors
    /// A malformed program, or weights of other shapes.
    pub fn new(program: Program, weights: &Weights) -> Result<Self, ProveError> {
        let verifier = Verifier::new(program)?;
        check_weights(&verifier.program, weights)?;
        let columns = WeightColumns::new(&verifier.program, &verifier.layout, weights);
        Ok(Self { verifier, columns })
    }

    fn program(&self) -> &Program {
        &self.verifier.program
    }

    fn layout(&self) -> &Layout {
        &self.verifier.layout
    }

    /// log2 of the powers needed to commit and open: a row's, and one more for its blind.
    pub fn required_log(&self) -> usize {
        self.row_log() + 1
    }

    fn row_log(&self) -> usize {
        self.layout().geometry.row_log
    }

    fn check_powers(&self, powers: &[G1Affine]) -> Result<(), ProveError> {
        let needed = (1usize << self.row_log()) + 1;
        if powers.len() >= needed {
            return Ok(());
        }
        Err(ProveError::SrsTooSmall {
            found: powers.len(),
            needed,
            k: self.required_log() as u32,
        })
    }

    /// Public weights are committed to without a salt.
    fn check_salt(&self, salt: &Fr) -> Result<(), ProveError> {
        match self.program().binding.weights_public && *salt != Fr::ZERO {
            true => Err(ProveError::Salted),
            false => Ok(()),
        }
    }

    /// Commits to the weights with a fresh salt, or to public weights without one. `powers` are `[τ^i]_1`.
    ///
    /// # Errors
    /// [`ProveError::SrsTooSmall`].
    pub fn commit(
        &self,
        powers: &[G1Affine],
        rng: &mut (impl RngCore + CryptoRng),
    ) -> Result<WeightSecret, ProveError> {
        let salt = match self.program().binding.weights_public {
            true => Fr::ZERO,
            false => Fr::random(rng),
        };
        self.commit_salted(powers, salt)
    }

    /// Commits to the weights with the salt of another program's commitment: one with the same weights
    /// and row length gives the same rows.
    ///
    /// # Errors
    /// [`ProveError::SrsTooSmall`], [`ProveError::Salted`].
    pub fn commit_salted(&self, powers: &[G1Affine], salt: Fr) -> Result<WeightSecret, ProveError> {
        self.check_powers(powers)?;
        self.check_salt(&salt)?;
        let count = self.layout().geometry.rows(Poly::Weight);
        let mut secret = WeightSecret {
            salt: Scalar(salt),
            rows: vec![],
        };
        let blinds = secret.blinds(count);
        let rows = self.columns.commit(self.row_log(), &blinds, powers);
        secret.rows = rows.into_iter().map(Point).collect();
        Ok(secret)
    }
}

/// Stages of [`prove`], for progress reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Committing to the trace.
    CommitTrace,
    /// Layer proofs.
    Layers,
    /// The lookup proof.
    Lookups,
    /// Batching the claims of an opening.
    Fold,
    /// An opening; with `FoldMode::Off`, the next one's batching follows.
    Open,
}

/// The commitment proof: that the weights under `secret` are in their ranges. `model` is of a program
/// without nodes ([`Program::weights_program`]).
///
/// # Errors
/// As [`prove`].
pub fn prove_weights(
    model: &Model,
    secret: &WeightSecret,
    powers: &[G1Affine],
    rng: &mut (impl RngCore + CryptoRng),
    stage: &dyn Fn(Stage),
) -> Result<(Statement<Fr>, NativeProof), ProveError> {
    let nothing = Trace::default();
    prove(model, secret, &nothing, powers, FoldMode::On, rng, stage)
}

/// Blinds of a boundary's commitment. Who knows them can test guesses of the residual stream there.
pub type Blinds = [Fr; 1 << BLINDS_LOG];

/// What a proof has in common with others, so that their statements say the same: blinds of a shard's boundaries, of
/// which two neighbours must take the same, and the salt of an input that was committed to before. Fresh ones where none
/// are given.
#[derive(Clone, Debug, Default)]
pub struct Links {
    /// Blinds of what comes in.
    pub input: Option<Blinds>,
    /// Blinds of what is given out.
    pub output: Option<Blinds>,
    /// Salt of the input commitment ([`crate::input::CommittedInput::salt`]).
    pub input_salt: Option<Fr>,
    /// What the program's statements are bound to.
    pub bound: Bound,
}

/// What a statement is bound to, as far as its program wants it ([`laminate_model::binding`]).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bound {
    /// The context.
    pub context: Option<Fr>,
    /// The credential that the input's values are of, and what it is used for.
    pub credential: Option<Credential>,
}

/// A credential in use. Private, but for the scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// What shows that it is in a tree.
    pub membership: Membership<Fr>,
    /// Root of the tree.
    pub root: Fr,
    /// What it is used for.
    pub scope: Fr,
}

impl Bound {
    /// The binding words of a program's statement.
    ///
    /// # Errors
    /// [`ProveError::Binding`] for what the program wants and is not there, or the other way round.
    fn words(&self, program: &Program) -> Result<Vec<Fr>, ProveError> {
        let binding = &program.binding;
        let parts = [
            ("context", binding.context, self.context.is_some()),
            (
                "credential",
                binding.credential.is_some(),
                self.credential.is_some(),
            ),
        ];
        for (what, wanted, given) in parts {
            if wanted != given {
                return Err(ProveError::Binding { what, wanted });
            }
        }
        let credential = self.credential.as_ref().map(|credential| {
            let (secret, scope) = (&credential.membership.secret, credential.scope);
            CredentialWords {
                root: credential.root,
                scope,
                nullifier: credential::nullifier(&mut Native, secret, &scope),
            }
        });
        let words = BindingWords {
            credential,
            context: self.context,
        };
        Ok(words.to_words())
    }
}

impl Links {
    /// Those of `count` shards that follow each other.
    pub fn chain(count: usize, rng: &mut (impl RngCore + CryptoRng)) -> Vec<Self> {
        let mut input = None;
        let mut link = |last: bool| {
            let output = (!last).then(|| std::array::from_fn(|_| Fr::random(&mut *rng)));
            let links = Self {
                input,
                output,
                ..Self::default()
            };
            input = output;
            links
        };
        (1..=count).map(|shard| link(shard == count)).collect()
    }
}

/// Proves a trace. Returns the statement and the folded proof.
///
/// # Errors
/// A short reference string, or a secret that does not belong to the model.
pub fn prove(
    model: &Model,
    secret: &WeightSecret,
    trace: &Trace,
    powers: &[G1Affine],
    mode: FoldMode,
    rng: &mut (impl RngCore + CryptoRng),
    stage: &dyn Fn(Stage),
) -> Result<(Statement<Fr>, NativeProof), ProveError> {
    let links = Links::default();
    prove_linked(model, secret, trace, &links, powers, mode, rng, stage)
}

/// [`prove`] with what the proof has in common with others.
///
/// # Errors
/// As [`prove`].
#[expect(clippy::too_many_arguments, reason = "those of `prove` and the links")]
pub fn prove_linked(
    model: &Model,
    secret: &WeightSecret,
    trace: &Trace,
    links: &Links,
    powers: &[G1Affine],
    mode: FoldMode,
    rng: &mut (impl RngCore + CryptoRng),
    stage: &dyn Fn(Stage),
) -> Result<(Statement<Fr>, NativeProof), ProveError> {
    model.check_powers(powers)?;
    let (program, layout) = (model.program(), model.layout());
    let expected = layout.geometry.rows(Poly::Weight);
    if secret.rows.len() != expected {
        return Err(ProveError::Secret {
            found: secret.rows.len(),
            expected,
        });
    }
    model.check_salt(&secret.salt.0)?;
    let mut output_words = links.bound.words(program)?;
    stage(Stage::CommitTrace);
    let [transcript_salt, fresh_salt] = [(); 2].map(|()| Fr::random(&mut *rng));
    let input_salt = links.input_salt.unwrap_or(fresh_salt);
    let hidden = program.binding.output_hidden;
    let output_salt = hidden.then(|| Fr::random(&mut *rng));
    let input = tensor_values(program, trace, program.input, program.input_len());
    let output = tensor_values(program, trace, program.output, program.proof_output_len());
    let trees = &model.verifier.trees;
    let mut trace_columns = TraceColumns::new(program, layout, trees, &model.columns, trace, rng);
    trace_columns.link(layout, links);
    let trace_rows = trace_columns.commit(model.row_log(), powers);
    let values = model
        .verifier
        .value_words(&mut Native, &input, &output, output_salt.as_ref());
    output_words.extend(values);
    let end = |input| model.verifier.boundary_commitment(input, &trace_rows);
    let statement = Statement {
        program_digest: model.verifier.digest,
        weight_commitment: secret.commitment(),
        input_commitment: statement::input_commitment(
            &mut Native,
            Packing::of_input(program),
            &input_salt,
            &input,
        ),
        boundary_in: end(true),
        boundary_out: end(false),
        output_words,
    };

    stage(Stage::Layers);
    let verifier = &model.verifier;
    let (mut main, seed) = verifier.start(
        &mut Native,
        &transcript_salt,
        &statement,
        &output,
        &trace_rows,
    );
    let weight_blinds = secret.blinds(expected);
    let columns = Columns::new(&model.columns, &trace_columns, weight_blinds);
    let (relations, mut all_claims, mut states) =
        prove_relations(model, mode, &columns, trace, seed)?;
    stage(Stage::Lookups);
    let mut lookups = vec![];
    for tree in trees {
        let mut transcript = Transcript::fork(&mut Native, &seed, states.len());
        let (lookup, claims) = lookup::prove(&mut transcript, tree, &columns);
        states.push(transcript.challenge(&mut Native, "final state"));
        all_claims.push(claims);
        lookups.push(lookup);
    }
    let mut transcript = Transcript::fork(&mut Native, &seed, states.len());
    all_claims.push(boundary(&mut transcript, model, &columns));
    states.push(transcript.challenge(&mut Native, "final state"));
    main.absorb("final states of the parts", &states);
    let openings = protocol_fold::group(mode, all_claims)
        .iter()
        .map(|claims| {
            stage(Stage::Fold);
            let opens = || stage(Stage::Open);
            let geometry = &layout.geometry;
            fold::prove_in_stages(&mut main, geometry, &columns, powers, claims, &opens)
        })
        .collect();
    let proof = NativeProof {
        mode,
        transcript_salt,
        weight_salt: secret.salt.0,
        weight_rows: secret.rows.iter().map(|p| p.0).collect(),
        input_salt,
        input,
        output,
        output_salt,
        membership: links
            .bound
            .credential
            .as_ref()
            .map(|c| c.membership.clone()),
        trace_rows,
        relations,
        lookups,
        openings,
    };
    Ok((statement, proof))
}

/// Proofs of the groups of relations, the claims that they leave, and the final states of their transcripts.
type Proven = (Vec<JointProof<Fr>>, Vec<Vec<EvalClaim<Fr>>>, Vec<Fr>);

fn prove_relations(
    model: &Model,
    mode: FoldMode,
    columns: &Columns<'_>,
    trace: &Trace,
    seed: Fr,
) -> Result<Proven, ProveError> {
    let known = trace.known(model.program());
    let inputs = Inputs {
        columns,
        kept: &trace.aux,
        known: &known,
    };
    let joints = model.verifier.joints(mode)?;
    let parts = joints.par_iter().enumerate().map(|(index, joint)| {
        let mut transcript = Transcript::fork(&mut Native, &seed, index);
        let (proof, claims) = joint::prove(&mut transcript, &inputs, joint);
        let state = transcript.challenge(&mut Native, "final state");
        ((proof, claims), state)
    });
    let ((proofs, claims), states) = parts.unzip();
    Ok((proofs, claims, states))
}

fn boundary(
    transcript: &mut Transcript<Native>,
    model: &Model,
    columns: &Columns<'_>,
) -> Vec<EvalClaim<Fr>> {
    if model.program().is_weights_only() {
        return vec![];
    }
    if model.program().sequence.is_some() {
        return model.verifier.shard_claims(&mut Native, transcript);
    }
    [model.program().input, model.program().output]
        .into_iter()
        .map(|id| {
            let view = model.verifier.boundary_view(id);
            let point = transcript.challenges(&mut Native, "boundary point", view.log());
            let value = columns.evaluate(&view, &point);
            EvalClaim { view, point, value }
        })
        .collect()
}

/// The first `count` unpadded values of a tensor, `(slots, width)` row-major.
fn tensor_values(program: &Program, trace: &Trace, id: usize, count: usize) -> Vec<Fr> {
    if count == 0 {
        return vec![];
    }
    let tensor = &program.tensors[id];
    let places: Vec<usize> = (0..tensor.width())
        .map(|i| padded_index(&tensor.axes, i))
        .collect();
    trace.tensors[id]
        .chunks(1 << tensor.width_log())
        .flat_map(|row| places.iter().map(|at| fr_from_i64(row[*at].into())))
        .take(count)
        .collect()
}
