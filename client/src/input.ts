import { type Hex, readLittle, wordHex } from "./bytes.js";
import { seal } from "./container.js";
import { InputError, LaminateError } from "./errors.js";
import { R } from "./field.js";
import { PACKINGS, pack } from "./output.js";
import { spongeHash } from "./poseidon.js";
import { Writer } from "./postcard.js";
import type { InputFormat, VerifyingKey } from "./records.js";

/** An input that is committed to. Private: who has `salt` and `values`, or the file, knows the input. */
export interface CommittedInput {
  /** What proofs of it state. */
  readonly commitment: Hex;
  readonly salt: Hex;
  readonly values: readonly number[];
  /** The file that `laminate prove --input` takes. */
  readonly file: Uint8Array;
}

const MISSING = 2 ** 31 - 1;

/** The ordered key of a float32 number. */
function orderedKey(value: number): number {
  if (Number.isNaN(value)) return MISSING;
  const view = new DataView(new ArrayBuffer(4));
  view.setFloat32(0, value);
  const magnitude = view.getUint32(0) & 0x7fffffff;
  return value < 0 || Object.is(value, -0) ? (magnitude === 0 ? 0 : -magnitude) : magnitude;
}

/** The nearest integer, halves away from zero. */
function nearest(value: number): number {
  const rounded = Math.floor(Math.abs(value) + 0.5);
  return value < 0 ? (rounded === 0 ? 0 : -rounded) : rounded;
}

/** Numbers are float32, as in Rust. */
function quantise(value: number, row: number, column: number, format: InputFormat): number {
  const at = `row ${row}, column ${column}`;
  const single = Math.fround(value);
  if (typeof value !== "number" || Math.abs(single) === Number.POSITIVE_INFINITY || (Number.isNaN(single) && !format.keys)) {
    throw new InputError(`${at}: ${String(value)} is no finite number`);
  }
  if (format.keys) return orderedKey(single);
  const scale = format.scales?.[column] ?? format.scale;
  const integer = nearest(single * 2 ** scale);
  const bound = format.packing === "wide" ? 2 ** 31 : 2 ** 15;
  if (integer < -bound || integer >= bound) {
    const unit = 2 ** -scale;
    throw new InputError(`${at}: ${value} is out of range, expected ${-bound * unit} to ${(bound - 1) * unit}`);
  }
  return integer;
}

/** Values of all slots, row-major; slots beyond the rows repeat the last one. */
function valuesOf(rows: readonly (readonly number[])[], format: InputFormat): number[] {
  if (rows.length === 0 || rows.length > format.slots) {
    throw new InputError(`${rows.length} rows, the program takes 1 to ${format.slots}`);
  }
  const integers = rows.map((row, index) => {
    if (row.length !== format.width) throw new InputError(`row ${index} has ${row.length} values, expected ${format.width}`);
    return row.map((value, column) => quantise(value, index, column, format));
  });
  const slots = Array.from({ length: format.slots }, (_, slot) => integers[Math.min(slot, integers.length - 1)] ?? []);
  return slots.flat();
}

/** 512 random bits in the field. */
function randomSalt(): bigint {
  return readLittle(crypto.getRandomValues(new Uint8Array(64))) % R;
}

/**
 * Commits to rows of numbers for a program, as `laminate input commit` does: the same salt gives the same commitment.
 *
 * @param rows 1 to `slots` rows of `width` numbers, which are rounded to float32 and then to the program's scale; of trees NaN is a
 *   missing value.
 * @param salt A number of the scalar field; a fresh random one if it is left out. Two commitments with one salt can be compared.
 * @throws {@link InputError} for rows that the program does not take; {@link LaminateError} for a record without input format (tokens,
 *   joins).
 */
export function commitInput(key: VerifyingKey, rows: readonly (readonly number[])[], salt?: Hex): CommittedInput {
  const format = key.input;
  if (!format) throw new LaminateError("no-input", `${key.programName} takes no rows of numbers; commit with \`laminate input commit\``);
  const values = valuesOf(rows, format);
  const secret = salt === undefined ? randomSalt() : BigInt(salt);
  if (secret >= R) throw new InputError("the salt is not below the scalar field's order");
  const head = [secret, BigInt(values.length), PACKINGS[format.packing].tag];
  const commitment = spongeHash("input-commitment", [...head, ...pack(format.packing, values)]);
  const writer = new Writer();
  writer.scalar(BigInt(key.programDigest));
  writer.scalar(secret);
  writer.varint(values.length);
  for (const value of values) writer.int32(value);
  writer.scalar(commitment);
  return {
    commitment: wordHex(commitment),
    salt: wordHex(secret),
    values,
    file: seal("committed input", false, writer.finish()),
  };
}
