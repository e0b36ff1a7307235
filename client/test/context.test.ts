import { describe, expect, it } from "vitest";
import { wordHex } from "../src/bytes.js";
import { R } from "../src/field.js";
import { contextOf, decodeInput, decodeOutput, identityOf, LaminateError, nullifierOf, type OutputFormat, readBinding, scopeOf } from "../src/index.js";
import { formatWords, leadWords, pack } from "../src/output.js";

const use = { chainId: 31337, contract: `0x${"11".repeat(20)}` } as const;
const sender = `0x${"22".repeat(20)}` as const;

describe("contexts", () => {
  it("are those of Context.sol and of the command line", () => {
    expect(wordHex(contextOf(use, 3, sender))).toBe("0x25e3415ff3267a934368a84c484698e3ac8165c1496da6eef007bfdff1c8ddab");
    expect(wordHex(contextOf(use, 3n))).toBe("0x28a2c227e1966cd454be22787f0ce095f394833681958acfb84b6902d0f07426");
    expect(wordHex(scopeOf(use, 7))).toBe("0x11e661c392c78ef46f71103ef73793157a2afcca3b199fc1e539dc873d891e7f");
  });

  it("are of every part", () => {
    const all = [
      contextOf(use, 3, sender),
      contextOf(use, 4, sender),
      contextOf(use, 3),
      contextOf({ ...use, chainId: 1n }, 3, sender),
      contextOf({ ...use, contract: sender }, 3, sender),
      scopeOf(use),
      scopeOf(use, 1),
      scopeOf({ ...use, chainId: 1n }),
    ];
    expect(new Set(all).size).toBe(all.length);
  });

  it("refuse what is no address or number", () => {
    for (const run of [
      () => contextOf({ ...use, contract: "0x11" }, 3),
      () => contextOf(use, 3, "0x22"),
      () => contextOf(use, 1n << 256n),
      () => contextOf(use, -1),
      () => scopeOf(use, 1n << 256n),
      () => identityOf(R),
      () => nullifierOf(1n, -1n),
    ]) {
      expect(run).toThrow(LaminateError);
    }
  });
});

describe("credentials", () => {
  it("leave one nullifier a scope, and no identity", () => {
    const secret = 12345n;
    const found = [identityOf(secret), nullifierOf(secret, 1n), nullifierOf(secret, 2n), nullifierOf(secret + 1n, 1n)];
    expect(new Set(found).size).toBe(4);
    expect(nullifierOf(secret, 1n)).toBe(found[1]);
  });
});

describe("bound outputs", () => {
  const none = { context: false, inputPublic: false, outputHidden: false, weightsPublic: false };
  const binding = { ...none, context: true, inputPublic: true, credential: 20 };
  const format: OutputFormat = {
    values: 1,
    width: 1,
    scale: 14,
    packing: "short",
    lead: { binding, input: { values: 20, width: 20, scale: 3, packing: "short", keys: false } },
  };
  const integers = Array.from({ length: 20 }, (_, i) => i - 8);
  const words = [R - 1n, 2n, 3n, R - 4n, ...pack("short", integers), ...pack("short", [1 << 13])];

  it("are read by name", () => {
    expect([leadWords(format.lead), formatWords(format)]).toEqual([6, 7]);
    expect(readBinding(words, format)).toEqual({ credential: { root: R - 1n, scope: 2n, nullifier: 3n }, context: R - 4n });
    expect(decodeInput(words, format)).toEqual(integers.map((value) => value / 8));
    expect(decodeOutput(words, format)).toMatchObject({ kind: "real", values: [0.5] });
    const open = { ...format, lead: { binding: { ...none, context: true } } };
    const few = [7n, ...pack("short", [1 << 13])];
    expect(readBinding(few, open)).toEqual({ context: 7n });
    expect(decodeInput(few, open)).toBeUndefined();
    expect(decodeOutput(few, open)).toMatchObject({ values: [0.5] });
  });

  it("read keys of trees as their numbers", () => {
    const keys = [0x3f800000, -0x40000000, 0, 2 ** 31 - 1];
    const input = { values: 4, width: 4, scale: 0, packing: "wide", keys: true } as const;
    const lead = { binding: { ...none, inputPublic: true }, input };
    const read = decodeInput([...pack("wide", keys), ...pack("short", [1])], { ...format, lead });
    expect(read).toEqual([1, -2, 0, Number.NaN]);
  });

  it("refuse fewer words", () => {
    for (const count of [0, 3, 5, 6]) expect(() => decodeOutput(words.slice(0, count), format)).toThrow(LaminateError);
    expect(() => readBinding(words.slice(0, 3), format)).toThrow(LaminateError);
    expect(() => decodeInput(words.slice(0, 5), format)).toThrow(LaminateError);
  });
});
