import { JsonRpcProvider, Wallet } from "ethers";
import { createPublicClient, createWalletClient, encodeFunctionData, http, type Hex } from "viem";
import { mnemonicToAccount, privateKeyToAccount } from "viem/accounts";
import { foundry } from "viem/chains";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { credentialRootsAbi, eligibilityPollAbi } from "../src/abi/index.js";
import { wordHex } from "../src/bytes.js";
import { LaminatePoll } from "../src/ethers.js";
import { encodeSubmission, LaminateError, readBinding, readDeployment, readProof, verifyProof } from "../src/index.js";
import { laminateActions, type Poll, pollActions, RevertError } from "../src/viem.js";
import { Anvil, anvilPath } from "./anvil.js";
import { bytes, text } from "./fixtures.js";

const path = anvilPath();
if (!path) console.log("skipped: no anvil under node_modules/@foundry-rs; npm ci in the repository's root installs it");

const account = (addressIndex: number) => mnemonicToAccount("test test test test test test test test test test test junk", { addressIndex });
const key = (index: number) => `0x${Buffer.from(account(index).getHdKey().privateKey ?? []).toString("hex")}` as Hex;
const deployment = readDeployment(text("poll.deployment.json"), text("packed.program.json"));
/** A vote for choice 1 that anvil's first account sends. */
const file = readProof(bytes("poll.proof"));
const vote = { choice: 1, sender: account(0).address, file };
const altered = { ...file, statement: { ...file.statement, outputWords: file.statement.outputWords.with(2, 7n) } };

let anvil: Anvil;

function clients(index: number): { viem: Poll; ethers: Poll; reader: ReturnType<typeof createPublicClient> } {
  const transport = http(anvil.url);
  const reader = createPublicClient({ chain: foundry, transport, pollingInterval: 50 });
  const wallet = createWalletClient({ chain: foundry, transport, account: privateKeyToAccount(key(index)) });
  const provider = new JsonRpcProvider(anvil.url, undefined, { polling: true, pollingInterval: 50, cacheTimeout: -1 });
  return { viem: wallet.extend(pollActions(deployment)).poll, ethers: new LaminatePoll(deployment, new Wallet(key(index), provider)), reader };
}

it("needs a deployment with a poll", () => {
  const { poll: _, ...other } = deployment;
  expect(() => new LaminatePoll(other, new Wallet(key(0)))).toThrow(LaminateError);
});

describe.skipIf(!path)("a poll", () => {
  beforeAll(async () => {
    anvil = await Anvil.start(path ?? "");
    await anvil.request("anvil_loadState", [text("state.hex").trim()]);
  }, 60_000);
  afterAll(() => anvil?.stop());

  it("is what its record says", async () => {
    const { reader } = clients(0);
    const checks = await reader.extend(laminateActions(deployment)).laminate.checkDeployment();
    expect(checks.filter((check) => !check.holds)).toEqual([]);
    const found = checks.map((check) => check.what);
    for (const what of ["code of credentialRoots", "code of eligibilityPoll", "verifier of the poll's model"]) expect(found).toContain(what);
    const { poll } = deployment;
    if (!poll) throw new Error("no poll");
    const read = (functionName: "modelId" | "choices" | "leastOutput" | "deadline" | "roots") =>
      reader.readContract({ address: poll.address, abi: eligibilityPollAbi, functionName });
    expect(wordHex((await read("modelId")) as bigint)).toBe(poll.modelId);
    expect(await read("choices")).toBe(BigInt(poll.choices));
    expect(await read("leastOutput")).toBe(BigInt(poll.leastOutput));
    expect(await read("deadline")).toBe(BigInt(poll.deadline));
    const roots = (await read("roots")) as Hex;
    expect(await reader.readContract({ address: roots, abi: credentialRootsAbi, functionName: "issuer" })).toBe(poll.issuer);
    expect(await reader.readContract({ address: roots, abi: credentialRootsAbi, functionName: "grace" })).toBe(BigInt(poll.grace));
    expect(poll.issuer).toBe(account(0).address);
    const model = { ...poll, modelId: wordHex(7n) };
    const other = reader.extend(laminateActions({ ...deployment, poll: model })).laminate;
    await expect(other.checkDeployment()).rejects.toMatchObject({ name: "ModelNotFound" });
  });

  it("has the scope, contexts and calldata that its contract has", async () => {
    const { viem, reader } = clients(0);
    const address = viem.poll.address;
    const abi = eligibilityPollAbi;
    expect(viem.scope).toBe(await reader.readContract({ address, abi, functionName: "scope" }));
    const zero = `0x${"00".repeat(20)}` as const;
    for (const [choice, sender] of [[0, undefined], [1, vote.sender], [2, account(1).address]] as const) {
      const args = [sender ?? zero, BigInt(choice)] as const;
      expect(viem.contextOf(choice, sender)).toBe(await reader.readContract({ address, abi, functionName: "contextOf", args }));
    }
    const { inputCommitment, output, proof } = encodeSubmission(file, deployment);
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
    expect(verifyProof(file, deployment.key, { scope: poll.scope, context: poll.contextOf(1, vote.sender) })).toMatchObject({ valid: true });
    await expect(thief.vote(vote)).rejects.toMatchObject({ name: "NotSender" });
    await expect(poll.simulateVote({ ...vote, file: altered })).rejects.toThrow(/the proof is not valid.*\(InvalidProof\)/);
    const nullifier = readBinding(file.statement.outputWords, file.output).credential?.nullifier ?? 0n;
    expect(await poll.hasVoted(nullifier)).toBe(false);
    await poll.vote(vote);
    expect(await poll.votes()).toEqual([0n, 1n, 0n]);
    expect(await poll.hasVoted(nullifier)).toBe(true);
    const again = poll.vote(vote);
    await expect(again).rejects.toBeInstanceOf(RevertError);
    await expect(again).rejects.toMatchObject({ name: "VotedBefore", arguments: { nullifier } });
    await expect(again).rejects.toThrow(/has voted/);
    await anvil.request("evm_revert", [snapshot]);
  });
});
