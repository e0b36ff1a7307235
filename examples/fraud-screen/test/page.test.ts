import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { fixtures, models, ready, Stage } from "../../shared/test/stage.js";

const row = join(models, "fraud/legit.csv");
const proof = join(fixtures, "packed.proof");

describe.skipIf(!ready)("the page", () => {
  let stage: Stage;
  beforeAll(async () => {
    const text = (file: string) => readFileSync(join(fixtures, file), "utf8");
    stage = await Stage.start("fraud-screen", "state.hex", {
      "deployment.json": text("deployment.json"),
      "program.json": text("packed.program.json"),
    });
  }, 180_000);
  afterAll(() => stage?.stop(), 60_000);
  beforeEach(() => stage.open(), 60_000);

  async function escrow(): Promise<void> {
    const { page } = stage;
    await page.setInputFiles("#proof", proof);
    await stage.says("The proof holds.");
    const commitment = await page.textContent("#statement dt:has-text('input') + dd");
    await page.fill("#commitment", commitment ?? "");
    await page.fill("#payee", "0x70997970C51812dc3A010C7d01b50e0d17dc79C8");
    await page.click("#escrow");
  }

  it("escrows, verifies here and on the chain, and settles", async () => {
    const { page } = stage;
    expect(await page.isVisible("#development")).toBe(true);
    await page.click("#check");
    await stage.says(/All \d+ facts of the record are so on the chain/);
    await escrow();
    await stage.says("Escrowed 0.01 ether.");
    expect(await page.textContent("#verdict")).toBe("✓ valid, checked by this page (native)");
    expect(await page.textContent("#statement")).toContain("which input");
    await page.click("#ask");
    await stage.says(/The registry takes it, says the node/);
    await page.click("#settle");
    await stage.says("Payment 1 is settled.");
    expect(await page.textContent("#payments")).toMatch(/^settled: 0.01 ether to 0x70997970C51812dc3A010C7d01b50e0d17dc79C8, score below 0.5/);
    await page.click("#settle");
    await stage.alerts(/the contract refuses: payment 1 is settled/);
    // What was done is on the chain, not in the page.
    await page.reload();
    await stage.says("Ready.");
    await page.click("#refresh");
    await stage.says("1 payments, says the node.");
    expect(stage.problems).toEqual([]);
  }, 120_000);

  it("refuses a forged file, and one that is none", async () => {
    const { page } = stage;
    const forged = stage.forged(proof);
    await page.setInputFiles("#proof", forged.altered);
    await stage.alerts(/proof: it is altered: its SHA-256 digest does not match/);
    expect(await page.isDisabled("#settle")).toBe(true);
    await page.setInputFiles("#proof", forged.resealed);
    await stage.alerts(/refused: the last word of the proof is not the inverse/);
    await page.setInputFiles("#proof", join(fixtures, "shplonk.proof"));
    await stage.alerts(/refused: the proof/);
    expect(await page.textContent("#verdict")).toBe("✗ refused by this page");
    await page.setInputFiles("#proof", row);
    await stage.alerts(/not a Laminate file/);
    expect(await page.isDisabled("#ask")).toBe(true);
  }, 60_000);

  it("commits a row here", async () => {
    const { page } = stage;
    await page.setInputFiles("#row", row);
    await stage.says("Committed.");
    expect(await page.inputValue("#commitment")).toMatch(/^0x[0-9a-f]{64}$/);
    const [download] = await Promise.all([page.waitForEvent("download"), page.click("#download")]);
    const saved = readFileSync(await download.path());
    expect(saved.subarray(0, 12).toString()).toBe("LAMINATEINPT");
    expect(saved.length).toBe(readFileSync(join(fixtures, "row.input")).length);
    await page.setInputFiles("#row", proof);
    await stage.alerts(/values, expected 29/);
    expect(stage.problems).toEqual([]);
  }, 60_000);

  it("says what a wallet rejects, and which chain it is on", async () => {
    const { page } = stage;
    stage.reject = true;
    await escrow();
    await stage.alerts("you rejected it in the wallet; nothing was sent");
    stage.reject = false;
    stage.chainId = "0x1";
    await page.click("#escrow");
    await stage.alerts("the wallet is on chain 1, the deployment on chain 31337; switch it");
    await page.click("#refresh");
    await stage.says("There are no payments.");
  }, 60_000);

  it("shows what is on the chain after a reorganisation", async () => {
    const { page } = stage;
    await escrow();
    await stage.says("Escrowed");
    await stage.anvil.request("anvil_reorg", [1, []]);
    await page.click("#refresh");
    await stage.says("There are no payments.");
    await page.click("#settle");
    await stage.alerts(/payment 1 is not there/);
  }, 60_000);

  it("can be used without a mouse, and by everybody", async () => {
    const { page } = stage;
    await page.focus("#check");
    await page.keyboard.press("Enter");
    await stage.says(/All \d+ facts/);
    await page.setInputFiles("#proof", proof);
    await stage.says("The proof holds.");
    await stage.everybody();
  }, 120_000);
});
