import type { Deployment, Hex, PollRecord } from "laminate-zkml";
import { credentialRootsAbi, eligibilityPollAbi } from "laminate-zkml/abi";
import type { Check } from "laminate-zkml/viem";
import { numberToHex, type PublicClient } from "viem";

/** What is asked, which stands beside the page: the contract knows choices by their numbers only. */
export interface Question {
  readonly question: string;
  readonly choices: readonly string[];
}

/** Reads `question.json`. */
export function readQuestion(text: string, poll: PollRecord): Question {
  const { question, choices } = JSON.parse(text) as Partial<Question>;
  const texts = Array.isArray(choices) && choices.every((choice) => typeof choice === "string");
  if (typeof question !== "string" || !texts) throw new Error("question.json: expected a text `question` and a list of texts `choices`");
  if (choices.length !== poll.choices) throw new Error(`question.json: it names ${choices.length} choices, the poll has ${poll.choices}`);
  return { question, choices };
}

/** A root of credentials, as the node knows it. */
export interface Root {
  readonly root: bigint;
  /** When it ceases to be valid, in seconds; 0 of one that the issuer never posted. */
  readonly until: bigint;
  readonly valid: boolean;
}

/** What a node says of a poll and its issuer's roots. */
export class Ballot {
  readonly #poll: { readonly abi: typeof eligibilityPollAbi; readonly address: Hex };
  readonly #roots: { readonly abi: typeof credentialRootsAbi; readonly address: Hex };

  constructor(
    readonly record: PollRecord,
    deployment: Deployment,
    readonly reader: PublicClient,
  ) {
    const roots = deployment.contracts.credentialRoots;
    if (!roots) throw new Error("deployment.json: it names no roots of credentials");
    this.#poll = { abi: eligibilityPollAbi, address: record.address };
    this.#roots = { abi: credentialRootsAbi, address: roots.address };
  }

  /** The chain's clock. */
  async now(): Promise<bigint> {
    return (await this.reader.getBlock()).timestamp;
  }

  async root(root: bigint): Promise<Root> {
    const until = await this.reader.readContract({ ...this.#roots, functionName: "validUntil", args: [root] });
    return { root, until, valid: (await this.now()) < until };
  }

  /** The root that the issuer posted last, if there is one. */
  async latest(): Promise<Root | undefined> {
    const root = await this.reader.readContract({ ...this.#roots, functionName: "latest" });
    return root === 0n ? undefined : this.root(root);
  }

  /** Whether the contracts were made with what the record says, as they answer. */
  async checks(): Promise<Check[]> {
    const { reader, record } = this;
    const poll = this.#poll;
    const ask = (functionName: "modelId" | "choices" | "leastOutput" | "deadline") => reader.readContract({ ...poll, functionName });
    const hex = (value: bigint | number) => numberToHex(BigInt.asUintN(256, BigInt(value)), { size: 32 });
    const compared: [string, Hex, Hex][] = [
      ["model of the poll", record.modelId, hex(await ask("modelId"))],
      ["choices of the poll", hex(record.choices), hex(await ask("choices"))],
      ["least output of the poll", hex(record.leastOutput), hex(await ask("leastOutput"))],
      ["deadline of the poll", hex(record.deadline), hex(await ask("deadline"))],
      ["roots of the poll", this.#roots.address, await reader.readContract({ ...poll, functionName: "roots" })],
      ["issuer of the roots", record.issuer, await reader.readContract({ ...this.#roots, functionName: "issuer" })],
      ["grace of the roots", hex(record.grace), hex(await reader.readContract({ ...this.#roots, functionName: "grace" }))],
    ];
    return compared.map(([what, expected, found]) => {
      return { trust: "node", what, expected, found, holds: expected.toLowerCase() === found.toLowerCase() };
    });
  }
}
