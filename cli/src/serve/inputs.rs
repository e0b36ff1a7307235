//! Inputs of jobs: private files in a folder that nobody else can read, gone once they are proven.

use std::fs;
use std::path::{Path, PathBuf};

use eyre::{WrapErr, bail, ensure};
use laminate_model::artifact::Kind;
use laminate_prover::input::CommittedInput;
use rand::rngs::OsRng;

use super::models::Served;
use crate::bound::{BoundArgs, Element};
use crate::files::{self, Lock, hex_scalar};
use crate::input::{self, Given};
use crate::output::sentence;

/// The folder beside the database.
#[derive(Debug)]
pub struct Inputs {
    folder: PathBuf,
    keep: bool,
    /// Two servers would prove, and submit, the same jobs.
    _lock: Lock,
}

/// An input as it came.
#[derive(Clone, Debug)]
pub enum Content {
    /// Rows or tokens as JSON.
    Json(Vec<u8>),
    /// Rows as CSV.
    Csv(Vec<u8>),
    /// What `laminate input commit` wrote.
    Committed(Vec<u8>),
}

/// What a statement is bound to, as it came.
#[derive(Clone, Debug, Default)]
pub struct Binding {
    /// What the proof is for.
    pub context: Option<Element>,
    /// What the credential is used for.
    pub scope: Option<Element>,
    /// What `laminate credential prove` wrote.
    pub credential: Option<Vec<u8>>,
}

impl Inputs {
    /// The folder of a database; with `keep`, inputs stay there.
    ///
    /// # Errors
    /// If it cannot be made, or another server has it.
    pub fn open(database: &Path, keep: bool) -> eyre::Result<Self> {
        let mut name = database.as_os_str().to_owned();
        name.push(".inputs");
        let folder = PathBuf::from(name);
        let context = || format!("cannot make {}", folder.display());
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
            builder.mode(0o700);
            builder.create(&folder).wrap_err_with(context)?;
            fs::set_permissions(&folder, fs::Permissions::from_mode(0o700))
                .wrap_err_with(context)?;
        }
        #[cfg(not(unix))]
        builder.create(&folder).wrap_err_with(context)?;
        let lock = Lock::take(&folder)
            .wrap_err_with(|| format!("another server has the jobs of {}", database.display()))?;
        Ok(Self {
            folder,
            keep,
            _lock: lock,
        })
    }

    /// Where the committed input of a job is.
    pub fn input(&self, id: &str) -> PathBuf {
        self.folder.join(format!("{id}.input"))
    }

    fn credential(&self, id: &str) -> PathBuf {
        self.folder.join(format!("{id}.member"))
    }

    /// What a job's statement is bound to.
    ///
    /// # Errors
    /// Numbers that are none.
    pub fn bound(
        &self,
        id: &str,
        context: Option<&str>,
        scope: Option<&str>,
    ) -> eyre::Result<BoundArgs> {
        let element = |text: Option<&str>| text.map(str::parse).transpose();
        let element = |text| element(text).map_err(|error: String| eyre::eyre!(error));
        let credential = Some(self.credential(id)).filter(|path| path.exists());
        Ok(BoundArgs {
            context: element(context)?,
            scope: element(scope)?,
            credential,
        })
    }

    /// Checks an input, commits to it unless it comes committed, and keeps it under the job's name; its commitment.
    /// Errors are the CLI's sentences, which name the input `input.json`, `input.csv` or `input.lam`.
    ///
    /// # Errors
    /// An input that does not fit the model, or one of another program; a binding that the model does not have, or not
    /// the one that it has.
    pub fn add(
        &self,
        id: &str,
        served: &Served,
        content: &Content,
        binding: &Binding,
    ) -> eyre::Result<String> {
        let folder = tempfile::tempdir_in(&self.folder).wrap_err("cannot keep the input")?;
        let place = folder.path();
        let added = self.checked(id, served, content, binding, place);
        added.map_err(|error| {
            let place = format!("{}{}", place.display(), std::path::MAIN_SEPARATOR);
            eyre::Report::msg(sentence(&error).replace(&place, ""))
        })
    }

    fn checked(
        &self,
        id: &str,
        served: &Served,
        content: &Content,
        binding: &Binding,
        place: &Path,
    ) -> eyre::Result<String> {
        let program = &served.program;
        let (name, bytes) = match content {
            Content::Json(bytes) => ("input.json", bytes),
            Content::Csv(bytes) => ("input.csv", bytes),
            Content::Committed(bytes) => ("input.lam", bytes),
        };
        let path = place.join(name);
        files::write_bytes(&path, bytes, true)?;
        let committed = match content {
            Content::Committed(_) => input::read_committed(&path, program.input_len())?,
            _ => {
                ensure!(
                    !input::is_artifact(&path)?,
                    "a Laminate file among rows; send it as application/octet-stream"
                );
                let values = input::read_values(&path, program)?;
                CommittedInput::new(program, &values, &mut OsRng)?
            }
        };
        let given = Given::fresh(committed.open(program)?);
        let credential = match (&binding.credential, &binding.scope) {
            (Some(bytes), Some(_)) => {
                let path = place.join("credential.lam");
                files::write_bytes(&path, bytes, true)?;
                Some(path)
            }
            (None, None) => None,
            _ => bail!("credential and scope belong together; give both or neither"),
        };
        let bound = BoundArgs {
            context: binding.context,
            scope: binding.scope,
            credential,
        };
        bound.read(program, &given)?;
        if let Some(bytes) = &binding.credential {
            files::write_bytes(&self.credential(id), bytes, true)?;
        }
        files::write_new(Kind::Input, false, &committed, &self.input(id))?;
        sync(&self.folder)?;
        Ok(hex_scalar(&committed.commitment.0))
    }

    /// A job needs its input no more.
    pub fn remove(&self, id: &str) {
        if !self.keep {
            self.discard(id);
        }
    }

    /// A job that did not come to be.
    pub fn discard(&self, id: &str) {
        // What cannot be removed now is removed when the server starts next.
        let _ = fs::remove_file(self.input(id));
        let _ = fs::remove_file(self.credential(id));
    }

    /// Removes what belongs to none of these jobs: what a process that died left behind.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn clean(&self, needed: &[String]) -> eyre::Result<()> {
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            let of = path.file_stem().map(|stem| stem.to_string_lossy());
            let kept = of.is_some_and(|of| needed.iter().any(|id| *id == *of));
            if path.is_dir() {
                fs::remove_dir_all(&path)?;
            } else if !kept && !self.keep {
                fs::remove_file(&path)?;
            }
        }
        Ok(())
    }
}

/// Names of files are on the disk, too.
fn sync(folder: &Path) -> eyre::Result<()> {
    if cfg!(unix) {
        fs::File::open(folder)?.sync_all()?;
    }
    Ok(())
}
