//! What statements are bound to on the command line: contexts, scopes, credentials, and how reports show them.

mod columns;
mod context;
mod credentials;
mod element;
pub mod hidden;

use std::path::PathBuf;

use clap::Args;
use eyre::{WrapErr, ensure, eyre};
use halo2curves_axiom::bn256::Fr;
use laminate_aggregator::keys::OutputFormat;
use laminate_engine::backend::Native;
use laminate_engine::field::fr_from_i64;
use laminate_front::trees::keys;
use laminate_model::binding::{
    Binding, Column, CredentialWords, MAX_DEPTH, MIN_DEPTH, PublicInput,
};
use laminate_model::credential;
use laminate_model::program::Program;
use laminate_model::statement::Packing;
use laminate_prover::prove::{Bound, Credential};
use serde::{Deserialize, Serialize};

use crate::files::{self, hex_scalar};
use crate::input::Given;
use crate::reading::Reading;

pub use context::{context_of, scope_of};
pub use credentials::{Identity, Issued, Member, read_tree};
pub use element::{Element, number};

/// What `compile` binds a program's statements to.
#[derive(Clone, Debug, Default, Args, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BindingArgs {
    /// Statements have a context: one number that `prove --context` gives a proof and that a contract compares, so that
    /// nobody can use the proof for anything else (`laminate context`).
    #[arg(long)]
    pub context: bool,
    /// The input's values are public: they stand before the output. Of all columns, or of those named (as the first line of
    /// the calibration rows or the model does) or counted from 0: age,amount. For models over rows.
    #[arg(long, value_name = "COLUMNS", num_args = 0..=1, value_delimiter = ',')]
    pub input_public: Option<Vec<String>>,
    /// The input's values must be those of a credential, in a tree of so many levels, 20 to 32 (`laminate credential`).
    /// For models over rows, one row a proof.
    #[arg(long, value_name = "LEVELS", value_parser = clap::value_parser!(u8).range(i64::from(MIN_DEPTH)..=i64::from(MAX_DEPTH)))]
    pub credential: Option<u8>,
    /// The output is hidden: proofs show a salted commitment to it, which `prove --keep-output` writes an opening of. No
    /// contract can look into it. For models over rows.
    #[arg(long)]
    pub output_hidden: bool,
    /// The weights are public: their commitment has no salt, so that anybody who has the model's files makes it again
    /// (`laminate audit verify --dir`). Whoever has a proof can tell whether a guess of the weights is right.
    #[arg(long)]
    pub weights_public: bool,
}

impl BindingArgs {
    /// The option that was given, if any.
    pub fn given(&self) -> Option<&'static str> {
        [
            ("--context", self.context),
            ("--input-public", self.input_public.is_some()),
            ("--credential", self.credential.is_some()),
            ("--output-hidden", self.output_hidden),
            ("--weights-public", self.weights_public),
        ]
        .into_iter()
        .find_map(|(option, given)| given.then_some(option))
    }

    /// Binds a compiled program, whose input's columns have these names.
    ///
    /// # Errors
    /// A program that cannot be bound so, or columns that it does not have.
    pub fn apply(
        &self,
        program: &mut Program,
        names: &dyn Fn(usize) -> Option<String>,
    ) -> eyre::Result<()> {
        let input = match &self.input_public {
            None => PublicInput::Hidden,
            Some(_) if program.sequence.is_some() => PublicInput::All,
            Some(asked) => columns::public(asked, program.tensor_width(program.input), names)?,
        };
        program.binding = Binding {
            context: self.context,
            input,
            credential: self.credential,
            output_hidden: self.output_hidden,
            weights_public: self.weights_public,
        };
        program.check().wrap_err(
            "--context, --input-public, --credential, --output-hidden and --weights-public do not fit this model",
        )
    }
}

/// What `prove` binds a statement to.
#[derive(Clone, Debug, Default, Args)]
pub struct BoundArgs {
    /// What the proof is for: the number that the contract computes (`laminate context`). For models compiled with --context.
    #[arg(long, value_name = "NUMBER")]
    pub context: Option<Element>,
    /// The credential that the input's values are of, from `laminate credential prove`. For models compiled with --credential.
    #[arg(long, value_name = "FILE", requires = "scope")]
    pub credential: Option<PathBuf>,
    /// What the credential is used for: one nullifier a scope (`laminate credential scope`).
    #[arg(long, value_name = "NUMBER", requires = "credential")]
    pub scope: Option<Element>,
}

impl BoundArgs {
    /// Whether an option was given.
    pub fn is_given(&self) -> bool {
        self.context.is_some() || self.credential.is_some()
    }

    /// What a statement of `program` on an input is bound to.
    ///
    /// # Errors
    /// What the program wants and is not given, or the other way round; a credential of other values or of another tree.
    pub fn read(&self, program: &Program, given: &Given) -> eyre::Result<Bound> {
        let binding = &program.binding;
        fits("--context", binding.context, self.context.is_some())?;
        let credential = self.credential.as_ref();
        fits(
            "--credential",
            binding.credential.is_some(),
            credential.is_some(),
        )?;
        let scope = self.scope.as_ref().map(|scope| scope.0);
        let credential = match (credential, scope, binding.credential) {
            (Some(path), Some(scope), Some(depth)) => {
                let member = Member::read(path)?;
                let used = used(&member, program, given, scope, depth);
                Some(used.wrap_err_with(|| path.display().to_string())?)
            }
            _ => None,
        };
        Ok(Bound {
            context: self.context.as_ref().map(|context| context.0),
            credential,
        })
    }
}

fn fits(option: &str, wanted: bool, given: bool) -> eyre::Result<()> {
    ensure!(
        wanted == given,
        "{}",
        match wanted {
            true =>
                format!("statements of this model need {option}; the model was compiled with it"),
            false => format!(
                "statements of this model take no {option}: compile the model with {option}, or leave it out"
            ),
        }
    );
    Ok(())
}

/// A credential as it is used, checked as a verifier will.
fn used(
    member: &Member,
    program: &Program,
    given: &Given,
    scope: Fr,
    depth: u8,
) -> eyre::Result<Credential> {
    let membership = member.membership();
    let steps = membership.siblings.len();
    ensure!(
        steps == usize::from(depth),
        "it is of a tree of {steps} levels, the model takes {depth}; its issuer makes one with --depth {depth}"
    );
    let values = given.input.values(program)?;
    let values: Vec<Fr> = values.iter().map(|v| fr_from_i64((*v).into())).collect();
    let packing = Packing::of_input(program);
    let identity = credential::identity(&mut Native, &membership.secret);
    let found = credential::leaf(&mut Native, &identity, packing, &values);
    ensure!(
        found == member.leaf.0,
        "it attests other values than those of --input; give the row that was attested"
    );
    let (root, nullifier) = (
        member.root.0,
        credential::nullifier(&mut Native, &membership.secret, &scope),
    );
    let words = CredentialWords {
        root: &root,
        scope: &scope,
        nullifier: &nullifier,
    };
    credential::check(&mut Native, depth, &membership, packing, &values, &words).map_err(
        |error| {
            eyre!("{error}; the file is altered: make it again with `laminate credential prove`")
        },
    )?;
    Ok(Credential {
        membership,
        root,
        scope,
    })
}

/// Binding words of a statement, as reports show them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BoundReport {
    /// Root of the tree of credentials.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root: Option<String>,
    /// What the credential is used for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// What its holder leaves there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nullifier: Option<String>,
    /// What the proof is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
}

impl BoundReport {
    /// That of output words in a format; none without binding words.
    pub fn of(format: &OutputFormat, words: &[Fr]) -> Option<Self> {
        let binding = &format.lead.binding;
        let read = binding.read(words).filter(|_| binding.words() > 0)?;
        let credential = |word: fn(CredentialWords<&Fr>) -> &Fr| {
            read.credential
                .map(|credential| hex_scalar(word(credential)))
        };
        Some(Self {
            root: credential(|c| c.root),
            scope: credential(|c| c.scope),
            nullifier: credential(|c| c.nullifier),
            context: read.context.map(hex_scalar),
        })
    }

    /// A line a word.
    pub fn lines(&self) -> String {
        [
            ("root", &self.root),
            ("scope", &self.scope),
            ("nullifier", &self.nullifier),
            ("context", &self.context),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some(format!("\n{name:<18}{}", value.as_ref()?)))
        .collect()
    }
}

/// The public input in a statement's output words; none if it is hidden.
pub fn public_input(format: &OutputFormat, words: &[Fr]) -> Option<Reading> {
    let input = format.lead.input?;
    let values = format.read_input(words)?;
    if !input.keys {
        return Some(Reading::new(&values, input.scale, None));
    }
    // A key that no number has is no input that anybody could have given; it reads as none.
    let numbers = values
        .iter()
        .map(|key| keys::number(*key).unwrap_or(f32::NAN));
    Some(Reading::Real(numbers.map(f64::from).collect()))
}

/// The columns of a public input, if it is not of all.
pub fn public_columns(format: &OutputFormat) -> Option<Vec<Column>> {
    format.lead.binding.columns().map(<[Column]>::to_vec)
}

/// A public input as people read it, in a line of its own; nothing if it is hidden.
pub fn input_line(input: Option<&Reading>, of: Option<&[Column]>) -> String {
    let of = of.map_or_else(String::new, |of| format!("{}: ", columns::shown(of)));
    input.map_or_else(String::new, |input| {
        format!("\ninput             {of}{input}")
    })
}

/// The secret of a holder of credentials, in a file that is not replaced.
///
/// # Errors
/// Another file, or an altered one.
pub fn read_identity(path: &std::path::Path) -> eyre::Result<Identity> {
    let kind = laminate_model::artifact::Kind::Identity;
    Ok(files::read(kind, path)?.1)
}
