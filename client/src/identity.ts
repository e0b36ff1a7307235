import { open, seal } from "./container.js";
import { identityOf } from "./context.js";
import { FileError } from "./errors.js";
import { R } from "./field.js";
import { Reader, Writer } from "./postcard.js";

/** The secret of a holder of credentials, and what issuers attest to. */
export interface Identity {
  /** Private: who has it can vote, and can tell which votes were its. */
  readonly secret: bigint;
  /** Public: {@link identityOf} of the secret. */
  readonly identity: bigint;
}

/** What shows that a credential is in a tree. Private. */
export interface Membership {
  readonly secret: bigint;
  /** What stands in the tree: a hash of identity and values. */
  readonly leaf: bigint;
  /** Of the tree that it was made for; that it leads there, proofs show. */
  readonly root: bigint;
  /** Levels of the tree. */
  readonly depth: number;
}

const MAX_DEPTH = 32;

/**
 * A new secret from the platform's random numbers, with the file that `laminate credential prove --identity` reads. Nothing is kept
 * or sent: who loses the file has lost the credential.
 */
export function newIdentity(): Identity & { readonly file: Uint8Array } {
  // 512 bits, so that the remainder is as good as uniform.
  const bytes = crypto.getRandomValues(new Uint8Array(64));
  const secret = bytes.reduce((value, byte) => (value << 8n) | BigInt(byte), 0n) % R;
  const writer = new Writer();
  writer.scalar(secret);
  return { secret, identity: identityOf(secret), file: seal("identity", false, writer.finish()) };
}

/**
 * Reads the file of `laminate credential identity` or {@link newIdentity}.
 *
 * @throws {@link FileError} for bytes that are not one, by its `reason`.
 */
export function readIdentity(bytes: Uint8Array): Identity {
  const reader = new Reader("identity", open("identity", bytes).payload);
  const secret = reader.scalar();
  reader.end();
  return { secret, identity: identityOf(secret) };
}

/**
 * Reads the file of `laminate credential prove`.
 *
 * @throws {@link FileError} for bytes that are not one, by its `reason`, and for a path that no tree has.
 */
export function readMembership(bytes: Uint8Array): Membership {
  const reader = new Reader("membership", open("membership", bytes).payload);
  const [leaf, root, secret] = [reader.scalar(), reader.scalar(), reader.scalar()];
  const [siblings, right] = [reader.list(32, () => reader.scalar()), reader.list(32, () => reader.scalar())];
  reader.end();
  if (siblings.length !== right.length || siblings.length > MAX_DEPTH || right.some((side) => side > 1n)) {
    throw new FileError("membership", "malformed", "its path is one that no tree has; make it again with `laminate credential prove`");
  }
  return { secret, leaf, root, depth: siblings.length };
}
