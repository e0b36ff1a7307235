import { sha256 } from "@noble/hashes/sha2.js";
import { describe, expect, it } from "vitest";
import { concat, fromHex, readLittle, readWord, toHex, word } from "../src/bytes.js";
import { G1, modR, P, R } from "../src/field.js";
import { readProgram, readProof, readVerifier } from "../src/index.js";
import { programCalldata } from "../src/public.js";
import { runProgram } from "../src/program.js";
import { bytes, text } from "./fixtures.js";

/** The development string's secret, which is public: who knows it can show any points. */
const TAU = readLittle(fromHex("0x04d79c1c47d10d849d30886e8fcea426cbdf55372e2f815ae041fef568c91101"));

const { program, universal } = readVerifier(text("packed.verifier.json"), text("packed.program.json"));
if (!program?.terms || !universal) throw new Error("no packed program");
const { from } = program.terms;
const honest = programCalldata(readProof(bytes("packed.proof")), "packed", universal.verifyingKey);
if (!honest) throw new Error("no calldata");

const TERM = 96;
const verdict = (calldata: Uint8Array) => runProgram(program, calldata);

/** The proof with other terms, of these multiples of the generator, for which the pairing holds. */
function shown(logs: readonly bigint[], scalars: readonly bigint[], left = 0n): Uint8Array {
  const onTheLeft = (logs.at(-1) ?? 0n) + left * (logs.at(-2) ?? 0n);
  const generator = modR(logs.reduce((sum, log, i) => sum - log * (scalars[i] ?? 0n), TAU * onTheLeft));
  const coordinates = (log: bigint) => (log === 0n ? { x: 0n, y: 0n } : G1.BASE.multiply(log).toAffine());
  const points = new Map([...new Set(logs)].map((log) => [log, coordinates(log)]));
  const terms = logs.flatMap((log, i) => {
    const { x, y } = points.get(log) ?? { x: 0n, y: 0n };
    return [word(x), word(y), word(scalars[i] ?? 0n)];
  });
  return concat(honest?.subarray(0, from - 64) ?? new Uint8Array(), word(generator), word(left), ...terms);
}

/** With another word at an offset. */
function altered(calldata: Uint8Array, at: number, change: (value: bigint) => bigint): Uint8Array {
  const copy = calldata.slice();
  copy.set(word(change(readWord(calldata, at))), at);
  return copy;
}

const many = (count: number) => shown(Array(count).fill(1n), [...Array(count - 1).fill(0n), 5n]);

describe("a packed program, of terms for which the pairing holds,", () => {
  it("takes any number up to the most, with another point on the left or without", () => {
    expect(verdict(honest)).toBeUndefined();
    expect(verdict(shown([3n, 4n, 5n], [7n, 0n, 8n]))).toBeUndefined();
    expect(verdict(shown([3n, 4n, 5n], [7n, 0n, 8n], 11n))).toBeUndefined();
    expect(verdict(shown([3n], [7n]))).toBeUndefined();
    expect(verdict(many(4096))).toBeUndefined();
  }, 60_000);

  it("refuses what breaks a rule for them", () => {
    expect(verdict(many(4097))).toBe("length");
    expect(verdict(shown([], []))).toBe("length");
    expect(verdict(concat(honest, new Uint8Array(32)))).toBe("length");
    for (const log of [0, 1, 2]) {
      const logs = [3n, 4n, 5n].map((value, i) => (i === log ? 0n : value));
      expect(verdict(shown(logs, [7n, 6n, 8n])), `term ${log} at infinity`).toBe("terms");
    }
    expect(verdict(shown([3n], [7n], 11n)), "a scalar of the point before the only one").toBe("terms");
    expect(verdict(shown([1n, R - 1n], [5n, 5n], 1n)), "the left side at infinity").toBe("terms");
    const joined = shown([3n, 4n, 5n], [7n, 0n, 8n], 11n);
    for (const at of [from - 64, from - 32, ...[0, 1, 2].map((i) => from + TERM * i + 64)]) {
      expect(verdict(altered(joined, at, (value) => value + R)), `byte ${at} not canonical`).toBe("not-canonical");
      expect(verdict(altered(joined, at, (value) => value + 1n)), `byte ${at}`).toBe("pairing");
    }
    // The second has no weight on the right, and none on the left without a scalar there.
    const unweighted = shown([3n, 4n, 5n, 6n], [7n, 0n, 8n, 9n]);
    for (const [at, change] of [[0, P], [32, P], [32, 1n]] as const) {
      expect(verdict(altered(unweighted, from + TERM + at, (value) => value + change))).toBe("not-a-point");
    }
  }, 60_000);
});

describe("a program with a digest of its own", () => {
  /** What is read of a file whose maker altered the program. */
  function read(name: string, change: (program: Record<string, unknown> & { challenges: unknown[][]; terms: Record<string, unknown> }) => void) {
    const file = JSON.parse(text(`${name}.program.json`));
    change(file.program);
    const hashed = `${file.magic} ${file.version}\n${JSON.stringify(file.program)}`;
    return readProgram({ ...file, digest: toHex(sha256(new TextEncoder().encode(hashed))) });
  }

  it("is refused where its terms are not those of its opening", () => {
    expect(read("packed", () => {}).terms).toEqual(program.terms);
    expect(read("shplonk", () => {}).terms).toBeUndefined();
    expect(() => read("packed", (altered) => (altered.terms = null as never))).toThrow(/expected an object/);
    expect(() => read("packed", ({ terms }) => (terms.from = from + 32))).toThrow(/expected \d+/);
    expect(() => read("packed", ({ terms }) => (terms.left = from))).toThrow(/whole number below/);
    expect(() => read("packed", ({ terms }) => (terms.fold = 1 << 20))).toThrow(/whole number below/);
    expect(() => read("packed", (altered) => (altered.instances = 15))).toThrow(/15 instances, expected 3/);
    expect(() => read("shplonk", (altered) => (altered.terms = { left: 0, from: 0, fold: 0 }))).toThrow(/terms beside limbs/);
    expect(() => read("shplonk", ({ challenges }) => challenges[0]?.push([0, null]))).toThrow(/whole number below/);
  });
});
