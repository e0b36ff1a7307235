//! A model whose weights are laid out, for any number of proofs.

use laminate_aggregator::srs::Srs;
use laminate_engine::fold::FoldMode;
use laminate_model::program::Program;
use laminate_prover::exec::Trace;
use laminate_prover::prove::{self, Links, Model, Stage, WeightSecret};
use rand::rngs::OsRng;

use super::{Folded, readings, staged};
use crate::files::ModelDir;
use crate::input::Given;
use crate::measure::Stages;
use crate::output::Output;

/// A model whose weights are laid out to be proven about.
#[derive(Clone, Copy)]
pub struct Laid<'a> {
    /// Its folder.
    pub dir: &'a ModelDir,
    /// Its program.
    pub program: &'a Program,
    /// Its weights.
    pub model: &'a Model,
    /// What opens their commitment.
    pub secret: &'a WeightSecret,
}

impl Laid<'_> {
    /// Makes the folded proof of a run; verifies it natively.
    ///
    /// # Errors
    /// An input that does not fit, or a secret of other weights.
    pub fn fold(
        self,
        given: &Given,
        trace: &Trace,
        srs: &Srs,
        mode: FoldMode,
        stages: &mut Stages,
        out: Output,
    ) -> eyre::Result<Folded> {
        let prover = |named: &dyn Fn(Stage)| {
            let powers = srs.powers();
            let links = Links {
                input_salt: given.salt,
                bound: given.bound.clone(),
                ..Links::default()
            };
            Ok(prove::prove_linked(
                self.model,
                self.secret,
                trace,
                &links,
                powers,
                mode,
                &mut OsRng,
                named,
            )?)
        };
        let (statement, proof) = staged(self.dir, self.model, srs, stages, out, &prover)?;
        Ok(Folded {
            statement,
            proof,
            outputs: readings(self.program, trace),
            mode,
        })
    }
}
