import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Browser, chromium, type Page } from "playwright-core";
import { build, preview, type PreviewServer } from "vite";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { Anvil, anvilPath } from "../../../client/test/anvil.js";
import { HEADER, resealed } from "../../../client/test/fixtures.js";
import { accessibility, browserPath } from "./browser.js";

const root = fileURLToPath(new URL("..", import.meta.url));
const fixtures = fileURLToPath(new URL("../../../client/test/fixtures/", import.meta.url));
const row = fileURLToPath(new URL("../../../models/fraud/legit.csv", import.meta.url));
const shots = process.env.SCREENSHOTS;

const path = anvilPath();
if (!path) console.log("skipped: no anvil; npm ci in the repository's root installs it");

/** A wallet that announces itself, whose node is anvil: the page's policy stays closed, as requests leave through this process. */
async function wallet(page: Page, answer: (method: string, params: unknown[]) => Promise<unknown>): Promise<void> {
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

describe.skipIf(!path || !browserPath)("the page", () => {
  let anvil: Anvil;
  let server: PreviewServer;
  let browser: Browser;
  let page: Page;
  let folder: string;
  let url: string;
  let clean: unknown;
  let reject = false;
  let chainId: string | undefined;
  const problems: string[] = [];

  beforeAll(async () => {
    anvil = await Anvil.start(path ?? "");
    await anvil.request("anvil_loadState", [readFileSync(join(fixtures, "state.hex"), "utf8").trim()]);
    folder = mkdtempSync(join(tmpdir(), "laminate-page-"));
    const [publicDir, outDir] = [join(folder, "public"), join(folder, "dist")];
    mkdirSync(publicDir);
    copyFileSync(join(fixtures, "deployment.json"), join(publicDir, "deployment.json"));
    copyFileSync(join(fixtures, "packed.program.json"), join(publicDir, "program.json"));
    process.env.RPC_URL = anvil.url;
    await build({ root, publicDir, logLevel: "error", build: { outDir, emptyOutDir: true } });
    server = await preview({ root, logLevel: "error", build: { outDir }, preview: { port: 0, host: "127.0.0.1" } });
    url = server.resolvedUrls?.local[0] ?? "";
    browser = await chromium.launch({ executablePath: browserPath ?? "", args: ["--no-sandbox"] });
  }, 180_000);

  afterAll(async () => {
    await browser?.close();
    await server?.close();
    anvil?.stop();
    if (folder) rmSync(folder, { recursive: true });
  }, 60_000);

  beforeEach(async () => {
    if (clean !== undefined) await anvil.request("evm_revert", [clean]);
    clean = await anvil.request("evm_snapshot");
    [reject, chainId] = [false, undefined];
    problems.length = 0;
    page = await browser.newPage({ viewport: { width: 1000, height: 900 } });
    page.on("pageerror", (error) => problems.push(String(error)));
    page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
    await wallet(page, async (method, params) => {
      if (method === "eth_requestAccounts") return anvil.request("eth_accounts");
      if (method === "eth_chainId" && chainId) return chainId;
      if (reject && method === "eth_sendTransaction") throw Object.assign(new Error("User rejected the request."), { code: 4001 });
      return anvil.request(method, params);
    });
    await page.goto(url);
    await says("Ready.");
    await page.selectOption("#wallet", { label: "Test wallet" });
    return async () => page.close();
  }, 60_000);

  const says = (text: string | RegExp) => expect.poll(() => page.textContent("#status"), { timeout: 30_000 }).toMatch(text);
  const alerts = (text: string | RegExp) => expect.poll(() => page.textContent("#error"), { timeout: 30_000 }).toMatch(text);
  const proof = join(fixtures, "packed.proof");

  async function escrow(): Promise<void> {
    await page.setInputFiles("#proof", proof);
    await says("The proof holds.");
    const commitment = await page.textContent("#statement dt:has-text('input') + dd");
    await page.fill("#commitment", commitment ?? "");
    await page.fill("#payee", "0x70997970C51812dc3A010C7d01b50e0d17dc79C8");
    await page.click("#escrow");
  }

  it("escrows, verifies here and on the chain, and settles", async () => {
    expect(await page.isVisible("#development")).toBe(true);
    await page.click("#check");
    await says(/All \d+ facts of the record are so on the chain/);
    await escrow();
    await says("Escrowed 0.01 ether.");
    expect(await page.textContent("#verdict")).toBe("✓ valid, checked by this page (native)");
    expect(await page.textContent("#statement")).toContain("which input");
    await page.click("#ask");
    await says(/The registry takes it, says the node/);
    await page.click("#settle");
    await says("Payment 1 is settled.");
    expect(await page.textContent("#payments")).toMatch(/^settled: 0.01 ether to 0x70997970C51812dc3A010C7d01b50e0d17dc79C8, score below 0.5/);
    await page.click("#settle");
    await alerts(/the contract refuses: payment 1 is settled/);
    // What was done is on the chain, not in the page.
    await page.reload();
    await says("Ready.");
    await page.click("#refresh");
    await says("1 payments, says the node.");
    expect(problems).toEqual([]);
  }, 120_000);

  it("refuses a forged file, and one that is none", async () => {
    const forged = readFileSync(proof);
    forged.writeUInt8(forged.readUInt8(forged.length - 1) ^ 1, forged.length - 1);
    writeFileSync(join(folder, "forged.proof"), forged);
    await page.setInputFiles("#proof", join(folder, "forged.proof"));
    await alerts(/proof: it is altered: its SHA-256 digest does not match/);
    expect(await page.isDisabled("#settle")).toBe(true);
    // As above, and the digest made anew.
    writeFileSync(join(folder, "resealed.proof"), resealed(forged, forged.subarray(HEADER)));
    await page.setInputFiles("#proof", join(folder, "resealed.proof"));
    await alerts(/refused: the last word of the proof is not the inverse/);
    await page.setInputFiles("#proof", join(fixtures, "shplonk.proof"));
    await alerts(/refused: the proof/);
    expect(await page.textContent("#verdict")).toBe("✗ refused by this page");
    await page.setInputFiles("#proof", row);
    await alerts(/not a Laminate file/);
    expect(await page.isDisabled("#ask")).toBe(true);
  }, 60_000);

  it("commits a row here", async () => {
    await page.setInputFiles("#row", row);
    await says("Committed.");
    expect(await page.inputValue("#commitment")).toMatch(/^0x[0-9a-f]{64}$/);
    const [download] = await Promise.all([page.waitForEvent("download"), page.click("#download")]);
    const saved = readFileSync(await download.path());
    expect(saved.subarray(0, 12).toString()).toBe("LAMINATEINPT");
    expect(saved.length).toBe(readFileSync(join(fixtures, "row.input")).length);
    await page.setInputFiles("#row", proof);
    await alerts(/values, expected 29/);
    expect(problems).toEqual([]);
  }, 60_000);

  it("says what a wallet rejects, and which chain it is on", async () => {
    reject = true;
    await escrow();
    await alerts("you rejected it in the wallet; nothing was sent");
    reject = false;
    chainId = "0x1";
    await page.click("#escrow");
    await alerts("the wallet is on chain 1, the deployment on chain 31337; switch it");
    await page.click("#refresh");
    await says("There are no payments.");
  }, 60_000);

  it("shows what is on the chain after a reorganisation", async () => {
    await escrow();
    await says("Escrowed");
    await anvil.request("anvil_reorg", [1, []]);
    await page.click("#refresh");
    await says("There are no payments.");
    await page.click("#settle");
    await alerts(/payment 1 is not there/);
  }, 60_000);

  it("can be used without a mouse, and by everybody", async () => {
    await page.focus("#check");
    await page.keyboard.press("Enter");
    await says(/All \d+ facts/);
    await page.setInputFiles("#proof", proof);
    await says("The proof holds.");
    for (const [scheme, width] of [["light", 1000], ["dark", 1000], ["light", 320]] as const) {
      await page.emulateMedia({ colorScheme: scheme });
      await page.setViewportSize({ width, height: 900 });
      const found = await accessibility(page);
      expect(found.violations, `${scheme}, ${width}`).toEqual([]);
      expect(found.passes).toBeGreaterThan(15);
      expect(found.width, `${scheme}, ${width}`).toBeLessThanOrEqual(width);
      if (shots) await page.screenshot({ path: join(shots, `fraud-screen-${scheme}-${width}.png`), fullPage: true });
    }
  }, 120_000);
});
