//! `compile.json`: what a folder was compiled from and how, so that somebody else can do it again.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::Path;

use eyre::{Context, ensure, eyre};
use laminate_front::quant::detail::Detail;
use laminate_model::program::Program;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::Compile;
use crate::canonical;
use crate::files::hex_scalar;
use crate::sealed::{self, Record};

/// Most files of a folder that is a model.
const MAX_FILES: usize = 4096;

/// What a compilation was made of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CompileRecord {
    /// Version of Laminate.
    pub laminate: String,
    /// The options that the program follows from, with the name that it got; without paths and thresholds.
    pub options: Value,
    /// The files.
    pub sources: Vec<Source>,
    /// Digests of the programs: one, or those of the shards.
    pub programs: Vec<String>,
    /// What `compile --json` reported.
    pub report: Value,
    /// Rows of the fidelity report one by one, as far as `report` shows them.
    pub fidelity: Option<Detail>,
}

/// A file that went into a compilation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Option of the command it was given with; `model` of the model itself.
    pub role: String,
    /// Its name, without folder.
    pub name: String,
    /// SHA-256 of its bytes. Of a folder: of the canonical JSON that maps the names of its files to their digests.
    pub sha256: String,
}

impl Record for CompileRecord {
    const MAGIC: &'static str = "laminate compile record";
    const VERSION: u32 = 2;
}

impl Source {
    /// Hashes a file or a folder.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn of(role: &str, path: &Path) -> eyre::Result<Self> {
        let name = path.file_name().unwrap_or(path.as_os_str());
        Ok(Self {
            role: role.into(),
            name: name.to_string_lossy().into_owned(),
            sha256: digest(path)?,
        })
    }
}

fn digest(path: &Path) -> eyre::Result<String> {
    let context = || format!("cannot read {}", path.display());
    if !path.is_dir() {
        let mut hasher = Sha256::new();
        let mut file = File::open(path).wrap_err_with(context)?;
        io::copy(&mut file, &mut hasher).wrap_err_with(context)?;
        return Ok(hex::encode(hasher.finalize()));
    }
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(path).wrap_err_with(context)? {
        let entry = entry.wrap_err_with(context)?.path();
        ensure!(
            files.len() < MAX_FILES,
            "{} has more than {MAX_FILES} files, which no model has",
            path.display()
        );
        // Of folders in it nothing is read.
        if entry.is_file() {
            let name = entry.file_name().unwrap_or_default().to_string_lossy();
            files.insert(name.into_owned(), digest(&entry)?);
        }
    }
    let listing = canonical::bytes(&serde_json::to_value(files)?)?;
    Ok(hex::encode(Sha256::digest(listing)))
}

impl CompileRecord {
    /// Of a compilation that gave these programs.
    ///
    /// # Errors
    /// A file that can no longer be read, or no program.
    pub fn new(
        args: &Compile,
        programs: &[&Program],
        report: Value,
        fidelity: Option<&Detail>,
    ) -> eyre::Result<Self> {
        let first = programs.first().ok_or_else(|| eyre!("no program"))?;
        let named = Compile {
            name: Some(first.name.clone()),
            ..args.clone()
        };
        let files = [
            ("model", Some(args.model.as_path())),
            ("calibration", args.calibration.as_deref()),
            ("evaluation", args.evaluation.as_deref()),
            ("predictions", args.predictions.as_deref()),
            ("tokenizer", args.llm.tokenizer.as_deref()),
            ("fidelity", args.llm.fidelity.as_deref()),
        ];
        let given = files.into_iter().filter_map(|(r, p)| Some((r, p?)));
        let sources = given.map(|(role, path)| Source::of(role, path));
        let digests = programs.iter().map(|p| Ok(hex_scalar(&p.digest()?)));
        Ok(Self {
            laminate: env!("CARGO_PKG_VERSION").into(),
            options: serde_json::to_value(named)?,
            sources: sources.collect::<eyre::Result<_>>()?,
            programs: digests.collect::<eyre::Result<_>>()?,
            report,
            fidelity: fidelity.cloned(),
        })
    }

    /// Writes it into a model folder.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&self, root: &Path) -> eyre::Result<()> {
        sealed::write(self, &root.join("compile.json"))
    }

    /// That of a model folder.
    ///
    /// # Errors
    /// If there is none, or it is altered.
    pub fn read(root: &Path) -> eyre::Result<Self> {
        let path = root.join("compile.json");
        ensure!(
            path.exists(),
            "{} does not record what it was compiled from (compile.json): compile the model again; a commitment is kept by `laminate commit --secret-from`",
            root.display()
        );
        sealed::read(&path)
    }

    /// The options, to compile again; paths are missing.
    ///
    /// # Errors
    /// Options of another version.
    pub fn arguments(&self) -> eyre::Result<Compile> {
        serde_json::from_value(self.options.clone())
            .wrap_err("the recorded options of `compile` are not those of this version")
    }

    /// The file of a role.
    pub fn source(&self, role: &str) -> Option<&Source> {
        self.sources.iter().find(|s| s.role == role)
    }
}

#[cfg(test)]
mod tests {
    use clap::{Args, FromArgMatches};

    use super::*;

    fn parse(arguments: &[&str]) -> Compile {
        let all = ["compile", "dir/model.onnx", "-o", "out"];
        let matches = Compile::augment_args(clap::Command::new("compile"))
            .try_get_matches_from(all.iter().chain(arguments))
            .unwrap();
        Compile::from_arg_matches(&matches).unwrap()
    }

    /// Every option that a program follows from is recorded; paths and thresholds are not.
    #[test]
    fn options_survive_their_record() {
        let shaping: [&[&str]; 14] = [
            &["--name", "x"],
            &["--batch", "4"],
            &["--headroom", "1.7"],
            &["--predict", "margin"],
            &["--weights", "ternary"],
            &["--tokens", "8", "--prompt-tokens", "3"],
            &["--prompt-public"],
            &["--fold", "off"],
            &["--shard-layers", "2", "--row-log", "9"],
            &["--weight-check", "once"],
            &["--input-public"],
            &["--input-public", "age,amount"],
            &["--output-hidden"],
            &["--weights-public"],
        ];
        let plain = serde_json::to_value(parse(&[])).unwrap();
        for options in shaping {
            let value = serde_json::to_value(parse(options)).unwrap();
            assert_ne!(value, plain, "{options:?}");
            let again: Compile = serde_json::from_value(value.clone()).unwrap();
            assert_eq!(serde_json::to_value(&again).unwrap(), value, "{options:?}");
        }
        for options in [
            ["--calibration", "c.csv"],
            ["--evaluation", "c.csv"],
            ["--predictions", "c.csv"],
            ["--min-agreement", "1"],
            ["--min-column-bits", "1"],
            ["--tokenizer", "t.json"],
            ["--fidelity", "f.txt"],
        ] {
            assert_eq!(
                serde_json::to_value(parse(&options)).unwrap(),
                plain,
                "{options:?}"
            );
        }
        let mut unknown = plain;
        unknown["other"] = 1.into();
        assert!(serde_json::from_value::<Compile>(unknown).is_err());
    }

    /// An option that is new is recorded, or is said here to shape no program.
    #[test]
    fn every_option_is_recorded_or_shapes_nothing() {
        const APART: [&str; 11] = [
            "model",
            "calibration",
            "evaluation",
            "predictions",
            "tokenizer",
            "fidelity",
            "min_agreement",
            "min_column_bits",
            "output",
            "cost",
            "force",
        ];
        let value = serde_json::to_value(parse(&[])).unwrap();
        let members = ["llm", "binding"].map(|part| value[part].as_object());
        let members = [value.as_object()].into_iter().chain(members);
        let recorded: Vec<&String> = members.flatten().flat_map(|m| m.keys()).collect();
        let command = Compile::augment_args(clap::Command::new("compile"));
        for option in command.get_arguments() {
            let id = option.get_id().as_str();
            let is_recorded = recorded.iter().any(|name| *name == id);
            assert_ne!(is_recorded, APART.contains(&id), "{id}");
        }
    }

    #[test]
    fn folders_are_hashed_by_names_and_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str, bytes: &str| fs::write(dir.path().join(name), bytes).unwrap();
        file("a", "1");
        file("b", "2");
        let first = digest(dir.path()).unwrap();
        assert_eq!(digest(dir.path()).unwrap(), first);
        file("b", "3");
        let second = digest(dir.path()).unwrap();
        fs::rename(dir.path().join("b"), dir.path().join("c")).unwrap();
        let third = digest(dir.path()).unwrap();
        assert!(first != second && second != third && first != third);
        assert_eq!(
            Source::of("model", &dir.path().join("a")).unwrap().sha256,
            "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"
        );
    }
}
