import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Anvil, anvilPath } from "./anvil.js";
import { text } from "./fixtures.js";

const client = fileURLToPath(new URL("..", import.meta.url));
const fixtures = fileURLToPath(new URL("./fixtures/", import.meta.url));
const path = anvilPath();
const LINES = 10;

const run = (folder: string, command: string, ...arguments_: string[]) =>
  execFileSync(command, arguments_, { cwd: folder, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });

/** The first lines of TypeScript in the README. */
const example = /```ts\n([\s\S]*?)```/.exec(readFileSync(join(client, "README.md"), "utf8"))?.[1] ?? "";

describe("the package", () => {
  let folder: string;
  let tarball: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "laminate-client-"));
    const [packed] = JSON.parse(run(client, "npm", "pack", "--json", "--ignore-scripts", "--pack-destination", folder)) as { filename: string }[];
    tarball = join(folder, packed?.filename ?? "");
  }, 60_000);
  afterAll(() => rmSync(folder, { recursive: true }), 60_000);

  it("is what registries and bundlers expect", () => {
    expect(run(client, "npx", "publint", "run", tarball, "--strict")).toContain("All good!");
    run(client, "npx", "attw", tarball, "--profile", "esm-only");
    const files = run(folder, "tar", "tzf", tarball).split("\n");
    expect(files).toContain("package/dist/index.js");
    expect(files.filter((file) => /\/test|\.test\.|fixtures|\.map$|src\//.test(file))).toEqual([]);
  }, 120_000);

  it("asks nothing of Node in its core", () => {
    for (const file of ["index", "verify", "program", "proof", "records", "input", "node", "registry", "attestations", "viem", "ethers", "react", "wagmi"]) {
      const code = readFileSync(join(client, `dist/${file}.js`), "utf8");
      expect(code, file).not.toMatch(/from "node:|require\(|\bBuffer\b|\bprocess\./);
    }
  });

  it.skipIf(!path)("verifies a proof and reads events in an empty folder, with the README's lines", async () => {
    expect(example.split("\n").filter((line) => line !== "").length).toBeLessThanOrEqual(LINES);
    const anvil = await Anvil.start(path ?? "");
    try {
      await anvil.request("anvil_loadState", [text("state.hex").trim()]);
      writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module", private: true }));
      const viem = JSON.parse(readFileSync(join(client, "package.json"), "utf8")).devDependencies.viem as string;
      run(folder, "npm", "install", "--prefer-offline", "--no-audit", "--no-fund", tarball, `viem@${viem}`);
      cpSync(join(fixtures, "packed.proof"), join(folder, "fraud.proof"));
      cpSync(join(fixtures, "packed.program.json"), join(folder, "Halo2UniversalVerifier.program.json"));
      cpSync(join(fixtures, "deployment.json"), join(folder, "deployment.json"));
      writeFileSync(join(folder, "example.mjs"), example.replace("http://127.0.0.1:8545", anvil.url));
      const out = run(folder, "node", "example.mjs");
      expect(out).toContain("valid: true");
      expect(out).toContain("trust: 'native'");
      expect(out.trim().endsWith("[]")).toBe(true);
      const verify = join(folder, "node_modules/.bin/laminate-verify");
      expect(run(folder, verify, "fraud.proof", "--deployment", "deployment.json")).toMatch(/^valid\noutput \[0\.\d+\]\nnot checked: .*\nDEV/);
      const other = `0x${"00".repeat(31)}01`;
      expect(() => run(folder, verify, "fraud.proof", "--deployment", "deployment.json", "--weight-commitment", other)).toThrow(/other weights/);
      expect(existsSync(join(folder, "node_modules/ethers"))).toBe(false);
    } finally {
      anvil.stop();
    }
  }, 180_000);
});
