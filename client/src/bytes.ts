import { keccak_256 } from "@noble/hashes/sha3.js";
import { LaminateError } from "./errors.js";

/** Bytes as `0x` and hex digits. */
export type Hex = `0x${string}`;

const WORD = 32;

export function toHex(bytes: Uint8Array): Hex {
  let digits = "";
  for (const byte of bytes) digits += byte.toString(16).padStart(2, "0");
  return `0x${digits}`;
}

/** Bytes of `0x…`; throws {@link LaminateError} for anything else. */
export function fromHex(text: string): Uint8Array {
  if (!/^0x([0-9a-fA-F]{2})*$/.test(text)) {
    throw new LaminateError("hex", `expected 0x and an even number of hex digits, found ${text.slice(0, 80)}`);
  }
  const bytes = new Uint8Array(text.length / 2 - 1);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(text.slice(2 + 2 * i, 4 + 2 * i), 16);
  return bytes;
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** A number of 32 bytes, most significant first, at an offset of bytes that hold it. */
export function readWord(bytes: Uint8Array, at: number): bigint {
  return BigInt(toHex(bytes.subarray(at, at + WORD)));
}

/** The same, least significant first. */
export function readLittle(bytes: Uint8Array): bigint {
  return BigInt(toHex(bytes.slice().reverse()));
}

/** 32 bytes, most significant first. */
export function word(value: bigint): Uint8Array {
  const bytes = new Uint8Array(WORD);
  let rest = value;
  for (let i = WORD - 1; i >= 0; i--) {
    bytes[i] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  return bytes;
}

/** A 32-byte number as Ethereum writes it. */
export function wordHex(value: bigint): Hex {
  return `0x${value.toString(16).padStart(2 * WORD, "0")}`;
}

export function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

/** An address with the checksum of EIP-55 in its capitals. */
export function checksummed(address: Hex): Hex {
  const digits = address.slice(2).toLowerCase();
  const hash = toHex(keccak_256(new TextEncoder().encode(digits))).slice(2);
  const capital = (digit: string, i: number) => (Number.parseInt(hash[i] ?? "0", 16) > 7 ? digit.toUpperCase() : digit);
  return `0x${[...digits].map(capital).join("")}`;
}
