import { type Hex, wordHex } from "./bytes.js";
import { LaminateError } from "./errors.js";
import { type BindingWords, decodeInput, decodeOutput, isHidden, type Lead, type Output, readBinding } from "./output.js";
import type { ProofFile } from "./proof.js";
import { type Refusal, runProgram } from "./program.js";
import { programCalldata } from "./public.js";
import type { VerifyingKey } from "./records.js";

/** What a statement must say beside being proven. */
export interface Expected {
  /** The weights; those of the record if it names them. */
  readonly weightCommitment?: Hex;
  readonly inputCommitment?: Hex;
  /** What the proof is for: {@link contextOf}. A proof that has no context is refused. */
  readonly context?: bigint;
  /** Root of the tree of credentials. */
  readonly root?: bigint;
  /** What the credential is used for: {@link scopeOf}. */
  readonly scope?: bigint;
}

/** What a valid proof leaves open. */
export type Unchecked =
  /** Whose weights: no commitment was expected. */
  | "weights"
  /** Which input: no commitment was expected. */
  | "input"
  /** That the weights are in range: a commitment proof shows it, which the registry asks for when a model is registered. */
  | "weight-range"
  /** What the proof is for: it has a context, and none was expected. */
  | "context"
  /** Whose credentials, or in which scope: it has both, and one was not expected. */
  | "credential"
  /** What the output is: the proof hides it, and who has its opening can show it ({@link openOutput}). */
  | "output";

/** Why a proof is refused. */
export type Reason =
  | Refusal
  /** It was made to be joined with others. */
  | "target"
  /** It is of another program. */
  | "program"
  /** It is of other weights. */
  | "weights"
  /** It is of another input. */
  | "input"
  /** It is bound to something else, or to nothing. */
  | "binding"
  /** It was made with another verifying key or reference string. */
  | "key"
  /** Its file contradicts the record. */
  | "format"
  /** A point of it is infinity, or a sum. */
  | "points";

/** The verdict of a verifier, and whose it is: `native`, of this code. */
export type Verdict =
  | {
      readonly valid: true;
      readonly trust: "native";
      /** Whether the reference string's secret is public: then the proof proves nothing to others. */
      readonly development: boolean;
      readonly output: Output;
      /** What the proof is bound to; empty of most models. */
      readonly binding: BindingWords;
      /** The input, if it is public. */
      readonly input?: readonly number[];
      readonly unchecked: readonly Unchecked[];
    }
  | { readonly valid: false; readonly trust: "native"; readonly reason: Reason; readonly message: string };

const SENTENCES: Record<Reason, string> = {
  target: "the proof was made to be joined; give the proof of the join, or make it without --for-join",
  program: "the proof is of another program than the record",
  weights: "the proof was made with other weights",
  input: "the proof was made with another input",
  binding: "the proof was made for something else: another context, tree of credentials or scope, or none",
  key: "the proof was made with another verifying key or reference string than the record's",
  format: "the proof file says another shape or format than the record: it is altered, or of another version",
  points: "a point of the proof, or their sum, is infinity",
  length: "the proof has another length than the record says",
  "not-canonical": "a number of the proof is not below the scalar field's order",
  "not-invertible": "the proof makes the verifier divide by zero",
  inverse: "the last word of the proof is not the inverse that it must be",
  "not-a-point": "a point of the proof is not on the curve",
  terms: "a point of the proof's group operations, or the sum of the last two, is infinity",
  accumulator: "the sums of the proof's points are out of range",
  pairing: "the proof is not valid for this model, input commitment and output (other weights, a changed score or an altered proof)",
};

const refusal = (reason: Reason): Verdict => ({ valid: false, trust: "native", reason, message: SENTENCES[reason] });

function sameLead(a: Lead | undefined, b: Lead | undefined): boolean {
  if (!a || !b) return a === b;
  const [x, y] = [a.input, b.input];
  const input = x && y ? x.values === y.values && x.width === y.width && x.scale === y.scale && x.packing === y.packing && x.keys === y.keys : x === y;
  const [of, as] = [a.binding, b.binding];
  const columns = JSON.stringify(of.columns?.map(({ index, name }) => [index, name])) === JSON.stringify(as.columns?.map(({ index, name }) => [index, name]));
  const flags = of.outputHidden === as.outputHidden && of.weightsPublic === as.weightsPublic;
  return input && columns && flags && of.context === as.context && of.inputPublic === as.inputPublic && of.credential === as.credential;
}

/** Whether a statement is bound to what is expected. */
function isBound({ credential, context }: BindingWords, expected: Expected): boolean {
  const pairs = [
    [expected.context, context],
    [expected.root, credential?.root],
    [expected.scope, credential?.scope],
  ];
  return pairs.every(([wanted, found]) => wanted === undefined || wanted === found);
}

/** Whether a file says of its proof what the record says. */
function contradiction(file: ProofFile, key: VerifyingKey): Reason | undefined {
  const { output, shape, program } = key;
  if (file.target !== "contract") return "target";
  if (wordHex(file.programDigest) !== key.programDigest || file.statement.programDigest !== file.programDigest) return "program";
  if (file.setup !== program?.setup) return "key";
  if (shape && (file.vkDigest !== shape.vkDigest || file.fold !== shape.fold)) return "key";
  const same =
    // Records do not tell how many values a commitment is of; its opening does.
    (isHidden(output) || file.output.values === output.values) &&
    (!shape || file.output.width === output.width) &&
    file.output.scale === output.scale &&
    file.output.packing === output.packing &&
    file.output.tokens?.prompt === output.tokens?.prompt &&
    sameLead(file.output.lead, output.lead) &&
    file.outputCount === key.outputCount &&
    file.left.length === 1 &&
    file.terms.length > 1 &&
    (!shape || file.terms.length === shape.terms);
  return same ? undefined : "format";
}

/**
 * Verifies a published proof here: no node is asked and no contract called.
 *
 * It does what registry and universal verifier do: makes the circuit's instances from statement and points, and runs the verifier
 * program on them, the verifying key, the proof and the points. That the key is the program's rests on the record; that a model of that
 * digest is registered, only a chain can tell.
 *
 * @param key From {@link readVerifier} or {@link readDeployment}, with a verifier program.
 * @throws {@link LaminateError} `no-program` for a record without one; never for what is in the proof.
 */
export function verifyProof(file: ProofFile, key: VerifyingKey, expected: Expected = {}): Verdict {
  const { program, universal } = key;
  if (!program || !universal) {
    throw new LaminateError(
      "no-program",
      universal
        ? "native verification needs the verifier program: give Halo2UniversalVerifier.program.json of the verifier's folder"
        : "native verification needs a record of universal mode, the default of `laminate verifier`",
    );
  }
  const contradicts = contradiction(file, key);
  if (contradicts) return refusal(contradicts);
  const { statement } = file;
  const weights = expected.weightCommitment ?? key.weightCommitment;
  if (weights && wordHex(statement.weightCommitment) !== weights.toLowerCase()) return refusal("weights");
  const input = expected.inputCommitment;
  if (input && wordHex(statement.inputCommitment) !== input.toLowerCase()) return refusal("input");
  let output: Output;
  let binding: BindingWords;
  let publicInput: number[] | undefined;
  try {
    output = decodeOutput(statement.outputWords, key.output);
    binding = readBinding(statement.outputWords, key.output);
    publicInput = decodeInput(statement.outputWords, key.output);
  } catch {
    return refusal("format");
  }
  if (!isBound(binding, expected)) return refusal("binding");
  const calldata = programCalldata(file, program.opening, universal.verifyingKey);
  if (!calldata) return refusal("points");
  const found = runProgram(program, calldata);
  if (found) return refusal(found);
  const unchecked: Unchecked[] = [];
  if (!weights) unchecked.push("weights");
  if (!input) unchecked.push("input");
  if (!key.weightsShown) unchecked.push("weight-range");
  if (binding.context !== undefined && expected.context === undefined) unchecked.push("context");
  if (binding.credential && (expected.root === undefined || expected.scope === undefined)) unchecked.push("credential");
  if (output.kind === "hidden") unchecked.push("output");
  return {
    valid: true,
    trust: "native",
    development: program.development,
    output,
    binding,
    ...(publicInput && { input: publicInput }),
    unchecked,
  };
}
