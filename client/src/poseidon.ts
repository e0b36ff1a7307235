import { grainGenConstants, poseidon } from "@noble/curves/abstract/poseidon.js";
import { bn254 } from "@noble/curves/bn254.js";
import { fieldDigest, modR } from "./field.js";

const WIDTH = 4;
const RATE = 3;

type Permutation = (state: bigint[]) => bigint[];
let known: Permutation | undefined;

/** Poseidon of width 4; its constants are computed at first use. */
function permutation(): Permutation {
  if (!known) {
    const parameters = { Fp: bn254.fields.Fr, t: WIDTH, roundsFull: 8, roundsPartial: 56, sboxPower: 5 };
    known = poseidon({ ...parameters, ...grainGenConstants(parameters) });
  }
  return known;
}

/** The sponge of the specification's section 3 in a domain: absorb the message, squeeze one. */
export function spongeHash(domain: string, message: readonly bigint[]): bigint {
  let state = [fieldDigest("laminate/transcript/v1", new TextEncoder().encode(domain)), 0n, 0n, 0n];
  const blocks = Math.max(1, Math.ceil(message.length / RATE));
  for (let block = 0; block < blocks; block++) {
    const words = message.slice(RATE * block, RATE * block + RATE);
    const last = block + 1 === blocks;
    state = state.map((value, i) => {
      const added = i === 0 ? BigInt(words.length + (last ? 4 : 0)) : (words[i - 1] ?? 0n);
      return modR(value + added);
    });
    state = permutation()(state);
  }
  return state[1] ?? 0n;
}
