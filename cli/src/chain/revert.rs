//! A contract's refusal as one sentence: every custom error of `contracts/src/`, and Solidity's own.

mod fee;
mod poll;

use std::fmt;

use alloy::primitives::{Bytes, U256, hex};
use alloy::sol;
use alloy::sol_types::{Panic, Revert as Reason, SolError, SolInterface};

use crate::printable::printable;

/// Most characters of a foreign contract's reason that are shown.
const REASON_LIMIT: usize = 300;

sol! {
    /// The errors of all contracts in one selector space.
    contract Refusals {
        // CodePin, Halo2Caller, ModelShape and what derives from them
        error ZeroVerifier();
        error VerifierWithoutCode(address verifier);
        error VerifierCodeChanged(address verifier, bytes32 expected, bytes32 found);
        error OutputCountOutOfRange(uint256 count, uint256 limit);
        error ProofLengthOutOfRange(uint256 length);
        error ProofLength(uint256 expected, uint256 found);
        error InvalidProof();
        error ZeroProgramDigest();
        // ModelRegistry
        error ModelNotFound(uint256 modelId);
        error ModelExists(uint256 modelId);
        error ModelIsRetired(uint256 modelId);
        error NotModelOwner(uint256 modelId, address caller);
        error ZeroCommitment();
        error ZeroModelVerifier();
        error ModelVerifierWithoutCode(address verifier);
        error ModelVerifierCodeChanged(address verifier, bytes32 expected, bytes32 found);
        error WeightProofRequired(address weightVerifier);
        error WeightProofNotExpected(address verifier);
        error WeightVerifierCodeChanged(address verifier, bytes32 expected, bytes32 found);
        error StatementReplayed(bytes32 statementHash);
        error ModelNotStored();
        // CanonicalCalldata
        error NonCanonicalOffset(uint256 expected, uint256 found);
        error NonCanonicalLength(uint256 expected, uint256 found);
        error UnalignedArgument(uint256 length);
        // PublicValues
        error TermCountOutOfRange(uint256 terms);
        error DigestNotCanonical(uint256 value);
        error CoordinateNotCanonical(uint256 term, uint256 value);
        error PointAtInfinity(uint256 term);
        error PointNotOnCurve(uint256 term);
        error PrecompileWithoutPoint();
        error SumAtInfinity();
        // UniversalVerifier
        error ProofLengthWithoutTerms(uint256 length);
        error ProgramDigestMismatch(bytes32 expected, bytes32 found);
        // VerifierRouter
        error ZeroOwner();
        error NotOwner(address caller);
        error NotPendingOwner(address caller);
        error RouterFrozen();
        error ZeroSelector();
        error SelectorMismatch(bytes4 expected, bytes4 found);
        error RouteExists(bytes4 selector);
        error RouteNotFound(bytes4 selector);
        error RouteIsRemoved(bytes4 selector);
        error SelectorMissing();
        error SelectorNotCanonical(bytes32 word);
        // StatementLib
        error ValueNotCanonical(uint256 index, uint256 value);
        error OutputLength(uint256 expected, uint256 found);
        error OutputWordTooLarge(uint256 word, uint256 value);
        error OutputIndex(uint256 index, uint256 count);
        // FraudScreen
        error ZeroRegistry();
        error RegistryWithoutCode(address registry);
        error ZeroPayee();
        error AmountOutOfRange(uint256 amount);
        error ThresholdOutOfRange(int16 threshold);
        error DeadlineNotInFuture(uint64 deadline, uint256 now_);
        error NotSingleOutput(uint256 modelId, uint256 outputs);
        error CommitmentTaken(address payer, uint256 modelId, bytes32 inputCommitment);
        error PaymentNotOpen(uint256 paymentId, uint8 state);
        error DeadlinePassed(uint256 paymentId, uint64 deadline);
        error DeadlineNotReached(uint256 paymentId, uint64 deadline);
        error ScoreNotBelowThreshold(int256 score, int16 threshold);
        error NothingToWithdraw(address account);
        error ZeroRecipient();
        error TransferFailed(address to, uint256 amount);
        // CredentialRoots
        error NotIssuer(address caller);
        error ZeroIssuer();
        error RootOutOfRange(uint256 root);
        error RootPostedBefore(uint256 root);
        error EndNotInFuture(uint64 validUntil, uint256 now_);
        error RootNotValid(uint256 root);
        // EligibilityPoll
        error NotEligibilityModel(uint256 modelId, uint256 outputCount);
        error RootsWithoutCode(address roots);
        error NoChoices();
        error PollClosed(uint64 deadline);
        error NoSuchChoice(uint256 choice, uint256 choices);
        error NotSender(address sender, address caller);
        error OtherScope(uint256 expected, uint256 found);
        error OtherContext(uint256 expected, uint256 found);
        error VotedBefore(uint256 nullifier);
        error NotEligible(int256 output, int256 leastOutput);
        // ChainInput
        error DecimalsOutOfRange(uint8 decimals);
        error ScaleOutOfRange(int8 scale);
        error ValueOutOfRange(int256 value, uint8 decimals, int8 scale);
        error PublicInputMismatch();
        // FeeHook
        error ZeroPoolManager();
        error StateViewWithoutCode(address stateView);
        error NotFeeModel(uint256 modelId, uint256 outputCount);
        error FeesOutOfOrder(uint24 leastFee, uint24 baseFee, uint24 mostFee);
        error ZeroLifetime();
        error NotPoolManager(address caller);
        error NotDynamicFee(uint24 fee);
        error PoolUnknown(bytes32 poolId);
        error TooFewObservations(bytes32 poolId, uint256 found);
        error StaleObservations(bytes32 poolId, uint64 notedAt);
        error FeeSetBefore(bytes32 poolId, uint64 count);
        error CommitmentOpen(bytes32 poolId, uint64 until);
        error CommitmentExpired(bytes32 poolId, uint64 until);
    }
}

/// A call that a contract refused; state and balances are as before, but for the gas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revert {
    /// Name of the custom error, or empty where the contract gave none.
    pub name: String,
    /// What it means and what to do.
    pub message: String,
    /// The bytes returned.
    pub data: Bytes,
}

impl Revert {
    /// Decodes what a contract returned when it reverted.
    pub fn decode(data: &[u8]) -> Self {
        let (name, message) = explain(data);
        Self {
            name,
            message,
            data: Bytes::copy_from_slice(data),
        }
    }
}

impl fmt::Display for Revert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.is_empty() {
            write!(f, "the contract refuses: {}", self.message)
        } else {
            write!(f, "the contract refuses: {} ({})", self.message, self.name)
        }
    }
}

impl std::error::Error for Revert {}

fn explain(data: &[u8]) -> (String, String) {
    if data.is_empty() {
        return (
            String::new(),
            "it gave no reason (a call to a contract of another kind, or out of gas)".into(),
        );
    }
    if let Ok(error) = Refusals::RefusalsErrors::abi_decode(data) {
        let name = data
            .first_chunk()
            .and_then(|selector| Refusals::RefusalsErrors::name_by_selector(*selector))
            .unwrap_or_default();
        return (name.into(), sentence(&error));
    }
    if let Ok(reason) = Reason::abi_decode(data) {
        let reason: String = reason.reason.chars().take(REASON_LIMIT).collect();
        return (String::new(), printable(&reason).into_owned());
    }
    if let Ok(panic) = Panic::abi_decode(data) {
        return (
            "Panic".into(),
            format!("internal error {:#x} of the contract", panic.code),
        );
    }
    let shown = data.get(..36).unwrap_or(data);
    (
        String::new(),
        format!(
            "an error of no Laminate contract, {} bytes starting {}",
            data.len(),
            hex::encode_prefixed(shown)
        ),
    )
}

/// An identifier as it is printed everywhere.
fn id(value: &U256) -> String {
    format!("{value:#066x}")
}

fn sentence(error: &Refusals::RefusalsErrors) -> String {
    use Refusals::RefusalsErrors as E;
    match error {
        E::InvalidProof(_) => {
            "the proof is not valid for this model, input commitment and output (other weights, a changed score or an altered proof)".into()
        }
        E::StatementReplayed(e) => format!("statement {} has been submitted before; a statement counts once", e.statementHash),
        E::ModelNotFound(e) => format!("no model {} in this registry; register it, or check the registry's address", id(&e.modelId)),
        E::ModelExists(e) => format!("you have registered exactly this model before, as {}", id(&e.modelId)),
        E::ModelIsRetired(e) => format!("model {} is retired and takes no more inferences", id(&e.modelId)),
        E::ModelNotStored(_) => "the registry could not store the model; send the transaction with more gas".into(),
        E::NotModelOwner(e) => format!("{} is not the owner of model {}", e.caller, id(&e.modelId)),
        E::ZeroCommitment(_) => "a program digest or weight commitment of zero; run `laminate commit` and give its commitment".into(),
        E::ZeroVerifier(_) | E::ZeroModelVerifier(_) => "the verifier is the zero address".into(),
        E::ZeroRegistry(_) => "the registry is the zero address".into(),
        E::ZeroProgramDigest(_) => "the program digest of the weights is zero".into(),
        E::WeightProofRequired(e) => format!(
            "inferences of this model do not show that its weights are in range: register it with the commitment proof (`laminate prove-weights`) that {} checks",
            e.weightVerifier
        ),
        E::WeightVerifierCodeChanged(e) => format!(
            "the code at the verifier of weights {} has changed: hash {}, expected {}",
            e.verifier, e.found, e.expected
        ),
        E::WeightProofNotExpected(e) => format!(
            "every inference that {} verifies shows that the weights are in range: register the model without a commitment proof",
            e.verifier
        ),
        E::VerifierWithoutCode(e) => format!("no contract at the generated verifier's address {}", e.verifier),
        E::ModelVerifierWithoutCode(e) => format!("no contract at the model's verifier {}", e.verifier),
        E::RegistryWithoutCode(e) => format!("no contract at the registry's address {}", e.registry),
        E::VerifierCodeChanged(e) => code_changed("generated verifier", e.verifier, e.expected, e.found),
        E::ModelVerifierCodeChanged(e) => code_changed("model's verifier", e.verifier, e.expected, e.found),
        E::OutputCountOutOfRange(e) => format!("{} outputs, expected 1 to {}", e.count, e.limit),
        E::ProofLengthOutOfRange(e) => format!("a halo2 proof length of {} bytes, expected a positive multiple of 32", e.length),
        E::ProofLength(e) => format!(
            "the proof has {} bytes, expected {}; was it made for another program or batch size?",
            e.found, e.expected
        ),
        E::ProofLengthWithoutTerms(e) => format!(
            "a proof of {} bytes, which no number of points makes; was it encoded for a verifier of one circuit?",
            e.length
        ),
        E::ProgramDigestMismatch(e) => format!(
            "the verifying key and program in the proof have digest {}, the model is registered with {}: the proof is of another program",
            e.found, e.expected
        ),
        E::OutputLength(e) => format!("the output has {} bytes, expected {}", e.found, e.expected),
        other => encoding(other)
            .or_else(|| router(other))
            .or_else(|| poll::sentence(other))
            .or_else(|| fee::sentence(other))
            .unwrap_or_else(|| screen(other)),
    }
}

fn code_changed(
    what: &str,
    at: impl fmt::Display,
    expected: impl fmt::Display,
    found: impl fmt::Display,
) -> String {
    format!(
        "the code of the {what} at {at} is not the code it had: hash {found}, expected {expected}; do not rely on it"
    )
}

/// Errors of `VerifierRouter`.
fn router(error: &Refusals::RefusalsErrors) -> Option<String> {
    use Refusals::RefusalsErrors as E;
    Some(match error {
        E::ZeroOwner(_) => "the owner is the zero address".into(),
        E::NotOwner(e) => format!("{} is not the owner of the router", e.caller),
        E::NotPendingOwner(e) => {
            format!("the router's owner has not named {} as the next", e.caller)
        }
        E::RouterFrozen(_) => "the router is frozen and takes no more routes".into(),
        E::ZeroSelector(_) => "a selector of zero names no route".into(),
        E::SelectorMismatch(e) => format!(
            "the verifier has selector {}, its route was to have {}",
            e.found, e.expected
        ),
        E::RouteExists(e) => format!("the router has a route {} already", e.selector),
        E::RouteNotFound(e) => format!(
            "the router has no route {}; does it serve this verifier?",
            e.selector
        ),
        E::RouteIsRemoved(e) => format!(
            "the route {} was removed for good; do not rely on its verifier",
            e.selector
        ),
        E::SelectorMissing(_) => "the proof does not start with a route's selector".into(),
        E::SelectorNotCanonical(e) => format!(
            "the proof starts with {}, expected a selector of 4 bytes and zeros",
            e.word
        ),
        _ => return None,
    })
}

/// Errors of `CanonicalCalldata`, `StatementLib` and `PublicValues`.
fn encoding(error: &Refusals::RefusalsErrors) -> Option<String> {
    use Refusals::RefusalsErrors as E;
    Some(match error {
        E::NonCanonicalOffset(e) => format!(
            "a call argument starts at byte {}, expected {}: not the canonical encoding",
            e.found, e.expected
        ),
        E::NonCanonicalLength(e) => format!(
            "the call has {} bytes, expected {}: not the canonical encoding",
            e.found, e.expected
        ),
        E::UnalignedArgument(e) => format!(
            "a call argument of {} bytes, expected a multiple of 32",
            e.length
        ),
        E::ValueNotCanonical(e) => format!(
            "public value {} is {:#x}, not below the scalar field's order",
            e.index, e.value
        ),
        E::DigestNotCanonical(e) => format!(
            "the digest of the public values is {:#x}, not below the scalar field's order",
            e.value
        ),
        E::TermCountOutOfRange(e) => format!("{} points in a proof, expected 1 to 4096", e.terms),
        E::CoordinateNotCanonical(e) => format!(
            "a coordinate of point {} is {:#x}, not below the base field's order",
            e.term, e.value
        ),
        E::PointAtInfinity(e) => format!("point {} of the proof is infinity", e.term),
        E::PointNotOnCurve(e) => format!("point {} of the proof is not on the curve", e.term),
        E::PrecompileWithoutPoint(_) => {
            "this chain does not have the precompiled contracts for points of BN254 (EIP-196)"
                .into()
        }
        E::SumAtInfinity(_) => "the sum of the proof's points is infinity".into(),
        E::OutputWordTooLarge(e) => format!(
            "output word {} is {:#x}: bits beyond the last output",
            e.word, e.value
        ),
        E::OutputIndex(e) => format!("no output {}, the statement has {}", e.index, e.count),
        _ => return None,
    })
}

/// Errors of `FraudScreen`.
fn screen(error: &Refusals::RefusalsErrors) -> String {
    use Refusals::RefusalsErrors as E;
    match error {
        E::ScoreNotBelowThreshold(e) => format!(
            "the proven score {} is not below the payment's threshold {} (16384 is a probability of 1)",
            e.score, e.threshold
        ),
        E::ZeroPayee(_) => "the payee is the zero address".into(),
        E::AmountOutOfRange(e) => format!("an amount of {} wei, expected 1 to 2^96 - 1", e.amount),
        E::ThresholdOutOfRange(e) => format!("a threshold of {}, expected 1 to 16384", e.threshold),
        E::DeadlineNotInFuture(e) => format!(
            "the deadline {} has passed, the chain's time is {}",
            e.deadline, e.now_
        ),
        E::NotSingleOutput(e) => format!(
            "model {} has {} outputs, a payment takes a model with one",
            id(&e.modelId),
            e.outputs
        ),
        E::CommitmentTaken(e) => format!(
            "input commitment {} of model {} belongs to another payment of {}; commit again with a fresh salt",
            e.inputCommitment,
            id(&e.modelId),
            e.payer
        ),
        E::PaymentNotOpen(e) => {
            let state = ["not there", "open", "settled", "refunded"]
                .get(usize::from(e.state))
                .unwrap_or(&"in an unknown state");
            format!("payment {} is {state}", e.paymentId)
        }
        E::DeadlinePassed(e) => format!(
            "the deadline {} of payment {} has passed",
            e.deadline, e.paymentId
        ),
        E::DeadlineNotReached(e) => format!(
            "payment {} can be refunded from its deadline {} on",
            e.paymentId, e.deadline
        ),
        E::NothingToWithdraw(e) => format!("{} has nothing to withdraw", e.account),
        E::ZeroRecipient(_) => "the recipient is the zero address".into(),
        E::TransferFailed(e) => format!(
            "{} does not take the {} wei; withdraw them to another address",
            e.to, e.amount
        ),
        // Every other variant is named in `sentence`, `encoding`, `router`, `poll` and `fee`; their names say what is meant.
        _ => "see the error's name".into(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::{Path, PathBuf};

    use alloy::primitives::{Selector, keccak256};

    use super::*;

    /// What this program neither deploys nor calls; who calls it has its interface.
    const NOT_CALLED: [&str; 3] = ["generated", "adapters", "AttestedEligibility.sol"];

    fn solidity(dir: &Path, out: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                _ if NOT_CALLED.iter().any(|name| path.ends_with(name)) => {}
                true => solidity(&path, out),
                false => out.extend(path.extension().is_some_and(|e| e == "sol").then_some(path)),
            }
        }
    }

    /// `(name, selector)` of every `error` in a source.
    fn errors(source: &str) -> Vec<(String, Selector)> {
        source
            .lines()
            .filter_map(|line| line.trim().strip_prefix("error "))
            .map(|rest| {
                let (name, rest) = rest.split_once('(').unwrap();
                let arguments = rest.split_once(')').unwrap().0;
                let types: Vec<&str> = arguments
                    .split(',')
                    .filter_map(|a| a.split_whitespace().next())
                    .map(|t| if t == "State" { "uint8" } else { t })
                    .collect();
                let hash = keccak256(format!("{name}({})", types.join(",")));
                (name.to_string(), Selector::from_slice(&hash[..4]))
            })
            .collect()
    }

    #[test]
    fn every_error_of_the_sources_is_known_and_no_other() {
        let mut files = Vec::new();
        solidity(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join("../contracts/src"),
            &mut files,
        );
        let found: BTreeSet<_> = files
            .iter()
            .flat_map(|f| errors(&fs::read_to_string(f).unwrap()))
            .collect();
        assert!(found.len() > 30, "{}", found.len());
        for (name, selector) in &found {
            let known = Refusals::RefusalsErrors::name_by_selector(selector.0);
            assert_eq!(known, Some(name.as_str()), "decode {name} in revert.rs");
        }
        assert_eq!(Refusals::RefusalsErrors::SELECTORS.len(), found.len());
    }

    #[test]
    fn every_error_has_its_own_sentence() {
        let mut seen = BTreeSet::new();
        for selector in Refusals::RefusalsErrors::SELECTORS {
            let mut data = selector.to_vec();
            data.resize(4 + 3 * 32, 0);
            let revert = Revert::decode(&data);
            assert!(!revert.name.is_empty());
            assert!(!revert.message.contains("see the error"), "{}", revert.name);
            if !revert.name.starts_with("Zero") {
                assert!(seen.insert(revert.message.clone()), "{}", revert.message);
            }
        }
    }

    #[test]
    fn foreign_data_is_shown_and_never_trusted() {
        assert!(Revert::decode(&[]).to_string().contains("no reason"));
        assert!(Revert::decode(&[1, 2, 3]).to_string().contains("0x010203"));
        let reason = Reason::from("too early").abi_encode();
        assert_eq!(
            Revert::decode(&reason).to_string(),
            "the contract refuses: too early"
        );
        let reason = Reason::from(format!("\u{1b}[2J\u{9b}1m\n{}", "x".repeat(5000))).abi_encode();
        let text = Revert::decode(&reason).to_string();
        assert!(
            text.contains(r"\u{1b}[2J\u{9b}1m\nx") && text.len() < 400,
            "{text}"
        );
        let panic = Panic::from(0x11).abi_encode();
        assert!(Revert::decode(&panic).to_string().contains("0x11"));
        let mut cut = Refusals::ProofLength {
            expected: U256::from(1),
            found: U256::from(2),
        }
        .abi_encode();
        cut.truncate(40);
        assert!(Revert::decode(&cut).name.is_empty());
        for length in 0..200usize {
            let noise: Vec<u8> = (0..length).map(|i| (i * 151 + 13 * length) as u8).collect();
            let _ = Revert::decode(&noise).to_string();
        }
    }
}
