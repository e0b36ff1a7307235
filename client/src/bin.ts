#!/usr/bin/env node
// `laminate-verify PROOF --verifier verifier.json [--program FILE]`: native verification from the command line.
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { wordHex } from "./bytes.js";
import { LaminateError, readDeployment, readProof, readVerifier, verifyProof } from "./index.js";

const USAGE = `Usage: laminate-verify PROOF (--verifier verifier.json | --deployment deployment.json) [options]

Verifies a proof of Laminate here, without a node.

  --verifier FILE           verifier.json of the folder that \`laminate verifier\` wrote
  --deployment FILE         deployment.json of \`laminate deploy\` instead
  --program FILE            Halo2UniversalVerifier.program.json; by default beside verifier.json
  --weight-commitment W     refuse a proof of other weights (by default those that the record names)
  --input-commitment X      refuse a proof of another input
  --json                    print the verdict as JSON

Exit codes: 0 valid, 1 refused or it cannot be checked, 2 wrong usage.`;

const PROGRAM = "Halo2UniversalVerifier.program.json";

/** JSON, with field elements as 32-byte words. */
const shown = (value: unknown) => JSON.stringify(value, (_, part: unknown) => (typeof part === "bigint" ? wordHex(part) : part));

function usage(message: string): never {
  console.error(`laminate-verify: ${message}\n\n${USAGE}`);
  process.exit(2);
}

function options() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        verifier: { type: "string" },
        deployment: { type: "string" },
        program: { type: "string" },
        "weight-commitment": { type: "string" },
        "input-commitment": { type: "string" },
        json: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    });
  } catch (error) {
    return usage((error as Error).message);
  }
}

function commitment(name: string, value: string | undefined): `0x${string}` | undefined {
  if (value !== undefined && !/^0x[0-9a-fA-F]{64}$/.test(value)) usage(`--${name} ${value}: expected 0x and 64 hex digits`);
  return value as `0x${string}` | undefined;
}

function main(): number {
  const { values, positionals } = options();
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  const [path, ...more] = positionals;
  const record = values.verifier ?? values.deployment;
  if (path === undefined || more.length > 0) usage("expected one proof file");
  if (record === undefined || (values.verifier && values.deployment)) usage("give one of --verifier and --deployment");
  const weights = commitment("weight-commitment", values["weight-commitment"]);
  const input = commitment("input-commitment", values["input-commitment"]);
  const expected = { ...(weights && { weightCommitment: weights }), ...(input && { inputCommitment: input }) };
  try {
    const program = readFileSync(values.program ?? join(dirname(record), PROGRAM), "utf8");
    const json = readFileSync(record, "utf8");
    const key = values.verifier ? readVerifier(json, program) : readDeployment(json, program).key;
    const verdict = verifyProof(readProof(readFileSync(path)), key, expected);
    if (values.json) console.log(shown(verdict));
    else if (verdict.valid) {
      const { output, unchecked, development } = verdict;
      console.log(`valid\noutput ${shown(output.kind === "real" ? output.values : output)}`);
      if (unchecked.length > 0) console.log(`not checked: ${unchecked.join(", ")}`);
      if (development) console.log("DEV reference string: proves nothing to others");
    }
    if (!verdict.valid) console.error(`laminate-verify: refused: ${verdict.message}`);
    return verdict.valid ? 0 : 1;
  } catch (error) {
    const known = error instanceof LaminateError || (error as NodeJS.ErrnoException).code !== undefined;
    if (!known) throw error;
    if (values.json) console.log(JSON.stringify({ error: (error as Error).message }));
    console.error(`laminate-verify: ${(error as Error).message}`);
    return 1;
  }
}

process.exitCode = main();
