import { JsonRpcProvider, Wallet } from "ethers";
import { concat, createPublicClient, createWalletClient, encodeAbiParameters, http, type Hex } from "viem";
import { mnemonicToAccount } from "viem/accounts";
import { foundry } from "viem/chains";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { wordHex } from "../src/bytes.js";
import { LaminateAttestations } from "../src/ethers.js";
import { readDeployment, readProof } from "../src/index.js";
import { type Attestations, attestationActions, laminateActions, SCHEMA } from "../src/viem.js";
import { Anvil, anvilPath } from "./anvil.js";
import { bytes, text } from "./fixtures.js";
import { gateCode, serviceCode, solcPath } from "./gate.js";

const path = anvilPath();
if (!path) console.log("skipped: no anvil under node_modules/@foundry-rs; npm ci in the repository's root installs it");
if (!solcPath) console.log("skipped: no node_modules/solc; npm ci in the repository's root installs it");

const PATIENCE = 120_000;
const phrase = "test test test test test test test test test test test junk";
const [auditor, stranger] = [0, 1].map((addressIndex) => mnemonicToAccount(phrase, { addressIndex }));
if (!auditor || !stranger) throw new Error("no accounts");
const keyOf = (account: typeof auditor) => `0x${Buffer.from(account.getHdKey().privateKey ?? []).toString("hex")}` as Hex;
const deployment = readDeployment(text("deployment.json"), text("packed.program.json"));
const file = readProof(bytes("packed.proof"));
const model = deployment.models[0]?.modelId ?? "0x";
const registry = deployment.modelRegistry.address;

describe.skipIf(!path || !solcPath)("attestations of models, on the service itself", () => {
  let anvil: Anvil;
  let gate: Hex;
  let schemas: Hex;
  let service: Hex;
  let snapshot: unknown;

  const transport = () => http(anvil.url);
  const wallet = (account: typeof auditor) => createWalletClient({ chain: foundry, transport: transport(), account });
  const reader = () => createPublicClient({ chain: foundry, transport: transport(), pollingInterval: 50 });
  async function create(code: Hex, types: string[] = [], values: unknown[] = []): Promise<Hex> {
    const parameters = encodeAbiParameters(types.map((type) => ({ type })), values as never);
    const hash = await wallet(auditor as never).sendTransaction({ data: concat([code, parameters]) });
    const receipt = await reader().waitForTransactionReceipt({ hash });
    if (!receipt.contractAddress) throw new Error("nothing was created");
    return receipt.contractAddress;
  }
  const viem = (account = auditor) => wallet(account).extend(attestationActions(deployment, gate)).attestations;
  const ethers = () => {
    const provider = new JsonRpcProvider(anvil.url, undefined, { polling: true, pollingInterval: 50, cacheTimeout: -1 });
    return new LaminateAttestations(deployment, gate, new Wallet(keyOf(auditor), provider));
  };
  const now = async () => (await reader().getBlock()).timestamp;
  const wait = { interval: 50 };

  beforeAll(async () => {
    anvil = await Anvil.start(path ?? "");
    await anvil.request("anvil_loadState", [text("state.hex").trim()]);
    schemas = await create(serviceCode("SchemaRegistry"));
    service = await create(serviceCode("EAS"), ["address"], [schemas]);
    gate = await create(gateCode(), ["address", "address", "address[]"], [service, registry, [auditor.address]]);
  }, PATIENCE);
  afterAll(() => anvil?.stop());
  beforeEach(async () => {
    snapshot = await anvil.request("evm_snapshot");
  });
  afterEach(() => anvil.request("evm_revert", [snapshot]) as Promise<unknown>);

  it.each([["viem", viem], ["ethers", ethers]] as const)("attests a model, and proofs of it count until that is revoked (%s)", async (_, make) => {
    const attestations: Attestations = make();
    expect((await attestations.service()).toLowerCase()).toBe(service.toLowerCase());
    expect([await attestations.isAttester(auditor.address), await attestations.isAttester(stranger.address)]).toEqual([true, false]);
    expect(await attestations.isSchemaRegistered()).toBe(false);
    await expect(attestations.attestModel({ model })).rejects.toThrow(/registerSchema.*\(InvalidSchema\)/);
    const registered = await attestations.registerSchema();
    await reader().waitForTransactionReceipt({ hash: registered.hash });
    expect(await attestations.isSchemaRegistered()).toBe(true);
    await expect(attestations.registerSchema()).rejects.toThrow(/\(AlreadyExists\)/);

    const { hash } = await attestations.attestModel({ model, recipient: stranger.address });
    const found = await attestations.waitForAttestation(hash, wait);
    expect(found).toMatchObject({ schema: SCHEMA, modelId: model, attester: auditor.address, recipient: stranger.address });
    expect(found).toMatchObject({ trust: "node", revocable: true, revocationTime: 0n, expirationTime: 0n, refUid: wordHex(0n) });
    expect(await attestations.getAttestation(found.uid)).toEqual(found);
    expect(await attestations.isAuthorised(model, found.uid)).toEqual({ authorised: true, trust: "node" });
    const { laminate } = reader().extend(laminateActions(deployment));
    const verdict = await attestations.verifyOnChain({ model, file }, found.uid);
    expect(verdict).toEqual({ valid: true, trust: "node", statementHash: laminate.statementHash({ file }) });
    const altered = { ...file, statement: { ...file.statement, outputWords: [(file.statement.outputWords[0] ?? 0n) ^ 1n] } };
    expect(await attestations.verifyOnChain({ model, file: altered }, found.uid)).toMatchObject({ valid: false, revert: { name: "InvalidProof" } });

    const revoked = await attestations.revoke(found.uid);
    await reader().waitForTransactionReceipt({ hash: revoked.hash });
    const after = await attestations.isAuthorised(model, found.uid);
    expect(after).toMatchObject({ authorised: false, revert: { name: "AttestationRevoked", arguments: { uid: found.uid } } });
    expect(await attestations.verifyOnChain({ model, file }, found.uid)).toMatchObject({ valid: false, revert: { name: "AttestationRevoked" } });
    await expect(attestations.revoke(found.uid)).rejects.toThrow(/\(AlreadyRevoked\)/);
    expect(await attestations.listAttestations({ model })).toMatchObject([{ uid: found.uid }]);
  }, PATIENCE);

  it("lists what was attested, and says by which rule an attestation does not count", async () => {
    const [own, other] = [viem(), viem(stranger)];
    const mined = async (sent: Promise<{ hash: Hex }>) => (await reader().waitForTransactionReceipt({ hash: (await sent).hash })).transactionHash;
    const attested = async (by: Attestations, what: Parameters<Attestations["attestModel"]>[0]) =>
      by.waitForAttestation(await mined(by.attestModel(what)), wait);
    await mined(other.registerSchema());
    const ends = (await now()) + 1_000n;
    const foreign = await attested(other, { model });
    const ending = await attested(own, { model, expirationTime: ends, refUid: foreign.uid });
    const elsewhere = await attested(own, { model: wordHex(7n) });
    expect(ending).toMatchObject({ expirationTime: ends, refUid: foreign.uid });
    const uids = async (filter: Parameters<Attestations["listAttestations"]>[0]) => (await own.listAttestations(filter)).map(({ uid }) => uid);
    expect(await uids({})).toEqual([foreign.uid, ending.uid, elsewhere.uid]);
    expect(await uids({ model, range: 1n })).toEqual([foreign.uid, ending.uid]);
    expect(await uids({ attester: auditor.address })).toEqual([ending.uid, elsewhere.uid]);
    const why = async (id: Hex) => {
      const found = await own.isAuthorised(model, id);
      return found.authorised ? "" : found.revert.name;
    };
    const none = wordHex(BigInt(ending.uid) ^ 1n);
    expect(await own.getAttestation(none)).toBeUndefined();
    expect(await why(none)).toBe("AttestationNotFound");
    expect(await why(foreign.uid)).toBe("AttesterNotListed");
    expect(await why(elsewhere.uid)).toBe("AttestationOfOtherModel");
    expect(await why(ending.uid)).toBe("");
    await anvil.request("evm_setNextBlockTimestamp", [Number(ends)]);
    await anvil.request("anvil_mine", ["0x1"]);
    expect(await why(ending.uid)).toBe("AttestationExpired");
    await expect(other.revoke(ending.uid)).rejects.toThrow(/\(AccessDenied\)/);
    await expect(own.attestModel({ model, expirationTime: ends })).rejects.toThrow(/\(InvalidExpirationTime\)/);
  }, PATIENCE);

  it("refuses a gate before another registry, an address without a gate, and another chain", async () => {
    const at = (address: Hex, of = deployment) => reader().extend(attestationActions(of, address)).attestations;
    const elsewhere = { ...deployment, modelRegistry: { ...deployment.modelRegistry, address: service } };
    await expect(at(gate, elsewhere).service()).rejects.toMatchObject({ code: "gate" });
    await expect(at(stranger.address).service()).rejects.toMatchObject({ code: "answer" });
    await expect(at(gate, { ...deployment, chainId: 1 }).service()).rejects.toMatchObject({ code: "chain" });
    await expect(at(gate).attestModel({ model })).rejects.toThrow();
    const stop = new AbortController();
    const waiting = at(gate).waitForAttestation(wordHex(1n), { ...wait, signal: stop.signal });
    stop.abort(new Error("enough"));
    await expect(waiting).rejects.toThrow("enough");
  }, PATIENCE);
});
