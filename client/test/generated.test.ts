import { readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
// @ts-expect-error: a script without types
import { generated } from "../scripts/abi.mjs";
import * as abis from "../src/abi/index.js";
import { REVERTS } from "../src/reverts.js";

it("the interfaces are those of the compiled contracts", () => {
  const expected = generated() as Map<string, string>;
  const folder = new URL("../src/abi/", import.meta.url);
  expect(readdirSync(folder).sort()).toEqual([...expected.keys()].sort());
  for (const [file, text] of expected) expect(readFileSync(new URL(file, folder), "utf8"), file).toBe(text);
});

it("every error of an interface has a sentence", () => {
  const known = new Set(REVERTS.map((error) => `${error.name}(${error.inputs.map(([, type]) => type).join(",")})`));
  let compared = 0;
  for (const abi of Object.values(abis)) {
    for (const entry of abi) {
      if (entry.type !== "error") continue;
      const types = (entry.inputs as readonly { type: string }[]).map((input) => input.type);
      expect(known, entry.name).toContain(`${entry.name}(${types.join(",")})`);
      compared += 1;
    }
  }
  expect(compared).toBeGreaterThan(50);
  for (const { sentences } of REVERTS) for (const sentence of sentences) expect(sentence).not.toContain("see the error's name");
});
