//! Hidden outputs: the file that opens one, written beside a proof and shown to whom it concerns.

use std::path::Path;

use eyre::{Context, ensure, eyre};
use halo2curves_axiom::bn256::Fr;
use laminate_aggregator::keys::OutputFormat;
use laminate_model::artifact::Kind;
use laminate_model::program::Program;
use laminate_prover::output::CommittedOutput;

use crate::files::{self, hex_scalar};
use crate::pipeline::Folded;
use crate::reading::Reading;

/// Refuses a proof of a hidden output that nobody could open, and a file to open one that is not hidden.
///
/// # Errors
/// If the program hides the output and there is no file, or the other way round.
pub fn require_file(program: &Program, keep: Option<&Path>) -> eyre::Result<()> {
    match (program.binding.output_hidden, keep) {
        (true, None) => Err(eyre!(
            "this model hides its output (compile --output-hidden), and without the salt nobody could ever show it; give --keep-output FILE"
        )),
        (false, Some(path)) => Err(eyre!(
            "--keep-output {} is for models that hide their output; compile the model with --output-hidden, or leave it out",
            path.display()
        )),
        _ => Ok(()),
    }
}

/// Writes what opens the output that a proof hides.
///
/// # Errors
/// If the file cannot be written.
pub fn keep(program: &Program, folded: &Folded, path: &Path) -> eyre::Result<()> {
    let opening = CommittedOutput::of_proof(program, &folded.statement, &folded.proof)
        .ok_or_else(|| eyre!("the proof hides no output"))?;
    files::write_new(Kind::Output, false, &opening, path)
}

/// The output of a proof that hides it.
///
/// # Errors
/// A proof whose output is public; an opening of another proof, or an altered one.
pub fn open(
    path: &Path,
    format: &OutputFormat,
    (program, words): (&Fr, &[Fr]),
) -> eyre::Result<Reading> {
    let commitment = format.commitment(words).ok_or_else(|| {
        eyre!(
            "the output of the proof is public; leave --opening {} out",
            path.display()
        )
    })?;
    let context = || path.display().to_string();
    let (_, opening): (_, CommittedOutput) = files::read(Kind::Output, path)?;
    ensure!(
        opening.program_digest.0 == *program,
        "{} is of program {}, the proof is of {}; give the file that `prove --keep-output` wrote beside it",
        path.display(),
        hex_scalar(&opening.program_digest.0),
        hex_scalar(program)
    );
    let values = opening
        .open(format.packing(), format.values as usize, commitment)
        .wrap_err_with(context)?;
    Ok(Reading::of(format, values))
}
