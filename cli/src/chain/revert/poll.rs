//! Errors of `CredentialRoots` and `EligibilityPoll` as sentences.

use super::{Refusals, id};

/// What is wrong; none for an error of another contract.
pub(super) fn sentence(error: &Refusals::RefusalsErrors) -> Option<String> {
    use Refusals::RefusalsErrors as E;
    Some(match error {
        E::NotIssuer(e) => format!("{} is not the issuer of these credentials", e.caller),
        E::ZeroIssuer(_) => "the issuer is the zero address".into(),
        E::RootOutOfRange(e) => format!(
            "a root {}, expected an element of the scalar field other than zero",
            id(&e.root)
        ),
        E::RootPostedBefore(e) => format!("root {} was posted before", id(&e.root)),
        E::EndNotInFuture(e) => format!(
            "the root is to end at {}, the chain's time is {}",
            e.validUntil, e.now_
        ),
        E::RootNotValid(e) => format!(
            "root {} was not posted, has expired or was revoked; prove with the issuer's newest tree",
            id(&e.root)
        ),
        E::NotEligibilityModel(e) => format!(
            "model {} has an output count of {}, a poll takes one compiled with --credential and --context and one output: 61",
            id(&e.modelId),
            e.outputCount
        ),
        E::RootsWithoutCode(e) => format!("no contract at the address of roots {}", e.roots),
        E::NoChoices(_) => "a poll without choices".into(),
        E::PollClosed(e) => format!("the poll took votes until {}", e.deadline),
        E::NoSuchChoice(e) => format!("a choice {} of {}, counted from 0", e.choice, e.choices),
        E::NotSender(e) => format!(
            "the proof is to be sent by {}, {} sends it",
            e.sender, e.caller
        ),
        E::OtherScope(e) => format!(
            "the credential is used in scope {}, expected {}",
            id(&e.found),
            id(&e.expected)
        ),
        E::OtherContext(e) => format!(
            "the proof's context is {}, expected {}: it is for another choice, sender, contract or chain",
            id(&e.found),
            id(&e.expected)
        ),
        E::VotedBefore(e) => format!("the credential of nullifier {} has voted", id(&e.nullifier)),
        E::NotEligible(e) => format!(
            "the proven output {} is below {}, the least that is eligible",
            e.output, e.leastOutput
        ),
        _ => return None,
    })
}
