import { type Hex, toHex } from "./bytes.js";
import { open } from "./container.js";
import { FileError } from "./errors.js";
import type { Affine } from "./field.js";
import { type OutputFormat, type Packing, wordCount } from "./output.js";
import { Reader } from "./postcard.js";

/** What a proof claims: the program, with weights opening one commitment, on an input opening the other, gives the output. */
export interface Statement {
  /** Digest of the program, as the circuit states it. */
  readonly programDigest: bigint;
  readonly weightCommitment: bigint;
  readonly inputCommitment: bigint;
  /** The packed output; {@link decodeOutput} reads it. */
  readonly outputWords: readonly bigint[];
}

/** A point with its scalar. */
export interface Term {
  readonly scalar: bigint;
  readonly point: Affine;
}

/** A proof file. Nothing in it is checked but that it is one: {@link verifyProof} does. */
export interface ProofFile {
  readonly programName: string;
  /** Whether its header says that it was made with a development reference string. */
  readonly development: boolean;
  /** Digest of the program that the file names; the statement has its own. */
  readonly programDigest: bigint;
  readonly fold: "on" | "off";
  /** Identity of the reference string's secret. */
  readonly setup: Hex;
  /** Digest of the verifying key. */
  readonly vkDigest: Hex;
  /** How the output reads, says the file. */
  readonly output: OutputFormat;
  /** Outputs as the contracts count them. */
  readonly outputCount: number;
  readonly statement: Statement;
  /** Group operations that are left to the verifier. */
  readonly terms: readonly Term[];
  readonly generator: bigint;
  readonly left: readonly bigint[];
  /** The circuit's digest of its public values. */
  readonly digest: bigint;
  /** Whether it is for a contract, or to be joined with others. */
  readonly target: "contract" | "join";
  /** The halo2 proof. */
  readonly proof: Uint8Array;
}

const STATEMENT_HEAD = 3;
const PACKING: readonly Packing[] = ["short", "long", "wide"];

/** How the output reads; four forms. */
function readFormat(reader: Reader): OutputFormat {
  const head = { values: reader.varint(), width: reader.varint(), scale: reader.int8() };
  switch (reader.variant(4)) {
    case 1:
      return { ...head, packing: "short", tokens: { prompt: 0 } };
    case 2: {
      const prompt = reader.varint();
      return { ...head, packing: PACKING[reader.variant(3)] ?? "short", tokens: { prompt } };
    }
    case 3:
      return { ...head, packing: "wide" };
    default:
      return { ...head, packing: "short" };
  }
}

/**
 * Reads a proof file that `laminate prove` or `laminate join prove` wrote.
 *
 * @throws {@link FileError} for bytes that are not one, by its `reason`.
 */
export function readProof(bytes: Uint8Array): ProofFile {
  const { payload, development } = open("proof", bytes);
  const reader = new Reader("proof", payload);
  const head = {
    programName: reader.string(),
    development,
    programDigest: reader.scalar(),
    fold: (reader.variant(2) === 0 ? "on" : "off") as "on" | "off",
    setup: toHex(reader.bytes(32)),
    vkDigest: toHex(reader.bytes(32)),
    output: readFormat(reader),
    outputCount: reader.varint(),
  };
  const fields = reader.list(32, () => reader.scalar());
  const terms = reader.list(64, () => ({ scalar: reader.scalar(), point: reader.point() }));
  const tail = {
    terms,
    generator: reader.scalar(),
    left: reader.list(32, () => reader.scalar()),
    digest: reader.scalar(),
    target: (reader.variant(2) === 0 ? "contract" : "join") as "contract" | "join",
    proof: reader.bytes(reader.length(1)).slice(),
  };
  reader.end();
  const [programDigest, weightCommitment, inputCommitment, ...outputWords] = fields;
  const words = wordCount(head.output.packing, head.output.values);
  if (programDigest === undefined || weightCommitment === undefined || inputCommitment === undefined || outputWords.length !== words) {
    throw new FileError(
      "proof",
      "contradiction",
      `${fields.length} fields of a statement, expected ${STATEMENT_HEAD + words}: it is altered, or the proof of one shard, which says nothing without the others`,
    );
  }
  return { ...head, ...tail, statement: { programDigest, weightCommitment, inputCommitment, outputWords } };
}
