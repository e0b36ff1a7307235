import { type Account, BaseError, type Chain, type Client, type Transport } from "viem";
import { call, getBlockNumber, getChainId, getCode, sendTransaction } from "viem/actions";
import { Attestations } from "./attestations.js";
import type { Hex } from "./bytes.js";
import { LaminateError } from "./errors.js";
import type { Deployment } from "./records.js";
import { Poll } from "./poll.js";
import { CallReverted, type Node, type NodeLog, Registry } from "./registry.js";

export { Poll, type Vote } from "./poll.js";
export * from "./attestations.js";
export * from "./registry.js";

type AnyClient = Client<Transport, Chain | undefined, Account | undefined>;

/** The bytes that a call returned when it reverted, where viem has them. */
function returned(error: unknown): Hex | undefined {
  if (!(error instanceof BaseError)) return undefined;
  const inner = error.walk((cause) => typeof (cause as { data?: unknown }).data === "string" || isData((cause as { data?: unknown }).data));
  const data = (inner as { data?: unknown } | null)?.data;
  return typeof data === "string" ? (data as Hex) : isData(data) ? data.data : undefined;
}

function isData(value: unknown): value is { data: Hex } {
  return typeof value === "object" && value !== null && typeof (value as { data?: unknown }).data === "string";
}

async function reverting<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    const data = returned(error);
    throw data === undefined ? error : new CallReverted(data);
  }
}

interface RpcLog {
  readonly topics: readonly string[];
  readonly data: string;
  readonly blockNumber: Hex;
  readonly blockHash: Hex;
  readonly transactionHash: Hex;
  readonly logIndex: Hex;
}

function node(client: AnyClient): Node {
  const account = client.account;
  return {
    chainId: () => getChainId(client),
    blockNumber: () => getBlockNumber(client, { cacheTime: 0 }),
    code: async (address) => (await getCode(client, { address })) ?? "0x",
    call: async (to, data) => (await reverting(call(client, { to, data, ...(account && { account }) }))).data ?? "0x",
    async logs({ address, topics, fromBlock, toBlock }) {
      const filter = { address, topics, fromBlock: `0x${fromBlock.toString(16)}`, toBlock: `0x${toBlock.toString(16)}` };
      const request = client.request as (arguments_: { method: string; params: unknown[] }) => Promise<RpcLog[]>;
      const logs = await request({ method: "eth_getLogs", params: [filter] });
      return logs.map((log): NodeLog => ({ ...log, blockNumber: BigInt(log.blockNumber), logIndex: Number(log.logIndex) }));
    },
    async send(to, data) {
      if (!account) throw new LaminateError("no-account", "this client has no account; make a wallet client with one to submit");
      return reverting(sendTransaction(client, { to, data, account, chain: client.chain ?? null }));
    },
  };
}

/**
 * Actions of a deployment for a viem client:
 *
 * ```ts
 * const client = createPublicClient({ transport: http() }).extend(laminateActions(deployment));
 * await client.laminate.verifyOnChain({ file });
 * ```
 *
 * A client with an account can submit.
 */
export function laminateActions(deployment: Deployment): (client: AnyClient) => { laminate: Registry } {
  return (client) => ({ laminate: new Registry(deployment, node(client)) });
}

/**
 * Actions of a deployment's poll for a viem client:
 *
 * ```ts
 * const client = createWalletClient({ account, transport: http() }).extend(pollActions(deployment));
 * await client.poll.vote({ choice: 1, sender: account.address, file });
 * ```
 *
 * @throws {@link LaminateError} `no-poll` if the deployment has none.
 */
export function pollActions(deployment: Deployment): (client: AnyClient) => { poll: Poll } {
  return (client) => ({ poll: new Poll(deployment, node(client)) });
}

/**
 * Attestations of models for a viem client, and the gate `AuthorisedModels` that asks for them:
 *
 * ```ts
 * const { attestations } = client.extend(attestationActions(deployment, gate));
 * const { hash } = await attestations.attestModel({ model });
 * ```
 */
export function attestationActions(deployment: Deployment, gate: Hex): (client: AnyClient) => { attestations: Attestations } {
  return (client) => ({ attestations: new Attestations(deployment, gate, node(client)) });
}
