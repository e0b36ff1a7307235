import { bn254 } from "@noble/curves/bn254.js";
import { keccak_256 } from "@noble/hashes/sha3.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { concat, readLittle, readWord } from "./bytes.js";

/** Order of BN254's scalar field. */
export const R = bn254.fields.Fr.ORDER;
/** Order of its base field. */
export const P = bn254.fields.Fp.ORDER;

/** A point of G1. */
export const G1 = bn254.G1.Point;
export type Point = InstanceType<typeof G1>;
/** A point by its coordinates. */
export interface Affine {
  readonly x: bigint;
  readonly y: bigint;
}

export const modR = (value: bigint): bigint => {
  const rest = value % R;
  return rest < 0n ? rest + R : rest;
};

/** The point, or `undefined` if a coordinate is not canonical or it is not on the curve; `(0, 0)` is infinity. */
export function point({ x, y }: Affine): Point | undefined {
  if (x === 0n && y === 0n) return G1.ZERO;
  if (x >= P || y >= P || (y * y - x * x * x - 3n) % P !== 0n) return undefined;
  return G1.fromAffine({ x, y });
}

const WINDOW = 4;
const DIGITS = 64;

/** `Σ scalar · point`, of scalars below 2^256: Straus' method, which does the doublings of all terms at once. */
export function combination(terms: readonly (readonly [bigint, Point])[]): Point {
  const used = terms.filter(([scalar, base]) => scalar !== 0n && !base.is0());
  const tables = used.map(([, base]) => {
    const multiples = [G1.ZERO, base];
    for (let i = 2; i < 1 << WINDOW; i++) multiples.push((multiples[i - 1] ?? base).add(base));
    return multiples;
  });
  let sum = G1.ZERO;
  for (let digit = DIGITS - 1; digit >= 0; digit--) {
    if (!sum.is0()) for (let i = 0; i < WINDOW; i++) sum = sum.double();
    for (const [index, [scalar]] of used.entries()) {
      const value = Number((scalar >> BigInt(WINDOW * digit)) & 0xfn);
      if (value > 0) sum = sum.add(tables[index]?.[value] ?? G1.ZERO);
    }
  }
  return sum;
}

/** Keccak-256 as a number of the scalar field. */
export function hashToField(...parts: readonly Uint8Array[]): bigint {
  return readWord(keccak_256(concat(...parts)), 0) % R;
}

/** SHA-256 twice under a domain, reduced into the scalar field. */
export function fieldDigest(domain: string, bytes: Uint8Array): bigint {
  const text = new TextEncoder().encode(domain);
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(text.length), true);
  const halves = [0, 1].map((half) => sha256(concat(length, text, Uint8Array.of(half), bytes)));
  return readLittle(concat(...halves)) % R;
}
