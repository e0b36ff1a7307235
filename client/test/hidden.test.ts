import { describe, expect, it } from "vitest";
import { decodeInput, decodeOutput, FileError, openOutput, type OutputFormat, type OutputOpening, type Packing, type ProofFile, readOutputOpening, readProof, readVerifier, verifyProof } from "../src/index.js";
import { seal } from "../src/container.js";
import { R } from "../src/field.js";
import { formatWords, leadWords, pack, PACKINGS } from "../src/output.js";
import { spongeHash } from "../src/poseidon.js";
import { Writer } from "../src/postcard.js";
import { wordHex } from "../src/bytes.js";
import { bytes, text } from "./fixtures.js";

const columns = [
  { index: 1, name: "age" },
  { index: 7, name: "" },
];
const binding = { context: true, inputPublic: true, columns, outputHidden: true, weightsPublic: false };

function committed(packing: Packing, values: readonly number[]) {
  const salt = 9n;
  const commitment = spongeHash("output-commitment", [salt, BigInt(values.length), PACKINGS[packing].tag, ...pack(packing, values)]);
  const format: OutputFormat = {
    values: values.length,
    width: values.length,
    scale: 14,
    packing,
    lead: { binding, input: { values: 2, width: 2, scale: 3, packing: "short", keys: false } },
  };
  const opening: OutputOpening = { programDigest: wordHex(5n), salt: wordHex(salt), values };
  return { words: [77n, ...pack("short", [8, -16]), commitment], format, opening };
}

describe("a hidden output", () => {
  it("is a commitment, and public columns stand before it", () => {
    const { words, format } = committed("short", [1 << 13, -1]);
    expect([leadWords(format.lead), formatWords(format)]).toEqual([2, 3]);
    expect(decodeOutput(words, format)).toEqual({ kind: "hidden", commitment: words[2] });
    expect(decodeInput(words, format)).toEqual([1, -2]);
    for (const other of [words.slice(0, 2), [...words, 1n]]) expect(() => decodeOutput(other, format)).toThrow(FileError);
  });

  it("opens as one output", () => {
    let tried = 0;
    for (const packing of ["short", "wide"] as const) {
      const { words, format, opening } = committed(packing, [1 << 13, -1]);
      expect(openOutput(words, format, opening)).toMatchObject({ kind: "real", values: [0.5, -(2 ** -14)] });
      const other = packing === "short" ? "wide" : "short";
      const openings = [
        { ...opening, salt: wordHex(10n) },
        { ...opening, values: [(1 << 13) + 1, -1] },
        { ...opening, values: [-1, 1 << 13] },
        { ...opening, values: [1 << 13] },
        { ...opening, values: [1 << 13, -1, 0] },
        // Values out of range that pack to the same words.
        { ...opening, values: [(1 << 13) + 2 ** Number(PACKINGS[packing].bits), -2] },
        { ...opening, values: [0.5, -1] },
      ];
      for (const wrong of openings) {
        expect(() => openOutput(words, format, wrong)).toThrow(FileError);
        tried += 1;
      }
      expect(() => openOutput(words, { ...format, packing: other }, opening)).toThrow(FileError);
      expect(() => openOutput([77n, 1n, R - 1n], format, opening)).toThrow(FileError);
      const { lead: _, ...plain } = format;
      expect(() => openOutput(pack(packing, [1, 2]), plain, opening)).toThrow("is public");
      tried += 3;
    }
    console.log(`hidden outputs: ${tried} other openings, 0 accepted`);
  });

  it("has its opening in a file", () => {
    const { opening } = committed("wide", [-(2 ** 31), 2 ** 31 - 1, 0, -1]);
    const writer = new Writer();
    writer.scalar(5n);
    writer.scalar(9n);
    writer.varint(4);
    for (const value of opening.values) writer.int32(value);
    writer.scalar(1n);
    const file = seal("committed output", false, writer.finish());
    expect(readOutputOpening(file)).toEqual(opening);
    expect(() => readOutputOpening(file.slice(0, -1))).toThrow(FileError);
    expect(() => readOutputOpening(seal("committed input", false, writer.finish()))).toThrow(FileError);
  });
});

// Made by `scripts/make_client_fixtures.sh` with --output-hidden, --weights-public and two public columns.
describe("a proof that hides its output", () => {
  const file = readProof(bytes("hidden.proof"));
  const key = readVerifier(text("hidden.verifier.json"), text("packed.program.json"));
  const opening = readOutputOpening(bytes("hidden.output"));
  const { outputWords } = file.statement;

  it("is valid, and opens for whom it was given to", () => {
    const verdict = verifyProof(file, key);
    expect(verdict).toMatchObject({ valid: true, output: { kind: "hidden", commitment: outputWords[1] } });
    expect(verdict.valid && verdict.unchecked).toContain("output");
    expect(verdict.valid && verdict.input).toHaveLength(2);
    const { binding } = key.output.lead ?? {};
    expect(binding?.columns?.map((column) => column.name)).toEqual(["V3", "Amount"]);
    expect(binding).toMatchObject({ outputHidden: true, weightsPublic: true, inputPublic: true });
    const opened = openOutput(outputWords, key.output, opening);
    if (opened.kind !== "real") throw new Error("expected numbers");
    expect(opened.values).toHaveLength(1);
    expect(opening.programDigest).toBe(key.programDigest);
  });

  it("is of no other words", () => {
    const refused = (words: readonly bigint[]) => {
      const other: ProofFile = { ...file, statement: { ...file.statement, outputWords: words } };
      const verdict = verifyProof(other, key);
      return verdict.valid ? "accepted" : verdict.reason;
    };
    let tried = 0;
    for (const [place, word] of outputWords.entries()) {
      for (const other of [word + 1n, word ^ 2n, 0n, file.statement.inputCommitment]) {
        expect(refused(outputWords.map((w, i) => (i === place ? other : w)))).not.toBe("accepted");
        tried += 1;
      }
    }
    const packed = pack("short", opening.values);
    for (const words of [outputWords.toReversed(), outputWords.slice(1), [...outputWords.slice(0, 1), ...packed], [...outputWords, ...packed]]) {
      expect(refused(words)).not.toBe("accepted");
      tried += 1;
    }
    console.log(`hidden output: ${tried} other statements, 0 accepted`);
  });

  it("contradicts a record of another disclosure", () => {
    const lead = key.output.lead;
    if (!lead) throw new Error("the record is of no such program");
    const columns = [{ index: 3, name: "V3" }, ...(lead.binding.columns?.slice(1) ?? [])];
    for (const other of [{ outputHidden: false }, { weightsPublic: false }, { columns }]) {
      const output = { ...key.output, lead: { ...lead, binding: { ...lead.binding, ...other } } };
      expect(verifyProof(file, { ...key, output })).toMatchObject({ valid: false, reason: "format" });
    }
  });
});
