import { type ContractRunner, isCallException, type Provider } from "ethers";
import { Attestations } from "./attestations.js";
import type { Hex } from "./bytes.js";
import { LaminateError } from "./errors.js";
import type { Deployment } from "./records.js";
import { Poll } from "./poll.js";
import { CallReverted, type Node, Registry } from "./registry.js";

export { Poll, type Vote } from "./poll.js";
export * from "./attestations.js";
export * from "./registry.js";

async function reverting<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (isCallException(error) && typeof error.data === "string") throw new CallReverted(error.data as Hex);
    throw error;
  }
}

function node(runner: ContractRunner): Node {
  const provider = (): Provider => {
    if (!runner.provider) throw new LaminateError("no-provider", "this runner has no provider; connect it to a node");
    return runner.provider;
  };
  return {
    chainId: async () => Number((await provider().getNetwork()).chainId),
    blockNumber: async () => BigInt(await provider().getBlockNumber()),
    code: async (address) => (await provider().getCode(address)) as Hex,
    call: async (to, data) => (await reverting(runner.call ? runner.call({ to, data }) : provider().call({ to, data }))) as Hex,
    async logs(filter) {
      const logs = await provider().getLogs({ ...filter });
      return logs.map((log) => ({
        topics: log.topics,
        data: log.data,
        blockNumber: BigInt(log.blockNumber),
        blockHash: log.blockHash as Hex,
        transactionHash: log.transactionHash as Hex,
        logIndex: log.index,
      }));
    },
    async send(to, data) {
      if (!runner.sendTransaction) throw new LaminateError("no-account", "this runner cannot send; give a signer to submit");
      return (await reverting(runner.sendTransaction({ to, data }))).hash as Hex;
    },
  };
}

/** The registry of a deployment for ethers 6: a provider reads, a signer can submit. */
export class LaminateRegistry extends Registry {
  constructor(deployment: Deployment, runner: ContractRunner) {
    super(deployment, node(runner));
  }
}

/** The poll of a deployment for ethers 6: a provider reads, a signer can vote. */
export class LaminatePoll extends Poll {
  constructor(deployment: Deployment, runner: ContractRunner) {
    super(deployment, node(runner));
  }
}

/** Attestations of models for ethers 6, and the gate `AuthorisedModels` that asks for them. */
export class LaminateAttestations extends Attestations {
  constructor(deployment: Deployment, gate: Hex, runner: ContractRunner) {
    super(deployment, gate, node(runner));
  }
}
