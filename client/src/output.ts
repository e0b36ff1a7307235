import { FileError } from "./errors.js";

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
  | { readonly kind: "tokens"; readonly prompt: readonly number[]; readonly ids: readonly number[] };

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
 * Reads an output in its format: real numbers by their scale, or token ids.
 *
 * @param words Output words of a statement.
 * @throws {@link FileError} as {@link unpack}.
 */
export function decodeOutput(words: readonly bigint[], format: OutputFormat): Output {
  const integers = unpack(format.packing, words, format.values);
  if (format.tokens) {
    const ids = integers.map((value) => value + 2 ** 15);
    const { prompt } = format.tokens;
    return { kind: "tokens", prompt: ids.slice(0, prompt), ids: ids.slice(prompt) };
  }
  const unit = 2 ** -format.scale;
  const values = integers.map((value) => value * unit);
  return { kind: "real", values, integers, scale: format.scale, width: format.width };
}
