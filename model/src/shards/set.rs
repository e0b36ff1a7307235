//! The shards of one model, and the check that their proofs are of one run.

use halo2curves_axiom::bn256::{Fr, G2Affine};
use halo2curves_axiom::ff::PrimeField;
use thiserror::Error;

use crate::program::{Program, ProgramError, Sequence, Shard, Tensor};
use crate::proof::NativeProof;
use crate::statement::{Packing, Statement, unpack};
use crate::verify::Verifier;
use laminate_engine::error::VerifyError;
use laminate_engine::field::fr_from_digest;
use laminate_engine::switch::{on, on_of};

/// Why shards, or their proofs, do not make a model.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ShardError {
    /// A list has another length than there are shards.
    #[error("{found} {what}, the model has {expected} shards; give one for each, in their order")]
    Count {
        /// The list.
        what: &'static str,
        /// Its length.
        found: usize,
        /// Number of shards.
        expected: usize,
    },
    /// There are not as many commitment proofs as shards that need one.
    #[error(
        "{found} commitment proofs, {expected} shards of the model need one; make them again with `laminate prove-weights`"
    )]
    WeightProofs {
        /// Number of proofs.
        found: usize,
        /// Number of shards.
        expected: usize,
    },
    /// A program is not the shard that its place wants.
    #[error("program {place} of the list is {found}, expected shard {place} of {count}")]
    Place {
        /// Place in the list.
        place: usize,
        /// What the program says that it is.
        found: String,
        /// Number of shards.
        count: usize,
    },
    /// Two programs are not of one model.
    #[error("shard {shard} differs from the one before it in {what}; compile the model again")]
    Unlike {
        /// The second of them.
        shard: usize,
        /// In what.
        what: &'static str,
    },
    /// A statement is of another program or of other weights.
    #[error("the {what} in the statement of shard {shard} is not that of the model")]
    Foreign {
        /// The shard.
        shard: usize,
        /// Program digest or weight commitment.
        what: &'static str,
    },
    /// What a shard gives out is not what the next one reads.
    #[error(
        "shard {shard} does not begin with what shard {before} gives out: their boundary commitments differ"
    )]
    Boundary {
        /// The shard that reads.
        shard: usize,
        /// The one before it.
        before: usize,
    },
    /// A statement's words hold no tokens.
    #[error("the output words of shard {shard} are no tokens")]
    Words {
        /// The shard.
        shard: usize,
    },
    /// A token that was fed is not the one that was chosen before it.
    #[error("token {position} that shard 0 was fed is {fed}, the last shard chose {chosen} there")]
    Token {
        /// Position in the sequence.
        position: usize,
        /// What was fed, less 2^15.
        fed: i32,
        /// What was chosen, less 2^15.
        chosen: i32,
    },
    /// A proof is refused.
    #[error("shard {shard}: {error}")]
    Proof {
        /// The shard.
        shard: usize,
        /// The refusal.
        error: VerifyError,
    },
    /// A program is malformed.
    #[error("shard {shard}: {error}")]
    Program {
        /// The shard.
        shard: usize,
        /// What is wrong.
        error: ProgramError,
    },
}

/// The shards of a model, checked to fit together, with the commitments to their weights.
#[derive(Clone, Debug)]
pub struct ShardSet {
    verifiers: Vec<Verifier>,
    weight_commitments: Vec<Fr>,
    digest: Fr,
}

impl ShardSet {
    /// Checks that `programs` are all shards of one model, in their order.
    ///
    /// # Errors
    /// [`ShardError`] with the first program that does not fit.
    pub fn new(programs: Vec<Program>, weight_commitments: Vec<Fr>) -> Result<Self, ShardError> {
        let count = programs.len();
        same_count("weight commitments", weight_commitments.len(), count)?;
        let sequences = sequences(&programs)?;
        let mut verifiers: Vec<Verifier> = Vec::with_capacity(count);
        for (shard, program) in programs.into_iter().enumerate() {
            let verifier =
                Verifier::new(program).map_err(|error| ShardError::Program { shard, error })?;
            if let Some(before) = verifiers.last() {
                alike(shard, &before.program, &verifier.program)?;
            }
            verifiers.push(verifier);
        }
        let unlike = sequences
            .windows(2)
            .position(|pair| pair.first() != pair.last());
        if let Some(at) = unlike.filter(|_| on("sequences of shards alike")) {
            let (shard, what) = (at + 1, "tokens, prompt or vocabulary");
            return Err(ShardError::Unlike { shard, what });
        }
        let digests: Vec<Fr> = verifiers.iter().map(|v| v.digest).collect();
        Ok(Self {
            digest: list_digest(&digests),
            verifiers,
            weight_commitments,
        })
    }

    /// The shards' verifiers in their order.
    pub fn verifiers(&self) -> &[Verifier] {
        &self.verifiers
    }

    /// The commitments to the shards' weights in their order.
    pub fn weight_commitments(&self) -> &[Fr] {
        &self.weight_commitments
    }

    /// Digest of the model: that of the list of its shards' program digests.
    pub fn digest(&self) -> Fr {
        self.digest
    }

    /// Checks that the statements are of one run of this model: programs and weights are the model's,
    /// neighbours agree on their boundary, and the tokens fed to shard 0 are those that the last one
    /// chose. The proofs of the statements are checked elsewhere: by [`Self::verify`] or in a circuit.
    ///
    /// # Errors
    /// [`ShardError`] with the first shard that does not fit.
    pub fn check_statements(&self, statements: &[Statement<Fr>]) -> Result<(), ShardError> {
        same_count("statements", statements.len(), self.verifiers.len())?;
        let of_model = self.verifiers.iter().zip(&self.weight_commitments);
        for (shard, (statement, (verifier, weights))) in statements.iter().zip(of_model).enumerate()
        {
            let foreign = |what| Err(ShardError::Foreign { shard, what });
            if statement.program_digest != verifier.digest && on("program of a shard") {
                return foreign("program digest");
            }
            if statement.weight_commitment != *weights && on("weights of a shard") {
                return foreign("weight commitment");
            }
        }
        for (before, pair) in statements.windows(2).enumerate() {
            let [a, b] = pair else { continue };
            let missing = a.boundary_out.is_none() && on("boundary that is missing");
            if missing || (a.boundary_out != b.boundary_in && on("boundary of neighbours")) {
                let shard = before + 1;
                return Err(ShardError::Boundary { shard, before });
            }
        }
        self.check_tokens(statements)
    }

    fn check_tokens(&self, statements: &[Statement<Fr>]) -> Result<(), ShardError> {
        let last = self.verifiers.len().saturating_sub(1);
        let public = |shard: usize| -> Result<(Sequence, Vec<i32>), ShardError> {
            let program = self.verifiers.get(shard).map(|v| &v.program);
            let words = statements.get(shard).map(|s| s.output_words.as_slice());
            let read = program.zip(words).and_then(|(program, words)| {
                let values = unpack(Packing::of_output(program), words, program.output_len())?;
                Some((program.sequence?, values))
            });
            read.ok_or(ShardError::Words { shard })
        };
        let ((sequence, fed), (_, chosen)) = (public(0)?, public(last)?);
        let fed = fed.iter().skip(sequence.prompt_len());
        for (i, (fed, chosen)) in fed.zip(&chosen).enumerate() {
            if fed != chosen && on("token of shards") {
                let position = sequence.prompt as usize + i;
                let (fed, chosen) = (*fed, *chosen);
                return Err(ShardError::Token {
                    position,
                    fed,
                    chosen,
                });
            }
        }
        Ok(())
    }

    /// Verifies the proofs of all shards natively, pairings included, and that they are of one run.
    /// `tau_g2` is `[τ]_2` of the reference string.
    ///
    /// # Errors
    /// [`ShardError`] with the first shard that is refused.
    pub fn verify(
        &self,
        statements: &[Statement<Fr>],
        proofs: &[NativeProof],
        tau_g2: &G2Affine,
    ) -> Result<(), ShardError> {
        same_count("proofs", proofs.len(), self.verifiers.len())?;
        self.check_statements(statements)?;
        let pairs = statements.iter().zip(proofs);
        for (shard, ((statement, proof), verifier)) in pairs.zip(&self.verifiers).enumerate() {
            verifier
                .verify_native(statement, proof, tau_g2)
                .map_err(|error| ShardError::Proof { shard, error })?;
        }
        Ok(())
    }
}

fn same_count(what: &'static str, found: usize, expected: usize) -> Result<(), ShardError> {
    if found == expected || !on_of("shards", what) {
        return Ok(());
    }
    Err(ShardError::Count {
        what,
        found,
        expected,
    })
}

/// The programs' sequences without their places, which are checked.
fn sequences(programs: &[Program]) -> Result<Vec<Sequence>, ShardError> {
    let expected = programs
        .first()
        .and_then(|p| p.sequence?.shard)
        .map_or(0, |s| s.count as usize);
    let mut out = Vec::with_capacity(programs.len());
    for (place, program) in programs.iter().enumerate() {
        let shard = program.sequence.and_then(|s| s.shard);
        let index = u32::try_from(place).unwrap_or(u32::MAX);
        let wanted = shard.is_some_and(|s| {
            (s.index == index || !on("place of a shard"))
                && (s.count as usize == expected || !on("number of shards"))
        });
        let Some(sequence) = program.sequence.filter(|_| wanted) else {
            let found = match shard {
                Some(Shard { index, count }) => format!("shard {index} of {count}"),
                None => "no shard".into(),
            };
            let count = expected;
            return Err(ShardError::Place {
                place,
                found,
                count,
            });
        };
        out.push(Sequence {
            shard: None,
            ..sequence
        });
    }
    same_count("programs", programs.len(), expected.max(2))?;
    Ok(out)
}

/// What two neighbours must have in common: the boundary and the rows that hold it.
fn alike(shard: usize, before: &Program, program: &Program) -> Result<(), ShardError> {
    let shape = |tensor: Option<&Tensor>| tensor.map(|t| (t.axes.clone(), t.bits, t.scale));
    let given = shape(before.tensors.get(before.output));
    let taken = shape(program.tensors.get(program.input));
    let (what, same) = if given != taken && on("residual of shards alike") {
        ("the shape or scale of the residual stream", false)
    } else if before.batch_log != program.batch_log && on("slots of shards alike") {
        ("its slots", false)
    } else {
        let rows = |p: &Program| (p.row_log, p.limb_bits);
        let same = rows(before) == rows(program) || !on("rows of shards alike");
        ("its commitment rows", same)
    };
    if same {
        Ok(())
    } else {
        Err(ShardError::Unlike { shard, what })
    }
}

/// The digest of a model of shards, from their program digests.
fn list_digest(digests: &[Fr]) -> Fr {
    let bytes: Vec<u8> = digests.iter().flat_map(|d| d.to_repr()).collect();
    fr_from_digest(b"laminate/shards/v1", &bytes)
}
