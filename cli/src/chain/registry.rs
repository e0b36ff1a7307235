//! Registering models and submitting proofs.

use alloy::primitives::{Address, B256, Bytes, Log, U256};
use alloy::sol_types::{SolCall, SolEvent};
use eyre::{WrapErr, ensure, eyre};
use halo2curves_axiom::bn256::Fr;
use halo2curves_axiom::ff::PrimeField;
use laminate_aggregator::evm::encode_proof;
use laminate_aggregator::keys::Lead;
use laminate_aggregator::prove::AggregationProof;
use laminate_model::statement::{Packing, VALUES_PER_WORD, unpack};

use super::contracts::{InferenceVerifier, Model, ModelRegistry, RoutedVerifier, VerifierRouter};
use super::manifest::Manifest;
use super::universal::{Selector, UniversalInfo};
use super::{Chain, Receipt, Topics, Watch};

/// A proof with its statement, as the registry takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    /// Digest of the program; the registry supplies its own.
    pub program_digest: B256,
    /// Commitment to the weights; the registry supplies its own.
    pub weight_commitment: B256,
    /// Commitment to the input.
    pub input_commitment: B256,
    /// Output words, 32 bytes each.
    pub output: Bytes,
    /// Digest of the public values, points and scalars, then the halo2 proof; with the verifying key where the
    /// verifier takes it.
    pub proof: Bytes,
}

/// A field element as Ethereum writes it: 32 bytes, big-endian.
pub fn word(value: &Fr) -> B256 {
    let mut bytes = value.to_repr();
    bytes.reverse();
    B256::from(bytes)
}

impl Submission {
    /// From a proof.
    ///
    /// # Errors
    /// No statement, an empty proof, or one with several openings.
    pub fn new(proof: &AggregationProof) -> eyre::Result<Self> {
        let fields: Vec<B256> = proof.public.statement.iter().map(word).collect();
        let [
            program_digest,
            weight_commitment,
            input_commitment,
            output @ ..,
        ] = fields.as_slice()
        else {
            return Err(eyre!("the proof has no statement"));
        };
        ensure!(!proof.proof.is_empty(), "the proof is empty");
        Ok(Self {
            program_digest: *program_digest,
            weight_commitment: *weight_commitment,
            input_commitment: *input_commitment,
            output: output.iter().flatten().copied().collect(),
            proof: encode_proof(proof)?.into(),
        })
    }

    /// From a proof of an inference, as this deployment takes it.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn of_inference(proof: &AggregationProof, manifest: &Manifest) -> eyre::Result<Self> {
        let info = manifest.universal.as_ref().map(|u| &u.inference);
        Self::through(proof, info, manifest)
    }

    /// From a commitment proof, as this deployment takes it.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn of_weights(proof: &AggregationProof, manifest: &Manifest) -> eyre::Result<Self> {
        let info = manifest.universal.as_ref().and_then(|u| u.weights.as_ref());
        Self::through(proof, info, manifest)
    }

    fn through(
        proof: &AggregationProof,
        info: Option<&UniversalInfo>,
        manifest: &Manifest,
    ) -> eyre::Result<Self> {
        let router = manifest.universal.as_ref().and_then(|u| u.router);
        match info {
            None => Self::new(proof),
            Some(info) => Self::universal(proof, info, router.map(|r| r.selector)),
        }
    }

    /// From a proof, as the universal verifier takes it: the circuit's program digest first, the verifying key
    /// before the halo2 proof; behind a router, after the word that names its route.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn universal(
        proof: &AggregationProof,
        info: &UniversalInfo,
        selector: Option<Selector>,
    ) -> eyre::Result<Self> {
        let direct = Self::new(proof)?;
        let key_at = direct.proof.len().saturating_sub(proof.proof.len());
        let (deferred, halo2) = direct.proof.split_at(key_at);
        let route = selector.map(|s| [s.as_slice(), &[0; 28]].concat());
        let bytes = [
            route.as_deref().unwrap_or_default(),
            direct.program_digest.as_slice(),
            deferred,
            &info.verifying_key,
            halo2,
        ]
        .concat();
        Ok(Self {
            proof: bytes.into(),
            ..direct
        })
    }
}

/// Decodes the outputs of a statement to integers, which stand behind `lead`, `count` as the contracts count all of it; `None` if
/// there are too few bytes, or a word is no field element.
pub fn decode_output(output: &[u8], lead: &Lead, packing: Packing, count: u32) -> Option<Vec<i32>> {
    let words: Option<Vec<Fr>> = output
        .chunks(32)
        .map(|word| {
            let mut bytes: [u8; 32] = word.try_into().ok()?;
            bytes.reverse();
            Fr::from_repr(bytes).into()
        })
        .collect();
    let fields = (count as usize).checked_sub(VALUES_PER_WORD * lead.words())?;
    unpack(packing, words?.get(lead.words()..)?, packing.values(fields))
}

/// A model to register.
#[derive(Clone, Debug)]
pub struct NewModel<'a> {
    /// Digest of the program.
    pub program_digest: B256,
    /// Commitment to the weights.
    pub weight_commitment: B256,
    /// Verifier of its inferences.
    pub verifier: Address,
    /// Hash of a description, or zero.
    pub metadata_hash: B256,
    /// The commitment proof, where the verifier asks for one.
    pub weight_proof: Option<&'a Submission>,
}

/// A new model.
#[derive(Clone, Debug)]
pub struct Registered {
    /// Its id.
    pub model_id: U256,
    /// The transaction.
    pub receipt: Receipt,
}

/// A recorded statement.
#[derive(Clone, Debug)]
pub struct Submitted {
    /// Its replay key.
    pub statement_hash: B256,
    /// The transaction.
    pub receipt: Receipt,
}

/// A statement that stands in a registry, by whomever.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// Block it was recorded in.
    pub block: u64,
    /// Transaction, where there is one to look up.
    pub transaction: Option<B256>,
    /// What was recorded, and who called the registry.
    pub event: ModelRegistry::InferenceVerified,
}

/// A registry on a chain.
#[derive(Clone, Copy, Debug)]
pub struct Registry {
    /// Its address.
    pub address: Address,
}

impl Registry {
    /// Registers a model of the sender.
    ///
    /// # Errors
    /// [`super::Revert`] (`ModelExists`, a verifier without code, …), or a failure of the chain.
    pub async fn register(
        self,
        chain: &mut Chain,
        model: &NewModel<'_>,
    ) -> eyre::Result<Registered> {
        let receipt = match model.weight_proof {
            None => {
                let call = ModelRegistry::registerModelCall {
                    programDigest: model.program_digest,
                    weightCommitment: model.weight_commitment,
                    verifier: model.verifier,
                    metadataHash: model.metadata_hash,
                };
                chain.write(self.address, &call, U256::ZERO).await?
            }
            Some(proof) => {
                let call = ModelRegistry::registerModelWithWeightProofCall {
                    programDigest: model.program_digest,
                    weightCommitment: model.weight_commitment,
                    verifier: model.verifier,
                    metadataHash: model.metadata_hash,
                    inputCommitment: proof.input_commitment,
                    weightProof: proof.proof.clone(),
                };
                chain.write(self.address, &call, U256::ZERO).await?
            }
        };
        let event: ModelRegistry::ModelRegistered = self.event(&receipt)?;
        Ok(Registered {
            model_id: event.modelId,
            receipt,
        })
    }

    /// The model of an id.
    ///
    /// # Errors
    /// [`super::Revert`] `ModelNotFound`, or a failure of the chain.
    pub async fn model(self, chain: &mut Chain, model_id: U256) -> eyre::Result<Model> {
        chain
            .read(
                self.address,
                &ModelRegistry::getModelCall { modelId: model_id },
            )
            .await
    }

    /// Checks a proof without recording it; the statement's hash.
    ///
    /// # Errors
    /// [`super::Revert`] if the proof is refused, or a failure of the chain.
    pub async fn verify(
        self,
        chain: &mut Chain,
        model_id: U256,
        submission: &Submission,
    ) -> eyre::Result<B256> {
        let call = ModelRegistry::verifyInferenceCall {
            modelId: model_id,
            inputCommitment: submission.input_commitment,
            output: submission.output.clone(),
            proof: submission.proof.clone(),
        };
        chain.read(self.address, &call).await
    }

    /// Runs a submission without sending it; the statement's hash.
    ///
    /// # Errors
    /// [`super::Revert`] if it would be refused, or a failure of the chain.
    pub async fn dry_run(
        self,
        chain: &mut Chain,
        model_id: U256,
        submission: &Submission,
    ) -> eyre::Result<B256> {
        chain
            .read(self.address, &submit_call(model_id, submission))
            .await
    }

    /// Submits a proof, to be recorded.
    ///
    /// # Errors
    /// [`super::Revert`] if the proof is refused or the statement was submitted before, or a failure of the chain.
    pub async fn submit(
        self,
        chain: &mut Chain,
        model_id: U256,
        submission: &Submission,
    ) -> eyre::Result<Submitted> {
        self.submit_watched(chain, model_id, submission, None, &mut ())
            .await
    }

    /// The same with an earlier attempt's nonce or the next one, under a watch.
    ///
    /// # Errors
    /// As [`Self::submit`].
    pub async fn submit_watched(
        self,
        chain: &mut Chain,
        model_id: U256,
        submission: &Submission,
        nonce: Option<u64>,
        watch: &mut dyn Watch,
    ) -> eyre::Result<Submitted> {
        chain.require_code(self.address).await?;
        let data = submit_call(model_id, submission).abi_encode();
        let receipt = chain
            .send_watched(self.address, data.into(), U256::ZERO, nonce, watch)
            .await?;
        let event: ModelRegistry::InferenceVerified = self.event(&receipt)?;
        Ok(Submitted {
            statement_hash: event.statementHash,
            receipt,
        })
    }

    /// Hash of a statement on this chain and registry.
    ///
    /// # Errors
    /// A failure of the chain.
    pub async fn statement_hash(
        self,
        chain: &mut Chain,
        model_id: U256,
        submission: &Submission,
    ) -> eyre::Result<B256> {
        let call = ModelRegistry::hashStatementCall {
            modelId: model_id,
            inputCommitment: submission.input_commitment,
            output: submission.output.clone(),
        };
        chain.read(self.address, &call).await
    }

    /// Whether a statement is recorded.
    ///
    /// # Errors
    /// A failure of the chain.
    pub async fn is_submitted(self, chain: &mut Chain, statement_hash: B256) -> eyre::Result<bool> {
        chain
            .read(
                self.address,
                &ModelRegistry::isSubmittedCall {
                    statementHash: statement_hash,
                },
            )
            .await
    }

    /// The event that recorded a statement.
    ///
    /// # Errors
    /// A failure of the chain.
    pub async fn find(
        self,
        chain: &mut Chain,
        statement_hash: B256,
        from_block: u64,
    ) -> eyre::Result<Option<Recorded>> {
        let decode = |log: &Log| {
            let event = ModelRegistry::InferenceVerified::decode_log_validate(log).ok()?;
            (event.statementHash == statement_hash).then_some(event.data)
        };
        let topics = recording_topics(statement_hash);
        let found = chain
            .find_event(self.address, from_block, &topics, |log| {
                decode(log).is_some()
            })
            .await?;
        Ok(found.and_then(|found| {
            Some(Recorded {
                block: found.block,
                transaction: found.transaction,
                event: decode(&found.log)?,
            })
        }))
    }

    /// The id that a model of the sender has, or would have.
    ///
    /// # Errors
    /// A failure of the chain.
    pub async fn model_id(self, chain: &mut Chain, model: &NewModel<'_>) -> eyre::Result<U256> {
        let call = ModelRegistry::modelIdOfCall {
            owner: chain.sender()?,
            programDigest: model.program_digest,
            weightCommitment: model.weight_commitment,
            verifier: model.verifier,
            metadataHash: model.metadata_hash,
        };
        chain.read(self.address, &call).await
    }

    fn event<E: SolEvent>(self, receipt: &Receipt) -> eyre::Result<E> {
        let own = receipt
            .logs
            .iter()
            .filter(|log| log.address == self.address);
        own.filter_map(|log| E::decode_log_validate(log).ok())
            .map(|log| log.data)
            .next()
            .ok_or_else(|| {
                eyre!(
                    "the contract at {} emitted no {}; is it a ModelRegistry?",
                    self.address,
                    E::SIGNATURE
                )
            })
    }
}

/// Refuses a deployment whose contracts call others than the record says.
///
/// # Errors
/// Two contracts that do not belong together, a contract of another kind, or a failure of the chain.
pub async fn require_calls(chain: &mut Chain, manifest: &Manifest) -> eyre::Result<()> {
    let inference = manifest.inference_verifier.address;
    let halo2 = manifest.halo2_verifier.address;
    let call = InferenceVerifier::halo2VerifierCall {};
    let Some(universal) = &manifest.universal else {
        return require_call(chain, inference, &call, halo2).await;
    };
    let verifier = universal.verifier.address;
    require_call(chain, verifier, &call, halo2).await?;
    let call = RoutedVerifier::statementVerifierCall {};
    let callers = std::iter::once(inference).chain(manifest.weight_verifier.map(|w| w.address));
    for caller in callers {
        require_call(chain, caller, &call, universal.front()).await?;
    }
    if let Some(router) = &universal.router {
        let (address, selector) = (router.contract.address, router.selector);
        let call = VerifierRouter::getRouteCall { selector };
        let route = chain.read(address, &call).await?;
        ensure!(
            route.state == 1 && route.verifier == verifier,
            "the router {address} does not send {selector} to {verifier}: its route is to {}, state {}",
            route.verifier,
            route.state
        );
        require_no_other_route(chain, address, verifier).await?;
    }
    Ok(())
}

/// Whoever shows a proof chooses its route: another verifier behind any of them would decide what is accepted.
async fn require_no_other_route(
    chain: &mut Chain,
    router: Address,
    verifier: Address,
) -> eyre::Result<()> {
    for (selector, other) in open_routes(chain, router).await? {
        ensure!(
            other == verifier,
            "the router {router} also sends {selector} to {other}, which this record does not know: proofs that name it are accepted as that contract pleases"
        );
    }
    Ok(())
}

/// The open routes of a router: selectors and the verifiers that they lead to.
///
/// # Errors
/// A failure of the chain.
pub async fn open_routes(
    chain: &mut Chain,
    router: Address,
) -> eyre::Result<Vec<(Selector, Address)>> {
    let count = chain
        .read(router, &VerifierRouter::routeCountCall {})
        .await?;
    let count = u64::try_from(count).unwrap_or(u64::MAX);
    let mut open = Vec::new();
    for index in 0..count {
        let index = U256::from(index);
        let call = VerifierRouter::selectorAtCall { index };
        let selector = chain.read(router, &call).await?;
        let call = VerifierRouter::getRouteCall { selector };
        let route = chain.read(router, &call).await?;
        if route.state == 1 {
            open.push((selector, route.verifier));
        }
    }
    Ok(open)
}

async fn require_call<C: SolCall<Return = Address>>(
    chain: &mut Chain,
    caller: Address,
    call: &C,
    expected: Address,
) -> eyre::Result<()> {
    let read = chain.read(caller, call).await;
    let found = read.wrap_err_with(|| format!("{caller} is not the contract of the record"))?;
    ensure!(
        found == expected,
        "the contract at {caller} calls {found}, the record says {expected}"
    );
    Ok(())
}

/// Topics of the event that recorded a statement: its hash at the place that the event indexes it at, if it does.
fn recording_topics(statement_hash: B256) -> Topics {
    let event = ModelRegistry::InferenceVerified {
        modelId: U256::ZERO,
        inputCommitment: B256::ZERO,
        caller: Address::ZERO,
        statementHash: statement_hash,
        output: Bytes::new(),
    };
    let mut topics = [
        Some(ModelRegistry::InferenceVerified::SIGNATURE_HASH),
        None,
        None,
        None,
    ];
    let indexed = event.encode_topics().into_iter().map(|topic| topic.0);
    for (wanted, topic) in topics.iter_mut().zip(indexed).skip(1) {
        *wanted = (topic == statement_hash).then_some(topic);
    }
    topics
}

fn submit_call(model_id: U256, submission: &Submission) -> ModelRegistry::submitCall {
    ModelRegistry::submitCall {
        modelId: model_id,
        inputCommitment: submission.input_commitment,
        output: submission.output.clone(),
        proof: submission.proof.clone(),
    }
}
