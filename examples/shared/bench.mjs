#!/usr/bin/env node
// Processor time of native verification in Chromium: of the page's thread, by the browser's own clock of it.
//
//   npm run build --prefix ../client && npm run bench
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { build } from "vite";

const client = fileURLToPath(new URL("../../client/", import.meta.url));
const fixture = (name) => readFileSync(join(client, "test/fixtures", name));
const [WARM, RUNS] = [3, 15];

const folder = mkdtempSync(join(tmpdir(), "laminate-bench-"));
const entry = join(folder, "entry.js");
const names = "readProof, readVerifier, verifyProof";
writeFileSync(entry, `import { ${names} } from ${JSON.stringify(join(client, "dist/index.js"))};\nwindow.laminate = { ${names} };\n`);
const result = await build({
  root: client,
  configFile: false,
  logLevel: "error",
  build: { write: false, minify: true, lib: { entry, formats: ["iife"], name: "bench", fileName: "bench" } },
});
rmSync(folder, { recursive: true });
const code = [result].flat()[0].output[0].code;

const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
try {
  const page = await browser.newPage();
  await page.addScriptTag({ content: code });
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable", { timeDomain: "threadTicks" });
  const spent = async () => {
    const { metrics } = await session.send("Performance.getMetrics");
    return 1000 * metrics.find(({ name }) => name === "TaskDuration").value;
  };
  for (const name of ["packed", "shplonk", "join"]) {
    await page.evaluate(
      ([proof, record, program]) => {
        const { readProof, readVerifier, verifyProof } = window.laminate;
        const [file, key] = [readProof(Uint8Array.from(proof)), readVerifier(record, program)];
        window.verifyOnce = () => verifyProof(file, key).valid;
      },
      [[...fixture(`${name}.proof`)], fixture(`${name}.verifier.json`).toString(), fixture(`${name}.program.json`).toString()],
    );
    const times = [];
    for (let run = 0; run < WARM + RUNS; run++) {
      const before = await spent();
      if (!(await page.evaluate(() => window.verifyOnce()))) throw new Error(`${name} is refused`);
      times.push((await spent()) - before);
    }
    const first = times[0];
    const warm = times.slice(WARM).sort((a, b) => a - b);
    const ms = (time) => time.toFixed(0);
    console.log(`${name}: ${ms(warm[Math.floor(RUNS / 2)])} ms of processor time (${ms(warm[0])} to ${ms(warm[RUNS - 1])}), the first one ${ms(first)}`);
  }
  console.log(`Chromium ${browser.version()}, load ${loadavg().map((load) => load.toFixed(1)).join(" ")}`);
} finally {
  await browser.close();
}
