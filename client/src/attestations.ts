import { keccak_256 } from "@noble/hashes/sha3.js";
import { concat, fromHex, type Hex, toHex, word, wordHex } from "./bytes.js";
import { encodeSubmission } from "./encode.js";
import { LaminateError } from "./errors.js";
import { address, call, guarded, hash, logsInRanges, type Node, pause, requireChain, RevertError, words } from "./node.js";
import type { Deployment } from "./records.js";
import type { ChainVerdict, ModelProof, WaitOptions } from "./registry.js";
import type { ErrorEntry, Revert } from "./revert.js";

/** Text of the schema of the gate `AuthorisedModels`. */
export const SCHEMA_TEXT = "uint256 modelId";

const utf8 = (text: string) => new TextEncoder().encode(text);
const ZERO = new Uint8Array(32);

/** Its id, on every chain: without a resolver, revocable. */
export const SCHEMA: Hex = toHex(keccak_256(concat(utf8(SCHEMA_TEXT), new Uint8Array(20), Uint8Array.of(1))));

const entry = (name: string, inputs: readonly (readonly [string, string])[], sentence: string): ErrorEntry => {
  const types = inputs.map(([, type]) => type).join(",");
  return { selector: toHex(hash(`${name}(${types})`).subarray(0, 4)), name, inputs, sentences: [sentence] };
};
const uid = ["uid", "bytes32"] as const;

/** Errors of the gate, and those of the attestation service that these calls can meet. */
const ERRORS: readonly ErrorEntry[] = [
  entry("AttestationNotFound", [uid], "the service has no attestation {uid}"),
  entry("SchemaMismatch", [uid, ["expected", "bytes32"], ["found", "bytes32"]], "attestation {uid} is of schema {found}, expected {expected}"),
  entry("AttesterNotListed", [uid, ["attester", "address"]], "attestation {uid} is by {attester}, whom this gate does not list"),
  entry("AttestationExpired", [uid, ["expirationTime", "uint64"]], "attestation {uid} ended at {expirationTime}, in seconds since 1970"),
  entry("AttestationRevoked", [uid, ["revocationTime", "uint64"]], "attestation {uid} was revoked at {revocationTime}, in seconds since 1970"),
  entry("AttestationOfOtherModel", [uid, ["modelId", "uint256"]], "attestation {uid} is not of model {modelId:id}"),
  entry("InvalidSchema", [], "the schema is not registered with this service; register it (registerSchema)"),
  entry("AlreadyExists", [], "the schema is registered already"),
  entry("InvalidExpirationTime", [], "the attestation would have ended already"),
  entry("AccessDenied", [], "only the attester can revoke"),
  entry("AlreadyRevoked", [], "the attestation is revoked already"),
  entry("NotFound", [], "the service has no such attestation"),
];

const ATTESTED = toHex(hash("Attested(address,address,bytes32,bytes32)"));
const INTERVAL = 1_000;

/** An attestation of a model, as a node says. */
export interface Attestation {
  readonly trust: "node";
  readonly uid: Hex;
  readonly schema: Hex;
  /** Seconds since 1970. */
  readonly time: bigint;
  /** Seconds since 1970; 0 if it does not end. */
  readonly expirationTime: bigint;
  /** Seconds since 1970; 0 if it stands. */
  readonly revocationTime: bigint;
  readonly refUid: Hex;
  readonly recipient: Hex;
  readonly attester: Hex;
  readonly revocable: boolean;
  /** What it is of; undefined if it is of another schema. */
  readonly modelId?: Hex;
}

/** What to attest. */
export interface NewAttestation {
  /** The model's id. */
  readonly model: Hex;
  /** When it ends, in seconds since 1970; never if it is left out. */
  readonly expirationTime?: bigint;
  /** Whom it is for; nobody reads it. */
  readonly recipient?: Hex;
  /** Another attestation that it is about. */
  readonly refUid?: Hex;
}

/** Which attestations to list. */
export interface AttestationFilter {
  readonly model?: Hex;
  readonly attester?: Hex;
  /** The deployment's first block if it is left out. */
  readonly fromBlock?: bigint;
  /** The newest block if it is left out. */
  readonly toBlock?: bigint;
  /** Most blocks that the node is asked about at once. */
  readonly range?: bigint;
}

/** Whether an attestation authorises a model now, as a node tells it. */
export type Authorisation =
  | { readonly authorised: true; readonly trust: "node" }
  | { readonly authorised: false; readonly trust: "node"; readonly revert: Revert };

const padded = (value: Hex) => word(BigInt(value));

/** Attestations of models on the Ethereum Attestation Service, and the gate `AuthorisedModels` before a deployment's registry. */
export class Attestations {
  readonly deployment: Deployment;
  /** Address of the gate. */
  readonly gate: Hex;
  readonly #node: Node;
  #service: Promise<Hex> | undefined;

  constructor(deployment: Deployment, gate: Hex, node: Node) {
    this.deployment = deployment;
    this.gate = gate;
    this.#node = node;
  }

  /** The gate's attestation service. Asked once, with whether chain, registry and schema of the gate are the expected ones. */
  service(): Promise<Hex> {
    this.#service ??= this.#find().catch((error: unknown) => {
      this.#service = undefined;
      throw error;
    });
    return this.#service;
  }

  async #find(): Promise<Hex> {
    await requireChain(this.#node, this.deployment.chainId);
    const ask = async (signature: string) => (words(fromHex(await this.#ask(this.gate, call(signature))), 1)[0] ?? 0n);
    const registry = address(await ask("modelRegistry()"));
    const expected = this.deployment.modelRegistry.address;
    if (registry.toLowerCase() !== expected.toLowerCase()) {
      throw new LaminateError("gate", `the gate ${this.gate} stands before registry ${registry}, the deployment's is ${expected}`);
    }
    const schema = wordHex(await ask("SCHEMA()"));
    if (schema !== SCHEMA) throw new LaminateError("gate", `the gate ${this.gate} takes schema ${schema}, expected ${SCHEMA}`);
    return address(await ask("eas()"));
  }

  /** Whether the gate counts an account's attestations. */
  async isAttester(account: Hex): Promise<boolean> {
    await this.service();
    return (words(fromHex(await this.#ask(this.gate, call("isAttester(address)", padded(account)))), 1)[0] ?? 0n) === 1n;
  }

  /** Whether the service knows the schema; before it does, nothing can be attested. */
  async isSchemaRegistered(): Promise<boolean> {
    const answer = fromHex(await this.#ask(await this.#schemas(), call("getSchema(bytes32)", fromHex(SCHEMA))));
    // A record of which the first word is its id, zero where there is none.
    const [start = 0n] = words(answer, 1);
    const [found = 0n] = words(answer.subarray(Number(BigInt.asUintN(16, start))), 1);
    return wordHex(found) === SCHEMA;
  }

  /** Registers the schema; anyone may, once. */
  async registerSchema(): Promise<{ hash: Hex }> {
    const text = concat(utf8(SCHEMA_TEXT), new Uint8Array(32 - SCHEMA_TEXT.length));
    const data = call("register(string,address,bool)", word(96n), ZERO, word(1n), word(BigInt(SCHEMA_TEXT.length)), text);
    return this.#send(await this.#schemas(), data);
  }

  async #schemas(): Promise<Hex> {
    return address(words(fromHex(await this.#ask(await this.service(), call("getSchemaRegistry()"))), 1)[0] ?? 0n);
  }

  /**
   * Attests a model. Its attestation, with the id that the gate asks for, comes from {@link waitForAttestation}.
   *
   * @throws {@link RevertError} if the service would refuse it.
   */
  async attestModel(attestation: NewAttestation): Promise<{ hash: Hex }> {
    const { model, expirationTime = 0n, recipient = "0x00", refUid = "0x00" } = attestation;
    // One tuple of a schema and a tuple, whose fifth member is bytes: the model's id.
    const inner = [padded(recipient), word(expirationTime), word(1n), padded(refUid), word(192n), ZERO, word(32n), padded(model)];
    const data = call("attest((bytes32,(address,uint64,bool,bytes32,bytes,uint256)))", word(32n), fromHex(SCHEMA), word(64n), ...inner);
    return this.#send(await this.service(), data);
  }

  /** Revokes an attestation; only its attester may. */
  async revoke(attestation: Hex): Promise<{ hash: Hex }> {
    const data = call("revoke((bytes32,(bytes32,uint256)))", fromHex(SCHEMA), padded(attestation), ZERO);
    return this.#send(await this.service(), data);
  }

  /** An attestation; undefined if the service has none of this id. */
  async getAttestation(id: Hex): Promise<Attestation | undefined> {
    const answer = fromHex(await this.#ask(await this.service(), call("getAttestation(bytes32)", padded(id))));
    const [start = 0n] = words(answer, 1);
    const body = answer.subarray(Number(BigInt.asUintN(16, start)));
    const [found = 0n, schema = 0n, time = 0n, expires = 0n, revoked = 0n, ref = 0n, recipient = 0n, attester = 0n, revocable = 0n, at = 0n] =
      words(body, 10);
    if (found === 0n || wordHex(found) !== wordHex(BigInt(id))) return undefined;
    const [length = 0n, modelId = 0n] = words(concat(body.subarray(Number(BigInt.asUintN(16, at))), ZERO), 2);
    return {
      trust: "node",
      uid: wordHex(found),
      schema: wordHex(schema),
      time,
      expirationTime: expires,
      revocationTime: revoked,
      refUid: wordHex(ref),
      recipient: address(recipient),
      attester: address(attester),
      revocable: revocable !== 0n,
      ...(wordHex(schema) === SCHEMA && length === 32n && { modelId: wordHex(modelId) }),
    };
  }

  /** Attestations of models, oldest first, whether they stand or not; whether one counts, {@link isAuthorised} tells. */
  async listAttestations(filter: AttestationFilter = {}): Promise<Attestation[]> {
    const ids = (await this.#attested(filter)).map(({ data }) => wordHex(words(fromHex(data), 1)[0] ?? 0n));
    const model = filter.model && wordHex(BigInt(filter.model));
    const found: Attestation[] = [];
    for (const id of ids) {
      const attestation = await this.getAttestation(id);
      if (attestation?.modelId && (model === undefined || attestation.modelId === model)) found.push(attestation);
    }
    return found;
  }

  /**
   * Waits for the attestation that a transaction of {@link attestModel} makes.
   *
   * @throws The signal's reason when it aborts.
   */
  async waitForAttestation(transaction: Hex, options: WaitOptions = {}): Promise<Attestation> {
    const { signal, interval = INTERVAL, confirmations = 0 } = options;
    for (;;) {
      signal?.throwIfAborted();
      const log = (await this.#attested({})).find(({ transactionHash }) => transactionHash === transaction);
      if (log && (confirmations === 0 || (await this.#node.blockNumber()) >= log.blockNumber + BigInt(confirmations))) {
        const found = await this.getAttestation(wordHex(words(fromHex(log.data), 1)[0] ?? 0n));
        if (found) return found;
      }
      await pause(interval, signal);
    }
  }

  async #attested(filter: AttestationFilter) {
    const service = await this.service();
    const topics = [ATTESTED, null, filter.attester === undefined ? null : toHex(padded(filter.attester)), SCHEMA];
    const toBlock = filter.toBlock ?? (await this.#node.blockNumber());
    const fromBlock = filter.fromBlock ?? BigInt(this.deployment.block);
    return logsInRanges(this.#node, { address: service, topics, fromBlock, toBlock }, filter.range);
  }

  /** Whether an attestation authorises a model now, and by which rule not. */
  async isAuthorised(model: Hex, attestation: Hex): Promise<Authorisation> {
    await this.service();
    try {
      await this.#ask(this.gate, call("requireAuthorised(uint256,bytes32)", padded(model), padded(attestation)));
      return { authorised: true, trust: "node" };
    } catch (error) {
      return { authorised: false, trust: "node", revert: refusal(error) };
    }
  }

  /** Asks the gate about a proof of a model that an attestation authorises, without a transaction. */
  async verifyOnChain(proof: ModelProof & { readonly model: Hex }, attestation: Hex): Promise<ChainVerdict> {
    await this.service();
    try {
      return { valid: true, trust: "node", statementHash: await this.#ask(this.gate, this.calldata(proof, attestation)) };
    } catch (error) {
      return { valid: false, trust: "node", revert: refusal(error) };
    }
  }

  /** Calldata of the gate's `verifyInference`, in the one encoding that it takes. */
  calldata({ model, file }: ModelProof & { readonly model: Hex }, attestation: Hex): Hex {
    const submission = encodeSubmission(file, this.deployment);
    const [output, proof] = [fromHex(submission.output), fromHex(submission.proof)];
    const head = 5 * 32;
    const ends = [word(BigInt(head)), word(BigInt(head + 32 + output.length))];
    const tails = [word(BigInt(output.length)), output, word(BigInt(proof.length)), proof];
    const first = [padded(model), padded(attestation), fromHex(submission.inputCommitment)];
    return call("verifyInference(uint256,bytes32,bytes32,bytes,bytes)", ...first, ...ends, ...tails);
  }

  #ask(to: Hex, data: Hex): Promise<Hex> {
    return guarded(this.#node.call(to, data), ERRORS);
  }

  /** Simulated first, so that a refusal costs nothing. */
  async #send(to: Hex, data: Hex): Promise<{ hash: Hex }> {
    await this.#ask(to, data);
    return { hash: await guarded(this.#node.send(to, data), ERRORS) };
  }
}

/** The refusal in an error, if that is what it is. */
function refusal(error: unknown): Revert {
  if (!(error instanceof RevertError)) throw error;
  return { name: error.name, message: error.reason, arguments: error.arguments };
}
