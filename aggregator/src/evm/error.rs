//! What can go wrong between a verifying key and a checked contract, one variant a failure, with the numbers in it.

use std::{io, path::PathBuf};

use super::compile::{INIT_CODE_LIMIT, RUNTIME_CODE_LIMIT, SOLC_VERSION};

/// A failure of verifier generation, compilation, or of a proof for the EVM.
#[derive(Debug, thiserror::Error)]
pub enum EvmError {
    /// The proof has the transcript of those that are to be joined.
    #[error(
        "this proof was made to be joined, no contract takes it; make it without --for-join, or join it"
    )]
    ForJoin,
    /// A proof of layers that keep an opening each.
    #[error(
        "the proof has {found} openings, the contracts take proofs with one; prove with `--fold on`"
    )]
    SeveralOpenings {
        /// Openings.
        found: usize,
    },
    /// Key and string are of different sizes.
    #[error(
        "the verifying key is for 2^{key} rows, the structured reference string has 2^{srs}; cut the string with `truncated({key})`"
    )]
    SizeMismatch {
        /// k of the key.
        key: u32,
        /// k of the string.
        srs: u32,
    },
    /// The circuit has no room for the accumulator in its instances.
    #[error("{found} instances given, expected {expected}")]
    InstanceCount {
        /// As the circuit has them.
        expected: usize,
        /// As given.
        found: usize,
    },
    /// The circuit has another number of instance columns than one.
    #[error("the circuit has {found} instance columns, the contract takes one")]
    InstanceColumns {
        /// Columns of the circuit.
        found: usize,
    },
    /// The generated code lacks the bounds on the accumulator's limbs (snark-verifier before 0.2.7).
    #[error(
        "the generated verifier has {found} limb bounds, expected {expected}: the snark-verifier it was built with is unsound, 0.2.7 or later is needed"
    )]
    LimbBounds {
        /// One a limb.
        expected: usize,
        /// Found in the code.
        found: usize,
    },
    /// A key that the universal contract of another constraint system does not verify.
    #[error(
        "the key's {part} differs from the template's, expected equal: circuits of one universal contract must have the same columns, gates, copies and \
         degree, and differ in fixed values and rows only"
    )]
    OtherConstraints {
        /// The first part that differs.
        part: &'static str,
    },
    /// The generator refused.
    #[error("the verifier cannot be generated: {reason}")]
    Generate {
        /// snark-verifier's reason.
        reason: String,
    },
    /// An instance that is no limb, or limbs that are no point.
    #[error("accumulator {part}: {reason}")]
    Accumulator {
        /// Which coordinate or point.
        part: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The accumulated pairing does not hold.
    #[error("the accumulated pairing does not hold: e(lhs, G2) ≠ e(rhs, τ·G2)")]
    AccumulatedPairing,
    /// The prover refused.
    #[error("the proof cannot be made: {reason}")]
    Prove {
        /// halo2's reason.
        reason: String,
    },
    /// A proof of the wrong size.
    #[error("the proof has {found} bytes, expected {expected}")]
    ProofLength {
        /// As the verifying key determines.
        expected: usize,
        /// As given.
        found: usize,
    },
    /// The proof is not valid for these instances and this key.
    #[error("the proof is refused: {reason}")]
    Verify {
        /// snark-verifier's reason.
        reason: String,
    },
    /// No compiler at the path.
    #[error("no Solidity compiler at {}: {reason}; install node and run `npm ci`, or set LAMINATE_SOLC to a solc {SOLC_VERSION}", path.display())]
    SolcMissing {
        /// Where it was looked for.
        path: PathBuf,
        /// Why it does not run.
        reason: String,
    },
    /// Another version of the compiler.
    #[error("{} is solc {found}, expected {SOLC_VERSION}: the bytecode must be reproducible; run `npm ci`, or set LAMINATE_SOLC", path.display())]
    SolcVersion {
        /// The compiler.
        path: PathBuf,
        /// Its version.
        found: String,
    },
    /// The compiler ended abnormally.
    #[error("the Solidity compiler {} failed: {reason}", path.display())]
    SolcFailed {
        /// The compiler.
        path: PathBuf,
        /// What it said.
        reason: String,
    },
    /// The sources do not compile.
    #[error("the Solidity sources do not compile:\n{}", messages.join("\n"))]
    Compile {
        /// The compiler's messages, warnings left out.
        messages: Vec<String>,
    },
    /// No such contract in the sources.
    #[error("no contract {name} in the sources, they have: {}", found.join(", "))]
    ContractMissing {
        /// The name asked for.
        name: String,
        /// Names in the sources.
        found: Vec<String>,
    },
    /// The contract has no code (an interface or abstract), or needs libraries linked.
    #[error("contract {name} has no deployable bytecode: {reason}")]
    NoBytecode {
        /// The contract.
        name: String,
        /// Why.
        reason: &'static str,
    },
    /// Beyond EIP-170.
    #[error(
        "contract {name} has {bytes} bytes of code, {} more than the {RUNTIME_CODE_LIMIT} that Ethereum deploys (EIP-170); make the circuit with \
         fewer advice columns and more rows (about 1.3 kB a column)", bytes - RUNTIME_CODE_LIMIT
    )]
    TooLarge {
        /// The contract.
        name: String,
        /// Size of its runtime code.
        bytes: usize,
    },
    /// Beyond EIP-3860.
    #[error(
        "contract {name} has {bytes} bytes of creation code, the limit is {INIT_CODE_LIMIT} (EIP-3860)"
    )]
    InitCodeTooLarge {
        /// The contract.
        name: String,
        /// Size of its creation code.
        bytes: usize,
    },
    /// The universal contract's code in this build is not what it must be.
    #[error(
        "this build's universal contract is unusable: {reason}; make it again with scripts/make_embedded.sh"
    )]
    Template {
        /// Why.
        reason: String,
    },
    /// A source file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}
