import { keccak_256 } from "@noble/hashes/sha3.js";
import { checksummed, concat, type Hex, readWord, toHex, wordHex } from "./bytes.js";
import { LaminateError } from "./errors.js";
import { type ErrorEntry, explainRevert, type Revert } from "./revert.js";

/** A log as nodes give it. */
export interface NodeLog {
  readonly topics: readonly string[];
  readonly data: string;
  readonly blockNumber: bigint;
  readonly blockHash: Hex;
  readonly transactionHash: Hex;
  readonly logIndex: number;
}

/** A call that reverted, with the bytes it returned. */
export class CallReverted extends Error {
  readonly data: Hex;

  constructor(data: Hex) {
    super("reverted");
    this.data = data;
  }
}

/** What is needed of a node and a wallet; a call or transaction that reverts throws {@link CallReverted}. */
export interface Node {
  chainId(): Promise<number>;
  call(to: Hex, data: Hex): Promise<Hex>;
  code(address: Hex): Promise<Hex>;
  blockNumber(): Promise<bigint>;
  logs(filter: LogFilter): Promise<NodeLog[]>;
  send(to: Hex, data: Hex): Promise<Hex>;
}

/** Logs of one contract in a range of blocks; null is any topic. */
export interface LogFilter {
  address: Hex;
  topics: (Hex | null)[];
  fromBlock: bigint;
  toBlock: bigint;
}

/** A contract refused a call; state and balances are as before, but for the gas. */
export class RevertError extends LaminateError implements Revert {
  override readonly name: string;
  readonly arguments: Revert["arguments"];
  readonly data: Hex;
  /** What it means, alone. */
  readonly reason: string;

  constructor(data: Hex, also: readonly ErrorEntry[] = []) {
    const { name, message, arguments: values } = explainRevert(data, also);
    super("revert", name === "" ? `the contract refuses: ${message}` : `the contract refuses: ${message} (${name})`);
    this.name = name;
    this.arguments = values;
    this.data = data;
    this.reason = message;
  }
}

const RANGE = 10_000n;

export const hash = (text: string) => keccak_256(new TextEncoder().encode(text));

/** Calldata of a function whose arguments are words. */
export const call = (signature: string, ...words: readonly Uint8Array[]): Hex => toHex(concat(hash(signature).subarray(0, 4), ...words));

export const address = (value: bigint): Hex => checksummed(`0x${wordHex(value).slice(26)}`);

/** The first words of an answer. */
export function words(bytes: Uint8Array, count: number): bigint[] {
  if (bytes.length < 32 * count) {
    throw new LaminateError("answer", `the node answered ${bytes.length} bytes, expected ${32 * count}; is there such a contract at this address?`);
  }
  return Array.from({ length: count }, (_, index) => readWord(bytes, 32 * index));
}

/** Refuses another chain than expected. */
export async function requireChain(node: Node, chainId: number): Promise<void> {
  const found = await node.chainId();
  if (found !== chainId) {
    throw new LaminateError("chain", `wrong chain: the node is on chain ${found}, the deployment is on chain ${chainId}`);
  }
}

/** An answer; what reverted is explained. */
export async function guarded<T>(answer: Promise<T>, also: readonly ErrorEntry[] = []): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof CallReverted) throw new RevertError(error.data, also);
    throw error;
  }
}

/** Logs, oldest first; ranges that a node finds too large are halved. */
export async function logsInRanges(node: Node, filter: LogFilter, most: bigint = RANGE): Promise<NodeLog[]> {
  const found: NodeLog[] = [];
  let range = most;
  for (let from = filter.fromBlock; from <= filter.toBlock; ) {
    const to = from + range - 1n < filter.toBlock ? from + range - 1n : filter.toBlock;
    let logs: NodeLog[];
    try {
      logs = await node.logs({ ...filter, fromBlock: from, toBlock: to });
    } catch (error) {
      if (range === 1n) throw error;
      range = range / 2n || 1n;
      continue;
    }
    found.push(...logs);
    from = to + 1n;
  }
  return found;
}

/** Waits, or throws the signal's reason when it aborts. */
export function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", abort);
      resolve();
    }, milliseconds);
    signal?.addEventListener("abort", abort, { once: true });
  });
}
