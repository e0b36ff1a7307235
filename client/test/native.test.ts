import { describe, expect, it } from "vitest";
import { concat, fromHex, readWord, word, wordHex } from "../src/bytes.js";
import { P, R } from "../src/field.js";
import { FileError, readProgram, readProof, readVerifier, verifyProof, type Verdict } from "../src/index.js";
import { commitInput } from "../src/input.js";
import { runProgram } from "../src/program.js";
import { programCalldata } from "../src/public.js";
import { bytes, HEADER, type Name, NAMES, resealed, text } from "./fixtures.js";

type Case = [at: number, removed: number, inserted: string, accepted: boolean];
const verdicts = JSON.parse(text("verdicts.json")) as Record<Name, Case[]>;

const key = (name: Name) => readVerifier(text(`${name}.verifier.json`), text(`${name}.program.json`));
const proof = (name: Name) => readProof(bytes(`${name}.proof`));

/** The verdict on the bytes of a file; the reason of the reader if it is none. */
function verdict(file: Uint8Array, name: Name): Verdict | FileError {
  try {
    return verifyProof(readProof(file), key(name));
  } catch (error) {
    if (error instanceof FileError) return error;
    throw error;
  }
}

describe.each(NAMES)("a proof (%s)", (name) => {
  it("is verified natively, with what it says and what it leaves open", () => {
    const found = verifyProof(proof(name), key(name));
    expect(found).toMatchObject({ valid: true, trust: "native", development: true, unchecked: ["input"] });
    if (!found.valid || found.output.kind !== "real") throw new Error("expected numbers");
    // Each statement of a batch begins at a word, of which fifteen values fit into one.
    const scores = found.output.values.filter((_, index) => index % 15 === 0);
    expect(scores).toHaveLength(name === "join" ? 2 : 1);
    for (const score of scores) expect(score > 0 && score < 1, String(score)).toBe(true);
    const { statement } = proof(name);
    const inputCommitment = wordHex(statement.inputCommitment);
    expect(verifyProof(proof(name), key(name), { inputCommitment })).toMatchObject({ valid: true, unchecked: [] });
  });

  it("gets Rust's verdict however its file is altered", () => {
    const file = bytes(`${name}.proof`);
    const own = key(name);
    const { statement } = proof(name);
    let accepted = 0;
    for (const [at, removed, inserted, expected] of verdicts[name]) {
      const payload = [...file.subarray(HEADER)];
      payload.splice(at, removed, ...fromHex(`0x${inserted}`));
      let valid = false;
      try {
        const altered = readProof(resealed(file, Uint8Array.from(payload)));
        valid = verifyProof(altered, own).valid;
        if (valid) expect(altered.statement, "what is proven is the same").toEqual(statement);
      } catch (error) {
        if (!(error instanceof FileError)) throw error;
      }
      if (valid !== expected) expect.fail(`${removed} bytes at ${at} replaced by ${inserted}: ${valid}, Rust says ${expected}`);
      accepted += Number(valid);
    }
    // The honest file, and others of the program's name, which nothing proves.
    expect(accepted).toBeLessThanOrEqual(1 + proof(name).programName.length);
    console.log(`${name}: ${verdicts[name].length} files, ${accepted} accepted: the honest one and other names of the program`);
  }, 600_000);

  it("is refused with another statement", () => {
    const file = proof(name);
    const other = wordHex(1n);
    expect(verifyProof(file, key(name), { weightCommitment: other })).toMatchObject({ valid: false, reason: "weights" });
    expect(verifyProof(file, key(name), { inputCommitment: other })).toMatchObject({ valid: false, reason: "input" });
    const { outputWords, ...rest } = file.statement;
    const [score = 0n, ...more] = outputWords;
    for (const statement of [
      { ...rest, outputWords: [score ^ 1n, ...more] },
      { outputWords, ...rest, inputCommitment: rest.inputCommitment + 1n },
    ]) {
      expect(verifyProof({ ...file, statement }, key(name))).toMatchObject({ valid: false, reason: expect.stringMatching(/^(inverse|pairing)$/) });
    }
    expect(verifyProof({ ...file, target: "join" }, key(name))).toMatchObject({ valid: false, reason: "target" });
  });
});

it.each(["packed", "shplonk"] as const)("a program (%s) refuses every word of its calldata but the right one", (name) => {
  const { program, universal } = key(name);
  if (!program || !universal) throw new Error("no program");
  const good = programCalldata(proof(name), name, universal.verifyingKey);
  if (!good) throw new Error("no calldata");
  expect(runProgram(program, good)).toBeUndefined();
  let tried = 0;
  for (let at = 0; at < good.length; at += 32) {
    const value = readWord(good, at);
    for (const other of [value ^ 1n, value + R, value + P, 0n]) {
      if (other >= 1n << 256n || other === value) continue;
      const bad = good.slice();
      bad.set(word(other), at);
      expect(runProgram(program, bad), `word ${at / 32}`).toBeDefined();
      tried += 1;
    }
  }
  expect(tried).toBeGreaterThan(250);
  for (const length of [0, 31, good.length - 32, good.length - 1]) expect(runProgram(program, good.subarray(0, length))).toBe("length");
  expect(runProgram(program, concat(good, new Uint8Array(32)))).toBe("length");
}, 300_000);

it("every altered byte of a file without a new digest is refused by its reader", () => {
  const file = bytes("packed.proof");
  const reasons = new Map<string, number>();
  for (let at = 0; at < file.length; at++) {
    const altered = file.slice();
    altered[at] = (altered[at] ?? 0) ^ 0x10;
    const found = verdict(altered, "packed");
    if (!(found instanceof FileError)) throw new Error(`byte ${at} is not noticed`);
    reasons.set(found.reason, (reasons.get(found.reason) ?? 0) + 1);
  }
  expect([...reasons.keys()].sort()).toEqual(["digest", "kind", "length", "magic", "version"]);
  for (let length = 0; length < file.length; length += 13) {
    expect(() => readProof(file.subarray(0, length))).toThrow(FileError);
  }
});

it("proofs are refused under the keys of others", () => {
  for (const own of NAMES) {
    for (const other of NAMES.filter((name) => name !== own)) {
      expect(verifyProof(proof(own), key(other)).valid, `${own} under ${other}`).toBe(false);
    }
  }
});

describe("a record", () => {
  const json = () => JSON.parse(text("packed.verifier.json")) as Record<string, never> & { universal: Record<string, string> };
  const program = text("packed.program.json");

  it("is refused where it contradicts itself", () => {
    const flipped = (value: string) => value.slice(0, -1) + (value.endsWith("0") ? "1" : "0");
    for (const member of ["programDigest", "halo2CodeHash", "verifyingKey"]) {
      const altered = json();
      altered.universal[member] = flipped(altered.universal[member] ?? "");
      expect(() => readVerifier(altered, program), member).toThrow(/universal program digest/);
    }
    expect(() => readVerifier({ ...json(), verifierProgram: wordHex(1n) }, program)).toThrow(/names the verifier program/);
    expect(() => readVerifier({ ...json(), developmentSrs: false }, program)).toThrow(/says otherwise/);
    expect(() => readVerifier({ ...json(), version: 4 }, program)).toThrow(/version 4, this package reads version 5/);
    expect(() => readVerifier(json(), text("shplonk.program.json"))).toThrow(/names the verifier program/);
    expect(() => verifyProof(proof("packed"), readVerifier(json()))).toThrow(/needs the verifier program/);
  });

  it("has a program that is refused when it is altered", () => {
    const parts = ["digest", "magic", "version"];
    for (const part of parts) expect(() => readProgram({ ...JSON.parse(program), [part]: "0x" })).toThrow(FileError);
    let tried = 0;
    for (let at = program.indexOf('"program"'); at < program.length; at += 97) {
      const digit = program[at] ?? "";
      if (!/[1-8]/.test(digit)) continue;
      const altered = `${program.slice(0, at)}${Number(digit) + 1}${program.slice(at + 1)}`;
      expect(() => readProgram(altered), `byte ${at}`).toThrow(FileError);
      tried += 1;
    }
    expect(tried).toBeGreaterThan(50);
  });
});

describe("an input", () => {
  const file = bytes("row.input");
  const salt = wordHex(BigInt(`0x${[...file.subarray(HEADER + 32, HEADER + 64)].reverse().map((byte) => byte.toString(16).padStart(2, "0")).join("")}`));
  const [row = ""] = text("../../../models/fraud/legit.csv").trim().split("\n").slice(-1);
  const numbers = row.split(",").map(Number);

  it("has the commitment, and the file, that Rust makes of it", () => {
    const committed = commitInput(key("packed"), [numbers], salt);
    expect(committed.file).toEqual(file);
    expect(committed.commitment).toBe(wordHex(proof("packed").statement.inputCommitment));
    expect(commitInput(key("packed"), [numbers]).commitment).not.toBe(committed.commitment);
  });

  it("has each column of a raw input at its own scale, as int32", () => {
    const record = JSON.parse(text("packed.verifier.json")) as { input: Record<string, unknown> };
    const { width } = record.input as { width: number };
    const scales = Array.from({ length: width }, (_, column) => [12, 26, 0, -2][column] ?? 3);
    const raw = (own: unknown, packing = "wide") => {
      const changed = JSON.stringify({ ...record, input: { ...record.input, packing, scales: own } });
      return readVerifier(changed, text("packed.program.json"));
    };
    const amounts = [190_000.25, 0.03, 61, -1e9, ...numbers.slice(4).map(() => 0.5)];
    const committed = commitInput(raw(scales), [amounts], salt);
    const single = Math.fround(0.03) * 2 ** 26;
    expect(committed.values.slice(0, 5)).toEqual([190_000.25 * 2 ** 12, Math.round(single), 61, -250_000_000, 4]);
    expect(() => commitInput(raw(scales), [[2 ** 20, ...amounts.slice(1)]], salt)).toThrow(/out of range, expected -524288 to/);
    expect(() => raw(scales.slice(1))).toThrow(/whole numbers/);
    expect(() => raw(scales.map(() => 65))).toThrow(/whole numbers/);
    expect(() => raw(scales, "short")).toThrow(/no int32/);
  });

  it("is refused where the program does not take it", () => {
    const own = key("packed");
    expect(() => commitInput(own, [numbers.slice(1)], salt)).toThrow(/values, expected/);
    expect(() => commitInput(own, [], salt)).toThrow(/0 rows/);
    expect(() => commitInput(own, [numbers.map(() => Number.NaN)], salt)).toThrow(/no finite number/);
    expect(() => commitInput(own, [numbers.map(() => 1e9)], salt)).toThrow(/out of range/);
    expect(() => commitInput(key("join"), [numbers], salt)).toThrow(/takes no rows/);
    expect(() => commitInput(own, [numbers], wordHex(2n ** 256n - 1n))).toThrow(/salt/);
  });
});

it("words are written as they are read", () => {
  expect(word(258n).slice(-2)).toEqual(Uint8Array.of(1, 2));
});
