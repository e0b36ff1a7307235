import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Browser, chromium, type Page } from "playwright-core";
import { build, preview, type PreviewServer } from "vite";
import { expect } from "vitest";
import { Anvil, anvilPath } from "../../../client/test/anvil.js";
import { HEADER, resealed } from "../../../client/test/fixtures.js";
import { accessibility, browserPath } from "./browser.js";

const path = anvilPath();
if (!path) console.log("skipped: no anvil; npm ci in the repository's root installs it");
/** Whether there are a browser and a chain to test with. */
export const ready = path !== undefined && browserPath !== undefined;

export const fixtures = fileURLToPath(new URL("../../../client/test/fixtures/", import.meta.url));
export const models = fileURLToPath(new URL("../../../models/", import.meta.url));
const shots = process.env.SCREENSHOTS;

/** Answers for a page's wallet. */
type Answer = (method: string, params: unknown[]) => Promise<unknown>;

/** A wallet that announces itself, whose node is anvil: the page's policy stays closed, as requests leave through this process. */
async function wallet(page: Page, answer: Answer): Promise<void> {
  await page.exposeFunction("laminateWallet", async (method: string, params: unknown[]) => {
    try {
      return { result: await answer(method, params) };
    } catch (error) {
      const { message, code } = error as { message: string; code?: number };
      return { error: { message, code: code ?? -32603 } };
    }
  });
  await page.addInitScript(() => {
    type Answer = { result?: unknown; error?: { message: string; code: number } };
    const send = (window as unknown as { laminateWallet: (method: string, params: unknown[]) => Promise<Answer> }).laminateWallet;
    const provider = {
      on: () => undefined,
      removeListener: () => undefined,
      async request({ method, params }: { method: string; params?: unknown[] }) {
        const { result, error } = await send(method, params ?? []);
        if (error) throw Object.assign(new Error(error.message), { code: error.code });
        return result;
      },
    };
    const info = { uuid: "5e2b2ab5-2e6e-4b7c-9d0c-6d9d0f1c6a11", name: "Test wallet", icon: "data:,", rdns: "test.wallet" };
    const announce = () =>
      window.dispatchEvent(new CustomEvent("eip6963:announceProvider", { detail: Object.freeze({ info, provider }) }));
    window.addEventListener("eip6963:requestProvider", announce);
  });
}

/** A page as it is built, in Chromium, before a chain of a stored state; each test begins with that state. */
export class Stage {
  page!: Page;
  /** Whether the wallet's owner rejects transactions. */
  reject = false;
  /** The chain that the wallet says it is on. */
  chainId: string | undefined;
  /** Which of anvil's accounts the wallet has. */
  account = 0;
  /** What the page's console and scripts complained of. */
  readonly problems: string[] = [];
  #clean: unknown;

  private constructor(
    readonly name: string,
    readonly anvil: Anvil,
    readonly folder: string,
    readonly url: string,
    readonly server: PreviewServer,
    readonly browser: Browser,
  ) {}

  /**
   * @param name The page's folder.
   * @param state Fixture with the chain's state.
   * @param files What is served beside the page, by name.
   * @param time The chain's clock, if the state has deadlines.
   */
  static async start(name: string, state: string, files: Record<string, string>, time?: number): Promise<Stage> {
    const anvil = await Anvil.start(path ?? "");
    await anvil.request("anvil_loadState", [readFileSync(join(fixtures, state), "utf8").trim()]);
    if (time !== undefined) {
      await anvil.request("evm_setTime", [time]);
      await anvil.request("evm_mine");
    }
    const folder = mkdtempSync(join(tmpdir(), "laminate-page-"));
    const [publicDir, outDir] = [join(folder, "public"), join(folder, "dist")];
    mkdirSync(publicDir);
    for (const [file, text] of Object.entries(files)) writeFileSync(join(publicDir, file), text);
    const root = fileURLToPath(new URL(`../../${name}/`, import.meta.url));
    process.env.RPC_URL = anvil.url;
    await build({ root, publicDir, logLevel: "error", build: { outDir, emptyOutDir: true } });
    const server = await preview({ root, logLevel: "error", build: { outDir }, preview: { port: 0, host: "127.0.0.1" } });
    const browser = await chromium.launch({ executablePath: browserPath ?? "", args: ["--no-sandbox"] });
    return new Stage(name, anvil, folder, server.resolvedUrls?.local[0] ?? "", server, browser);
  }

  async stop(): Promise<void> {
    await this.browser.close();
    await this.server.close();
    this.anvil.stop();
    rmSync(this.folder, { recursive: true });
  }

  /** Opens the page before the first state of the chain; returns what closes it. */
  async open(): Promise<() => Promise<void>> {
    if (this.#clean !== undefined) await this.anvil.request("evm_revert", [this.#clean]);
    this.#clean = await this.anvil.request("evm_snapshot");
    [this.reject, this.chainId, this.account] = [false, undefined, 0];
    this.problems.length = 0;
    const page = await this.browser.newPage({ viewport: { width: 1000, height: 900 } });
    page.on("pageerror", (error) => this.problems.push(String(error)));
    page.on("console", (message) => message.type() === "error" && this.problems.push(message.text()));
    await wallet(page, (method, params) => this.#answer(method, params));
    this.page = page;
    await page.goto(this.url);
    await this.says("Ready.");
    await page.selectOption("#wallet", { label: "Test wallet" });
    return () => page.close();
  }

  async #answer(method: string, params: unknown[]): Promise<unknown> {
    if (method === "eth_requestAccounts") return ((await this.anvil.request("eth_accounts")) as string[]).slice(this.account);
    if (method === "eth_chainId" && this.chainId) return this.chainId;
    if (this.reject && method === "eth_sendTransaction") throw Object.assign(new Error("User rejected the request."), { code: 4001 });
    return this.anvil.request(method, params);
  }

  async says(text: string | RegExp): Promise<void> {
    await expect.poll(() => this.page.textContent("#status"), { timeout: 30_000 }).toMatch(text);
  }

  async alerts(text: string | RegExp): Promise<void> {
    await expect.poll(() => this.page.textContent("#error"), { timeout: 30_000 }).toMatch(text);
  }

  /** A file that was made for this run; its path. */
  file(name: string, bytes: Uint8Array): string {
    const at = join(this.folder, name);
    writeFileSync(at, bytes);
    return at;
  }

  /** A proof whose last bit is another: as it is, and with the digest made anew. */
  forged(proof: string): { altered: string; resealed: string } {
    const bytes = readFileSync(proof);
    bytes.writeUInt8(bytes.readUInt8(bytes.length - 1) ^ 1, bytes.length - 1);
    return { altered: this.file("forged.proof", bytes), resealed: this.file("resealed.proof", resealed(bytes, bytes.subarray(HEADER))) };
  }

  /** No rule of accessibility is broken and nothing is wider than the page: light, dark and narrow. */
  async everybody(): Promise<void> {
    for (const [scheme, width] of [["light", 1000], ["dark", 1000], ["light", 320]] as const) {
      await this.page.emulateMedia({ colorScheme: scheme });
      await this.page.setViewportSize({ width, height: 900 });
      const found = await accessibility(this.page);
      expect(found.violations, `${scheme}, ${width}`).toEqual([]);
      expect(found.passes).toBeGreaterThan(15);
      expect(found.width, `${scheme}, ${width}`).toBeLessThanOrEqual(width);
      if (shots) await this.page.screenshot({ path: join(shots, `${this.name}-${scheme}-${width}.png`), fullPage: true });
    }
  }
}
