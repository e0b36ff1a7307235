import { JsonRpcProvider, Wallet } from "ethers";
import { createPublicClient, createWalletClient, encodeFunctionData, http, type Hex, keccak256 } from "viem";
import { mnemonicToAccount, privateKeyToAccount } from "viem/accounts";
import { foundry } from "viem/chains";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { modelRegistryAbi, verifierRouterAbi } from "../src/abi/index.js";
import { wordHex } from "../src/bytes.js";
import { LaminateRegistry } from "../src/ethers.js";
import { encodeSubmission, modelId, readDeployment, readProof, type UniversalKey, verifyProof } from "../src/index.js";
import { laminateActions, type Registry, RevertError } from "../src/viem.js";
import { Anvil, anvilPath, limited } from "./anvil.js";
import { bytes, text } from "./fixtures.js";

const path = anvilPath();
if (!path) console.log("skipped: no anvil under node_modules/@foundry-rs; npm ci in the repository's root installs it");

const account = mnemonicToAccount("test test test test test test test test test test test junk");
const key = `0x${Buffer.from(account.getHdKey().privateKey ?? []).toString("hex")}` as Hex;
const deployment = readDeployment(text("deployment.json"), text("packed.program.json"));
const file = readProof(bytes("packed.proof"));
const altered = { ...file, statement: { ...file.statement, outputWords: [(file.statement.outputWords[0] ?? 0n) ^ 1n] } };

let anvil: Anvil;

function clients(): { viem: Registry; ethers: Registry; reader: ReturnType<typeof createPublicClient> } {
  const transport = http(anvil.url);
  const reader = createPublicClient({ chain: foundry, transport, pollingInterval: 50 });
  const wallet = createWalletClient({ chain: foundry, transport, account: privateKeyToAccount(key) });
  const { laminate: viem } = wallet.extend(laminateActions(deployment));
  const provider = new JsonRpcProvider(anvil.url, undefined, { polling: true, pollingInterval: 50, cacheTimeout: -1 });
  return { viem, ethers: new LaminateRegistry(deployment, new Wallet(key, provider)), reader };
}

describe.skipIf(!path)("a deployment", () => {
  beforeAll(async () => {
    anvil = await Anvil.start(path ?? "");
    await anvil.request("anvil_loadState", [text("state.hex").trim()]);
  }, 60_000);
  afterAll(() => anvil?.stop());

  it.each(["viem", "ethers"] as const)("has the code of its record (%s)", async (name) => {
    const snapshot = await anvil.request("evm_snapshot");
    const registry = clients()[name];
    const checks = await registry.checkDeployment();
    expect(checks.filter((check) => !check.holds)).toEqual([]);
    const codes = checks.filter((check) => check.trust === "code").map((check) => check.what.replace("code of ", ""));
    expect(codes.sort()).toEqual(
      ["fraudScreen", "halo2Verifier", "inferenceVerifier", "modelRegistry", "universalVerifier", "verifierRouter"].sort(),
    );
    expect(checks.length).toBe(codes.length + 1 + 5);
    const target = deployment.inferenceVerifier.address;
    await anvil.request("anvil_setCode", [target, "0x6000"]);
    const [wrong] = (await registry.checkDeployment()).filter((check) => !check.holds);
    expect(wrong).toMatchObject({ what: "code of inferenceVerifier", found: keccak256("0x6000") });
    await expect(registry.simulateSubmit({ file })).rejects.toMatchObject({ code: "revert" });
    await anvil.request("evm_revert", [snapshot]);
    const { verifierRouter: router } = deployment.contracts;
    const data = encodeFunctionData({ abi: verifierRouterAbi, functionName: "removeRoute", args: [deployment.selector ?? "0x"] });
    const again = await anvil.request("evm_snapshot");
    await anvil.request("eth_sendTransaction", [{ from: account.address, to: router?.address, data }]);
    const [closed] = (await registry.checkDeployment()).filter((check) => !check.holds);
    expect(closed).toMatchObject({ trust: "node", what: `route ${deployment.selector}` });
    await anvil.request("evm_revert", [again]);
  });

  it("says which fact of a record a chain contradicts", async () => {
    const { reader } = clients();
    const [model] = deployment.models;
    if (!model) throw new Error("no model");
    const zero = wordHex(0n);
    const { key } = deployment;
    const others: [string, typeof deployment][] = [
      ["weight commitment", { ...deployment, models: [{ ...model, weightCommitment: zero }] }],
      ["owner", { ...deployment, models: [{ ...model, owner: deployment.modelRegistry.address }] }],
      ["program digest", { ...deployment, key: { ...key, universal: { ...(key.universal as UniversalKey), registeredDigest: zero } } }],
      ["verifier", { ...deployment, inferenceVerifier: { ...deployment.inferenceVerifier, address: deployment.modelRegistry.address } }],
      ["verifier's code hash", { ...deployment, inferenceVerifier: { ...deployment.inferenceVerifier, codeHash: zero } }],
    ];
    for (const [what, other] of others) {
      const { laminate } = reader.extend(laminateActions(other));
      const wrong = (await laminate.checkDeployment()).filter((check) => !check.holds);
      expect(wrong.map((check) => check.what)).toEqual([`${what} of model ${model.modelId}`]);
    }
  });

  it.each(["viem", "ethers"] as const)("tells its models and whether a proof holds (%s)", async (name) => {
    const registry = clients()[name];
    const models = await registry.listModels();
    const [registered] = deployment.models;
    expect(models.map((model) => model.modelId)).toEqual([registered?.modelId]);
    expect(models[0]?.programDigest).toBe(deployment.key.universal?.registeredDigest);
    expect(models[0]?.owner).toBe(account.address);
    const verdict = await registry.verifyOnChain({ file });
    expect(verdict).toEqual({ valid: true, trust: "node", statementHash: registry.statementHash({ file }) });
    const refused = await registry.verifyOnChain({ file: altered });
    expect(refused).toMatchObject({ valid: false, trust: "node", revert: { name: "InvalidProof" } });
    const missing = registry.getModel(wordHex(7n));
    await expect(missing).rejects.toThrow(/no model 0x0{63}7 in this registry.*\(ModelNotFound\)/);
  });

  it("has the hashes and calldata that its contracts have", async () => {
    const { viem, reader } = clients();
    const [model] = await viem.listModels();
    if (!model) throw new Error("no model");
    const submission = encodeSubmission(file, deployment);
    const arguments_ = [BigInt(model.modelId), submission.inputCommitment, submission.output, submission.proof] as const;
    for (const functionName of ["submit", "verifyInference"] as const) {
      const expected = encodeFunctionData({ abi: modelRegistryAbi, functionName, args: arguments_ });
      expect(viem.calldata(functionName, { file })).toBe(expected);
    }
    const address = deployment.modelRegistry.address;
    const place = { chainId: deployment.chainId, registry: address };
    const content = { ...model, metadataHash: model.metadataHash };
    expect(modelId(place, content)).toBe(model.modelId);
    const [id, input, output] = arguments_;
    const hash = await reader.readContract({ address, abi: modelRegistryAbi, functionName: "hashStatement", args: [id, input, output] });
    expect(viem.statementHash({ file })).toBe(hash);
  });

  it.each(["viem", "ethers"] as const)("records a statement once, and lists it (%s)", async (name) => {
    const snapshot = await anvil.request("evm_snapshot");
    const registry = clients()[name];
    expect(await registry.getInferences()).toEqual([]);
    await expect(registry.submit({ file: altered })).rejects.toThrow(/the proof is not valid for this model.*\(InvalidProof\)/);
    const { statementHash } = await registry.simulateSubmit({ file });
    expect(await registry.isSubmitted(statementHash)).toBe(false);
    const waiting = registry.waitForInference(statementHash, { interval: 50 });
    const sent = await registry.submit({ file });
    expect(sent.statementHash).toBe(statementHash);
    const found = await waiting;
    expect(found).toMatchObject({ trust: "node", statementHash, transactionHash: sent.hash, caller: account.address });
    expect(found.outputWords).toEqual(file.statement.outputWords);
    expect(registry.decode(found)).toMatchObject({ kind: "real", scale: 14 });
    expect(await registry.isSubmitted(statementHash)).toBe(true);
    const replay = registry.submit({ file });
    await expect(replay).rejects.toBeInstanceOf(RevertError);
    await expect(replay).rejects.toMatchObject({ name: "StatementReplayed", arguments: { statementHash } });
    await anvil.request("anvil_mine", ["0x20"]);
    const [model] = deployment.models;
    for (const range of [1n, 7n, 10_000n]) {
      const listed = await registry.getInferences({ ...(model && { model: model.modelId }), range });
      expect(listed).toEqual([found]);
    }
    expect(await registry.getInferences({ model: wordHex(1n) })).toEqual([]);
    expect(await registry.getInferences({ fromBlock: found.blockNumber + 1n })).toEqual([]);
    await anvil.request("evm_revert", [snapshot]);
  });

  it("gives the verdict that is given natively, on altered proofs too", async () => {
    const { viem } = clients();
    let refused = 0;
    for (let at = 0; at < file.proof.length; at += 32) {
      const proof = file.proof.slice();
      proof[at + 31] = (proof[at + 31] ?? 0) ^ 1;
      const native = verifyProof({ ...file, proof }, deployment.key);
      const chain = await viem.verifyOnChain({ file: { ...file, proof } });
      expect(chain.valid, `word ${at / 32}`).toBe(native.valid);
      refused += Number(!chain.valid);
    }
    expect(refused).toBe(file.proof.length / 32);
    expect(verifyProof(file, deployment.key)).toMatchObject({ valid: true });
  }, 120_000);

  it("is asked in ranges that its node answers", async () => {
    const snapshot = await anvil.request("evm_snapshot");
    await clients().viem.submit({ file });
    await anvil.request("anvil_mine", ["0x40"]);
    const asked: number[] = [];
    const proxy = await limited(anvil.url, 5, asked);
    try {
      const client = createPublicClient({ transport: http(proxy.url, { retryCount: 0 }) }).extend(laminateActions(deployment));
      const provider = new JsonRpcProvider(proxy.url, undefined, { cacheTimeout: -1, batchMaxCount: 1 });
      for (const registry of [client.laminate, new LaminateRegistry(deployment, provider)]) {
        asked.length = 0;
        expect(await registry.getInferences({ range: 64n })).toHaveLength(1);
        expect(Math.max(...asked)).toBe(64);
        expect(asked.filter((blocks) => blocks <= 5).length).toBeGreaterThan(10);
      }
    } finally {
      proxy.stop();
      await anvil.request("evm_revert", [snapshot]);
    }
  });

  it("is left alone where the chain is another, and waiting ends when it is told to", async () => {
    const elsewhere = { ...deployment, chainId: 1 };
    const client = createPublicClient({ transport: http(anvil.url) });
    const { laminate } = client.extend(laminateActions(elsewhere));
    await expect(laminate.verifyOnChain({ file })).rejects.toThrow(/wrong chain: the node is on chain 31337, the deployment is on chain 1/);
    const { laminate: reader } = client.extend(laminateActions(deployment));
    await expect(reader.submit({ file })).rejects.toThrow(/no account/);
    const signal = AbortSignal.timeout(200);
    await expect(reader.waitForInference(wordHex(1n), { signal, interval: 20 })).rejects.toMatchObject({ name: "TimeoutError" });
    const { viem } = clients();
    const unregistered = { ...file, statement: { ...file.statement, weightCommitment: 1n } };
    expect(() => viem.calldata("submit", { file: unregistered })).toThrow(/no model with weight commitment/);
  });
});
