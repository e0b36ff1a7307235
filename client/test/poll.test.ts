import { readFileSync } from "node:fs";
import { JsonRpcProvider, Wallet } from "ethers";
import { createPublicClient, createWalletClient, encodeFunctionData, type Hex, http } from "viem";
import { mnemonicToAccount, privateKeyToAccount } from "viem/accounts";
import { foundry } from "viem/chains";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { credentialRootsAbi, eligibilityPollAbi } from "../src/abi/index.js";
import { wordHex } from "../src/bytes.js";
import { LaminatePoll } from "../src/ethers.js";
import { type Deployment, encodeSubmission, LaminateError, type PollRecord, type ProofFile, readDeployment, readProof } from "../src/index.js";
import { type Poll, pollActions, RevertError } from "../src/viem.js";
import { Anvil, anvilPath } from "./anvil.js";
import { bytes, text } from "./fixtures.js";

const path = anvilPath();
if (!path) console.log("skipped: no anvil under node_modules/@foundry-rs; npm ci in the repository's root installs it");

const account = (addressIndex: number) => mnemonicToAccount("test test test test test test test test test test test junk", { addressIndex });
const key = (index: number) => `0x${Buffer.from(account(index).getHdKey().privateKey ?? []).toString("hex")}` as Hex;
const recorded = readDeployment(text("deployment.json"), text("packed.program.json"));
const contracts = JSON.parse(readFileSync(new URL("../../cli/embedded/contracts.json", import.meta.url), "utf8")).contracts;
const [ROOT, NULLIFIER] = [5n, 70n];
// Stand for a registry that takes every proof of its one model, and for the model's verifier: real proofs are the command line's test.
const [REGISTRY, VERIFIER]: [Hex, Hex] = [`0x${"a1".repeat(20)}`, `0x${"b2".repeat(20)}`];

/** Runtime code that answers every call with these words. */
function answering(...words: bigint[]): Hex {
  const length = (32 * words.length).toString(16).padStart(4, "0");
  return `0x61${length}600e60003961${length}6000f3${words.map((word) => wordHex(word).slice(2)).join("")}`;
}

let anvil: Anvil;
let deployment: Deployment & { poll: PollRecord };
let vote: { choice: number; sender: Hex; file: ProofFile };

function clients(index: number): { viem: Poll; ethers: Poll; reader: ReturnType<typeof createPublicClient> } {
  const transport = http(anvil.url);
  const reader = createPublicClient({ chain: foundry, transport, pollingInterval: 50 });
  const wallet = createWalletClient({ chain: foundry, transport, account: privateKeyToAccount(key(index)) });
  const provider = new JsonRpcProvider(anvil.url, undefined, { polling: true, pollingInterval: 50, cacheTimeout: -1 });
  return { viem: wallet.extend(pollActions(deployment)).poll, ethers: new LaminatePoll(deployment, new Wallet(key(index), provider)), reader };
}

/** A poll of three choices, whose one root is ROOT. */
async function deploy(): Promise<PollRecord> {
  const transport = http(anvil.url);
  const reader = createPublicClient({ chain: foundry, transport, pollingInterval: 50 });
  const wallet = createWalletClient({ chain: foundry, transport, account: privateKeyToAccount(key(0)) });
  await anvil.request("anvil_setCode", [REGISTRY, answering(0n, 0n, 0n, 0n, BigInt(VERIFIER), 0n, 0n, 0n)]);
  await anvil.request("anvil_setCode", [VERIFIER, answering(61n)]);
  const made = async (hash: Hex) => (await reader.waitForTransactionReceipt({ hash })).contractAddress as Hex;
  const code = (name: string): Hex => `0x${contracts[name].creation}`;
  const [issuer, grace] = [account(0).address, 60n];
  const roots = await made(await wallet.deployContract({ abi: credentialRootsAbi, bytecode: code("CredentialRoots"), args: [issuer, grace] }));
  const deadline = (await reader.getBlock()).timestamp + 100_000n;
  const post = { address: roots, abi: credentialRootsAbi, functionName: "post", args: [ROOT, 1n, deadline, ""] } as const;
  await reader.waitForTransactionReceipt({ hash: await wallet.writeContract(post) });
  const args = [REGISTRY, 7n, roots, 3n, 1, deadline] as const;
  const address = await made(await wallet.deployContract({ abi: eligibilityPollAbi, bytecode: code("EligibilityPoll"), args }));
  const terms = { modelId: wordHex(7n), choices: 3, leastOutput: 1, deadline: Number(deadline), issuer, grace: Number(grace) };
  return { address, codeHash: wordHex(0n), ...terms };
}

it("needs a deployment with a poll", () => {
  expect(() => new LaminatePoll(recorded, new Wallet(key(0)))).toThrow(/laminate poll deploy/);
});

it("is read from its record", () => {
  const at = (digit: string) => ({ address: `0x${digit.repeat(40)}`, codeHash: `0x${digit.repeat(64)}` });
  const json = JSON.parse(text("deployment.json"));
  const terms = { modelId: wordHex(7n), choices: 3, leastOutput: -1, deadline: 99 };
  json.eligibilityPoll = { contract: at("1"), terms };
  expect(() => readDeployment(json)).toThrow(/no roots of credentials/);
  json.credentialRoots = { contract: at("2"), terms: { issuer: `0x${"3".repeat(40)}`, grace: 60 } };
  const { poll, contracts: all } = readDeployment(json);
  expect(poll).toMatchObject({ ...terms, grace: 60, codeHash: at("1").codeHash });
  expect([all.eligibilityPoll?.codeHash, all.credentialRoots?.codeHash]).toEqual([at("1").codeHash, at("2").codeHash]);
  json.eligibilityPoll.terms.choices = 0;
  expect(() => readDeployment(json)).toThrow(/choices/);
});

describe.skipIf(!path)("a poll", () => {
  beforeAll(async () => {
    anvil = await Anvil.start(path ?? "");
    deployment = { ...recorded, poll: await deploy() };
    const { viem } = clients(0);
    const sender = account(0).address;
    const binding = { context: true, inputPublic: false, credential: 20, outputHidden: false, weightsPublic: false };
    const file = readProof(bytes("packed.proof"));
    const outputWords = [ROOT, viem.scope, NULLIFIER, viem.contextOf(1, sender), 32769n];
    vote = { choice: 1, sender, file: { ...file, output: { ...file.output, lead: { binding } }, statement: { ...file.statement, outputWords } } };
  }, 60_000);
  afterAll(() => anvil?.stop());

  it("has the scope, contexts and calldata that its contract has", async () => {
    const { viem, reader } = clients(0);
    const { address } = viem.poll;
    const abi = eligibilityPollAbi;
    expect(viem.scope).toBe(await reader.readContract({ address, abi, functionName: "scope" }));
    const zero = `0x${"00".repeat(20)}` as const;
    for (const [choice, sender] of [[0, undefined], [1, vote.sender], [2, account(1).address]] as const) {
      const args = [sender ?? zero, BigInt(choice)] as const;
      expect(viem.contextOf(choice, sender)).toBe(await reader.readContract({ address, abi, functionName: "contextOf", args }));
    }
    const { inputCommitment, output, proof } = encodeSubmission(vote.file, deployment);
    const args = [1n, vote.sender, inputCommitment, output, proof] as const;
    expect(viem.calldata(vote)).toBe(encodeFunctionData({ abi, functionName: "vote", args }));
  });

  it("is not sent what is for another vote", () => {
    const { viem } = clients(0);
    const { sender: _, ...anyone } = vote;
    for (const other of [{ ...vote, choice: 2 }, anyone, { ...vote, sender: account(1).address }]) {
      expect(() => viem.calldata(other)).toThrow(/another choice, sender, poll or chain/);
    }
    for (const choice of [-1, 3, 0.5]) expect(() => viem.contextOf(choice)).toThrow(/choices 0 to 2/);
    const elsewhere = new LaminatePoll({ ...deployment, chainId: 1 }, new Wallet(key(0)));
    expect(() => elsewhere.calldata(vote)).toThrow(LaminateError);
  });

  it.each(["viem", "ethers"] as const)("counts a vote once, and no copies (%s)", async (name) => {
    const snapshot = await anvil.request("evm_snapshot");
    const [poll, thief] = [clients(0)[name], clients(1)[name]];
    await expect(thief.vote(vote)).rejects.toMatchObject({ name: "NotSender" });
    const outputWords = vote.file.statement.outputWords.with(4, 32768n);
    const low = { ...vote, file: { ...vote.file, statement: { ...vote.file.statement, outputWords } } };
    await expect(poll.simulateVote(low)).rejects.toThrow(/output 0 is below 1.*\(NotEligible\)/);
    expect(await poll.hasVoted(NULLIFIER)).toBe(false);
    await poll.vote(vote);
    await expect.poll(() => poll.votes()).toEqual([0n, 1n, 0n]);
    expect(await poll.hasVoted(NULLIFIER)).toBe(true);
    const again = poll.vote(vote);
    await expect(again).rejects.toBeInstanceOf(RevertError);
    await expect(again).rejects.toMatchObject({ name: "VotedBefore", arguments: { nullifier: NULLIFIER } });
    await expect(again).rejects.toThrow(/has voted/);
    await anvil.request("evm_revert", [snapshot]);
  });
});
