//! Credentials' roots and polls: what is recorded of them, the code that they must have, and what is done with them.

use alloy::primitives::{Address, B256, Bytes, U256, address};
use alloy::sol_types::{SolConstructor, SolValue};
use eyre::{WrapErr, ensure};
use halo2curves_axiom::bn256::Fr;
use serde::{Deserialize, Serialize};

use super::artifacts;
use super::bundle::Contract;
use super::code::{Neighbour, construct};
use super::contracts::{CredentialRoots, EligibilityPoll, Model};
use super::deploy::require_code;
use super::manifest::{Deployed, Manifest};
use super::registry::{Submission, word};
use super::{Chain, Created, Receipt};
use crate::bound::{context_of, scope_of};

/// Outputs of a poll's model as the contracts count them: root, scope, nullifier and context, a full word each, and one.
pub const OUTPUT_COUNT: u32 = 61;
/// What stands for a model's verifier while a poll's constructor is run again.
const VERIFIER: Address = address!("0x0000000000000000000000007665726966696572");

/// Roots of an issuer's credentials, in a deployment record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RootsRecord {
    /// Where they are.
    pub contract: Deployed,
    /// What they were made with.
    pub terms: RootsTerms,
}

/// What `CredentialRoots` is made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RootsTerms {
    /// Who posts roots.
    pub issuer: Address,
    /// Seconds for which a root stays valid once there is a newer one.
    pub grace: u64,
}

/// A poll, in a deployment record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PollRecord {
    /// Where it is.
    pub contract: Deployed,
    /// What it was made with.
    pub terms: PollTerms,
}

/// What `EligibilityPoll` is made with besides the deployment's registry and roots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PollTerms {
    /// Whose decision counts.
    pub model_id: B256,
    /// Choices are 0 to one less.
    pub choices: u32,
    /// The least output that is eligible, an integer at the model's output scale.
    pub least_output: i16,
    /// No vote is taken from this time on, seconds since 1970.
    pub deadline: u64,
}

impl RootsTerms {
    fn arguments(self) -> Vec<u8> {
        let Self { issuer, grace } = self;
        CredentialRoots::constructorCall { issuer, grace }.abi_encode()
    }

    /// Runtime code.
    ///
    /// # Errors
    /// If the creation code does not run.
    pub fn code(self) -> eyre::Result<Bytes> {
        let contract = Contract::CredentialRoots;
        let creation = &artifacts::of(contract)?.creation;
        construct(contract, creation, &self.arguments(), &[])
    }
}

impl RootsRecord {
    /// Deploys them.
    ///
    /// # Errors
    /// [`super::Revert`] from the constructor, a failure of the chain, or one with other rules.
    pub async fn deploy(chain: &mut Chain, terms: RootsTerms) -> eyre::Result<(Self, Created)> {
        let code = terms.code()?;
        let contract = Contract::CredentialRoots;
        let (contract, created) = create(chain, contract, &terms.arguments(), code).await?;
        Ok((Self { contract, terms }, created))
    }

    /// Those that are there already.
    ///
    /// # Errors
    /// Another contract at the address, or a failure of the chain.
    pub async fn at(chain: &mut Chain, address: Address) -> eyre::Result<Self> {
        let other = || format!("--roots {address} is not a CredentialRoots");
        let issuer = chain.read(address, &CredentialRoots::issuerCall {}).await;
        let grace = chain.read(address, &CredentialRoots::graceCall {}).await;
        let terms = RootsTerms {
            issuer: issuer.wrap_err_with(other)?,
            grace: grace.wrap_err_with(other)?,
        };
        let code = terms.code()?;
        require_code(chain, address, &code, "roots", Contract::CredentialRoots).await?;
        let contract = Neighbour { address, code }.deployed();
        Ok(Self { contract, terms })
    }

    /// Makes a root the newest one, until a time at most.
    ///
    /// # Errors
    /// [`super::Revert`] of who is not the issuer, of a root posted before or a time that has passed; a failure of the chain.
    pub async fn post(
        &self,
        chain: &mut Chain,
        root: &Fr,
        leaves: u64,
        end: u64,
        uri: &str,
    ) -> eyre::Result<Receipt> {
        let call = CredentialRoots::postCall {
            root: word(root).into(),
            leaves: U256::from(leaves),
            end,
            uri: uri.into(),
        };
        chain.write(self.contract.address, &call, U256::ZERO).await
    }

    /// Ends a root at once.
    ///
    /// # Errors
    /// [`super::Revert`] of who is not the issuer or a root that is not valid; a failure of the chain.
    pub async fn revoke(&self, chain: &mut Chain, root: &Fr) -> eyre::Result<Receipt> {
        let root = word(root).into();
        let call = CredentialRoots::revokeCall { root };
        chain.write(self.contract.address, &call, U256::ZERO).await
    }
}

impl PollTerms {
    fn arguments(self, registry: Address, roots: Address) -> Vec<u8> {
        EligibilityPoll::constructorCall {
            registry,
            modelId: self.model_id.into(),
            roots,
            choices: U256::from(self.choices),
            leastOutput: self.least_output,
            deadline: self.deadline,
        }
        .abi_encode()
    }

    /// Runtime code of a poll. Its constructor asks the registry for the model and the model's verifier for its number of
    /// outputs: both answer here as they did then.
    fn code(self, registry: Address, roots: &RootsRecord) -> eyre::Result<Bytes> {
        let model = Model {
            programDigest: B256::ZERO,
            weightCommitment: B256::ZERO,
            metadataHash: B256::ZERO,
            verifierCodeHash: B256::ZERO,
            verifier: VERIFIER,
            retired: false,
            owner: Address::ZERO,
            registeredAt: 0,
        };
        let answering = |address, answer: Vec<u8>| Neighbour {
            address,
            code: answering(&answer),
        };
        let neighbours = [
            answering(registry, model.abi_encode()),
            answering(VERIFIER, U256::from(OUTPUT_COUNT).abi_encode()),
            Neighbour {
                address: roots.contract.address,
                code: roots.terms.code()?,
            },
        ];
        let contract = Contract::EligibilityPoll;
        construct(
            contract,
            &artifacts::of(contract)?.creation,
            &self.arguments(registry, roots.contract.address),
            &neighbours.iter().collect::<Vec<_>>(),
        )
    }
}

/// Runtime code that answers every call with `answer`.
pub(super) fn answering(answer: &[u8]) -> Bytes {
    let [high, low] = (answer.len() as u16).to_be_bytes();
    // PUSH2 length, PUSH1 14, PUSH1 0, CODECOPY, PUSH2 length, PUSH1 0, RETURN
    let run = [
        0x61, high, low, 0x60, 14, 0x60, 0, 0x39, 0x61, high, low, 0x60, 0, 0xf3,
    ];
    [run.as_slice(), answer].concat().into()
}

impl PollRecord {
    /// Deploys a poll of a registered model.
    ///
    /// # Errors
    /// [`super::Revert`] from the constructor, a failure of the chain, or one with other rules.
    pub async fn deploy(
        chain: &mut Chain,
        registry: Address,
        roots: &RootsRecord,
        terms: PollTerms,
    ) -> eyre::Result<(Self, Created)> {
        let code = terms.code(registry, roots)?;
        let arguments = terms.arguments(registry, roots.contract.address);
        let contract = Contract::EligibilityPoll;
        let (contract, created) = create(chain, contract, &arguments, code).await?;
        Ok((Self { contract, terms }, created))
    }

    /// The scope of this poll, in which a credential has one nullifier.
    pub fn scope(&self, chain_id: u64) -> Fr {
        scope_of(chain_id, self.contract.address, U256::ZERO)
    }

    /// The context of a vote.
    pub fn context(&self, chain_id: u64, sender: Address, choice: u32) -> Fr {
        let choice = U256::from(choice);
        context_of(chain_id, self.contract.address, sender, choice)
    }

    /// Votes.
    ///
    /// # Errors
    /// [`super::Revert`] of a vote that does not count, or a failure of the chain.
    pub async fn vote(
        &self,
        chain: &mut Chain,
        (choice, sender): (u32, Address),
        submission: &Submission,
    ) -> eyre::Result<Receipt> {
        let call = EligibilityPoll::voteCall {
            choice: U256::from(choice),
            sender,
            inputCommitment: submission.input_commitment,
            output: submission.output.clone(),
            proof: submission.proof.clone(),
        };
        chain.write(self.contract.address, &call, U256::ZERO).await
    }

    /// Votes for each choice.
    ///
    /// # Errors
    /// A failure of the chain.
    pub async fn votes(&self, chain: &mut Chain) -> eyre::Result<Vec<u64>> {
        let mut votes = vec![];
        for choice in 0..self.terms.choices {
            let choice = U256::from(choice);
            let call = EligibilityPoll::votesCall { choice };
            let found = chain.read(self.contract.address, &call).await?;
            votes.push(found.saturating_to());
        }
        Ok(votes)
    }
}

async fn create(
    chain: &mut Chain,
    contract: Contract,
    arguments: &[u8],
    code: Bytes,
) -> eyre::Result<(Deployed, Created)> {
    let creation = &artifacts::of(contract)?.creation;
    let creation = [creation.as_ref(), arguments].concat().into();
    let created = chain.create(creation, None, &mut ()).await?;
    let address = created.address;
    let deployed = Neighbour { address, code }.deployed();
    ensure!(
        created.code_hash == deployed.code_hash,
        "the code of {} at {address} has hash {}, expected {}: this chain does not run Ethereum's rules",
        contract.name(),
        created.code_hash,
        deployed.code_hash
    );
    Ok((deployed, created))
}

/// The code that a deployment's roots and poll must have, if there are any.
///
/// # Errors
/// A poll without roots, or creation code that does not run.
pub fn expected(manifest: &Manifest) -> eyre::Result<Vec<(Contract, Bytes)>> {
    let Some(roots) = &manifest.credential_roots else {
        ensure!(
            manifest.eligibility_poll.is_none(),
            "the deployment record has a poll, but no roots that it takes; it was altered"
        );
        return Ok(vec![]);
    };
    let mut all = vec![(Contract::CredentialRoots, roots.terms.code()?)];
    if let Some(poll) = &manifest.eligibility_poll {
        let registry = manifest.model_registry.address;
        let code = poll.terms.code(registry, roots)?;
        all.push((Contract::EligibilityPoll, code));
    }
    Ok(all)
}
