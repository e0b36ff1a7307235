import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));
const client = fileURLToPath(new URL("../", import.meta.url));

/** The repository's Solidity compiler. */
export const solcPath = existsSync(join(root, "node_modules/solc/package.json")) ? join(root, "node_modules/solc") : undefined;

/** Creation code of the gate `AuthorisedModels`, compiled here: no deployment of the command line has it. */
export function gateCode(): `0x${string}` {
  const solc = createRequire(import.meta.url)(solcPath ?? "") as { compile: (input: string) => string };
  const main = "contracts/src/adapters/AuthorisedModels.sol";
  const sources: Record<string, { content: string }> = {};
  const add = (file: string) => {
    if (sources[file]) return;
    const content = readFileSync(join(root, file), "utf8");
    sources[file] = { content };
    for (const [, path = ""] of content.matchAll(/^import .*"(\..*)";$/gm)) add(normalize(join(dirname(file), path)));
  };
  add(main);
  const settings = { optimizer: { enabled: true }, outputSelection: { "*": { "*": ["evm.bytecode.object"] } } };
  const out = JSON.parse(solc.compile(JSON.stringify({ language: "Solidity", sources, settings })));
  const code: string | undefined = out.contracts?.[main]?.AuthorisedModels?.evm.bytecode.object;
  if (!code) throw new Error(JSON.stringify(out.errors));
  return `0x${code}`;
}

/** The attestation service itself, as its authors publish it. */
export function serviceCode(name: "EAS" | "SchemaRegistry"): `0x${string}` {
  const file = `node_modules/@ethereum-attestation-service/eas-contracts/artifacts/contracts/${name}.sol/${name}.json`;
  return (JSON.parse(readFileSync(join(client, file), "utf8")) as { bytecode: `0x${string}` }).bytecode;
}
