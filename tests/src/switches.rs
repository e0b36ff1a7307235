//! The names of the verifier's switches (`laminate_engine::switch`), found in its sources.

use std::path::{Path, PathBuf};

/// Calls with a name, and the kind that stands before it; the checks behind `on` have none.
const CALLS: [(&str, &str); 10] = [
    ("on(", ""),
    ("expect_len(", "length: "),
    ("bound(", "program: "),
    ("check_residual(", "program: "),
    ("same_count(", "shards: "),
    ("not_identity(", "identity: "),
    ("within(", "map: "),
    ("absorb(", "absorb: "),
    ("absorb_point(", "absorb: "),
    ("sumcheck::verify(", "absorb: "),
];

/// Where the verifier is, below the workspace's root.
const SOURCES: [&str; 4] = [
    "engine/src",
    "model/src",
    "aggregator/src/join",
    "aggregator/src/snark",
];

/// A switch.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Switch {
    /// What `LAMINATE_MUTANT` is set to.
    pub name: String,
    /// The file that it is in, below the workspace's root.
    pub file: String,
}

/// All of them, in the order of files and lines.
///
/// # Panics
/// If the sources cannot be read.
pub fn all() -> Vec<Switch> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = vec![];
    for source in SOURCES {
        sources(&root.join(source), &mut files);
    }
    files.sort();
    let mut out = vec![];
    for file in files {
        let text = std::fs::read_to_string(&file).expect("a source file");
        let file = file.strip_prefix(&root).unwrap_or(&file);
        let file = file.display().to_string();
        // Unit tests come last in a file.
        let end = text.find("#[cfg(test)]").unwrap_or(text.len());
        let named = names(&text[..end]).into_iter();
        out.extend(named.map(|name| Switch {
            name,
            file: file.clone(),
        }));
    }
    out
}

fn sources(folder: &Path, out: &mut Vec<PathBuf>) {
    let entries = std::fs::read_dir(folder).expect("a source folder");
    for entry in entries.flatten() {
        let path = entry.path();
        let tests = path.file_stem().is_some_and(|name| name == "tests");
        if path.is_dir() && !tests {
            sources(&path, out);
        } else if path.extension().is_some_and(|e| e == "rs") && !tests {
            out.push(path);
        }
    }
}

/// Names in the order of their places.
fn names(text: &str) -> Vec<String> {
    let mut found = vec![];
    for (call, kind) in CALLS {
        for (at, _) in text.match_indices(call) {
            let part = |c: char| c.is_alphanumeric() || c == '_';
            if text[..at].chars().next_back().is_some_and(part) {
                continue;
            }
            // Nothing stands before a name but what is verified with.
            let rest = &text[at + call.len()..];
            let Some((before, rest)) = rest.split_once('"') else {
                continue;
            };
            let operand = |name: &str| ["", "backend", "transcript"].contains(&name.trim());
            if let (true, Some((name, _))) = (before.split(',').all(operand), rest.split_once('"'))
            {
                found.push((at, format!("{kind}{name}")));
            }
        }
    }
    found.sort();
    found.into_iter().map(|(_, name)| name).collect()
}
