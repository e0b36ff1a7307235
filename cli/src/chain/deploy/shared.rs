//! The contracts that all universal models of a chain share: found, or deployed once.

use alloy::primitives::{Address, Bytes, U256, keccak256};
use alloy::sol_types::SolCall;
use eyre::{WrapErr, bail, ensure, eyre};

use super::super::bundle::{Bundle, Contract};
use super::super::code::{self, Neighbour};
use super::super::contracts::{UniversalVerifier, VerifierRouter};
use super::super::journal::Journal;
use super::super::manifest::Deployed;
use super::super::registry::open_routes;
use super::super::universal::{RouterRecord, Selector, UniversalRecord};
use super::super::{Chain, Created, Receipt};
use super::{Past, Plan, Router, Run, Step, require_code};

/// State of an open route.
const OPEN: u8 = 1;
/// State of no route.
const NONE: u8 = 0;

/// What of it is there already, checked before anything is sent.
pub(super) struct Found {
    /// The generated verifier and the universal one before it.
    pair: Option<(Neighbour, Neighbour)>,
    router: Router,
    /// Whether the router has the route.
    routed: bool,
    selector: Selector,
}

/// The contracts that models' verifiers share.
pub(super) struct Shared {
    pub halo2: Deployed,
    /// What models' verifiers call.
    pub front: Neighbour,
    pub record: UniversalRecord,
}

/// Looks at what the plan names.
///
/// # Errors
/// A contract that is not exactly the bundle's, or a router whose route leads elsewhere or cannot be added.
pub(super) async fn find(
    chain: &mut Chain,
    bundle: &Bundle,
    plan: Plan,
    journal: &Journal,
) -> eyre::Result<Found> {
    let halo2_code = code::halo2_universal(bundle)?;
    let inference = bundle.info.universal.as_ref();
    let inference = inference.ok_or_else(|| eyre!("the bundle has no verifying key"))?;
    let selector = inference.selector();
    let pair = match plan.universal {
        None => None,
        Some(address) => {
            let halo2 = Neighbour {
                address: halo2_of(chain, address).await?,
                code: halo2_code,
            };
            let found = chain.code(halo2.address).await?;
            ensure!(
                found == halo2.code,
                "the universal verifier at --universal {address} calls {}, which is not the generated verifier of this constraint system and reference string: code hash {}, expected {}; leave --universal out to deploy a new one",
                halo2.address,
                keccak256(&found),
                keccak256(&halo2.code)
            );
            let code = code::universal(bundle, &halo2)?;
            let contract = Contract::UniversalVerifier;
            require_code(chain, address, &code, "universal", contract).await?;
            Some((halo2, Neighbour { address, code }))
        }
    };
    let routed = match plan.router {
        Router::At(router) => {
            let code = code::router(bundle)?;
            require_code(chain, router, &code, "router", Contract::VerifierRouter).await?;
            // One that an earlier run deployed may have its route already.
            let begun = journal.begun(Contract::UniversalVerifier, None);
            let universal = plan.universal.or(begun.map(|begun| begun.address));
            has_route(chain, router, selector, universal).await?
        }
        Router::None | Router::New => false,
    };
    Ok(Found {
        pair,
        router: plan.router,
        routed,
        selector,
    })
}

/// The generated verifier behind a universal one.
async fn halo2_of(chain: &mut Chain, universal: Address) -> eyre::Result<Address> {
    chain
        .read(universal, &UniversalVerifier::halo2VerifierCall {})
        .await
        .wrap_err_with(|| format!("--universal {universal} is not a UniversalVerifier"))
}

/// Whether a router leads to the universal verifier; if not, the sender must be able to make it so. It must lead nowhere
/// else: `check` would refuse the deployment.
async fn has_route(
    chain: &mut Chain,
    router: Address,
    selector: Selector,
    universal: Option<Address>,
) -> eyre::Result<bool> {
    let others = open_routes(chain, router).await?.into_iter();
    let mut others = others.filter(|(found, _)| *found != selector);
    if let Some((other, verifier)) = others.next() {
        bail!(
            "the router {router} also sends {other} to {verifier}: whoever shows a proof would choose who judges it; give another one, or `--router` without an address for a new one"
        );
    }
    let route = chain
        .read(router, &VerifierRouter::getRouteCall { selector })
        .await?;
    match route.state {
        OPEN if universal == Some(route.verifier) => Ok(true),
        OPEN => Err(eyre!(
            "the router {router} has its route {selector} to {0}; give --universal {0} to use it",
            route.verifier
        )),
        NONE => {
            let owner = chain.read(router, &VerifierRouter::ownerCall {}).await?;
            let sender = chain.sender()?;
            ensure!(
                owner == sender,
                "the router {router} has no route {selector}, and only its owner {owner} can add one, not {sender}"
            );
            Ok(false)
        }
        _ => bail!("the router {router} has removed its route {selector} for good"),
    }
}

/// Of a call whose effect stands, by a transaction that is not known.
fn elsewhere(calldata_bytes: usize) -> Receipt {
    Receipt {
        tx_hash: None,
        block: 0,
        gas_used: 0,
        calldata_bytes,
        logs: Vec::new(),
    }
}

impl<N: FnMut(&Step)> Run<'_, N> {
    /// Deploys what is not there yet.
    pub(super) async fn shared(&mut self, found: Found) -> eyre::Result<Shared> {
        let bundle = self.bundle;
        let (halo2, universal) = match found.pair {
            Some(pair) => pair,
            None => {
                let contract = Contract::Halo2UniversalVerifier;
                let code = code::halo2_universal(bundle)?;
                let halo2 = self.step(contract, &[], code).await?;
                let code = code::universal(bundle, &halo2)?;
                let arguments = code::universal_arguments(bundle, halo2.address);
                let contract = Contract::UniversalVerifier;
                let universal = self.step(contract, &arguments, code).await?;
                (halo2, universal)
            }
        };
        let router = match found.router {
            Router::None => None,
            Router::At(address) => Some(Neighbour {
                address,
                code: code::router(bundle)?,
            }),
            Router::New => {
                let arguments = code::router_arguments(self.deployer);
                let code = code::router(bundle)?;
                let contract = Contract::VerifierRouter;
                Some(self.step(contract, &arguments, code).await?)
            }
        };
        let selector = found.selector;
        if let Some(router) = router.as_ref().filter(|_| !found.routed) {
            self.route(router, selector, universal.address).await?;
        }
        let info = &bundle.info;
        let inference = info.universal.clone();
        let inference = inference.ok_or_else(|| eyre!("the bundle has no verifying key"))?;
        let weights = info.weights.as_ref().and_then(|w| w.universal.clone());
        Ok(Shared {
            halo2: halo2.deployed(),
            record: UniversalRecord {
                verifier: universal.deployed(),
                router: router.as_ref().map(|router| RouterRecord {
                    contract: router.deployed(),
                    selector,
                }),
                inference,
                weights,
            },
            front: router.unwrap_or(universal),
        })
    }

    async fn route(
        &mut self,
        router: &Neighbour,
        selector: Selector,
        universal: Address,
    ) -> eyre::Result<()> {
        let call = VerifierRouter::addRouteCall {
            selector,
            verifier: universal,
        };
        let (contract, name) = (Contract::VerifierRouter, "addRoute");
        let data: Bytes = call.abi_encode().into();
        let context = || format!("cannot add the route {selector}");
        let code_hash = keccak256(&router.code);
        let past = self.past(contract, Some(name), data.len(), code_hash);
        let past = past.await.wrap_err_with(context)?;
        // Read behind what an earlier run sent, and whatever came of that: others of the owner's transactions may have
        // added the route, as one that replaced ours, or removed it.
        let stands = self.stands(router, selector, universal).await?;
        let (receipt, earlier) = match past {
            Past::Done(created) => (created.receipt, true),
            Past::Open(..) if stands => (elsewhere(data.len()), true),
            Past::Open(nonce, _) => {
                let mut watch = self.journal.watch(contract, Some((name, router.address)));
                let value = U256::ZERO;
                let sent = self
                    .chain
                    .send_watched(router.address, data, value, nonce, &mut watch)
                    .await;
                (sent.wrap_err_with(context)?, false)
            }
        };
        let created = Created::new(router.address, &router.code, receipt)?;
        self.noted(Step {
            contract,
            call: Some(name),
            created,
            earlier,
            displaced: None,
        })
    }

    /// Whether the route stands.
    ///
    /// # Errors
    /// If it leads elsewhere or was removed: it can never be added then.
    async fn stands(
        &mut self,
        router: &Neighbour,
        selector: Selector,
        universal: Address,
    ) -> eyre::Result<bool> {
        let call = VerifierRouter::getRouteCall { selector };
        let route = self.chain.read(router.address, &call).await?;
        match route.state {
            NONE => Ok(false),
            OPEN if route.verifier == universal => Ok(true),
            state => bail!(
                "the router {} has its route {selector} {}, and a route is never changed: expected one to {universal}; deploy anew with --force instead of --resume, or with --router of another one",
                router.address,
                match state {
                    OPEN => format!("to {}", route.verifier),
                    _ => "removed for good".into(),
                }
            ),
        }
    }
}
