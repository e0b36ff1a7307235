import { describe, expect, it } from "vitest";
import { toHex } from "../src/bytes.js";
import { commitInput, type Hex, type InputFormat, type VerifyingKey } from "../src/index.js";
import { text } from "./fixtures.js";

/** Commitments that Rust made, by `cli/src/cmd/input/client.rs`; a missing value is null. */
interface Entry {
  readonly name: string;
  readonly programDigest: Hex;
  readonly input: Omit<InputFormat, "keys"> & { readonly keys?: boolean };
  readonly salt: Hex;
  readonly rows: readonly (readonly (number | null)[])[];
  readonly commitment: Hex;
  readonly file: string;
}

const entries = JSON.parse(text("inputs.json")) as Entry[];

const keyOf = ({ name, programDigest, input }: Entry): VerifyingKey => ({
  programName: name,
  programDigest,
  development: true,
  input: { ...input, keys: input.keys ?? false },
  output: { values: 1, width: 1, scale: 0, packing: "short" },
  outputCount: 1,
  weightsShown: true,
});
const numbers = ({ rows }: Entry) => rows.map((row) => row.map((value) => value ?? Number.NaN));

describe("commitInput", () => {
  it.each(entries)("makes Rust's commitment and file: $name", (entry) => {
    const committed = commitInput(keyOf(entry), numbers(entry), entry.salt);
    expect(committed.commitment).toBe(entry.commitment);
    expect(toHex(committed.file)).toBe(`0x${entry.file}`);
  });

  it("is compared on every kind of program over rows", () => {
    const kinds = entries.map(({ input, rows }) => `${input.keys === true ? "keys" : "numbers"} ${input.slots > rows.length ? "repeated" : "full"}`);
    expect(new Set(kinds)).toEqual(new Set(["numbers full", "numbers repeated", "keys full"]));
    expect(Math.max(...entries.map((entry) => entry.input.slots))).toBe(4);
    expect(entries.some((entry) => entry.rows.flat().includes(null))).toBe(true);
  });

  it("commits to something else for each value that is another", () => {
    const odd = entries.find((entry) => entry.rows.flat().includes(null));
    if (!odd) throw new Error("no row with a missing value");
    const [row = []] = numbers(odd).slice(-1);
    const before = numbers(odd).slice(0, -1);
    const all = row.map((_, at) => {
      // Both zeros are one number; everything else differs from its neighbour.
      const changed = row.map((value, place) => (place === at ? (Number.isNaN(value) ? 1 : value === 0 ? 2 : -value) : value));
      return commitInput(keyOf(odd), [...before, changed], odd.salt).commitment;
    });
    expect(new Set([odd.commitment, ...all]).size).toBe(row.length + 1);
    const zeros = row.map((value) => (Object.is(value, -0) ? 0 : value));
    expect(commitInput(keyOf(odd), [...before, zeros], odd.salt).commitment).toBe(odd.commitment);
  });
});
