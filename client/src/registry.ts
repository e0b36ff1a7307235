import { keccak_256 } from "@noble/hashes/sha3.js";
import { fromHex, type Hex, readWord, toHex, word, wordHex } from "./bytes.js";
import { encodeCalldata, encodeSubmission, type RegistryFunction, statementHash } from "./encode.js";
import { LaminateError } from "./errors.js";
import { address, call, guarded, hash, logsInRanges, type Node, type NodeLog, pause, requireChain, RevertError, words } from "./node.js";
import { decodeOutput, type Output } from "./output.js";
import type { ProofFile } from "./proof.js";
import type { Deployment } from "./records.js";
import type { Revert } from "./revert.js";

export { CallReverted, type LogFilter, type Node, type NodeLog, RevertError } from "./node.js";

/** A registered model. */
export interface Model {
  readonly modelId: Hex;
  readonly programDigest: Hex;
  readonly weightCommitment: Hex;
  readonly metadataHash: Hex;
  readonly verifierCodeHash: Hex;
  readonly verifier: Hex;
  readonly retired: boolean;
  readonly owner: Hex;
  /** Time of the registration's block, in seconds. */
  readonly registeredAt: bigint;
}

/** A statement that a registry recorded, as a node says. */
export interface Inference {
  readonly trust: "node";
  readonly modelId: Hex;
  readonly inputCommitment: Hex;
  readonly statementHash: Hex;
  /** Whoever published the proof, and no party to it. */
  readonly caller: Hex;
  readonly outputWords: readonly bigint[];
  readonly blockNumber: bigint;
  readonly blockHash: Hex;
  readonly transactionHash: Hex;
  readonly logIndex: number;
}

/** A model and a proof for it. */
export interface ModelProof {
  /** Id of the model; the deployment's newest with the proof's weights if it is left out. */
  readonly model?: Hex;
  readonly file: ProofFile;
}

/** What a contract says of a proof, as a node tells it. */
export type ChainVerdict =
  | { readonly valid: true; readonly trust: "node"; readonly statementHash: Hex }
  | { readonly valid: false; readonly trust: "node"; readonly revert: Revert };

/** A fact of the deployment's record, beside what is on the chain. */
export interface Check {
  /** `code`: the hash of code that the node returned; `node`: what a contract answered, says the node. */
  readonly trust: "code" | "node";
  /** What is compared: `code of modelRegistry`, `program digest of model 0x…`, … */
  readonly what: string;
  readonly expected: Hex;
  readonly found: Hex;
  readonly holds: boolean;
}

/** Which statements to list. */
export interface InferenceFilter {
  readonly model?: Hex;
  readonly inputCommitment?: Hex;
  readonly statementHash?: Hex;
  /** The deployment's first block if it is left out. */
  readonly fromBlock?: bigint;
  /** The newest block if it is left out. */
  readonly toBlock?: bigint;
  /** Most blocks that the node is asked about at once. */
  readonly range?: bigint;
}

/** How to wait. */
export interface WaitOptions {
  readonly signal?: AbortSignal;
  /** Milliseconds between two questions. */
  readonly interval?: number;
  /** Blocks that must follow the statement's. */
  readonly confirmations?: number;
}

/** State of a route that a router takes. */
const OPEN = 1n;
const INTERVAL = 1_000;

const EVENT = toHex(hash("InferenceVerified(uint256,bytes32,bytes32,address,bytes)"));

/** The registry of a deployment. */
export class Registry {
  readonly deployment: Deployment;
  readonly #node: Node;
  #chain: Promise<void> | undefined;

  constructor(deployment: Deployment, node: Node) {
    this.deployment = deployment;
    this.#node = node;
  }

  /** Refuses another chain than the deployment's; asked once. */
  requireChain(): Promise<void> {
    this.#chain ??= requireChain(this.#node, this.deployment.chainId).catch((error: unknown) => {
      this.#chain = undefined;
      throw error;
    });
    return this.#chain;
  }

  async getModel(model: Hex): Promise<Model> {
    const bytes = fromHex(await this.#read(call("getModel(uint256)", word(BigInt(model)))));
    const [programDigest = 0n, weightCommitment = 0n, metadataHash = 0n, codeHash = 0n, verifier = 0n, retired = 0n, owner = 0n, at = 0n] =
      words(bytes, 8);
    return {
      modelId: wordHex(BigInt(model)),
      programDigest: wordHex(programDigest),
      weightCommitment: wordHex(weightCommitment),
      metadataHash: wordHex(metadataHash),
      verifierCodeHash: wordHex(codeHash),
      verifier: address(verifier),
      retired: retired !== 0n,
      owner: address(owner),
      registeredAt: at,
    };
  }

  /** All models of the registry, in the order of their registration. */
  async listModels(): Promise<Model[]> {
    const count = readWord(fromHex(await this.#read(call("modelCount()"))), 0);
    const models: Model[] = [];
    for (let index = 0n; index < count; index++) {
      models.push(await this.getModel((await this.#read(call("modelIdAt(uint256)", word(index)))) as Hex));
    }
    return models;
  }

  /**
   * Compares the chain with the record: the code at every address (which has the addresses of what it calls in it), the route behind a
   * router, and every registered model's digest, weights, owner and verifier.
   */
  async checkDeployment(): Promise<Check[]> {
    await this.requireChain();
    const { contracts, selector, key, models, inferenceVerifier } = this.deployment;
    const checks: Check[] = [];
    const compare = (trust: Check["trust"], what: string, expected: Hex, found: Hex) =>
      checks.push({ trust, what, expected, found, holds: found.toLowerCase() === expected.toLowerCase() });
    for (const [name, { address, codeHash }] of Object.entries(contracts)) {
      compare("code", `code of ${name}`, codeHash, toHex(keccak_256(fromHex(await this.#node.code(address)))));
    }
    const { verifierRouter: router, universalVerifier } = contracts;
    if (router && universalVerifier && selector) {
      const data = call("getRoute(bytes4)", fromHex(selector), new Uint8Array(28));
      const [verifier = 0n, state = 0n] = words(fromHex(await guarded(this.#node.call(router.address, data))), 3);
      compare("node", `route ${selector}`, universalVerifier.address, address(state === OPEN ? verifier : 0n));
    }
    const { poll } = this.deployment;
    if (poll) {
      const found = await this.getModel(poll.modelId);
      compare("node", "verifier of the poll's model", inferenceVerifier.address, found.verifier);
      compare("node", "program digest of the poll's model", key.universal?.registeredDigest ?? key.programDigest, found.programDigest);
    }
    for (const model of models) {
      const found = await this.getModel(model.modelId);
      const of = `of model ${model.modelId}`;
      compare("node", `program digest ${of}`, key.universal?.registeredDigest ?? key.programDigest, found.programDigest);
      compare("node", `weight commitment ${of}`, model.weightCommitment, found.weightCommitment);
      compare("node", `owner ${of}`, model.owner, found.owner);
      compare("node", `verifier ${of}`, inferenceVerifier.address, found.verifier);
      compare("node", `verifier's code hash ${of}`, inferenceVerifier.codeHash, found.verifierCodeHash);
    }
    return checks;
  }

  /** Asks the registry, without a transaction. */
  async verifyOnChain(proof: ModelProof): Promise<ChainVerdict> {
    try {
      const statement = await this.#read(this.calldata("verifyInference", proof));
      return { valid: true, trust: "node", statementHash: statement };
    } catch (error) {
      if (error instanceof RevertError) {
        const { name, reason: message, arguments: values } = error;
        return { valid: false, trust: "node", revert: { name, message, arguments: values } };
      }
      throw error;
    }
  }

  /** What `submit` would do now; throws {@link RevertError} if it would be refused. */
  async simulateSubmit(proof: ModelProof): Promise<{ statementHash: Hex }> {
    return { statementHash: await this.#read(this.calldata("submit", proof)) };
  }

  /** Records the statement; anyone may, once. */
  async submit(proof: ModelProof): Promise<{ hash: Hex; statementHash: Hex }> {
    const { statementHash } = await this.simulateSubmit(proof);
    const hash = await guarded(this.#node.send(this.deployment.modelRegistry.address, this.calldata("submit", proof)));
    return { hash, statementHash };
  }

  async isSubmitted(statement: Hex): Promise<boolean> {
    return readWord(fromHex(await this.#read(call("isSubmitted(bytes32)", fromHex(statement)))), 0) === 1n;
  }

  /** Statements that were recorded, oldest first; ranges that a node finds too large are halved. */
  async getInferences(filter: InferenceFilter = {}): Promise<Inference[]> {
    await this.requireChain();
    const topic = (value: Hex | undefined) => (value === undefined ? null : wordHex(BigInt(value)));
    const topics = [EVENT, topic(filter.model), topic(filter.inputCommitment), topic(filter.statementHash)];
    const last = filter.toBlock ?? (await this.#node.blockNumber());
    const of = { address: this.deployment.modelRegistry.address, topics };
    const logs = await logsInRanges(this.#node, { ...of, fromBlock: filter.fromBlock ?? BigInt(this.deployment.block), toBlock: last }, filter.range);
    return logs.map(inference);
  }

  /**
   * Waits until a statement is recorded.
   *
   * @throws The signal's reason when it aborts.
   */
  async waitForInference(statement: Hex, options: WaitOptions = {}): Promise<Inference> {
    const { signal, interval = INTERVAL, confirmations = 0 } = options;
    for (;;) {
      signal?.throwIfAborted();
      const [found] = await this.getInferences({ statementHash: statement });
      if (found && (confirmations === 0 || (await this.#node.blockNumber()) >= found.blockNumber + BigInt(confirmations))) return found;
      await pause(interval, signal);
    }
  }

  /** Decodes what a statement of this deployment's program says. */
  decode(recorded: Inference): Output {
    return decodeOutput(recorded.outputWords, this.deployment.key.output);
  }

  /** Replay key of a proof's statement. */
  statementHash(proof: ModelProof): Hex {
    const { inputCommitment, output } = encodeSubmission(proof.file, this.deployment);
    const { chainId, modelRegistry } = this.deployment;
    return statementHash({ chainId, registry: modelRegistry.address }, this.#model(proof), inputCommitment, output);
  }

  /** Calldata of the registry. */
  calldata(name: RegistryFunction, proof: ModelProof): Hex {
    return encodeCalldata(name, this.#model(proof), encodeSubmission(proof.file, this.deployment));
  }

  #model({ model, file }: ModelProof): Hex {
    if (model !== undefined) return model;
    const weights = wordHex(file.statement.weightCommitment);
    const found = this.deployment.models.findLast((entry) => entry.weightCommitment === weights);
    if (!found) throw new LaminateError("no-model", `the deployment has no model with weight commitment ${weights}; register it, or give its id`);
    return found.modelId;
  }

  async #read(data: Hex): Promise<Hex> {
    await this.requireChain();
    return guarded(this.#node.call(this.deployment.modelRegistry.address, data));
  }
}

function inference(log: NodeLog): Inference {
  const [, model = "0x", input = "0x", statement = "0x"] = log.topics;
  const bytes = fromHex(log.data);
  const [caller = 0n, , length = 0n] = words(bytes, 3);
  const count = Number(length / 32n);
  return {
    trust: "node",
    modelId: model as Hex,
    inputCommitment: input as Hex,
    statementHash: statement as Hex,
    caller: address(caller),
    outputWords: words(bytes.subarray(96), count),
    blockNumber: log.blockNumber,
    blockHash: log.blockHash,
    transactionHash: log.transactionHash,
    logIndex: log.logIndex,
  };
}
