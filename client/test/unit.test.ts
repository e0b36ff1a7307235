import { describe, expect, it } from "vitest";
import { checksummed, fromHex, readLittle, toHex } from "../src/bytes.js";
import { decodeOutput, explainRevert, LaminateError, statementHash } from "../src/index.js";
import { fieldCount, pack, type Packing, unpack, valueCount } from "../src/output.js";
import { combination, G1, P, point, R } from "../src/field.js";
import { spongeHash } from "../src/poseidon.js";
import { readFileSync } from "node:fs";

const golden = readFileSync(new URL("../../tests/golden/hashes.txt", import.meta.url), "utf8").trim().split("\n");

describe("hashes", () => {
  it("are those of Rust", () => {
    let compared = 0;
    for (const line of golden) {
      const found = /^hash (\w+) 0\.\.(\d) ([0-9a-f]{64})$/.exec(line);
      if (!found) continue;
      const [, domain = "", length = "", expected = ""] = found;
      const name = domain.replace(/(?<=[a-z])[A-Z]/g, (capital) => `-${capital}`).toLowerCase();
      const message = Array.from({ length: Number(length) }, (_, i) => BigInt(i));
      expect(spongeHash(name, message), line).toBe(readLittle(fromHex(`0x${expected}`)));
      compared += 1;
    }
    expect(compared).toBeGreaterThanOrEqual(10);
  });
});

describe("sums of points", () => {
  it("are those of their multiples", () => {
    const points = [1n, 2n, 77n, R - 1n].map((scalar) => G1.BASE.multiply(scalar));
    const [a = G1.ZERO, b = G1.ZERO, c = G1.ZERO, d = G1.ZERO] = points;
    const terms = [[5n, a], [R - 3n, b], [0n, c], [9n, G1.ZERO], [1n << 255n, c], [R - 1n, d]] as const;
    const scalar = (5n + 2n * (R - 3n) + 77n * (1n << 255n) + 1n) % R;
    expect(combination(terms).equals(G1.BASE.multiply(scalar))).toBe(true);
    expect(combination([]).is0()).toBe(true);
    expect(combination([[1n, a], [1n, d]]).is0()).toBe(true);
  });

  it("take points of the curve, with canonical coordinates", () => {
    expect(point({ x: 1n, y: 2n })?.equals(G1.BASE)).toBe(true);
    expect(point({ x: 0n, y: 0n })?.is0()).toBe(true);
    for (const off of [{ x: 1n, y: 1n }, { x: 1n + P, y: 2n }, { x: 1n, y: 2n + P }]) expect(point(off)).toBeUndefined();
  });
});

describe("packing", () => {
  const packings: [Packing, number, number][] = [
    ["short", -(2 ** 15), 2 ** 15 - 1],
    ["long", -(2 ** 15), 2 ** 31 - 1],
    ["wide", -(2 ** 31), 2 ** 31 - 1],
  ];
  it.each(packings)("%s values come back at their bounds", (packing, low, high) => {
    for (let length = 0; length < 32; length++) {
      const values = Array.from({ length }, (_, i) => [low, 0, high][i % 3] as number);
      expect(unpack(packing, pack(packing, values), length)).toEqual(values);
      expect(valueCount(packing, fieldCount(packing, length))).toBe(length);
    }
  });

  it("refuses words that are none of its values", () => {
    expect(() => unpack("short", [1n << 16n], 1)).toThrow("bits behind its last value");
    expect(() => unpack("short", [], 1)).toThrow("0 words for 1 values, expected 1");
    expect(() => unpack("long", [(1n << 32n) - 1n], 1)).toThrow("above an int32");
  });

  it("reads numbers by their scale and tokens by their ids", () => {
    const format = { values: 2, width: 1, scale: 14, packing: "short" as const };
    expect(decodeOutput(pack("short", [1 << 13, -(1 << 14)]), format)).toMatchObject({ values: [0.5, -1] });
    const tokens = { values: 3, width: 3, scale: 0, packing: "long" as const, tokens: { prompt: 2 } };
    expect(decodeOutput(pack("long", [-(1 << 15), 3 - (1 << 15), 70_000]), tokens)).toEqual({
      kind: "tokens",
      prompt: [0, 3],
      ids: [102_768],
    });
  });
});

describe("bytes", () => {
  it("refuse what is no hex", () => {
    for (const text of ["", "0x1", "0xzz", "12"]) expect(() => fromHex(text)).toThrow(LaminateError);
    expect(toHex(fromHex("0x00ff"))).toBe("0x00ff");
  });

  it("give addresses their checksum", () => {
    for (const address of ["0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"] as const) {
      expect(checksummed(address.toLowerCase() as `0x${string}`)).toBe(address);
    }
  });
});

describe("reverts", () => {
  it("are explained with the sentences of the command line", () => {
    const word = (value: number) => value.toString(16).padStart(64, "0");
    expect(explainRevert("0x").message).toContain("gave no reason");
    expect(explainRevert("0x09bde339")).toMatchObject({ name: "InvalidProof" });
    const reason = `0x08c379a0${word(32)}${word(2)}${"6e6f".padEnd(64, "0")}` as const;
    expect(explainRevert(reason)).toEqual({ name: "", message: "no", arguments: {} });
    expect(explainRevert(`0x4e487b71${word(0x11)}`).message).toBe("internal error 0x11 of the contract");
    expect(explainRevert("0x12345678").message).toBe("an error of no Laminate contract, 4 bytes starting 0x12345678");
  });
});

describe("encodings", () => {
  it("hash a statement with its place", () => {
    const place = { chainId: 1, registry: "0x00000000000000000000000000000000000000aa" } as const;
    const zero = `0x${"00".repeat(32)}` as const;
    const hashes = [
      statementHash(place, 1n, zero, zero),
      statementHash({ ...place, chainId: 2 }, 1n, zero, zero),
      statementHash(place, 2n, zero, zero),
      statementHash(place, 1n, zero, "0x"),
    ];
    expect(new Set(hashes).size).toBe(4);
  });
});
