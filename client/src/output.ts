import { type Hex, wordHex } from "./bytes.js";
import { open } from "./container.js";
import { FileError } from "./errors.js";
import { spongeHash } from "./poseidon.js";
import { Reader } from "./postcard.js";

/** How values are packed into words: fifteen of 16 bits, or seven of 32 (token ids, int32). */
export type Packing = "short" | "long" | "wide";

interface Widths {
  readonly bits: bigint;
  readonly perWord: number;
  /** What is added to a value before it is packed. */
  readonly offset: bigint;
  /** Tells packings apart in an input commitment. */
  readonly tag: bigint;
}

export const PACKINGS: Record<Packing, Widths> = {
  short: { bits: 16n, perWord: 15, offset: 1n << 15n, tag: 16n },
  long: { bits: 32n, perWord: 7, offset: 1n << 15n, tag: 32n },
  wide: { bits: 32n, perWord: 7, offset: 1n << 31n, tag: 33n },
};

/** How a public output reads. */
export interface OutputFormat {
  /** Number of values. */
  readonly values: number;
  /** Values to a row; 0 if it is not known. */
  readonly width: number;
  /** Value = integer · 2^-scale. */
  readonly scale: number;
  readonly packing: Packing;
  /** Of token ids: how many of them, the first ones, are a public prompt. */
  readonly tokens?: { readonly prompt: number };
  /** What stands before the values in the output words; nothing of most programs. */
  readonly lead?: Lead;
}

/** What a program's statements are bound to. */
export interface Binding {
  /** Whether there is a context. */
  readonly context: boolean;
  /** Whether the input's values are public. */
  readonly inputPublic: boolean;
  /** Levels of the tree that the input's credential is in, if it must have one. */
  readonly credential?: number;
  /** The columns of a public input, in the order of the input, if it is not of all. */
  readonly columns?: readonly Column[];
  /** Whether statements have a commitment to the output in the place of the output: {@link openOutput}. */
  readonly outputHidden: boolean;
  /** Whether the weight commitment has no salt, so that it follows from the model's files. */
  readonly weightsPublic: boolean;
}

/** A public column of an input. */
export interface Column {
  /** Its place in a row, from 0. */
  readonly index: number;
  /** Its name; empty if the columns have none. */
  readonly name: string;
}

/** How a public input reads. */
export interface InputForm {
  readonly values: number;
  readonly width: number;
  /** Value = integer · 2^-scale. */
  readonly scale: number;
  readonly packing: Packing;
  /** Whether values are the ordered keys of float32 numbers, as programs of trees take them. */
  readonly keys: boolean;
}

/** What stands before the output's values in the output words. */
export interface Lead {
  readonly binding: Binding;
  readonly input?: InputForm;
}

/** The binding words of a statement. */
export interface BindingWords {
  readonly credential?: {
    /** Root of the tree that the credential is in. */
    readonly root: bigint;
    /** What it is used for. */
    readonly scope: bigint;
    /** What its holder leaves in the scope, once. */
    readonly nullifier: bigint;
  };
  /** What the proof is for: {@link contextOf}. */
  readonly context?: bigint;
}

/** A public output as people read it. */
export type Output =
  | {
      readonly kind: "real";
      /** The numbers, a row after another. */
      readonly values: readonly number[];
      readonly integers: readonly number[];
      readonly scale: number;
      readonly width: number;
    }
  | { readonly kind: "tokens"; readonly prompt: readonly number[]; readonly ids: readonly number[] }
  /** A hidden output: who has its opening can show it ({@link openOutput}). */
  | { readonly kind: "hidden"; readonly commitment: bigint };

/** Words that hold `values` values. */
export function wordCount(packing: Packing, values: number): number {
  return Math.ceil(values / PACKINGS[packing].perWord);
}

/** Values as the contracts count them: in fields of 16 bits, fifteen a word. */
export function fieldCount(packing: Packing, values: number): number {
  if (packing === "short") return values;
  const full = Math.floor(Math.max(0, values - 1) / 7);
  return 15 * full + 2 * (values - 7 * full);
}

/** The inverse of {@link fieldCount}. */
export function valueCount(packing: Packing, fields: number): number {
  if (packing === "short") return fields;
  const full = Math.floor(Math.max(0, fields - 1) / 15);
  return 7 * full + Math.floor((fields - 15 * full) / 2);
}

const bindingCount = (binding: Binding) => (binding.credential === undefined ? 0 : 3) + (binding.context ? 1 : 0);

/** Output words before those of the output's values. */
export function leadWords(lead: Lead | undefined): number {
  if (!lead) return 0;
  return bindingCount(lead.binding) + (lead.input ? wordCount(lead.input.packing, lead.input.values) : 0);
}

/** Output words of a statement whose output reads so. */
export function formatWords(format: OutputFormat): number {
  return leadWords(format.lead) + (isHidden(format) ? 1 : wordCount(format.packing, format.values));
}

/** Whether a commitment stands in the place of the output's values. */
export const isHidden = (format: OutputFormat): boolean => format.lead?.binding.outputHidden ?? false;

/**
 * Reads what a statement is bound to; empty for a program without a binding.
 *
 * @param words Output words of a statement.
 * @throws {@link FileError} for fewer words than there are to read.
 */
export function readBinding(words: readonly bigint[], format: OutputFormat): BindingWords {
  const { lead } = format;
  if (!lead) return {};
  const count = bindingCount(lead.binding);
  if (words.length < count) throw new FileError("output", "malformed", `${words.length} words, expected ${count} binding words`);
  const [root = 0n, scope = 0n, nullifier = 0n] = words;
  return {
    ...(lead.binding.credential !== undefined && { credential: { root, scope, nullifier } }),
    ...(lead.binding.context && { context: words[count - 1] ?? 0n }),
  };
}

/**
 * Reads a public input: numbers by their scale, of trees the numbers of their keys; `undefined` if the input is hidden. Of some
 * columns (`format.lead.binding.columns`) they are those of a row after those of another, in the order of the columns.
 *
 * @param words Output words of a statement.
 * @throws {@link FileError} as {@link unpack}.
 */
export function decodeInput(words: readonly bigint[], format: OutputFormat): number[] | undefined {
  const { lead } = format;
  if (!lead?.input) return undefined;
  const { packing, values, scale, keys } = lead.input;
  const integers = unpack(packing, words.slice(bindingCount(lead.binding), leadWords(lead)), values);
  return integers.map((value) => (keys ? keyNumber(value) : value * 2 ** -scale));
}

/** The float32 number of an ordered key; NaN for a missing value and for keys that no number has. */
function keyNumber(key: number): number {
  if (Math.abs(key) > 0x7f800000) return Number.NaN;
  const view = new DataView(new ArrayBuffer(4));
  view.setUint32(0, Math.abs(key));
  return key < 0 ? -view.getFloat32(0) : view.getFloat32(0);
}

/** Packs values: `Σ (value + offset)·2^(bits·i)` for each word. */
export function pack(packing: Packing, values: readonly number[]): bigint[] {
  const { bits, perWord, offset } = PACKINGS[packing];
  return Array.from({ length: wordCount(packing, values.length) }, (_, index) => {
    const part = values.slice(perWord * index, perWord * (index + 1));
    return part.reduceRight((word, value) => (word << bits) + BigInt(value) + offset, 0n);
  });
}

/**
 * Reads the integers of an output.
 *
 * @param words Output words of a statement.
 * @throws {@link FileError} for another number of words, bits behind the last value, or a value that is none of the packing.
 */
export function unpack(packing: Packing, words: readonly bigint[], count: number): number[] {
  const { bits, perWord, offset } = PACKINGS[packing];
  const expected = wordCount(packing, count);
  const refused = (message: string) => new FileError("output", "malformed", message);
  if (words.length !== expected) throw refused(`${words.length} words for ${count} values, expected ${expected}`);
  const values: number[] = [];
  for (const [index, word] of words.entries()) {
    let rest = word;
    for (let i = 0; i < perWord && values.length < count; i++) {
      const value = (rest & ((1n << bits) - 1n)) - offset;
      if (value >= 1n << 31n) throw refused(`value ${values.length} is ${value}, above an int32`);
      values.push(Number(value));
      rest >>= bits;
    }
    if (rest !== 0n) throw refused(`word ${index} has bits behind its last value`);
  }
  return values;
}

/**
 * Reads an output in its format: real numbers by their scale, token ids, or the commitment to a hidden output.
 *
 * @param words Output words of a statement.
 * @throws {@link FileError} as {@link unpack}.
 */
export function decodeOutput(words: readonly bigint[], format: OutputFormat): Output {
  if (isHidden(format)) {
    const [commitment, ...rest] = words.slice(leadWords(format.lead));
    if (commitment === undefined || rest.length > 0) {
      throw new FileError("output", "malformed", `${words.length} words, expected ${formatWords(format)} with a commitment at the end`);
    }
    return { kind: "hidden", commitment };
  }
  const integers = unpack(format.packing, words.slice(leadWords(format.lead)), format.values);
  if (format.tokens) {
    const ids = integers.map((value) => value + 2 ** 15);
    const { prompt } = format.tokens;
    return { kind: "tokens", prompt: ids.slice(0, prompt), ids: ids.slice(prompt) };
  }
  return numbers(integers, format);
}

function numbers(integers: readonly number[], { scale, width }: OutputFormat): Output {
  const values = integers.map((value) => value * 2 ** -scale);
  return { kind: "real", values, integers, scale, width };
}

/** What opens a hidden output. Private: who has it can show the output to others. */
export interface OutputOpening {
  /** Digest of the program whose output it is. */
  readonly programDigest: Hex;
  readonly salt: Hex;
  /** Integers at the output's scale, row-major. */
  readonly values: readonly number[];
}

/**
 * Reads the file that `laminate prove --keep-output` wrote.
 *
 * @throws {@link FileError} for bytes that are not one, by its `reason`.
 */
export function readOutputOpening(bytes: Uint8Array): OutputOpening {
  const reader = new Reader("committed output", open("committed output", bytes).payload);
  const [programDigest, salt] = [wordHex(reader.scalar()), wordHex(reader.scalar())];
  const values = reader.list(1, () => reader.int32());
  reader.scalar();
  reader.end();
  return { programDigest, salt, values };
}

/**
 * Opens a hidden output: the numbers that a proof's commitment is of. That the proof is valid, `verifyProof` tells.
 *
 * @param words Output words of a statement.
 * @throws {@link FileError} for an output that is public, and for an opening of another output or with values that none has.
 */
export function openOutput(words: readonly bigint[], format: OutputFormat, opening: OutputOpening): Output {
  const output = decodeOutput(words, format);
  const refused = (message: string) => new FileError("output", "contradiction", message);
  if (output.kind !== "hidden") throw refused("the output is public; leave the opening out");
  const { values, salt } = opening;
  // Beyond these, one commitment would open as several outputs.
  const bound = format.packing === "wide" ? 2 ** 31 : 2 ** 15;
  const wrong = values.find((value) => !Number.isInteger(value) || value < -bound || value >= bound);
  if (wrong !== undefined) throw refused(`${wrong} is no value of an output: the opening is altered`);
  const head = [BigInt(salt), BigInt(values.length), PACKINGS[format.packing].tag];
  const found = spongeHash("output-commitment", [...head, ...pack(format.packing, values)]);
  if (found !== output.commitment) throw refused("the opening is of another output, or altered");
  return numbers(values, format);
}
