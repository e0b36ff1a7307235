import { checksummed, fromHex, type Hex, readWord, toHex, wordHex } from "./bytes.js";
import { REVERTS } from "./reverts.js";

/** A contract's refusal. */
export interface Revert {
  /** Name of the custom error; empty where the contract gave none. */
  readonly name: string;
  /** What it means and what to do, as the command line says it. */
  readonly message: string;
  /** Arguments by name. */
  readonly arguments: Readonly<Record<string, bigint | Hex>>;
}

/** A custom error, and what to say of it: one sentence, or one for each value of the argument `cases`. */
export interface ErrorEntry {
  readonly selector: string;
  readonly name: string;
  readonly inputs: readonly (readonly [name: string, type: string])[];
  readonly sentences: readonly string[];
  readonly cases?: string;
}

const ERROR = "0x08c379a0";
const PANIC = "0x4e487b71";
const REASON_LIMIT = 300;

/** A word as a value of a static type. */
function argument(bytes: Uint8Array, index: number, type: string): bigint | Hex {
  const value = readWord(bytes, 4 + 32 * index);
  if (type === "address") return checksummed(`0x${wordHex(value).slice(26)}`);
  const width = /^bytes(\d+)$/.exec(type)?.[1];
  if (width) return wordHex(value).slice(0, 2 + 2 * Number(width)) as Hex;
  const bits = BigInt(/^u?int(\d+)$/.exec(type)?.[1] ?? "256");
  return type.startsWith("int") ? BigInt.asIntN(Number(bits), value) : BigInt.asUintN(Number(bits), value);
}

/** A value as a sentence shows it. */
function shown(value: bigint | Hex | undefined, form: string | undefined): string {
  if (typeof value !== "bigint") return value ?? "";
  if (form === "id") return wordHex(value);
  return form === "hex" ? `0x${value.toString(16)}` : value.toString();
}

/**
 * Explains what a contract returned when it reverted, with the sentences of the command line.
 *
 * @param data The bytes, as nodes give them.
 * @param also Errors of contracts beside Laminate's own.
 */
export function explainRevert(data: Hex, also: readonly ErrorEntry[] = []): Revert {
  const none = (message: string): Revert => ({ name: "", message, arguments: {} });
  if (data === "0x") return none("it gave no reason (a call to a contract of another kind, or out of gas)");
  const bytes = fromHex(data);
  const selector = toHex(bytes.subarray(0, 4));
  const table: readonly ErrorEntry[] = [...REVERTS, ...also];
  const known = table.find((error) => error.selector === selector);
  if (known && bytes.length === 4 + 32 * known.inputs.length) {
    const values: Record<string, bigint | Hex> = {};
    for (const [index, [name, type]] of known.inputs.entries()) values[name] = argument(bytes, index, type);
    const variant = known.cases !== undefined ? Number(values[known.cases] ?? 0n) : 0;
    const template = known.sentences[Math.min(variant, known.sentences.length - 1)] ?? "";
    const message = template.replace(/\{(\w+)(?::(\w+))?\}/g, (_, name: string, form?: string) => shown(values[name], form));
    return { name: known.name, message, arguments: values };
  }
  if (selector === ERROR && bytes.length >= 68) {
    const length = Number(BigInt.asUintN(32, readWord(bytes, 36)));
    const reason = new TextDecoder().decode(bytes.subarray(68, 68 + length));
    return none([...reason.replace(/\p{C}/gu, " ")].slice(0, REASON_LIMIT).join(""));
  }
  if (selector === PANIC && bytes.length === 36) {
    return { ...none(`internal error 0x${readWord(bytes, 4).toString(16)} of the contract`), name: "Panic" };
  }
  return none(`an error of no Laminate contract, ${bytes.length} bytes starting ${toHex(bytes.subarray(0, 36))}`);
}
