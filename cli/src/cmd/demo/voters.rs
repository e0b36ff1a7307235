//! Everything of the eligibility example that happens off chain: the issuer's credentials, and the voters' proofs.

use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::Field;
use laminate_aggregator::srs::Srs;
use laminate_engine::backend::Native;
use laminate_engine::field::{Scalar, fr_from_i64};
use laminate_model::binding::MIN_DEPTH;
use laminate_model::credential::{self, Tree};
use laminate_model::program::Program;
use laminate_model::statement::Packing;
use laminate_prover::prove::{Bound, Credential};
use rand::rngs::OsRng;
use std::path::Path;
use tempfile::TempDir;

use super::prepare;
use crate::bound::BindingArgs;
use crate::chain::universal::Mode;
use crate::cmd::compile::{Compile, InputScale};
use crate::cmd::verifier::Made;
use crate::eligibility;
use crate::files::{ModelDir, ProofFile};
use crate::input::{Given, first_rows};
use crate::measure::Stages;
use crate::output::Output;

/// A probability from which on somebody may vote.
const THRESHOLD: f64 = 0.5;

/// The model and who is to be judged by it.
pub struct Prepared {
    /// The model.
    pub dir: ModelDir,
    /// Its contracts.
    pub verifier: Made,
    /// Votes, in a transaction of her own.
    pub ada: Voter,
    /// Votes through a relayer.
    pub ben: Voter,
    /// Is not eligible.
    pub cem: Voter,
    /// His root is revoked before he votes.
    pub dan: Voter,
    /// Her root expires before she votes.
    pub eve: Voter,
    srs: Srs,
    _folder: TempDir,
}

/// Somebody with a credential.
pub struct Voter {
    name: &'static str,
    given: Given,
    secret: Fr,
    leaf: Fr,
}

impl Voter {
    /// Makes a secret, and has the issuer attest a row to its identity.
    fn new(name: &'static str, program: &Program, row: &Path) -> eyre::Result<Self> {
        let given = first_rows(row, program, 1)?;
        let secret = Fr::random(OsRng);
        let values = given.input.values(program)?;
        let values: Vec<Fr> = values.iter().map(|v| fr_from_i64((*v).into())).collect();
        let identity = credential::identity(&mut Native, &secret);
        let packing = Packing::of_input(program);
        let leaf = credential::leaf(&mut Native, &identity, packing, &values);
        Ok(Self {
            name,
            given,
            secret,
            leaf,
        })
    }
}

/// What a vote is for.
#[derive(Clone, Copy)]
pub struct Ballot {
    /// The poll's.
    pub scope: Fr,
    /// Of choice and sender.
    pub context: Fr,
}

/// Compiles the model to a decision, commits to its weights, sets up, makes the contracts, and attests everybody's row.
///
/// # Errors
/// Any stage that fails.
pub fn prepare(mode: Mode, stages: &mut Stages, out: Output) -> eyre::Result<Prepared> {
    let folder = tempfile::tempdir()?;
    let models = folder.path().join("eligibility");
    eligibility::write(&models)?;
    let options = Compile {
        calibration: Some(models.join(eligibility::CALIBRATION)),
        threshold: Some(THRESHOLD),
        input_scale: Some(InputScale::All(0)),
        binding: BindingArgs {
            context: true,
            credential: Some(MIN_DEPTH),
            ..BindingArgs::default()
        },
        ..Compile::of(models.join(eligibility::MODEL), folder.path().join("vote"))
    };
    let (dir, srs, verifier) = prepare::single(&options, mode, stages, out)?;
    let program = dir.program()?;
    let voter = |name, row| Voter::new(name, &program, &models.join(row));
    Ok(Prepared {
        ada: voter("Ada", eligibility::ELIGIBLE)?,
        ben: voter("Ben", eligibility::ELIGIBLE)?,
        cem: voter("Cem", eligibility::INELIGIBLE)?,
        dan: voter("Dan", eligibility::ELIGIBLE)?,
        eve: voter("Eve", eligibility::ELIGIBLE)?,
        dir,
        verifier,
        srs,
        _folder: folder,
    })
}

/// The issuer's tree of these voters' credentials.
///
/// # Errors
/// None in practice: all have leaves of their own.
pub fn tree(voters: &[&Voter]) -> eyre::Result<Tree> {
    let leaves = voters.iter().map(|voter| Scalar(voter.leaf)).collect();
    Ok(Tree::new(MIN_DEPTH, leaves)?)
}

impl Prepared {
    /// A voter's proof that the model finds the attested row as it does.
    ///
    /// # Errors
    /// A tree without the voter, or any stage that fails.
    pub fn prove(
        &self,
        voter: &Voter,
        tree: &Tree,
        ballot: Ballot,
        stages: &mut Stages,
        out: Output,
    ) -> eyre::Result<ProofFile> {
        let mut given = voter.given.clone();
        given.bound = Bound {
            context: Some(ballot.context),
            credential: Some(Credential {
                membership: tree.membership(voter.secret, &voter.leaf)?,
                root: tree.root(),
                scope: ballot.scope,
            }),
        };
        prepare::named(stages, voter.name, |stages| {
            prepare::prove(&self.dir, &given, &self.srs, stages, out)
        })
    }
}
