import "./dom.js";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { act, cleanup, configure, fireEvent, render, renderHook, screen, waitFor } from "@testing-library/react";
import { createElement, type ReactNode, StrictMode, useState } from "react";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createConfig, http, useConnect, useConnectorClient, useDisconnect, WagmiProvider } from "wagmi";
import { injected } from "wagmi/connectors";
import { foundry, mainnet } from "wagmi/chains";
import { mnemonicToAccount } from "viem/accounts";
import { contextOf, readDeployment, readProof, readVerifier } from "../src/index.js";
import { useInferences, useSubmitProof, useVerifyProof } from "../src/react.js";
import type { Inference, InferenceFilter, Registry } from "../src/registry.js";
import { useRegistry } from "../src/wagmi.js";
import { Anvil, anvilPath } from "./anvil.js";
import { bytes, resealed, text } from "./fixtures.js";

const path = anvilPath();
if (!path) console.log("skipped: no anvil under node_modules/@foundry-rs; npm ci in the repository's root installs it");

const program = text("packed.program.json");
const key = readVerifier(text("packed.verifier.json"), program);
const deployment = readDeployment(text("deployment.json"), program);
const proof = bytes("packed.proof");
const file = readProof(proof);
const account = mnemonicToAccount("test test test test test test test test test test test junk");

/** Nothing here is waited for that does not come; a machine may be slow. */
const PATIENCE = 60_000;
configure({ asyncUtilTimeout: PATIENCE });
afterEach(cleanup);

/** What an auditor's page shows of a proof. */
function Verdict({ given }: { given: Uint8Array | undefined }) {
  const verified = useVerifyProof(given, key);
  switch (verified.status) {
    case "idle":
      return createElement("p", null, "drop a proof");
    case "error":
      return createElement("p", { role: "alert" }, verified.error.message);
    case "success":
      return createElement("p", null, verified.verdict.valid ? `valid, ${verified.verdict.trust}` : verified.verdict.message);
  }
}

describe("useVerifyProof", () => {
  it("renders the verdict on each proof that it is given", () => {
    const view = render(createElement(StrictMode, null, createElement(Verdict, { given: undefined })));
    const given = (next: Uint8Array) => view.rerender(createElement(StrictMode, null, createElement(Verdict, { given: next })));
    expect(screen.getByText("drop a proof")).toBeDefined();
    given(proof);
    expect(screen.getByText("valid, native")).toBeDefined();
    given(proof.slice(0, 100));
    expect(screen.getByRole("alert").textContent).toMatch(/^proof: /);
    const payload = proof.slice(56);
    // A bit of the last number of the proof proper, under a digest made anew.
    payload[payload.length - 1] = (payload[payload.length - 1] ?? 0) ^ 1;
    given(resealed(proof, payload));
    expect(screen.queryByText(/valid, native/)).toBeNull();
    given(proof);
    expect(screen.getByText("valid, native")).toBeDefined();
  }, PATIENCE);

  it("compares what is expected by what it says, and renders no more than it is asked to", () => {
    let renderings = 0;
    const { result, rerender } = renderHook(
      ({ input }: { input: `0x${string}` }) => {
        renderings += 1;
        // Another object in every rendering, as pages write it.
        return useVerifyProof(file, key, { inputCommitment: input });
      },
      { initialProps: { input: `0x${file.statement.inputCommitment.toString(16).padStart(64, "0")}` } },
    );
    const first = result.current;
    expect(first).toMatchObject({ status: "success", file, verdict: { valid: true } });
    rerender({ input: `0x${file.statement.inputCommitment.toString(16).padStart(64, "0")}` });
    expect(result.current).toBe(first);
    rerender({ input: `0x${"00".repeat(32)}` });
    expect(result.current).toMatchObject({ verdict: { valid: false, reason: "input" } });
    expect(renderings).toBe(3);
    const context = contextOf({ chainId: 1, contract: account.address }, 0n, account.address);
    const { result: bound } = renderHook(() => useVerifyProof(file, key, { context }));
    expect(bound.current).toMatchObject({ verdict: { valid: false, reason: "binding" } });
    const { program: _, ...without } = key;
    const { result: error } = renderHook(() => useVerifyProof(file, without));
    expect(error.current).toMatchObject({ status: "error", error: { code: "no-program" } });
  }, PATIENCE);
});

/** A registry of which the tests say when and what it answers. */
function scripted() {
  const asked: InferenceFilter[] = [];
  const answers: { resolve: (found: Inference[]) => void; reject: (error: Error) => void }[] = [];
  const registry = {
    deployment,
    getInferences: (filter: InferenceFilter) => {
      asked.push(filter);
      return new Promise<Inference[]>((resolve, reject) => answers.push({ resolve, reject }));
    },
  } as unknown as Registry;
  return { registry, asked, answers };
}

const inference = (block: bigint) => ({ trust: "node", blockNumber: block }) as Inference;

describe("useInferences", () => {
  it("forgets answers to questions that are no longer asked", async () => {
    const { registry, asked, answers } = scripted();
    const { result, rerender, unmount } = renderHook(({ from }: { from: bigint }) => useInferences(registry, { fromBlock: from }), {
      initialProps: { from: 1n },
    });
    expect(result.current.status).toBe("pending");
    rerender({ from: 2n });
    await act(async () => answers[1]?.resolve([inference(2n)]));
    await act(async () => answers[0]?.resolve([inference(1n)]));
    expect(result.current).toMatchObject({ status: "success", inferences: [{ blockNumber: 2n }] });
    expect(asked).toEqual([{ fromBlock: 1n }, { fromBlock: 2n }]);
    rerender({ from: 2n });
    expect(asked.length).toBe(2);
    act(() => result.current.refetch());
    await act(async () => answers[2]?.reject(new Error("the node is gone")));
    expect(result.current).toMatchObject({ status: "error", error: { message: "the node is gone" }, inferences: [{ blockNumber: 2n }] });
    rerender({ from: 3n });
    expect(result.current).toMatchObject({ status: "pending", inferences: [] });
    unmount();
    answers[3]?.resolve([inference(3n)]);
  }, PATIENCE);

  it("asks again at its interval, and no more when it is gone", async () => {
    const { registry, asked, answers } = scripted();
    const { result, unmount } = renderHook(() => useInferences(registry, {}, 5));
    await act(async () => answers[0]?.resolve([]));
    await waitFor(() => expect(asked.length).toBe(2));
    expect(result.current.status).toBe("success");
    await act(async () => answers[1]?.resolve([inference(1n)]));
    unmount();
    const before = asked.length;
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(asked.length).toBe(before);
    const { result: none } = renderHook(() => useInferences(undefined));
    expect(none.current).toMatchObject({ status: "idle", inferences: [] });
  }, PATIENCE);
});

describe.skipIf(!path)("a page with wagmi", () => {
  let anvil: Anvil;
  let snapshot: unknown;
  beforeAll(async () => {
    anvil = await Anvil.start(path ?? "");
    await anvil.request("anvil_loadState", [text("state.hex").trim()]);
  }, 60_000);
  beforeEach(async () => {
    snapshot = await anvil.request("evm_snapshot");
  });
  afterEach(async () => {
    cleanup();
    await anvil.request("evm_revert", [snapshot]);
  });
  afterAll(() => anvil?.stop());

  /** A wallet in the page: it knows one account, asks nobody, and passes everything on to the node, which has its key. */
  function wallet(refuses: boolean) {
    return {
      request: async ({ method, params }: { method: string; params?: unknown[] }) => {
        if (method === "eth_requestAccounts" || method === "eth_accounts") return [account.address];
        if (method === "eth_sendTransaction" && refuses) throw Object.assign(new Error("User rejected the request."), { code: 4001 });
        return anvil.request(method, params);
      },
      on: () => {},
      removeListener: () => {},
    };
  }

  function page(refuses = false) {
    const provider = wallet(refuses);
    const config = createConfig({
      chains: [foundry, mainnet],
      connectors: [injected({ target: () => ({ id: "test", name: "Test", provider: provider as never }) })],
      transports: { [foundry.id]: http(anvil.url), [mainnet.id]: http("http://127.0.0.1:1", { retryCount: 0 }) },
      multiInjectedProviderDiscovery: false,
      storage: null,
      pollingInterval: 50,
    });
    const queries = new QueryClient({ defaultOptions: { queries: { retry: false } } });
    return ({ children }: { children: ReactNode }) =>
      createElement(WagmiProvider, { config, reconnectOnMount: false }, createElement(QueryClientProvider, { client: queries }, children));
  }

  function Submitter() {
    const registry = useRegistry(deployment);
    const { submission, submit, reset } = useSubmitProof(registry, { interval: 50 });
    const { inferences } = useInferences(registry, {}, 50);
    const { connectors, connect } = useConnect();
    const { disconnect } = useDisconnect();
    const wallet = useConnectorClient().data ? "ready" : "none";
    const [said, setSaid] = useState("");
    const button = (name: string, onClick: () => void) => createElement("button", { type: "button", onClick }, name);
    return createElement(
      "main",
      null,
      button("connect", () => connectors[0] && connect({ connector: connectors[0] })),
      button("disconnect", () => disconnect()),
      button("submit", () => void submit({ file }).catch((error: Error) => setSaid(error.message))),
      button("reset", reset),
      createElement("p", { title: "wallet" }, wallet),
      createElement("output", null, submission.status),
      createElement("p", { title: "error" }, submission.status === "error" ? submission.error.message : said),
      createElement("ul", null, ...inferences.map((one) => createElement("li", { key: one.statementHash }, one.caller))),
    );
  }

  const status = () => screen.getByRole("status").textContent;
  const press = (name: string) => act(async () => void fireEvent.click(screen.getByText(name)));
  const connected = async () => {
    await press("connect");
    await waitFor(() => expect(screen.getByTitle("wallet").textContent).toBe("ready"));
  };

  it("submits a proof, lists it, and is told that a second time is one too many", async () => {
    const Page = page();
    render(createElement(StrictMode, null, createElement(Page, null, createElement(Submitter))));
    await press("submit");
    await waitFor(() => expect(status()).toBe("error"));
    expect(screen.getByTitle("error").textContent).toMatch(/no account/);
    await press("reset");
    expect(status()).toBe("idle");
    await connected();
    await press("submit");
    await waitFor(() => expect(status()).toBe("success"));
    await waitFor(() => expect(screen.getAllByRole("listitem").map((item) => item.textContent)).toEqual([account.address]));
    await press("submit");
    await waitFor(() => expect(status()).toBe("error"));
    expect(screen.getByTitle("error").textContent).toMatch(/\(StatementReplayed\)/);
  }, 2 * PATIENCE);

  it("says what the wallet says when it refuses", async () => {
    const Page = page(true);
    render(createElement(Page, null, createElement(Submitter)));
    await connected();
    await press("submit");
    await waitFor(() => expect(status()).toBe("error"));
    expect(screen.getByTitle("error").textContent).toMatch(/rejected/i);
    expect(screen.queryAllByRole("listitem")).toEqual([]);
  }, 2 * PATIENCE);

  it("has a registry for reading without a wallet, and none for a chain that it does not know", async () => {
    const wrapper = page();
    const { result } = renderHook(() => useRegistry(deployment), { wrapper });
    expect(result.current?.deployment).toBe(deployment);
    const model = await result.current?.listModels();
    expect(model?.length).toBe(1);
    const { result: other } = renderHook(() => useRegistry({ ...deployment, chainId: 77 }), { wrapper });
    expect(other.current).toBeUndefined();
    const { result: none } = renderHook(() => useRegistry(undefined), { wrapper });
    expect(none.current).toBeUndefined();
  }, PATIENCE);

  it("submits one proof at a time, and waits no more when it is gone", async () => {
    const wrapper = page();
    let waiting: AbortSignal | undefined;
    const registry = {
      deployment,
      submit: async () => ({ hash: "0x01", statementHash: "0x02" }),
      waitForInference: (_: string, { signal }: { signal: AbortSignal }) => {
        waiting = signal;
        return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
      },
    } as unknown as Registry;
    const { result, unmount } = renderHook(() => useSubmitProof(registry), { wrapper });
    let first: Promise<unknown> | undefined;
    await act(async () => {
      first = result.current.submit({ file });
      first.catch(() => {});
    });
    expect(result.current.submission).toEqual({ status: "waiting", hash: "0x01", statementHash: "0x02" });
    await expect(result.current.submit({ file })).rejects.toMatchObject({ code: "busy" });
    expect(result.current.submission.status).toBe("waiting");
    unmount();
    expect(waiting?.aborted).toBe(true);
    await expect(first).rejects.toBeDefined();
    const { result: none } = renderHook(() => useSubmitProof(undefined), { wrapper });
    await act(async () => void (await none.current.submit({ file }).catch(() => {})));
    expect(none.current.submission).toMatchObject({ status: "error", error: { code: "no-registry" } });
  }, PATIENCE);
});
