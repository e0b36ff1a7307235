//! `laminate credential tree`: credentials under one root.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::Args;
use eyre::{WrapErr, ensure, eyre};
use laminate_engine::field::Scalar;
use laminate_model::artifact::{self, Kind};
use laminate_model::binding::MIN_DEPTH;
use laminate_model::credential::Tree;
use serde::Serialize;

use crate::bound::{Element, Issued, read_tree};
use crate::destination;
use crate::files::{self, hex_scalar};
use crate::input;
use crate::output::Output;

/// Largest list of leaves in a text: 2^20 of them and their line ends.
const MAX_TEXT: u64 = 70 << 20;

/// Put credentials into a tree; prints its root.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  laminate credential tree alice.credential bob.credential -o group.tree\n  laminate credential tree group.tree carol.credential -o group2.tree\n  laminate credential tree leaves.txt -o group.tree\n\nThe tree is public: it holds the leaves, in the order given. Everybody can make its root of them again. A credential\nis revoked by a tree without it."
)]
pub struct CredentialTree {
    /// Credentials, trees, and texts of leaves (a number a line), whose leaves are put together in this order.
    #[arg(required = true)]
    pub of: Vec<PathBuf>,
    /// Levels above the leaves, 20 to 32, as the program has them [default: those of the first tree given, or 20].
    #[arg(long, value_name = "LEVELS")]
    pub depth: Option<u8>,
    /// The file to write (public).
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
}

/// What `credential tree` reports.
#[derive(Debug, Serialize)]
struct Report {
    root: String,
    depth: u8,
    leaves: usize,
}

impl CredentialTree {
    /// Runs the command.
    ///
    /// # Errors
    /// A file that holds no leaves, a leaf that is given twice, or more of them than there are places.
    pub fn run(&self, out: Output) -> eyre::Result<()> {
        destination::result(&self.output)?;
        let (mut depth, mut leaves) = (self.depth, vec![]);
        for path in &self.of {
            let (levels, more) = read(path)?;
            depth = depth.or(levels);
            leaves.extend(more);
        }
        ensure!(
            !leaves.is_empty(),
            "no credentials in {}: a tree of nobody is of no use",
            self.of
                .iter()
                .map(|path| path.display().to_string())
                .collect::<Vec<_>>()
                .join(", ")
        );
        let _stage = out.stage("Hashing the tree");
        let tree = Tree::new(depth.unwrap_or(MIN_DEPTH), leaves)?;
        let report = Report {
            root: hex_scalar(&tree.root()),
            depth: tree.depth,
            leaves: tree.leaves.len(),
        };
        files::write(Kind::CredentialTree, false, &tree, &self.output)?;
        out.result(&report.root, &report)
    }
}

/// The leaves of a file, and the levels of a tree.
fn read(path: &Path) -> eyre::Result<(Option<u8>, Vec<Scalar>)> {
    if !input::is_artifact(path)? {
        let text = files::read_text(path, MAX_TEXT)?;
        let lines = text.lines().enumerate();
        let lines = lines.filter(|(_, line)| !line.trim().is_empty());
        let leaves = lines.map(|(at, line)| {
            let leaf = Element::from_str(line.trim());
            leaf.map(|leaf| Scalar(leaf.0))
                .map_err(|error| eyre!("{}, line {}: {error}", path.display(), at + 1))
        });
        return Ok((None, leaves.collect::<eyre::Result<_>>()?));
    }
    let head = files::read_head(path, artifact::HEADER)?;
    let header = artifact::read_header(&head).wrap_err_with(|| path.display().to_string())?;
    match header.kind {
        Kind::Credential => {
            let (_, issued): (_, Issued) = files::read(Kind::Credential, path)?;
            Ok((None, vec![issued.leaf]))
        }
        Kind::CredentialTree => {
            let tree = read_tree(path)?;
            Ok((Some(tree.depth), tree.leaves))
        }
        other => Err(eyre!(
            "{} is a {} file, expected a credential, a tree of credentials or a text of leaves",
            path.display(),
            other.name()
        )),
    }
}
