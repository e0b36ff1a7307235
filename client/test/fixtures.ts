import { readFileSync } from "node:fs";
import { sha256 } from "@noble/hashes/sha2.js";
import { concat } from "../src/bytes.js";

/** Proofs of either opening and of a join, made by `scripts/make_client_fixtures.sh`. */
export const NAMES = ["packed", "shplonk", "join"] as const;
export type Name = (typeof NAMES)[number];

const at = (file: string) => new URL(`./fixtures/${file}`, import.meta.url);
export const bytes = (file: string) => new Uint8Array(readFileSync(at(file)));
export const text = (file: string) => readFileSync(at(file), "utf8");

/** Bytes before a payload. */
export const HEADER = 56;

/** A proof file around another payload, with the digest of it: who alters a file can make its digest anew. */
export function resealed(file: Uint8Array, payload: Uint8Array): Uint8Array {
  const prefix = file.slice(0, 24);
  new DataView(prefix.buffer).setBigUint64(16, BigInt(payload.length), true);
  return concat(prefix, sha256(concat(prefix, payload)), payload);
}
