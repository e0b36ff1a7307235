//! Our contracts as this build has them, so that it needs no compiler and a folder of them is not believed.
//!
//! `embedded/contracts.json` holds creation code and ABI of what `contracts/src` defines, made by `scripts/make_embedded.sh`;
//! `scripts/check_generated.sh` compares it with the compiler's output, and a test with the sources' digest. The universal
//! verifier is [`UniversalTemplate`]'s.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use alloy::primitives::{B256, Bytes, keccak256};
use eyre::{ensure, eyre};
use laminate_aggregator::evm::{
    UniversalTemplate, VerifierProgram, holds_development_secret, secret_origin, secret_point,
};
use serde::Deserialize;
use serde_json::Value;

use super::bundle::{Bundle, Contract, PROGRAM_FILE};
use super::universal::Mode;

/// The file's text.
const EMBEDDED: &str = include_str!("../../embedded/contracts.json");
/// What the file is, and its version.
const FORMAT: (&str, u32) = ("laminate contracts", 1);

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct File {
    magic: String,
    version: u32,
    #[cfg_attr(not(test), expect(dead_code, reason = "for who reads the file"))]
    solc_version: String,
    #[cfg_attr(not(test), expect(dead_code, reason = "for who reads the file"))]
    settings: String,
    #[cfg_attr(not(test), expect(dead_code, reason = "for who reads the file"))]
    sources: String,
    contracts: BTreeMap<String, Artifact>,
}

/// A compiled contract.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Artifact {
    /// Its interface.
    pub abi: Value,
    /// Creation code, without arguments.
    pub creation: Bytes,
}

fn file() -> Result<&'static File, &'static str> {
    static FILE: OnceLock<Result<File, String>> = OnceLock::new();
    let parse = || {
        let file: File = serde_json::from_str(EMBEDDED).map_err(|e| e.to_string())?;
        if (file.magic.as_str(), file.version) != FORMAT {
            return Err(format!("{:?} of version {}", file.magic, file.version));
        }
        Ok(file)
    };
    FILE.get_or_init(parse).as_ref().map_err(String::as_str)
}

/// A contract of `contracts/src`.
///
/// # Errors
/// A generated contract, or a build without it.
pub fn of(contract: Contract) -> eyre::Result<&'static Artifact> {
    let file = file().map_err(|e| eyre!("this build's contracts are unusable: {e}"))?;
    let name = contract.name();
    let found = file.contracts.get(name);
    found.ok_or_else(|| eyre!("this build has no {name}; make it with scripts/make_embedded.sh"))
}

/// Refuses a folder's contracts that are not this build's: ours, and in universal mode the generated one up to its
/// reference string. A generated verifier of one program only its key can tell: see [`crate::cmd::verifier::derive`].
///
/// # Errors
/// The first contract that differs.
pub fn require_own(bundle: &Bundle) -> eyre::Result<()> {
    for contract in bundle.contracts() {
        let (name, code) = (contract.name(), bundle.code(contract));
        origin(contract, code)?;
        if !contract.is_generated() {
            let own = &of(contract)?.creation;
            ensure!(
                code == own,
                "{name}.bin is not this build's {name}: keccak-256 {}, expected {}; do not deploy it",
                keccak256(code),
                keccak256(own)
            );
        }
    }
    require_own_program(bundle)
}

/// Refuses the universal verifier as data where it is not that of the code beside it.
fn require_own_program(bundle: &Bundle) -> eyre::Result<()> {
    let code = bundle.code(Contract::Halo2UniversalVerifier);
    let expected = match bundle.info.mode {
        Mode::Direct => None,
        Mode::Universal => program_of(code)?,
    };
    ensure!(
        expected.is_none() || bundle.program().is_some(),
        "there is no {PROGRAM_FILE}"
    );
    let found = (bundle.info.verifier_program, bundle.program());
    let expected = expected.as_ref();
    let expected = (
        expected.map(|program| B256::from(program.digest)),
        expected.map(|program| &*program.text),
    );
    ensure!(
        found == expected,
        "{PROGRAM_FILE}, or its digest in verifier.json, is not that of the universal verifier beside it: digest {}, expected {}; do not rely on it",
        shown(found.0),
        shown(expected.0)
    );
    Ok(())
}

fn shown(digest: Option<B256>) -> String {
    digest.map_or_else(|| "none".to_owned(), |digest| digest.to_string())
}

/// A universal verifier of this build as data, whatever its reference string; `None` of other code.
///
/// # Errors
/// A build whose contracts are unusable.
pub fn program_of(code: &[u8]) -> eyre::Result<Option<VerifierProgram>> {
    for template in [
        UniversalTemplate::embedded()?,
        UniversalTemplate::embedded_packed()?,
    ] {
        if let Some(secret) = template.secret_in(code)? {
            let s_g2 = secret_point(&secret);
            return Ok(s_g2.map(|s_g2| template.program(&s_g2)).transpose()?);
        }
    }
    Ok(None)
}

/// Whose the reference string in a universal verifier's code is; `None` of another contract.
///
/// # Errors
/// A universal verifier that is not this build's.
pub fn origin(contract: Contract, code: &[u8]) -> eyre::Result<Option<&'static str>> {
    if contract != Contract::Halo2UniversalVerifier {
        return Ok(None);
    }
    let secret = match UniversalTemplate::embedded()?.secret_in(code)? {
        Some(secret) => Some(secret),
        None => UniversalTemplate::embedded_packed()?.secret_in(code)?,
    };
    let secret = secret.ok_or_else(|| {
        eyre!(
            "the code of {} (keccak-256 {}) is not this build's universal verifier for any reference string; do not rely on it",
            contract.name(),
            keccak256(code)
        )
    })?;
    Ok(Some(secret_origin(&secret).unwrap_or(
        "not of a ceremony that this program knows; whoever made it can forge proofs",
    )))
}

/// Refuses a statement about the reference string that the code contradicts.
///
/// # Errors
/// With what both say.
pub fn require_origin(contract: Contract, code: &[u8], development: bool) -> eyre::Result<()> {
    let found = holds_development_secret(code);
    ensure!(
        found == development,
        "the code of {} {} the development reference string, whose secret is public, but the record says {}: it was altered, do not rely on it",
        contract.name(),
        if found { "holds" } else { "does not hold" },
        if development {
            "that it is for development"
        } else {
            "that it is not for development"
        }
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use laminate_aggregator::evm::{SOLC_VERSION, SourceTree, settings_digest};
    use laminate_aggregator::srs::development_s_g2;

    use super::*;

    /// Without a compiler; `scripts/check_generated.sh` compiles and compares every byte.
    #[test]
    fn the_embedded_contracts_are_those_of_the_sources() {
        let file = file().unwrap();
        let sources =
            SourceTree::contracts(&Path::new(env!("CARGO_MANIFEST_DIR")).join("..")).unwrap();
        let found = (&*file.solc_version, &*file.settings, &*file.sources);
        let (settings, sources) = (settings_digest(), sources.digest());
        let expected = (SOLC_VERSION, &*settings, &*sources);
        assert_eq!(found, expected, "run scripts/make_embedded.sh");
        for mode in [Mode::Direct, Mode::Universal] {
            let own = Contract::all(mode, true).into_iter();
            for contract in own.filter(|c| !c.is_generated()) {
                let artifact = of(contract).unwrap();
                assert!(artifact.abi.is_array() && artifact.creation.len() > 100);
            }
        }
        for contract in Contract::OF_POLLS.into_iter().chain([Contract::FeeHook]) {
            let artifact = of(contract).unwrap();
            assert!(artifact.abi.is_array() && artifact.creation.len() > 100);
        }
        assert!(of(Contract::Halo2Verifier).is_err());
    }

    #[test]
    fn code_decides_what_the_reference_string_is() {
        let contract = Contract::Halo2UniversalVerifier;
        let template = UniversalTemplate::embedded().unwrap();
        let development = template.contract(&development_s_g2()).unwrap();
        let other = template.contract(&-development_s_g2()).unwrap();
        require_origin(contract, &development.creation, true).unwrap();
        require_origin(contract, &development.runtime, true).unwrap();
        // The negative point has the same x.
        require_origin(contract, &other.runtime, true).unwrap();
        let error = require_origin(contract, &development.creation, false).unwrap_err();
        assert!(error.to_string().contains("holds the development"));
        let error = require_origin(contract, &[0; 64], true).unwrap_err();
        assert!(error.to_string().contains("does not hold"));
    }
}
