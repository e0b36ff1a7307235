//! Deploys a bundle and checks what came to stand on the chain.

mod shared;

use alloy::primitives::{Address, B256, Bytes, keccak256};
use eyre::{WrapErr, bail, ensure};
use serde::{Deserialize, Serialize};

use self::shared::{Found, Shared};
use super::bundle::{Bundle, Contract};
use super::code::{self, Neighbour};
use super::journal::Journal;
use super::manifest::{Deployed, MANIFEST_VERSION, Manifest};
use super::rpc::Earlier;
use super::universal::{Mode, UniversalRecord};
use super::{Chain, Created, Receipt, Signed};

/// What to deploy beside the verifiers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Plan {
    /// A registry that is there already; otherwise a new one.
    pub registry: Option<Address>,
    /// Whether to deploy the example application.
    pub screen: bool,
    /// A universal verifier that is there already; otherwise a new one. For universal bundles only.
    pub universal: Option<Address>,
    /// What to put before it. For universal bundles only.
    pub router: Router,
}

/// What models' verifiers call in universal mode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Router {
    /// The universal verifier itself.
    #[default]
    None,
    /// A new router of the sender.
    New,
    /// A router that is there already.
    At(Address),
}

/// One contract deployed, or called on the way.
#[derive(Clone, Debug)]
pub struct Step {
    /// Which.
    pub contract: Contract,
    /// The function called, if this step deployed nothing.
    pub call: Option<&'static str>,
    /// Where, and at what cost.
    pub created: Created,
    /// Whether an earlier run had done it.
    pub earlier: bool,
    /// Where an earlier run was to create it, if another contract of the account came to stand there.
    pub displaced: Option<Address>,
}

impl Step {
    /// Its name for people.
    pub fn name(&self) -> String {
        let name = self.contract.name();
        self.call
            .map_or_else(|| name.into(), |call| format!("{name}.{call}"))
    }
}

/// Deploys on a chain of which nothing is to be recorded, telling `note` of each contract as soon as it stands.
///
/// # Errors
/// As [`deploy_recorded`].
pub async fn deploy(
    chain: &mut Chain,
    bundle: &Bundle,
    plan: Plan,
    note: impl FnMut(&Step),
) -> eyre::Result<Manifest> {
    let mut journal = Journal::start(None, chain, bundle, plan)?;
    deploy_recorded(chain, bundle, plan, &mut journal, note).await
}

/// Deploys what the journal does not know to stand already, and records each step in it: should a later one fail, the
/// earlier contracts and their gas are known, and the same call with the same journal goes on from there.
///
/// # Errors
/// Keys of a development reference string on a chain that is not local; a given contract that is not this build's;
/// creation code that does not run; any failure of [`Chain::deploy`]; code on the chain that is not the bundle's.
pub async fn deploy_recorded(
    chain: &mut Chain,
    bundle: &Bundle,
    plan: Plan,
    journal: &mut Journal,
    note: impl FnMut(&Step),
) -> eyre::Result<Manifest> {
    let info = &bundle.info;
    ensure!(
        !info.development_srs || chain.is_local(),
        "the keys come from a development reference string, whose maker can forge proofs: not deployed on {}, only on a \
         local chain (a node on this machine, such as http://127.0.0.1:8545, with a chain id of {:?}); run \
         `laminate setup DIR --srs FILE` with a public one and make the verifier again",
        chain.name(),
        super::LOCAL_CHAIN_IDS
    );
    // Everything that can fail here fails before the first transaction.
    let found = match info.mode {
        Mode::Universal => Some(shared::find(chain, bundle, plan, journal).await?),
        Mode::Direct => {
            ensure!(
                plan.universal.is_none() && plan.router == Router::None,
                "the verifier's folder is of a verifier of its own; make it without --mode direct to use --universal or --router"
            );
            code::halo2(bundle, Contract::Halo2Verifier)?;
            None
        }
    };
    let registry_code = code::registry(bundle)?;
    if let Some(address) = plan.registry {
        require_code(
            chain,
            address,
            &registry_code,
            "registry",
            Contract::ModelRegistry,
        )
        .await?;
    }
    let mut run = Run {
        deployer: chain.sender()?,
        chain,
        bundle,
        journal,
        note,
        block: None,
    };
    let verifiers = run.verifiers(found).await?;
    let registry = match plan.registry {
        Some(address) => Neighbour {
            address,
            code: registry_code,
        },
        None => {
            run.step(Contract::ModelRegistry, &[], registry_code)
                .await?
        }
    };
    let mut screen = None;
    if plan.screen {
        let expected = code::screen(bundle, &registry)?;
        let arguments = code::screen_arguments(registry.address);
        screen = Some(
            run.step(Contract::FraudScreen, &arguments, expected)
                .await?,
        );
    }
    Ok(Manifest {
        version: MANIFEST_VERSION,
        chain_id: run.chain.chain_id(),
        deployer: run.deployer,
        block: run.block.unwrap_or_default(),
        development: info.development_srs,
        program_name: info.program_name.clone(),
        program_digest: info.program_digest,
        verifier_program: info.verifier_program,
        weight_commitment: info.weight_commitment,
        input: info.input.clone(),
        output_count: info.output_count,
        output_scale: info.output_scale,
        output_tokens: info.output_tokens,
        output_prompt: info.output_prompt,
        output_packing: info.output_packing,
        output_lead: info.output_lead.clone(),
        halo2_verifier: verifiers.halo2,
        universal: verifiers.universal,
        inference_verifier: verifiers.inference,
        weight_halo2_verifier: verifiers.weight_halo2,
        weight_verifier: verifiers.weights,
        model_registry: registry.deployed(),
        fraud_screen: screen.map(|s| s.deployed()),
        credential_roots: None,
        eligibility_poll: None,
        models: Vec::new(),
    })
}

/// What checks proofs.
struct Verifiers {
    halo2: Deployed,
    universal: Option<UniversalRecord>,
    inference: Deployed,
    weight_halo2: Option<Deployed>,
    weights: Option<Deployed>,
}

/// A deployment under way.
struct Run<'a, N> {
    deployer: Address,
    chain: &'a mut Chain,
    bundle: &'a Bundle,
    journal: &'a mut Journal,
    note: N,
    /// Of the first transaction.
    block: Option<u64>,
}

impl<N: FnMut(&Step)> Run<'_, N> {
    async fn verifiers(&mut self, found: Option<Found>) -> eyre::Result<Verifiers> {
        let bundle = self.bundle;
        let shared = match found {
            Some(found) => Some(self.shared(found).await?),
            None => None,
        };
        let (halo2, behind) = match &shared {
            Some(Shared { halo2, front, .. }) => (*halo2, front.clone()),
            None => {
                let code = code::halo2(bundle, Contract::Halo2Verifier)?;
                let halo2 = self.step(Contract::Halo2Verifier, &[], code).await?;
                (halo2.deployed(), halo2)
            }
        };
        let (weight_halo2, weights) = match (&bundle.info.weights, &shared) {
            (None, _) => (None, None),
            (Some(_), Some(shared)) => (None, Some(self.weights(&shared.front).await?)),
            (Some(_), None) => {
                let contract = Contract::WeightHalo2Verifier;
                let code = code::halo2(bundle, contract)?;
                let halo2 = self.step(contract, &[], code).await?;
                let weights = self.weights(&halo2).await?;
                (Some(halo2.deployed()), Some(weights))
            }
        };
        let expected = code::inference(bundle, &behind, weights.as_ref())?;
        let beside = weights.as_ref().map(|w| w.address);
        let arguments = code::inference_arguments(bundle, behind.address, beside);
        let contract = Contract::of_inferences(bundle.info.mode);
        let inference = self.step(contract, &arguments, expected).await?;
        Ok(Verifiers {
            halo2,
            universal: shared.map(|s| s.record),
            inference: inference.deployed(),
            weight_halo2,
            weights: weights.map(|w| w.deployed()),
        })
    }

    /// The verifier of commitment proofs before `behind`.
    async fn weights(&mut self, behind: &Neighbour) -> eyre::Result<Neighbour> {
        let code = code::weights(self.bundle, behind)?;
        let arguments = code::weight_arguments(self.bundle, behind.address);
        let contract = Contract::of_weights(self.bundle.info.mode);
        self.step(contract, &arguments, code).await
    }

    async fn step(
        &mut self,
        contract: Contract,
        arguments: &[u8],
        code: Bytes,
    ) -> eyre::Result<Neighbour> {
        let name = contract.name();
        let creation: Bytes = [self.bundle.code(contract).as_ref(), arguments]
            .concat()
            .into();
        let context = || format!("cannot deploy {name}");
        let expected = keccak256(&code);
        let past = self.past(contract, None, creation.len(), expected).await;
        let (created, earlier, displaced) = match past.wrap_err_with(context)? {
            Past::Done(created) => (created, true, None),
            Past::Open(nonce, displaced) => {
                let mut watch = self.journal.watch(contract, None);
                let created = self.chain.create(creation, nonce, &mut watch).await;
                let created = created.wrap_err_with(context);
                let created = match displaced {
                    Some(at) => created.wrap_err_with(|| another(name, at)),
                    None => created,
                };
                (created?, false, displaced)
            }
        };
        let address = created.address;
        ensure!(
            created.code_hash == expected,
            "the code of {name} at {address} has hash {}, expected {expected}: this chain does not run Ethereum's rules",
            created.code_hash
        );
        self.noted(Step {
            contract,
            call: None,
            created,
            earlier,
            displaced,
        })?;
        Ok(Neighbour { address, code })
    }

    /// Writes down a step that is in a block.
    fn noted(&mut self, step: Step) -> eyre::Result<()> {
        let receipt = &step.created.receipt;
        self.block.get_or_insert(receipt.block);
        if !step.earlier {
            self.journal.done(step.contract, step.call, receipt)?;
        }
        (self.note)(&step);
        Ok(())
    }

    /// What an earlier run made of a step, with `calldata_bytes` sent, for a contract whose code has the hash `expected`.
    async fn past(
        &mut self,
        contract: Contract,
        call: Option<&str>,
        calldata_bytes: usize,
        expected: B256,
    ) -> eyre::Result<Past> {
        let Some(begun) = self.journal.begun(contract, call).cloned() else {
            return Ok(Past::Open(None, None));
        };
        let signed = Signed {
            hash: begun.transaction,
            nonce: begun.nonce,
            contract: call.is_none().then_some(begun.address),
        };
        let mut receipt = Receipt {
            tx_hash: Some(signed.hash),
            block: begun.block.unwrap_or_default(),
            gas_used: begun.gas.unwrap_or_default(),
            calldata_bytes,
            logs: Vec::new(),
        };
        if begun.block.is_none() {
            match self.chain.earlier(&signed, calldata_bytes).await? {
                Earlier::Mined(mined) => {
                    self.journal.done(contract, call, &mined)?;
                    receipt = mined;
                }
                Earlier::Unsent => return Ok(Past::Open(Some(signed.nonce), None)),
                Earlier::Gone if call.is_some() => return Ok(Past::Open(None, None)),
                Earlier::Gone => {
                    let code = self.chain.code(begun.address).await?;
                    if keccak256(&code) != expected {
                        // What this step sent can never get into a block: to create it anew makes no second one.
                        let displaced = (!code.is_empty()).then_some(begun.address);
                        return Ok(Past::Open(None, displaced));
                    }
                    // Another transaction with this nonce, as a wallet that speeds one up sends, made the same contract.
                    receipt.tx_hash = None;
                }
            }
        }
        let code = self.chain.code(begun.address).await?;
        ensure!(
            !code.is_empty(),
            "the record has {} at {} since block {}, but nothing is there on {}; was a local chain started anew? --force \
             instead of --resume begins from the start",
            contract.name(),
            begun.address,
            receipt.block,
            self.chain.name()
        );
        Ok(Past::Done(Created::new(begun.address, &code, receipt)?))
    }
}

/// What came of a step before this run.
enum Past {
    Done(Created),
    /// It is to be done, with this nonce if an attempt with it may still get into a block. The address is where it was
    /// to be, if another contract took its place.
    Open(Option<u64>, Option<Address>),
}

/// That a transaction of another kind took the nonce of a recorded one.
pub fn another(name: &str, at: Address) -> String {
    format!(
        "at {at}, where the record has {name}, another transaction of this account created a contract of other code; {name} is deployed anew, at another address"
    )
}

impl Neighbour {
    pub(super) fn deployed(&self) -> Deployed {
        Deployed {
            address: self.address,
            code_hash: keccak256(&self.code),
        }
    }
}

/// Refuses a contract given with `--option` that is not the bundle's `contract`.
pub(super) async fn require_code(
    chain: &mut Chain,
    address: Address,
    expected: &Bytes,
    option: &str,
    contract: Contract,
) -> eyre::Result<()> {
    let found = chain.code(address).await?;
    if found.is_empty() {
        bail!("no contract at --{option} {address} on {}", chain.name());
    }
    ensure!(
        found == *expected,
        "the contract at --{option} {address} is not this build's {}: code hash {}, expected {}; leave --{option} out \
         to deploy a new one",
        contract.name(),
        keccak256(&found),
        keccak256(expected)
    );
    Ok(())
}
