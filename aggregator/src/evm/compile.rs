//! Bytecode from Solidity with the pinned compiler, through foundry-compilers.
//!
//! The compiler is searched as: `LAMINATE_SOLC`, then `scripts/solc` of the workspace (the npm package behind a shim), then `solc` on the PATH. Only version
//! 0.8.19 is taken, which the generated code asks for.
//!
//! # Settings
//! The same for the generated verifier and for our contracts, and the same as in `foundry.toml`, so that forge and this module give the same bytes:
//! optimiser on, 100,000 runs, without the Yul and the constant optimiser (on the generated assembly they exhaust the wasm compiler's memory after
//! minutes), no metadata (its hash would depend on paths and comments), EVM version Paris (the default of 0.8.19: no PUSH0, so it runs on every chain).

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use foundry_compilers::{
    artifacts::{
        BytecodeHash, CompilerOutput, Contract, EvmVersion, Optimizer, OptimizerDetails, Remapping,
        Settings, SettingsMetadata, SolcInput, SolcLanguage, Source, Sources,
        output_selection::OutputSelection,
    },
    error::SolcError,
    solc::Solc,
};
use sha2::{Digest, Sha256};

use super::error::EvmError;

/// The compiler's version.
pub const SOLC_VERSION: &str = "0.8.19";
/// Largest runtime code that Ethereum deploys (EIP-170).
pub const RUNTIME_CODE_LIMIT: usize = 24_576;
/// Largest creation code of a transaction (EIP-3860).
pub const INIT_CODE_LIMIT: usize = 2 * RUNTIME_CODE_LIMIT;
/// Optimiser runs: deployed once, called many times.
const OPTIMIZER_RUNS: usize = 100_000;

/// A contract ready to deploy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompiledContract {
    /// Creation code; constructor arguments, if any, are appended to it.
    pub creation: Vec<u8>,
    /// Runtime code; immutables, if any, are zeros in it.
    pub runtime: Vec<u8>,
    /// ABI in JSON.
    pub abi: serde_json::Value,
}

/// Solidity files by their path, as imports name them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceTree {
    /// Path to content.
    pub files: BTreeMap<PathBuf, String>,
    /// `prefix` to `target` of imports.
    pub remappings: BTreeMap<String, String>,
}

impl SourceTree {
    /// Every `.sol` file under `root/folder`, by its path from `root`.
    ///
    /// # Errors
    /// [`EvmError::Io`].
    pub fn read(root: &Path, folder: &str) -> Result<Self, EvmError> {
        let mut tree = Self::default();
        let mut pending = vec![PathBuf::from(folder)];
        while let Some(folder) = pending.pop() {
            let path = root.join(&folder);
            let unreadable = |source| EvmError::Io {
                path: path.clone(),
                source,
            };
            for entry in fs::read_dir(&path).map_err(unreadable)? {
                let entry = entry.map_err(unreadable)?;
                let relative = folder.join(entry.file_name());
                if entry.file_type().map_err(unreadable)?.is_dir() {
                    pending.push(relative);
                } else if relative
                    .extension()
                    .is_some_and(|extension| extension == "sol")
                {
                    let content =
                        fs::read_to_string(entry.path()).map_err(|source| EvmError::Io {
                            path: entry.path(),
                            source,
                        })?;
                    tree.files.insert(relative, content);
                }
            }
        }
        Ok(tree)
    }

    /// Our contracts, `contracts/src` of the workspace at `root`, without the generated verifier that is kept there.
    ///
    /// # Errors
    /// [`EvmError::Io`].
    pub fn contracts(root: &Path) -> Result<Self, EvmError> {
        let mut tree = Self::read(root, "contracts/src")?;
        tree.files
            .retain(|path, _| !path.starts_with("contracts/src/generated"));
        Ok(tree)
    }

    /// SHA-256 of paths and contents, hex.
    #[must_use]
    pub fn digest(&self) -> String {
        let mut hash = Sha256::new().chain_update(b"laminate solidity sources v1");
        for (path, content) in &self.files {
            for text in [path.to_string_lossy().as_bytes(), content.as_bytes()] {
                hash.update((text.len() as u64).to_le_bytes());
                hash.update(text);
            }
        }
        let digest = hash.finalize();
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// One file.
    #[must_use]
    pub fn single(path: &str, content: String) -> Self {
        Self {
            files: BTreeMap::from([(path.into(), content)]),
            remappings: BTreeMap::new(),
        }
    }
}

/// The pinned compiler, found and of the right version.
#[derive(Clone, Debug)]
pub struct SolcCompiler {
    solc: Solc,
}

impl SolcCompiler {
    /// Finds the compiler in the order of the module's documentation; `workspace` is the repository's root.
    ///
    /// # Errors
    /// [`EvmError::SolcMissing`], [`EvmError::SolcVersion`].
    pub fn find(workspace: &Path) -> Result<Self, EvmError> {
        if let Some(path) = std::env::var_os("LAMINATE_SOLC") {
            return Self::at(Path::new(&path));
        }
        let shim = workspace.join("scripts/solc");
        Self::at(if shim.is_file() {
            &shim
        } else {
            Path::new("solc")
        })
    }

    /// The compiler at a path.
    ///
    /// # Errors
    /// [`EvmError::SolcMissing`], [`EvmError::SolcVersion`].
    pub fn at(path: &Path) -> Result<Self, EvmError> {
        let solc = Solc::new(path).map_err(|error| EvmError::SolcMissing {
            path: path.to_owned(),
            reason: short(&error),
        })?;
        let found = solc.version_short().to_string();
        if found == SOLC_VERSION {
            Ok(Self { solc })
        } else {
            Err(EvmError::SolcVersion {
                path: path.to_owned(),
                found,
            })
        }
    }

    /// Compiles a generated verifier.
    ///
    /// # Errors
    /// As [`SolcCompiler::compile`].
    pub fn compile_verifier(&self, source: &str) -> Result<CompiledContract, EvmError> {
        let name = super::VERIFIER_CONTRACT;
        let tree = SourceTree::single("Halo2Verifier.sol", source.to_owned());
        let mut contracts = self.compile(&tree, &[name])?;
        contracts
            .remove(name)
            .ok_or_else(|| EvmError::ContractMissing {
                name: name.to_owned(),
                found: Vec::new(),
            })
    }

    /// Compiles `names` out of the sources, each within the size limits.
    ///
    /// # Errors
    /// [`EvmError::SolcFailed`], [`EvmError::Compile`], [`EvmError::ContractMissing`], [`EvmError::NoBytecode`], [`EvmError::TooLarge`],
    /// [`EvmError::InitCodeTooLarge`].
    pub fn compile(
        &self,
        tree: &SourceTree,
        names: &[&str],
    ) -> Result<BTreeMap<String, CompiledContract>, EvmError> {
        let input = input(tree);
        let output: CompilerOutput =
            self.solc
                .compile(&input)
                .map_err(|error| EvmError::SolcFailed {
                    path: self.solc.solc.clone(),
                    reason: short(&error),
                })?;
        if output.has_error() {
            let errors = output.errors.iter().filter(|error| error.is_error());
            let text = |error: &foundry_compilers::artifacts::Error| {
                error
                    .formatted_message
                    .as_ref()
                    .unwrap_or(&error.message)
                    .trim_end()
                    .to_owned()
            };
            return Err(EvmError::Compile {
                messages: errors.map(text).collect(),
            });
        }
        names
            .iter()
            .map(|name| Ok(((*name).to_owned(), contract(&output, name)?)))
            .collect()
    }
}

/// SHA-256 of the compiler's version and settings, hex: code is the same only where it is.
#[must_use]
pub fn settings_digest() -> String {
    let settings = serde_json::to_vec(&settings(&BTreeMap::new())).unwrap_or_default();
    let digest = Sha256::new()
        .chain_update(SOLC_VERSION)
        .chain_update(settings)
        .finalize();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The settings in words, as headers of generated sources have them.
pub const COMPILER_SETTINGS: &str = "optimizer on, 100000 runs, details yul off and constantOptimizer off; viaIR off; EVM version paris; no metadata";

/// The compiler's whole input for a tree, in its standard JSON: who has no more than this file and solc makes the same code.
///
/// # Errors
/// [`EvmError::Generate`] if it cannot be encoded.
pub fn standard_json(tree: &SourceTree) -> Result<String, EvmError> {
    serde_json::to_string_pretty(&input(tree))
        .map(|text| text + "\n")
        .map_err(|error| EvmError::Generate {
            reason: error.to_string(),
        })
}

fn input(tree: &SourceTree) -> SolcInput {
    let sources: Sources = tree
        .files
        .iter()
        .map(|(path, content)| (path.clone(), Source::new(content.clone())))
        .collect();
    SolcInput::new(SolcLanguage::Solidity, sources, settings(&tree.remappings))
}

fn settings(remappings: &BTreeMap<String, String>) -> Settings {
    let details = OptimizerDetails {
        yul: Some(false),
        constant_optimizer: Some(false),
        ..OptimizerDetails::default()
    };
    let outputs = ["abi", "evm.bytecode.object", "evm.deployedBytecode.object"];
    Settings {
        remappings: remappings
            .iter()
            .map(|(name, path)| Remapping {
                context: None,
                name: name.clone(),
                path: path.clone(),
            })
            .collect(),
        optimizer: Optimizer {
            enabled: Some(true),
            runs: Some(OPTIMIZER_RUNS),
            details: Some(details),
        },
        metadata: Some(SettingsMetadata::new(BytecodeHash::None, false)),
        output_selection: OutputSelection::common_output_selection(outputs.map(str::to_owned)),
        evm_version: Some(EvmVersion::Paris),
        ..Settings::default()
    }
}

fn contract(output: &CompilerOutput, name: &str) -> Result<CompiledContract, EvmError> {
    let found = output
        .contracts_iter()
        .find(|(found, _)| *found == name)
        .map(|(_, contract)| contract);
    let Some(Contract {
        abi,
        evm: Some(evm),
        ..
    }) = found
    else {
        let found = output
            .contracts_iter()
            .map(|(name, _)| name.clone())
            .collect();
        return Err(EvmError::ContractMissing {
            name: name.to_owned(),
            found,
        });
    };
    let none = |reason| EvmError::NoBytecode {
        name: name.to_owned(),
        reason,
    };
    let linked = "it needs libraries linked";
    let creation = evm
        .bytecode
        .as_ref()
        .and_then(|code| code.object.as_bytes())
        .ok_or_else(|| none(linked))?
        .to_vec();
    let runtime = evm
        .deployed_bytecode
        .as_ref()
        .and_then(|code| code.bytes())
        .ok_or_else(|| none(linked))?
        .to_vec();
    if creation.is_empty() || runtime.is_empty() {
        return Err(none("it is an interface or abstract"));
    }
    if runtime.len() > RUNTIME_CODE_LIMIT {
        return Err(EvmError::TooLarge {
            name: name.to_owned(),
            bytes: runtime.len(),
        });
    }
    if creation.len() > INIT_CODE_LIMIT {
        return Err(EvmError::InitCodeTooLarge {
            name: name.to_owned(),
            bytes: creation.len(),
        });
    }
    let abi = abi
        .as_ref()
        .and_then(|abi| serde_json::to_value(abi).ok())
        .unwrap_or_default();
    Ok(CompiledContract {
        creation,
        runtime,
        abi,
    })
}

/// The compiler's own words, without the many lines of a stack trace.
fn short(error: &SolcError) -> String {
    let text = error.to_string();
    let lines: Vec<_> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .take(4)
        .collect();
    lines.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evm::tests::compiler;

    #[test]
    fn failures_are_named() {
        let missing = SolcCompiler::at(Path::new("/nowhere/solc"));
        assert!(
            matches!(&missing, Err(EvmError::SolcMissing { .. })),
            "{missing:?}"
        );
        let Some(compiler) = compiler() else { return };
        let one = |content: &str, name: &str| {
            let tree = SourceTree::single("A.sol", content.to_owned());
            compiler
                .compile(&tree, &[name])
                .map(|mut contracts| contracts.remove(name))
        };
        let pragma = "// SPDX-License-Identifier: MIT\npragma solidity 0.8.19;\n";
        let good = one(
            &format!("{pragma}contract A {{ uint256 public x = 1; }}"),
            "A",
        )
        .unwrap()
        .unwrap();
        assert!(good.creation.len() > good.runtime.len() && good.abi.is_array());
        let broken = one(
            &format!("{pragma}contract A {{ uint256 public x = y; }}"),
            "A",
        );
        assert!(
            matches!(&broken, Err(EvmError::Compile { messages }) if messages[0].contains("y")),
            "{broken:?}"
        );
        let other = one(&format!("{pragma}contract A {{}}"), "B");
        assert!(
            matches!(&other, Err(EvmError::ContractMissing { found, .. }) if found == &["A"]),
            "{other:?}"
        );
        let interface = one(&format!("{pragma}interface A {{}}"), "A");
        assert!(
            matches!(interface, Err(EvmError::NoBytecode { .. })),
            "{interface:?}"
        );
        let data = "ab".repeat(25_000);
        let large = one(
            &format!(
                "{pragma}contract A {{ function f() external pure returns (bytes memory) {{ return hex\"{data}\"; }} }}"
            ),
            "A",
        );
        assert!(
            matches!(large, Err(EvmError::TooLarge { bytes, .. }) if bytes > 25_000),
            "{large:?}"
        );
    }

    #[test]
    fn settings_in_words_are_those_of_the_compiler() {
        let text = standard_json(&SourceTree::single("A.sol", "contract A {}".into())).unwrap();
        let input: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(input["sources"]["A.sol"]["content"], "contract A {}");
        let settings = &input["settings"];
        let optimizer = &settings["optimizer"];
        let on = |value: &serde_json::Value| if value == true { "on" } else { "off" };
        assert_eq!(settings["metadata"]["appendCBOR"], false);
        let words = format!(
            "optimizer {}, {} runs, details yul {} and constantOptimizer {}; viaIR {}; EVM version {}; no metadata",
            on(&optimizer["enabled"]),
            optimizer["runs"],
            on(&optimizer["details"]["yul"]),
            on(&optimizer["details"]["constantOptimizer"]),
            on(&settings["viaIR"]),
            settings["evmVersion"].as_str().unwrap(),
        );
        assert_eq!(words, COMPILER_SETTINGS);
        assert_eq!(settings["metadata"]["bytecodeHash"], "none");
    }

    #[test]
    fn our_contracts_compile_within_the_limits() {
        let Some(compiler) = compiler() else { return };
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let tree = SourceTree::read(&root, "contracts/src").unwrap();
        let names = ["InferenceVerifier", "ModelRegistry", "FraudScreen"];
        for (name, contract) in compiler.compile(&tree, &names).unwrap() {
            println!("{name}: {} bytes", contract.runtime.len());
        }
    }
}
