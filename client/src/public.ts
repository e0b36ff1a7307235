import { keccak_256 } from "@noble/hashes/sha3.js";
import { concat, word } from "./bytes.js";
import { type Affine, combination, G1, hashToField, modR, point } from "./field.js";
import type { ProofFile } from "./proof.js";

const LIMB_BITS = 88n;
const LIMB = (1n << LIMB_BITS) - 1n;
const LOW = (1n << (2n * LIMB_BITS)) - 1n;

/** A point as three numbers of the scalar field. */
function encoded({ x, y }: Affine): bigint[] {
  const high = 2n * LIMB_BITS;
  return [x & LOW, y & LOW, (x >> high) | ((y >> high) << LIMB_BITS)];
}

/** The public values of a proof in their order. */
function publicValues(file: ProofFile): bigint[] {
  const { statement } = file;
  const fields = [statement.programDigest, statement.weightCommitment, statement.inputCommitment, ...statement.outputWords];
  const terms = file.terms.flatMap((term) => [...encoded(term.point), term.scalar]);
  const values = [BigInt(file.outputCount), ...fields, ...terms, file.generator, ...file.left];
  return [BigInt(values.length + 1), ...values];
}

const limbs = (coordinate: bigint): bigint[] => [0n, 1n, 2n].map((i) => (coordinate >> (i * LIMB_BITS)) & LIMB);

/** What the circuit says of the statement: the digest of the public values, the point they are evaluated at, and their evaluation. */
function evaluated(file: ProofFile): bigint[] {
  const values = publicValues(file);
  const tag = keccak_256(new TextEncoder().encode("laminate.public-values.v1"));
  const omega = hashToField(tag, word(file.digest), ...values.map(word));
  const evaluation = values.reduceRight((sum, value) => modR(sum * omega + value), 0n);
  return [file.digest, omega, evaluation];
}

/** Limbs of both sums of points; `undefined` if a point is none or infinity, or a sum is infinity. */
function sums(file: ProofFile, left: bigint): bigint[] | undefined {
  const points = file.terms.map((term) => point(term.point));
  const terms: [bigint, InstanceType<typeof G1>][] = [[file.generator, G1.BASE]];
  for (const [i, base] of points.entries()) {
    if (base === undefined || base.is0()) return undefined;
    terms.push([file.terms[i]?.scalar ?? 0n, base]);
  }
  const [last, before] = [points.at(-1), points.at(-2)];
  if (last === undefined || before === undefined) return undefined;
  const sides = [combination(terms), combination([[1n, last], [left, before]])];
  if (sides.some((sum) => sum.is0())) return undefined;
  return sides.map((sum) => sum.toAffine()).flatMap(({ x, y }) => [...limbs(x), ...limbs(y)]);
}

/**
 * What a verifier program takes: the instances that the statement holds for, words of the verifying key, the proof. Of SHPLONK, the
 * limbs of both sums of points lead the instances; of packed proofs, the points with their scalars end the calldata.
 *
 * @returns `undefined` if there are not the points for it.
 */
export function programCalldata(file: ProofFile, opening: "packed" | "shplonk", key: Uint8Array): Uint8Array | undefined {
  const [left] = file.left;
  if (left === undefined || file.left.length !== 1) return undefined;
  const own = concat(...evaluated(file).map(word), key, file.proof);
  if (opening === "packed") {
    const terms = file.terms.flatMap((term) => [term.point.x, term.point.y, term.scalar]);
    return concat(own, ...[file.generator, left, ...terms].map(word));
  }
  const accumulator = sums(file, left);
  return accumulator && concat(...accumulator.map(word), own);
}
