import { keccak_256 } from "@noble/hashes/sha3.js";
import { concat, fromHex, type Hex, word } from "./bytes.js";
import { LaminateError } from "./errors.js";
import { hashToField, R } from "./field.js";
import { spongeHash } from "./poseidon.js";

/** What a proof is used for: the contract that acts on it, and where. */
export interface Use {
  readonly chainId: number | bigint;
  readonly contract: Hex;
}

const domain = (name: string) => keccak_256(new TextEncoder().encode(name));

function address(value: Hex): Uint8Array {
  const bytes = fromHex(value);
  if (bytes.length !== 20) throw new LaminateError("hex", `${value} is no address: ${bytes.length} bytes, expected 20`);
  return concat(new Uint8Array(12), bytes);
}

function uint256(value: number | bigint): Uint8Array {
  const number = BigInt(value);
  if (number < 0n || number >> 256n !== 0n) throw new LaminateError("number", `${number} is no number below 2^256`);
  return word(number);
}

/**
 * The context of a proof, as `contracts/src/libraries/Context.sol` computes it: of no use to another sender, for another choice, on
 * another contract or chain.
 *
 * @param choice What is done with the proof, as the contract counts.
 * @param sender Who must send it; anyone may if it is left out.
 * @throws {@link LaminateError} `hex` for an address that is none, `number` for a number out of range.
 */
export function contextOf(use: Use, choice: number | bigint, sender?: Hex): bigint {
  const of = sender === undefined ? new Uint8Array(32) : address(sender);
  return hashToField(domain("laminate.context.v1"), uint256(use.chainId), address(use.contract), of, uint256(choice));
}

/**
 * The scope in which a credential leaves one nullifier, as `contracts/src/libraries/Context.sol` computes it.
 *
 * @param subject Tells scopes of one contract apart.
 * @throws {@link LaminateError} as {@link contextOf}.
 */
export function scopeOf(use: Use, subject: number | bigint = 0): bigint {
  return hashToField(domain("laminate.scope.v1"), uint256(use.chainId), address(use.contract), uint256(subject));
}

function element(value: bigint): bigint {
  if (value < 0n || value >= R) throw new LaminateError("number", "a secret or scope is not below the scalar field's order");
  return value;
}

/** The public identity of a secret, which issuers attest to. */
export const identityOf = (secret: bigint): bigint => spongeHash("identity", [element(secret)]);

/** What the holder of a secret leaves in a scope: who knows it can tell whether a vote was his own. */
export const nullifierOf = (secret: bigint, scope: bigint): bigint => spongeHash("nullifier", [element(secret), element(scope)]);
