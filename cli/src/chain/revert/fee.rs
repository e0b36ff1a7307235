//! Errors of `ChainInput` and `FeeHook` as sentences.

use super::Refusals;

/// What is wrong; none for an error of another contract.
pub(super) fn sentence(error: &Refusals::RefusalsErrors) -> Option<String> {
    use Refusals::RefusalsErrors as E;
    Some(match error {
        E::DecimalsOutOfRange(e) => {
            format!("a value of {} decimals, more than are taken", e.decimals)
        }
        E::ScaleOutOfRange(e) => format!("a scale of {}, outside the range of scales", e.scale),
        E::ValueOutOfRange(e) => format!(
            "the value {} with {} decimals does not fit the model's input at scale {}",
            e.value, e.decimals, e.scale
        ),
        E::PublicInputMismatch(_) => {
            "the proof is about other values than those that the contract has read".into()
        }
        E::ZeroPoolManager(_) => "the pool manager is the zero address".into(),
        E::StateViewWithoutCode(e) => format!(
            "no contract at {}, where prices are to be read",
            e.stateView
        ),
        E::NotFeeModel(e) => format!(
            "model {:#066x} has an output count of {}, a fee takes one compiled with --input-public of 8 inputs and one output: 16",
            e.modelId, e.outputCount
        ),
        E::FeesOutOfOrder(e) => format!(
            "a least fee of {}, without a proof {}, at most {}: expected them in this order, up to 1000000",
            e.leastFee, e.baseFee, e.mostFee
        ),
        E::ZeroLifetime(_) => "notes and fees are to be fresh for no block".into(),
        E::NotPoolManager(e) => format!("{} is not the pool manager", e.caller),
        E::NotDynamicFee(e) => format!("the pool was made with a fee of its own, {}", e.fee),
        E::PoolUnknown(e) => format!(
            "pool {} was made with another hook, or before this one",
            e.poolId
        ),
        E::TooFewObservations(e) => format!(
            "pool {} has {} notes of its price, a fee takes 9",
            e.poolId, e.found
        ),
        E::StaleObservations(e) => format!(
            "the newest note of pool {} is of block {}, too old to say anything",
            e.poolId, e.notedAt
        ),
        E::FeeSetBefore(e) => format!(
            "the {} notes of pool {}, or newer ones, have set its fee",
            e.count, e.poolId
        ),
        E::CommitmentOpen(e) => format!(
            "the notes of pool {} are frozen until block {}; others wait",
            e.poolId, e.until
        ),
        E::CommitmentExpired(e) => format!(
            "nothing is frozen of pool {}, or it was until block {}",
            e.poolId, e.until
        ),
        _ => return None,
    })
}
