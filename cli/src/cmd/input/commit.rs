//! `laminate input commit`: the commitment X that proofs of an input will state.

use std::path::{Path, PathBuf};

use clap::Args;
use eyre::{Context, ensure, eyre};
use laminate_model::artifact::Kind;
use laminate_model::program::Program;
use laminate_prover::input::{CommittedInput, Input};
use rand::rngs::OsRng;
use serde::Serialize;

use crate::destination;
use crate::files::{self, ModelDir, hex_scalar};
use crate::given::InputArgs;
use crate::input::read_committed;
use crate::output::Output;
use crate::shards::ShardDir;

/// Commit to an input with a fresh salt; prints the commitment X.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  laminate input commit fraud --input row.csv -o row.input\n  laminate input commit story --input input.json -o story.input\n  laminate prove fraud --input row.input -o row.proof\n\nOnly DIR/program.lam is needed, which is public: neither weights nor keys. The file is private (it holds input\nand salt) and the only way to prove anything about X: keep it until that is done, and give it to nobody but the\nprover. Whether the model can be run on the input only `prove` finds out; of tokens, whether the model generates them.\n\nX is of the integers that the program takes. With --salt-from, another program that takes the same ones gets the\nsame X, and everybody sees that both proofs are of one input."
)]
pub struct InputCommit {
    /// Folder with the program.
    pub dir: PathBuf,
    #[command(flatten)]
    pub input: InputArgs,
    /// Take the salt of another committed input of the same values, for a program that shares their format: the same X.
    #[arg(long, value_name = "FILE")]
    pub salt_from: Option<PathBuf>,
    /// Destroy a committed input that stands in the place of the output.
    #[arg(long)]
    pub force: bool,
    /// The file to write (private).
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
}

/// What `input commit` reports.
#[derive(Debug, Serialize)]
struct Report {
    /// X.
    input_commitment: String,
    /// Digest of the program that it was made for.
    program_digest: String,
    /// Number of values.
    values: usize,
    /// The file.
    output: PathBuf,
}

impl InputCommit {
    /// Runs the command.
    ///
    /// # Errors
    /// An input that does not fit the program, a file that is there already, or a salt of other values.
    pub fn run(&self, out: Output) -> eyre::Result<()> {
        destination::file(&self.output)?;
        self.keep()?;
        let program = program(&self.dir)?;
        let values = self.input.values(&program)?;
        let committed = self
            .commit(&program, &values)
            .wrap_err_with(|| self.input.name())?;
        match self.force {
            true => files::write(Kind::Input, false, &committed, &self.output)?,
            false => files::write_new(Kind::Input, false, &committed, &self.output)?,
        }
        let report = Report {
            input_commitment: hex_scalar(&committed.commitment.0),
            program_digest: hex_scalar(&committed.program_digest.0),
            values: committed.values.len(),
            output: self.output.clone(),
        };
        out.line(&format!(
            "{} is private, and nothing can be proven about this commitment without it",
            self.output.display()
        ));
        out.result(&report.input_commitment, &report)
    }

    /// Refuses to destroy the salt of a commitment that may stand somewhere.
    fn keep(&self) -> eyre::Result<()> {
        if self.force || std::fs::symlink_metadata(&self.output).is_err() {
            return Ok(());
        }
        Err(eyre!(
            "{} exists; if it holds the salt of a commitment, nothing can be proven about that without it: use another name, or --force to destroy it",
            self.output.display()
        ))
    }

    fn commit(&self, program: &Program, input: &Input) -> eyre::Result<CommittedInput> {
        let Some(path) = &self.salt_from else {
            return Ok(CommittedInput::new(program, input, &mut OsRng)?);
        };
        let other = read_committed(path, program.input_len())?;
        let committed = CommittedInput::salted(program, input, other.salt.0)?;
        ensure!(
            committed.commitment == other.commitment,
            "with the salt of {} the commitment is {}, not its {}: the input is another one, or this program takes it as other integers (its scale or batch is another); leave --salt-from out",
            path.display(),
            hex_scalar(&committed.commitment.0),
            hex_scalar(&other.commitment.0)
        );
        Ok(committed)
    }
}

/// The program whose proof states the input commitment: of a model in shards the first.
fn program(root: &Path) -> eyre::Result<Program> {
    let Some(shards) = ShardDir::open(root)? else {
        return ModelDir::open(root)?.program();
    };
    let first = shards.dirs().first();
    first
        .ok_or_else(|| eyre!("{} holds no shards", root.display()))?
        .program()
}
