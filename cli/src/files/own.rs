//! Which files of a folder are Laminate's: by their names and by what is in them. Others are neither replaced nor
//! removed.

use std::fs;
use std::path::Path;

use eyre::{Context, ensure, eyre};
use laminate_front::llama::Tokenizer;
use laminate_model::artifact::{self, Kind};
use laminate_model::program::MAX_STACK;

use super::{Setup, read_at_most, read_head};
use crate::cmd::compile::CompileRecord;
use crate::sealed;
use crate::shards;

/// Largest JSON file that is looked into; a tokenizer is the largest of them.
const MAX_JSON: u64 = 1 << 26;
/// Files that a compilation writes or that its program outdates.
const NAMES: [&str; 9] = [
    "program.lam",
    "weights.lam",
    "weight_secret.lam",
    "commitment.lam",
    "join.lam",
    "compile.json",
    "setup.json",
    "shards.json",
    "tokenizer.json",
];

/// Whether a file is an artifact of a kind, of any version.
pub fn is_artifact(path: &Path, kind: Kind) -> bool {
    let head = read_head(path, artifact::HEADER).unwrap_or_default();
    head.starts_with(&[&artifact::MAGIC[..], &kind.tag()].concat())
}

/// Whether Laminate wrote a file of one of [`NAMES`].
fn is_ours(path: &Path, name: &str) -> bool {
    let artifact = |kind: Kind| is_artifact(path, kind);
    let json = || read_at_most(path, MAX_JSON).unwrap_or_default();
    match name {
        "program.lam" => artifact(Kind::Program),
        "weights.lam" => artifact(Kind::Weights),
        "weight_secret.lam" => artifact(Kind::WeightSecret),
        "commitment.lam" => artifact(Kind::WeightCommitment),
        "join.lam" => artifact(Kind::Join),
        "compile.json" => sealed::is_of::<CompileRecord>(&json()),
        "setup.json" => serde_json::from_slice::<Setup>(&json()).is_ok(),
        "shards.json" => shards::is_record(&json()),
        // Tokenizers have no mark; those of Laminate are as it writes them, others mostly are not.
        "tokenizer.json" => {
            let json = json();
            let again = Tokenizer::from_json(&json).and_then(|t| t.to_json());
            again.is_ok_and(|again| again == json)
        }
        _ => false,
    }
}

/// Refuses a folder to write a model into that is neither new nor empty nor holds a model, and one in which a file
/// of another stands in the way.
///
/// # Errors
/// What stands there.
pub fn claim(root: &Path) -> eyre::Result<()> {
    if fs::symlink_metadata(root).is_err() {
        return Ok(());
    }
    ensure!(
        root.is_dir(),
        "{} is a file, expected a folder to write into",
        root.display()
    );
    let mut entries =
        fs::read_dir(root).wrap_err_with(|| format!("cannot read folder {}", root.display()))?;
    if entries.next().is_none() {
        return Ok(());
    }
    let mut ours = claim_files(root)?;
    for index in 0..MAX_STACK as usize {
        let folder = shards::folder(root, index);
        if fs::symlink_metadata(&folder).is_err() {
            break;
        }
        ensure!(
            folder.is_dir(),
            "{} was not written by Laminate and is in the way; give another folder, or move it",
            folder.display()
        );
        ours += claim_files(&folder)?;
    }
    ensure!(
        ours > 0,
        "folder {} is not empty and holds no model of Laminate; give a new or an empty folder",
        root.display()
    );
    Ok(())
}

/// How many files of a folder are Laminate's, of those that a compilation replaces.
fn claim_files(folder: &Path) -> eyre::Result<usize> {
    let mut ours = 0;
    for name in NAMES {
        let path = folder.join(name);
        if fs::symlink_metadata(&path).is_err() {
            continue;
        }
        if !is_ours(&path, name) {
            return Err(eyre!(
                "{} was not written by Laminate and would be replaced; give another folder, or move it",
                path.display()
            ));
        }
        ours += 1;
    }
    Ok(ours)
}

/// Removes Laminate's files of a folder.
///
/// # Errors
/// If one cannot be removed.
pub fn remove(folder: &Path) -> eyre::Result<()> {
    for name in NAMES {
        let path = folder.join(name);
        if is_ours(&path, name) {
            fs::remove_file(&path)
                .wrap_err_with(|| format!("cannot replace {}", path.display()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The header of an artifact, which is all that is looked at.
    fn artifact(kind: Kind) -> Vec<u8> {
        artifact::header(kind, false, &[]).to_vec()
    }

    #[test]
    fn new_empty_and_own_folders_are_taken() {
        let dir = tempfile::tempdir().unwrap();
        claim(&dir.path().join("new")).unwrap();
        claim(dir.path()).unwrap();
        // What an interrupted compilation leaves, beside what a user put there.
        fs::write(dir.path().join("weights.lam"), artifact(Kind::Weights)).unwrap();
        fs::write(dir.path().join("notes.txt"), "mine").unwrap();
        claim(dir.path()).unwrap();
        remove(dir.path()).unwrap();
        assert!(!dir.path().join("weights.lam").exists() && dir.path().join("notes.txt").exists());
        let error = claim(dir.path()).unwrap_err().to_string();
        assert!(error.contains("holds no model of Laminate"), "{error}");
        let shard = dir.path().join("shard-000");
        fs::create_dir(&shard).unwrap();
        fs::write(shard.join("program.lam"), artifact(Kind::Program)).unwrap();
        claim(dir.path()).unwrap();
    }

    #[test]
    fn files_of_others_are_neither_replaced_nor_removed() {
        for name in NAMES {
            for at in ["", "shard-000"] {
                let dir = tempfile::tempdir().unwrap();
                let folder = dir.path().join(at);
                fs::create_dir_all(&folder).unwrap();
                let own = dir.path().join("program.lam");
                fs::write(&own, artifact(Kind::Program)).unwrap();
                let path = folder.join(name);
                // An artifact of another kind is none of this name.
                for bytes in [b"{\"mine\":1}".to_vec(), vec![], artifact(Kind::Srs)] {
                    fs::write(&path, &bytes).unwrap();
                    let error = claim(dir.path()).unwrap_err().to_string();
                    let expected = format!("{} was not written by Laminate", path.display());
                    assert!(error.starts_with(&expected), "{error}");
                    remove(&folder).unwrap();
                    assert_eq!(fs::read(&path).unwrap(), bytes);
                }
            }
        }
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("program.lam"), artifact(Kind::Program)).unwrap();
        fs::write(dir.path().join("shard-000"), "mine").unwrap();
        let error = claim(dir.path()).unwrap_err().to_string();
        assert!(error.contains("shard-000"), "{error}");
        let file = dir.path().join("shard-000");
        assert!(claim(&file).unwrap_err().to_string().contains("is a file"));
    }
}
