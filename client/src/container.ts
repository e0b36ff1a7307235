import { sha256 } from "@noble/hashes/sha2.js";
import { concat, equal } from "./bytes.js";
import { FileError } from "./errors.js";

/** Kinds that this package reads or writes, with their tag and version. */
const KINDS = {
  proof: ["PROF", 4],
  "committed input": ["INPT", 1],
  "committed output": ["OUTP", 1],
  identity: ["IDEN", 1],
  membership: ["CMEM", 1],
} as const;
export type Kind = keyof typeof KINDS;

const MAGIC = new TextEncoder().encode("LAMINATE");
const PREFIX = 24;
const HEADER = 56;

/** Checks the container of a file and returns its payload. */
export function open(kind: Kind, bytes: Uint8Array): { payload: Uint8Array; development: boolean } {
  const [tag, version] = KINDS[kind];
  const refused = (reason: "magic" | "kind" | "version" | "length" | "digest", message: string) =>
    new FileError(kind, reason, message);
  if (bytes.length < HEADER || !equal(bytes.subarray(0, 8), MAGIC)) {
    throw refused("magic", "not a Laminate file; give the file that `laminate` wrote");
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found = String.fromCharCode(...bytes.subarray(8, 12));
  if (found !== tag) throw refused("kind", `this is a file of kind ${JSON.stringify(found)}, expected ${tag}`);
  if (view.getUint16(12, true) !== version) {
    throw refused("version", `version ${view.getUint16(12, true)}, this package reads version ${version}; make it again`);
  }
  const development = bytes[14] ?? 0;
  if (development > 1 || bytes[15] !== 0) throw refused("digest", "its header is altered; make it again");
  if (view.getBigUint64(16, true) !== BigInt(bytes.length - HEADER)) {
    throw refused(
      "length",
      `${bytes.length} bytes, its header says ${view.getBigUint64(16, true) + BigInt(HEADER)}: truncated or altered; make it again`,
    );
  }
  const payload = bytes.subarray(HEADER);
  if (!equal(sha256(concat(bytes.subarray(0, PREFIX), payload)), bytes.subarray(PREFIX, HEADER))) {
    throw refused("digest", "it is altered: its SHA-256 digest does not match; make it again");
  }
  return { payload, development: development === 1 };
}

/** A file around a payload. */
export function seal(kind: Kind, development: boolean, payload: Uint8Array): Uint8Array {
  const [tag, version] = KINDS[kind];
  const prefix = new Uint8Array(PREFIX);
  prefix.set(MAGIC);
  prefix.set(new TextEncoder().encode(tag), 8);
  const view = new DataView(prefix.buffer);
  view.setUint16(12, version, true);
  prefix[14] = development ? 1 : 0;
  view.setBigUint64(16, BigInt(payload.length), true);
  return concat(prefix, sha256(concat(prefix, payload)), payload);
}
