import { readLittle, toHex } from "./bytes.js";
import { FileError } from "./errors.js";
import { type Affine, P, R } from "./field.js";

/** Reads [postcard](https://postcard.jamesmunns.com/wire-format): what the payloads of Laminate's files are written in. */
export class Reader {
  readonly #what: string;
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(what: string, bytes: Uint8Array) {
    this.#what = what;
    this.#bytes = bytes;
  }

  /** Refuses bytes that are left over. */
  end(): void {
    if (this.#at !== this.#bytes.length) {
      throw this.#error("malformed", `${this.#bytes.length - this.#at} bytes are left over`);
    }
  }

  bytes(length: number): Uint8Array {
    if (length > this.#bytes.length - this.#at) {
      throw this.#error("malformed", `it ends in a field of ${length} bytes`);
    }
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  byte(): number {
    return this.bytes(1)[0] ?? 0;
  }

  /** An unsigned integer of at most 32 bits. */
  varint(): number {
    let value = 0;
    for (let place = 0; place < 5; place++) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** (7 * place);
      if (byte < 0x80) {
        if (value >= 2 ** 32) break;
        return value;
      }
    }
    throw this.#error("malformed", "an integer has more than 32 bits");
  }

  /** A number of elements that take at least `size` bytes each. */
  length(size: number): number {
    const length = this.varint();
    if (length * size > this.#bytes.length - this.#at) {
      throw this.#error("malformed", `${length} elements do not fit into the rest`);
    }
    return length;
  }

  list<T>(size: number, element: () => T): T[] {
    return Array.from({ length: this.length(size) }, element);
  }

  string(): string {
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(this.bytes(this.length(1)));
    } catch (error) {
      if (error instanceof FileError) throw error;
      throw this.#error("malformed", "a name is not UTF-8");
    }
  }

  /** The index of a variant, below `count`. */
  variant(count: number): number {
    const index = this.varint();
    if (index >= count) throw this.#error("malformed", `a variant ${index} of ${count}`);
    return index;
  }

  flag(): boolean {
    return this.variant(2) === 1;
  }

  int8(): number {
    return (this.byte() << 24) >> 24;
  }

  /** A signed integer of 32 bits. */
  int32(): number {
    const value = this.varint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  scalar(): bigint {
    const value = readLittle(this.bytes(32));
    if (value >= R) throw this.#error("not-canonical", "a number is not below the scalar field's order");
    return value;
  }

  /** A point, compressed: `x`, bit 6 of the last byte the parity of `y`, bit 7 infinity, which is refused. */
  point(): Affine {
    const bytes = this.bytes(32).slice();
    const last = bytes[31] ?? 0;
    bytes[31] = last & 0x3f;
    const x = readLittle(bytes);
    const refused = () => this.#error("not-a-point", `${toHex(bytes)} is no point of the curve`);
    if (last & 0x80 || x >= P) throw refused();
    const square = (x * x * x + 3n) % P;
    const root = power(square, (P + 1n) / 4n);
    if ((root * root) % P !== square || root === 0n) throw refused();
    const odd = (last & 0x40) !== 0;
    return { x, y: (root & 1n) === (odd ? 1n : 0n) ? root : P - root };
  }

  #error(reason: "malformed" | "not-canonical" | "not-a-point", message: string): FileError {
    return new FileError(this.#what, reason, message);
  }
}

/** A power modulo the base field's order. */
function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  for (let square = base, rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = (result * square) % P;
    square = (square * square) % P;
  }
  return result;
}

/** Writes postcard. */
export class Writer {
  readonly #bytes: number[] = [];

  finish(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }

  varint(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes.push((rest % 0x80) | 0x80);
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes.push(rest);
  }

  /** A signed integer of 32 bits. */
  int32(value: number): void {
    this.varint(value < 0 ? -2 * value - 1 : 2 * value);
  }

  scalar(value: bigint): void {
    for (let i = 0n; i < 32n; i++) this.#bytes.push(Number((value >> (8n * i)) & 0xffn));
  }
}
