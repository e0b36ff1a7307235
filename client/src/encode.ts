import { keccak_256 } from "@noble/hashes/sha3.js";
import { concat, fromHex, type Hex, toHex, word } from "./bytes.js";
import { LaminateError } from "./errors.js";
import type { ProofFile } from "./proof.js";
import type { Deployment, VerifyingKey } from "./records.js";

/** A statement and its proof, as the registry takes them. */
export interface Submission {
  readonly inputCommitment: Hex;
  /** Output words, 32 bytes each. */
  readonly output: Hex;
  readonly proof: Hex;
}

/** Where a proof goes. */
export type Destination = Pick<Deployment, "key" | "selector"> | { readonly key: VerifyingKey };

const address = (value: Hex) => concat(new Uint8Array(12), fromHex(value));

const text = (value: string) => keccak_256(new TextEncoder().encode(value));

/**
 * The arguments of `submit` and `verifyInference`: output words, and a proof as the model's verifier takes it.
 *
 * @throws {@link LaminateError} `for-join` for a proof that no contract takes.
 */
export function encodeSubmission(file: ProofFile, destination: Destination): Submission {
  const [left] = file.left;
  if (file.target !== "contract" || left === undefined || file.left.length !== 1) {
    throw new LaminateError("for-join", "the proof was made to be joined; the contracts take the proof of the join");
  }
  const terms = file.terms.flatMap(({ point, scalar }) => [word(point.x), word(point.y), word(scalar)]);
  const deferred = concat(word(file.digest), ...terms, word(file.generator), word(left));
  const { universal } = destination.key;
  const selector = "selector" in destination ? destination.selector : undefined;
  const proof = universal
    ? concat(
        selector ? concat(fromHex(selector), new Uint8Array(28)) : new Uint8Array(),
        word(file.statement.programDigest),
        deferred,
        universal.verifyingKey,
        file.proof,
      )
    : concat(deferred, file.proof);
  return {
    inputCommitment: toHex(word(file.statement.inputCommitment)),
    output: toHex(concat(...file.statement.outputWords.map(word))),
    proof: toHex(proof),
  };
}

/** What is called with a submission. */
export type RegistryFunction = "submit" | "verifyInference";

/**
 * Calldata of the registry, in the one encoding that it takes.
 *
 * @param model The model's id.
 */
export function encodeCalldata(call: RegistryFunction, model: Hex | bigint, submission: Submission): Hex {
  const selector = text(`${call}(uint256,bytes32,bytes,bytes)`).subarray(0, 4);
  const [output, proof] = [fromHex(submission.output), fromHex(submission.proof)];
  const head = 4 * 32;
  return toHex(
    concat(
      selector,
      word(BigInt(model)),
      fromHex(submission.inputCommitment),
      word(BigInt(head)),
      word(BigInt(head + 32 + output.length)),
      word(BigInt(output.length)),
      output,
      word(BigInt(proof.length)),
      proof,
    ),
  );
}

/**
 * Calldata of `EligibilityPoll.vote`, in the one encoding that it takes.
 *
 * @param choice Counted from 0.
 * @param sender Whom the proof's context names as who sends it; nobody if it is left out.
 */
export function encodeVote(choice: number | bigint, sender: Hex | undefined, submission: Submission): Hex {
  const selector = text("vote(uint256,address,bytes32,bytes,bytes)").subarray(0, 4);
  const [output, proof] = [fromHex(submission.output), fromHex(submission.proof)];
  const head = 5 * 32;
  return toHex(
    concat(
      selector,
      word(BigInt(choice)),
      sender === undefined ? new Uint8Array(32) : address(sender),
      fromHex(submission.inputCommitment),
      word(BigInt(head)),
      word(BigInt(head + 32 + output.length)),
      word(BigInt(output.length)),
      output,
      word(BigInt(proof.length)),
      proof,
    ),
  );
}

/** Where statements are recorded. */
export interface Place {
  readonly chainId: number | bigint;
  readonly registry: Hex;
}

/** Replay key of a statement: what is claimed, where (`ModelRegistry.hashStatement`). */
export function statementHash(place: Place, model: Hex | bigint, inputCommitment: Hex, output: Hex): Hex {
  const domain = text("laminate.statement.v1");
  const words = [word(BigInt(place.chainId)), address(place.registry), word(BigInt(model)), fromHex(inputCommitment)];
  return toHex(keccak_256(concat(domain, ...words, keccak_256(fromHex(output)))));
}

/** What a model's id is the hash of. */
export interface ModelContent {
  readonly owner: Hex;
  /** The registered digest: {@link VerifyingKey}'s `universal.registeredDigest`, or the circuit's in direct mode. */
  readonly programDigest: Hex;
  readonly weightCommitment: Hex;
  /** The model's verifier. */
  readonly verifier: Hex;
  readonly metadataHash?: Hex;
}

/** The id that an owner gets for a model (`ModelRegistry.modelIdOf`). */
export function modelId(place: Place, model: ModelContent): Hex {
  const metadata = model.metadataHash ? fromHex(model.metadataHash) : new Uint8Array(32);
  const content = [address(model.owner), fromHex(model.programDigest), fromHex(model.weightCommitment), address(model.verifier), metadata];
  return toHex(keccak_256(concat(text("laminate.model.v1"), word(BigInt(place.chainId)), address(place.registry), ...content)));
}
