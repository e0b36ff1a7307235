#!/usr/bin/env node
// Size of the core with native verification, bundled for a page, and processor time of one verification.
//
//   npm run build && node scripts/measure.mjs
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "vite";
import { readProof, readVerifier, verifyProof } from "../dist/index.js";

const client = join(dirname(fileURLToPath(import.meta.url)), "..");
const fixture = (name) => readFileSync(join(client, "test/fixtures", name));

const folder = mkdtempSync(join(tmpdir(), "laminate-measure-"));
const entry = join(folder, "entry.js");
const uses = "readProof, readVerifier, readDeployment, verifyProof, decodeOutput, encodeSubmission, encodeCalldata, statementHash, modelId";
for (const [what, names] of [
  ["core with native verification", uses],
  ["the same with commitInput and explainRevert", `${uses}, commitInput, explainRevert`],
]) {
  writeFileSync(entry, `export { ${names} } from ${JSON.stringify(join(client, "dist/index.js"))};\n`);
  const result = await build({
    root: client,
    configFile: false,
    logLevel: "error",
    build: { write: false, minify: true, lib: { entry, formats: ["es"], fileName: "bundle" } },
  });
  const code = [result].flat().flatMap((part) => part.output).map((part) => part.code ?? "").join("");
  console.log(`${what}: ${code.length} bytes, ${gzipSync(code, { level: 9 }).length} gzipped`);
}
rmSync(folder, { recursive: true });

for (const name of ["packed", "shplonk", "join"]) {
  const program = fixture(`${name}.program.json`);
  const key = readVerifier(fixture(`${name}.verifier.json`).toString(), program.toString());
  const file = readProof(fixture(`${name}.proof`));
  for (let i = 0; i < 3; i++) verifyProof(file, key);
  const times = [];
  for (let i = 0; i < 15; i++) {
    const start = process.cpuUsage();
    if (!verifyProof(file, key).valid) throw new Error(`${name} is refused`);
    const { user, system } = process.cpuUsage(start);
    times.push((user + system) / 1000);
  }
  times.sort((a, b) => a - b);
  const median = times[7].toFixed(0);
  console.log(`${name}: ${median} ms of processor time (${times[0].toFixed(0)} to ${times[14].toFixed(0)}), program ${program.length} bytes, ${gzipSync(program, { level: 9 }).length} gzipped`);
}
console.log(`Node ${process.version}, load ${loadavg().map((load) => load.toFixed(1)).join(" ")}`);
