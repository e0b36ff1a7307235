import type { Hex } from "./bytes.js";
import { LaminateError } from "./errors.js";
import { explainRevert, type Revert } from "./revert.js";

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
  logs(filter: { address: Hex; topics: (Hex | null)[]; fromBlock: bigint; toBlock: bigint }): Promise<NodeLog[]>;
  send(to: Hex, data: Hex): Promise<Hex>;
}

/** A contract refused a call; state and balances are as before, but for the gas. */
export class RevertError extends LaminateError implements Revert {
  override readonly name: string;
  readonly arguments: Revert["arguments"];
  readonly data: Hex;

  constructor(data: Hex) {
    const { name, message, arguments: values } = explainRevert(data);
    super("revert", name === "" ? `the contract refuses: ${message}` : `the contract refuses: ${message} (${name})`);
    this.name = name;
    this.arguments = values;
    this.data = data;
  }
}

/** An answer of a contract, or its refusal in words. */
export async function guarded(answer: Promise<Hex>): Promise<Hex> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof CallReverted) throw new RevertError(error.data);
    throw error;
  }
}
