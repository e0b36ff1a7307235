import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { type Browser, chromium } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { accessibility, browserPath } from "./browser.js";

/** What `laminate report` draws of a record with everything in it; a test of the command line compares it. */
const report = pathToFileURL(fileURLToPath(new URL("../../../client/test/fixtures/report.html", import.meta.url))).href;
const shots = process.env.SCREENSHOTS;

describe.skipIf(!browserPath)("a report", () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: browserPath ?? "", args: ["--no-sandbox"] });
  }, 60_000);
  afterAll(() => browser?.close(), 60_000);

  it.each([
    ["light", "screen", 1000],
    ["dark", "screen", 1000],
    ["light", "screen", 320],
    ["light", "print", 700],
  ] as const)("can be read by everybody: %s, %s, %i wide", async (colorScheme, media, width) => {
    const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme });
    const requests: string[] = [];
    const problems: string[] = [];
    page.on("request", (request) => requests.push(request.url()));
    page.on("pageerror", (error) => problems.push(String(error)));
    page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
    await page.emulateMedia({ media });
    await page.goto(report);
    expect(await page.locator("h1").textContent()).toContain("laminate prove");
    expect(await page.locator("svg").count()).toBeGreaterThan(8);
    expect(await page.locator("figure table").count()).toBe(await page.locator("figure").count());
    const found = await accessibility(page);
    expect(found.violations).toEqual([]);
    expect(found.passes).toBeGreaterThan(15);
    if (media === "screen") expect(found.width).toBeLessThanOrEqual(width);
    // The numbers drawn are in the picture: no bar leaves its chart.
    const outside = await page.locator("svg rect, svg circle").evaluateAll((shapes) =>
      shapes.filter((shape) => {
        const [inner, outer] = [shape.getBoundingClientRect(), (shape.closest("svg") as Element).getBoundingClientRect()];
        return inner.right > outer.right + 1 || inner.left < outer.left - 1 || inner.bottom > outer.bottom + 1 || inner.top < outer.top - 1;
      }).length,
    );
    expect(outside).toBe(0);
    expect(requests.filter((url) => !url.startsWith("data:"))).toEqual([report]);
    expect(problems).toEqual([]);
    if (shots) await page.screenshot({ path: join(shots, `report-${colorScheme}-${media}-${width}.png`), fullPage: true });
    await page.close();
  }, 120_000);
});
