import { describe, expect, it } from "vitest";
import { decodeInput, type Expected, FileError, type ProofFile, readBinding, readProof, readVerifier, verifyProof } from "../src/index.js";
import { bytes, text } from "./fixtures.js";

// Made by `scripts/make_client_fixtures.sh` with context 77 and scope 31.
const file = readProof(bytes("bound.proof"));
const key = readVerifier(text("bound.verifier.json"), text("packed.program.json"));
const { outputWords } = file.statement;

const withWords = (words: readonly bigint[]): ProofFile => ({ ...file, statement: { ...file.statement, outputWords: words } });
const refused = (proof: ProofFile, expected: Expected = {}) => {
  const verdict = verifyProof(proof, key, expected);
  return verdict.valid ? "accepted" : verdict.reason;
};

describe("a bound proof", () => {
  it("says what it is bound to", () => {
    const { credential, context } = readBinding(outputWords, key.output);
    expect([credential?.scope, context]).toEqual([31n, 77n]);
    const root = credential?.root ?? 0n;
    const verdict = verifyProof(file, key, { context: 77n, scope: 31n, root });
    expect(verdict).toMatchObject({ valid: true, binding: { credential, context }, unchecked: ["input"] });
    const input = decodeInput(outputWords, key.output);
    expect(input).toHaveLength(29);
    expect(verdict).toMatchObject({ input });
    expect(verifyProof(file, key)).toMatchObject({ valid: true, unchecked: ["input", "context", "credential"] });
  });

  it("is of nothing else", () => {
    for (const expected of [{ context: 78n }, { scope: 32n }, { root: 1n }]) expect(refused(file, expected)).toBe("binding");
    let tried = 0;
    for (const [place, word] of outputWords.entries()) {
      for (const other of [word + 1n, word ^ 2n, 0n]) {
        if (other === word) continue;
        const words = outputWords.map((w, i) => (i === place ? other : w));
        expect(refused(withWords(words)), `word ${place}`).not.toBe("accepted");
        tried += 1;
      }
    }
    const swapped = outputWords.toSpliced(0, 2, outputWords[1] ?? 0n, outputWords[0] ?? 0n);
    expect(refused(withWords(swapped))).not.toBe("accepted");
    for (const words of [outputWords.slice(1), [77n, ...outputWords]]) expect(refused(withWords(words))).toBe("format");
    console.log(`bound proof: ${tried + 3} other statements, 0 accepted`);
  });

  it("contradicts a record of another binding", () => {
    const lead = key.output.lead;
    if (!lead) throw new Error("the record is of no bound program");
    const other = (binding: object) => ({ ...key, output: { ...key.output, lead: { ...lead, binding: { ...lead.binding, ...binding } } } });
    for (const binding of [{ credential: 21 }, { context: false }, { inputPublic: false }]) {
      expect(verifyProof(file, other(binding))).toMatchObject({ valid: false, reason: "format" });
    }
    const { lead: _, ...plain } = key.output;
    expect(verifyProof(file, { ...key, output: plain })).toMatchObject({ valid: false, reason: "format" });
  });

  it("has records that do not contradict themselves", () => {
    const record = JSON.parse(text("bound.verifier.json")) as { outputCount: number; outputLead: { input: unknown; binding: { credential: number } } };
    const read = (change: (of: typeof record) => void) => () => {
      const altered = structuredClone(record);
      change(altered);
      return readVerifier(altered);
    };
    expect(read(() => undefined)().output.lead).toEqual(key.output.lead);
    for (const change of [
      (of: typeof record) => (of.outputCount = 89),
      (of: typeof record) => (of.outputLead.input = null),
      (of: typeof record) => (of.outputLead.binding.credential = 19),
    ]) {
      expect(read(change)).toThrow(FileError);
    }
  });
});
