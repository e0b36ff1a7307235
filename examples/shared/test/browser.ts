import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";

/** The system's Chromium. */
export const browserPath = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find((file) => existsSync(file));
if (!browserPath) console.log("skipped: no Chromium; `apt-get install chromium` installs it");

const axe = readFileSync(fileURLToPath(new URL("../../node_modules/axe-core/axe.min.js", import.meta.url)), "utf8");

/** Which rules of accessibility a page breaks, how many it keeps, and how wide it is. */
export async function accessibility(page: Page): Promise<{ violations: string[]; passes: number; width: number }> {
  // The pages' own policies let in no script but their own; this one comes through the debugger.
  await page.evaluate(axe);
  return page.evaluate(async () => {
    const { axe: checker } = window as unknown as { axe: { run: () => Promise<{ violations: { id: string }[]; passes: unknown[] }> } };
    const { violations, passes } = await checker.run();
    return { violations: violations.map((violation) => violation.id), passes: passes.length, width: document.documentElement.scrollWidth };
  });
}
