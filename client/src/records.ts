import { keccak_256 } from "@noble/hashes/sha3.js";
import { concat, fromHex, type Hex, readWord, toHex, word, wordHex } from "./bytes.js";
import { FileError, type FileReason } from "./errors.js";
import { R } from "./field.js";
import { type Column, type Lead, leadWords, type OutputFormat, type Packing, valueCount } from "./output.js";
import { parsed, readProgram, type VerifierProgram } from "./program.js";

/** `version` of the records that this package reads. */
export const VERIFIER_VERSION = 5;
export const DEPLOYMENT_VERSION = 7;

/** How rows of numbers become the values that an input commitment is of. */
export interface InputFormat {
  readonly slots: number;
  readonly width: number;
  readonly scale: number;
  /** Of a raw input the scale of each column in its place: its values are int32. */
  readonly scales?: readonly number[];
  readonly packing: Packing;
  /** Whether values are the ordered keys of float32 numbers, as programs of trees take them. */
  readonly keys: boolean;
}

/** How the universal verifier knows a program. */
export interface UniversalKey {
  /** The digest that models are registered under: of this verifier, this key and the circuit's program digest. */
  readonly registeredDigest: Hex;
  /** Keccak-256 of the generated verifier's code. */
  readonly halo2CodeHash: Hex;
  /** The words of the key, as the contract takes them. */
  readonly verifyingKey: Uint8Array;
}

/** What a proof is verified with, from `verifier.json` or `deployment.json`. */
export interface VerifyingKey {
  readonly programName: string;
  /** Digest of the program, as the circuit states it. */
  readonly programDigest: Hex;
  /** The weights that the record is for, if it names them. */
  readonly weightCommitment?: Hex;
  readonly development: boolean;
  readonly input?: InputFormat;
  readonly output: OutputFormat;
  /** Outputs as the contracts count them. */
  readonly outputCount: number;
  /** Whether every proof shows that the weights are in range; else a commitment proof does, which the registry asks for. */
  readonly weightsShown: boolean;
  readonly universal?: UniversalKey;
  /** Digest of the verifier program that the record names. */
  readonly verifierProgram?: Hex;
  /** The verifier as data; native verification needs it. */
  readonly program?: VerifierProgram;
  /** What only `verifier.json` tells of its proofs. */
  readonly shape?: { readonly vkDigest: Hex; readonly fold: "on" | "off"; readonly terms: number };
}

/** A contract on a chain. */
export interface Contract {
  readonly address: Hex;
  /** Keccak-256 of its runtime code. */
  readonly codeHash: Hex;
}

/** A model that was registered. */
export interface RegisteredModel {
  readonly modelId: Hex;
  readonly weightCommitment: Hex;
  readonly owner: Hex;
}

/** An anonymous poll (`EligibilityPoll`), and by whose credentials votes are counted. */
export interface PollRecord extends Contract {
  readonly modelId: Hex;
  /** Choices are 0 to one less. */
  readonly choices: number;
  /** The least output that is eligible, an integer at the model's output scale. */
  readonly leastOutput: number;
  /** No vote is taken from here on, in seconds. */
  readonly deadline: number;
  /** Who posts roots of credentials. */
  readonly issuer: Hex;
  /** Seconds for which a root stays valid once there is a newer one. */
  readonly grace: number;
}

/** `deployment.json`: what is deployed where. */
export interface Deployment {
  readonly chainId: number;
  /** Block before which nothing of it happened. */
  readonly block: number;
  readonly key: VerifyingKey;
  /** Contracts by name. */
  readonly contracts: Readonly<Record<string, Contract>>;
  readonly modelRegistry: Contract;
  readonly inferenceVerifier: Contract;
  readonly fraudScreen?: Contract;
  /** The poll that `laminate poll deploy` made last. */
  readonly poll?: PollRecord;
  /** The route that submissions take, behind a router. */
  readonly selector?: Hex;
  /** Newest last. */
  readonly models: readonly RegisteredModel[];
}

/** Reads the members of a record, by name. */
class Members {
  readonly #what: string;
  readonly #of: Record<string, unknown>;

  constructor(what: string, value: unknown) {
    this.#what = what;
    this.#of = parsed(what, value);
  }

  refused(message: string, reason: FileReason = "malformed"): FileError {
    return new FileError(this.#what, reason, message);
  }

  has(name: string): boolean {
    return this.#of[name] !== undefined && this.#of[name] !== null;
  }

  value(name: string): unknown {
    return this.#of[name];
  }

  inner(name: string): Members {
    return new Members(`${this.#what}, ${name}`, this.#of[name]);
  }

  text(name: string): string {
    const value = this.#of[name];
    if (typeof value !== "string") throw this.refused(`\`${name}\` is no text`);
    return value;
  }

  one<T extends string>(name: string, ...known: readonly T[]): T {
    const value = this.text(name);
    const found = known.find((entry) => entry === value);
    if (found === undefined) throw this.refused(`\`${name}\` is ${JSON.stringify(value)}, expected ${known.join(" or ")}`);
    return found;
  }

  flag(name: string): boolean {
    const value = this.#of[name] ?? false;
    if (typeof value !== "boolean") throw this.refused(`\`${name}\` is no boolean`);
    return value;
  }

  /** Whole numbers, as many as are expected; none if there is no such member. */
  numbers(name: string, count: number, least: number, most: number): readonly number[] | undefined {
    const value = this.#of[name];
    if (value === undefined) return undefined;
    const whole = (v: unknown): v is number => typeof v === "number" && Number.isInteger(v) && v >= least && v <= most;
    if (!Array.isArray(value) || value.length !== count || !value.every(whole)) {
      throw this.refused(`\`${name}\` is ${JSON.stringify(value)}, expected ${count} whole numbers from ${least} to ${most}`);
    }
    return value;
  }

  number(name: string, least = 0, most = Number.MAX_SAFE_INTEGER): number {
    const value = this.#of[name];
    if (typeof value !== "number" || !Number.isInteger(value) || value < least || value > most) {
      throw this.refused(`\`${name}\` is ${JSON.stringify(value)}, expected a whole number from ${least} to ${most}`);
    }
    return value;
  }

  hex(name: string, bytes?: number): Hex {
    const value = this.text(name).toLowerCase();
    if (!/^0x([0-9a-f]{2})*$/.test(value) || (bytes !== undefined && value.length !== 2 + 2 * bytes)) {
      throw this.refused(`\`${name}\` is ${JSON.stringify(value.slice(0, 80))}, expected 0x and ${bytes === undefined ? "" : `${2 * bytes} `}hex digits`);
    }
    return value as Hex;
  }

  version(expected: number): void {
    const found = this.#of.version;
    if (found !== expected) {
      throw this.refused(`version ${JSON.stringify(found)}, this package reads version ${expected}; make it again`, "version");
    }
  }
}

const keccakText = (text: string) => keccak_256(new TextEncoder().encode(text));

/** What pins how a universal verifier reads a key: the code of its generated verifier, and both lengths. */
function identity(codeHash: Uint8Array, keyLength: number, proofLength: number): Uint8Array {
  const domain = keccakText("laminate.universal-selector.v1");
  return keccak_256(concat(domain, codeHash, word(BigInt(keyLength)), word(BigInt(proofLength))));
}

/** The digest that a program is registered under, as `UniversalVerifier.programDigestOf` makes it. */
export function registeredDigest(halo2CodeHash: Hex, verifyingKey: Uint8Array, proofLength: number, programDigest: Hex): Hex {
  const verifier = identity(fromHex(halo2CodeHash), verifyingKey.length, proofLength);
  const domain = keccakText("laminate.universal-program.v2");
  const hash = keccak_256(concat(domain, verifier, keccak_256(verifyingKey), fromHex(programDigest)));
  return wordHex(readWord(hash, 0) % R);
}

function universal(members: Members, programDigest: Hex): UniversalKey {
  const verifyingKey = fromHex(members.hex("verifyingKey"));
  if (verifyingKey.length === 0 || verifyingKey.length % 32 !== 0) {
    throw members.refused(`a verifying key of ${verifyingKey.length} bytes, expected a positive multiple of 32`);
  }
  const halo2CodeHash = members.hex("halo2CodeHash", 32);
  const found = members.hex("programDigest", 32);
  const expected = registeredDigest(halo2CodeHash, verifyingKey, members.number("proofLength"), programDigest);
  if (found !== expected) {
    throw members.refused(
      `universal program digest ${found}, expected ${expected} for this verifying key, generated verifier and program ${programDigest}; make the record again`,
      "contradiction",
    );
  }
  return { registeredDigest: found, halo2CodeHash, verifyingKey };
}

function inputFormat(members: Members): InputFormat {
  const width = members.number("width", 1, 1 << 20);
  const scales = members.numbers("scales", width, -64, 64);
  const packing = members.one("packing", "short", "long", "wide");
  if (scales !== undefined && packing !== "wide") throw members.refused("columns have scales of their own, and are no int32", "contradiction");
  return {
    slots: members.number("slots", 1, 1 << 12),
    width,
    scale: members.number("scale", -128, 127),
    ...(scales === undefined ? {} : { scales }),
    packing,
    keys: members.flag("keys"),
  };
}

function outputColumns(members: Members): { columns?: Column[] } {
  const columns = members.value("columns");
  if (columns === undefined) return {};
  if (!Array.isArray(columns) || columns.length === 0) throw members.refused("`columns` is no list of columns");
  const read = columns.map((entry) => {
    const column = new Members("verifier.json, columns", entry);
    return { index: column.number("index", 0, 1 << 20), name: column.text("name") };
  });
  return { columns: read };
}

function outputLead(members: Members): Lead {
  const of = members.inner("binding");
  const depth = of.has("credential") ? { credential: of.number("credential", 20, 32) } : {};
  const binding = {
    context: of.flag("context"),
    inputPublic: of.flag("inputPublic"),
    ...depth,
    ...outputColumns(of),
    outputHidden: of.flag("outputHidden"),
    weightsPublic: of.flag("weightsPublic"),
  };
  if (!binding.inputPublic && binding.columns) throw members.refused("it names public columns of a hidden input", "contradiction");
  if (binding.inputPublic !== members.has("input")) {
    throw members.refused("it says that the input is public, or how it reads, and not both", "contradiction");
  }
  if (!binding.inputPublic) return { binding };
  const input = members.inner("input");
  return {
    binding,
    input: {
      values: input.number("values", 1, 1 << 20),
      width: input.number("width", 1, 1 << 20),
      scale: input.number("scale", -128, 127),
      packing: input.one("packing", "short", "long", "wide"),
      keys: input.flag("keys"),
    },
  };
}

/** What both records say alike. */
function key(members: Members, inference: Members | undefined, development: boolean, program: unknown): Omit<VerifyingKey, "weightsShown"> {
  const packing = members.has("outputPacking") ? members.one("outputPacking", "short", "long", "wide") : "short";
  const outputCount = members.number("outputCount", 0, 1 << 16);
  const programDigest = members.hex("programDigest", 32);
  const own = inference && universal(inference, programDigest);
  const verifierProgram = members.has("verifierProgram") ? members.hex("verifierProgram", 32) : undefined;
  const read = program === undefined ? undefined : readProgram(program);
  if (read) {
    if (!own || read.digest !== verifierProgram) {
      throw members.refused(
        `it names the verifier program ${verifierProgram ?? "none"}, this one is ${read.digest}; give Halo2UniversalVerifier.program.json of the same folder`,
        "contradiction",
      );
    }
    if (own.verifyingKey.length !== 32 * read.keyWords || read.proofLength !== inference?.number("proofLength")) {
      throw members.refused("its verifying key or proofs are not those of its verifier program", "contradiction");
    }
    if (read.development !== development) {
      throw members.refused(`it says that its reference string is ${development ? "" : "not "}for development, the verifier program says otherwise`, "contradiction");
    }
  }
  const prompt = members.has("outputPrompt") ? members.number("outputPrompt") : 0;
  const lead = members.has("outputLead") ? outputLead(members.inner("outputLead")) : undefined;
  const before = 15 * leadWords(lead);
  const hidden = lead?.binding.outputHidden ?? false;
  if (outputCount < before || (hidden && outputCount !== before + 15)) {
    throw members.refused(`\`outputCount\` is ${outputCount}, the words before the outputs count ${before}${hidden ? ", the commitment 15" : ""}`, "contradiction");
  }
  return {
    programName: members.text("programName"),
    programDigest,
    ...(members.has("weightCommitment") && { weightCommitment: members.hex("weightCommitment", 32) }),
    development,
    ...(members.has("input") && { input: inputFormat(members.inner("input")) }),
    output: {
      values: valueCount(packing, outputCount - before),
      width: members.has("outputWidth") ? members.number("outputWidth") : 0,
      scale: members.number("outputScale", -128, 127),
      packing,
      ...(members.flag("outputTokens") && { tokens: { prompt } }),
      ...(lead && { lead }),
    },
    outputCount,
    ...(own && { universal: own }),
    ...(verifierProgram && { verifierProgram }),
    ...(read && { program: read }),
  };
}

/**
 * Reads `verifier.json`, which `laminate verifier` writes.
 *
 * @param json Its text, or what was parsed of it.
 * @param program `Halo2UniversalVerifier.program.json` beside it, for native verification.
 * @throws {@link FileError} for another version, what contradicts itself, or a program that the record does not name.
 */
export function readVerifier(json: unknown, program?: unknown): VerifyingKey {
  const members = new Members("verifier.json", json);
  members.version(VERIFIER_VERSION);
  const inference = members.has("universal") ? members.inner("universal") : undefined;
  return {
    ...key(members, inference, members.flag("developmentSrs"), program),
    weightsShown: !members.has("weights"),
    shape: {
      vkDigest: members.hex("vkDigest", 32),
      fold: members.one("fold", "on", "off"),
      terms: members.number("terms", 1, 4096),
    },
  };
}

function contract(members: Members): Contract {
  return { address: members.hex("address", 20), codeHash: members.hex("codeHash", 32) };
}

/**
 * Reads `deployment.json`, which `laminate deploy` writes and `laminate register` extends.
 *
 * @param json Its text, or what was parsed of it.
 * @param program `Halo2UniversalVerifier.program.json` of the verifier's folder, for native verification.
 * @throws {@link FileError} as {@link readVerifier}, and for a deployment that has not come to its end.
 */
export function readDeployment(json: unknown, program?: unknown): Deployment {
  const members = new Members("deployment.json", json);
  members.version(DEPLOYMENT_VERSION);
  if (members.has("unfinished")) throw members.refused("it has not come to its end; run `laminate deploy --resume`", "unsupported");
  const record = members.has("universal") ? members.inner("universal") : undefined;
  const router = record?.has("router") ? record.inner("router") : undefined;
  const contracts: Record<string, Contract> = {};
  for (const name of ["halo2Verifier", "inferenceVerifier", "weightHalo2Verifier", "weightVerifier", "modelRegistry", "fraudScreen"]) {
    if (members.has(name)) contracts[name] = contract(members.inner(name));
  }
  if (record) contracts.universalVerifier = contract(record.inner("verifier"));
  if (router) contracts.verifierRouter = contract(router.inner("contract"));
  const poll = pollRecord(members, contracts);
  const { modelRegistry, inferenceVerifier, fraudScreen } = contracts;
  if (!modelRegistry || !inferenceVerifier) throw members.refused("it names no registry or no verifier");
  const models = members.value("models") ?? [];
  if (!Array.isArray(models)) throw members.refused("`models` is no list");
  return {
    chainId: members.number("chainId"),
    block: members.number("block"),
    key: {
      ...key(members, record?.inner("inference"), members.flag("development"), program),
      weightsShown: !members.has("weightVerifier"),
    },
    contracts,
    modelRegistry,
    inferenceVerifier,
    ...(fraudScreen && { fraudScreen }),
    ...(poll && { poll }),
    ...(router && { selector: router.hex("selector", 4) }),
    models: models.map((entry) => {
      const model = new Members("deployment.json, models", entry);
      return {
        modelId: model.hex("modelId", 32),
        weightCommitment: model.hex("weightCommitment", 32),
        owner: model.hex("owner", 20),
      };
    }),
  };
}

/** Puts roots and poll into `contracts`, and reads what they were made with. */
function pollRecord(members: Members, contracts: Record<string, Contract>): PollRecord | undefined {
  const roots = members.has("credentialRoots") ? members.inner("credentialRoots") : undefined;
  if (roots) contracts.credentialRoots = contract(roots.inner("contract"));
  if (!members.has("eligibilityPoll")) return undefined;
  if (!roots) throw members.refused("it has a poll, but no roots of credentials");
  const [poll, made] = [members.inner("eligibilityPoll"), roots.inner("terms")];
  const at = contract(poll.inner("contract"));
  contracts.eligibilityPoll = at;
  const terms = poll.inner("terms");
  return {
    ...at,
    modelId: terms.hex("modelId", 32),
    choices: terms.number("choices", 1),
    leastOutput: terms.number("leastOutput", -32768, 32767),
    deadline: terms.number("deadline"),
    issuer: made.hex("issuer", 20),
    grace: made.number("grace"),
  };
}

/** The 32-byte text of a field of a statement or record. */
export const hexOf = (value: bigint | Uint8Array): Hex => (typeof value === "bigint" ? wordHex(value) : toHex(value));
