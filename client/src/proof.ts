import { type Hex, toHex } from "./bytes.js";
import { open } from "./container.js";
import { FileError } from "./errors.js";
import type { Affine } from "./field.js";
import { type Binding, formatWords, type Lead, type OutputFormat, type Packing } from "./output.js";
import { Reader } from "./postcard.js";

/** What a proof claims: the program, with weights opening one commitment, on an input opening the other, gives the output. */
export interface Statement {
  /** Digest of the program, as the circuit states it. */
  readonly programDigest: bigint;
  readonly weightCommitment: bigint;
  readonly inputCommitment: bigint;
  /** Binding words, the packed input if it is public, the packed output: {@link readBinding}, {@link decodeInput}, {@link decodeOutput}. */
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

const readPacking = (reader: Reader): Packing => PACKING[reader.variant(3)] ?? "short";

/** What the values are; four forms. */
function readForm(reader: Reader, form: number): Pick<OutputFormat, "packing" | "tokens"> {
  switch (form) {
    case 1:
      return { packing: "short", tokens: { prompt: 0 } };
    case 2: {
      const prompt = reader.varint();
      return { packing: readPacking(reader), tokens: { prompt } };
    }
    case 3:
      return { packing: "wide" };
    default:
      return { packing: "short" };
  }
}

/** What statements are bound to: the third variant says everything, the other two whether there is a context. */
function readBindingOf(reader: Reader): Binding {
  const variant = reader.variant(3);
  const credential = () => (reader.flag() ? { credential: reader.byte() } : {});
  if (variant < 2) {
    const flags = { context: variant === 1, inputPublic: reader.flag(), outputHidden: false, weightsPublic: false };
    return { ...flags, ...credential() };
  }
  const context = reader.flag();
  const input = reader.variant(3);
  const columns = input === 2 ? { columns: reader.list(2, () => ({ index: reader.varint(), name: reader.string() })) } : {};
  const depth = credential();
  return { context, inputPublic: input > 0, ...depth, ...columns, outputHidden: reader.flag(), weightsPublic: reader.flag() };
}

/** What stands before the values. */
function readLead(reader: Reader): Lead {
  const binding = readBindingOf(reader);
  if (!reader.flag()) return { binding };
  const head = { values: reader.varint(), width: reader.varint(), scale: reader.int8() };
  return { binding, input: { ...head, packing: readPacking(reader), keys: reader.flag() } };
}

/** How the output reads: one of four forms, or the fifth variant, which is one of them behind a lead. */
function readFormat(reader: Reader): OutputFormat {
  const head = { values: reader.varint(), width: reader.varint(), scale: reader.int8() };
  const variant = reader.variant(5);
  if (variant < 4) return { ...head, ...readForm(reader, variant) };
  const form = readForm(reader, reader.variant(4));
  return { ...head, ...form, lead: readLead(reader) };
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
  const words = formatWords(head.output);
  if (programDigest === undefined || weightCommitment === undefined || inputCommitment === undefined || outputWords.length !== words) {
    throw new FileError(
      "proof",
      "contradiction",
      `${fields.length} fields of a statement, expected ${STATEMENT_HEAD + words}: it is altered, or the proof of one shard, which says nothing without the others`,
    );
  }
  return { ...head, ...tail, statement: { programDigest, weightCommitment, inputCommitment, outputWords } };
}
