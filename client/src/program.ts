import { bn254 } from "@noble/curves/bn254.js";
import { keccak_256 } from "@noble/hashes/sha3.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { concat, fromHex, type Hex, readWord, toHex, word } from "./bytes.js";
import { FileError } from "./errors.js";
import { combination, G1, modR, type Point, P, point, R } from "./field.js";

const MAGIC = "laminate verifier program";
const VERSION = 2;
const WORD = 32;
/** Instances that the calldata shows: all, which begin with twelve limbs of two points, or those behind the limbs. */
const INSTANCES = { shplonk: 15, packed: 3 };
/** A point and its scalar. */
const TERM = 3 * WORD;
/** As in `PublicValues.sol`. */
const MAX_TERMS = 4096;
/** Far above any program's. */
const MOST = 1 << 16;

type Node =
  | { readonly op: "constant"; readonly value: bigint }
  | { readonly op: "word" | "challenge" | "-" | "inverse" | "power"; readonly a: number }
  | { readonly op: "+" | "*"; readonly a: number; readonly b: number };
/** `[from, to]` of the calldata, `to` its end if undefined, or bytes. */
type Piece = readonly [number, number | undefined] | Uint8Array;
type Source = number | Point;
/** Group operations that the calldata shows instead of limbs. */
interface Terms {
  /** Offset of the last point but one's scalar on the left side. */
  readonly left: number;
  /** Offset of the first; they end the calldata. */
  readonly from: number;
  /** The node that folds their pairing with the proof's. */
  readonly fold: number;
}
type G2 = InstanceType<typeof bn254.G2.Point>;

/** A verifier as data, checked: every offset lies in its calldata, and every node refers to those before it. */
export interface VerifierProgram {
  readonly digest: Hex;
  /** Identity of the reference string's secret. */
  readonly setup: Hex;
  /** Whether that secret is public, so that its maker can forge proofs. */
  readonly development: boolean;
  readonly opening: "packed" | "shplonk";
  readonly keyWords: number;
  readonly proofLength: number;
  readonly scalars: readonly number[];
  readonly inverses: readonly (readonly [number, number])[];
  readonly rows: Node;
  readonly challenges: readonly (readonly Piece[])[];
  readonly nodes: readonly Node[];
  readonly inverted: readonly number[];
  readonly inverse: number | undefined;
  readonly sides: readonly (readonly (readonly [number, Source])[])[];
  /** Of packed proofs. */
  readonly terms: Terms | undefined;
  readonly minusTauG2: G2;
}

const refused = (message: string) => new FileError("verifier program", "malformed", message);

/** Reads the values of a program, each within its bounds. */
class Parser {
  /** Bytes of every calldata, once they are known. */
  size = 0;
  /** Whether there is calldata behind these. */
  longer = false;

  number(value: unknown, below: number): number {
    if (typeof value !== "number" || !Number.isInteger(value) || value < 0 || value >= below) {
      throw refused(`${JSON.stringify(value)} for a whole number below ${below}`);
    }
    return value;
  }

  list(value: unknown, length?: number): unknown[] {
    if (!Array.isArray(value) || value.length > MOST || (length !== undefined && value.length !== length)) {
      throw refused(`expected a list${length === undefined ? "" : ` of ${length}`}`);
    }
    return value;
  }

  bytes(value: unknown): Uint8Array {
    if (typeof value !== "string" || !/^0x[0-9a-f]{64}$/.test(value)) throw refused("expected 0x and 64 hex digits");
    return fromHex(value);
  }

  /** Offset of a word. */
  offset(value: unknown, words = 1): number {
    return this.number(value, this.size - WORD * words + 1);
  }

  node(value: unknown, index: number, challenges: number): Node {
    const [op, a, b] = this.list(value);
    switch (op) {
      case "constant":
        return { op, value: readWord(this.bytes(a), 0) };
      case "word":
        return { op, a: this.offset(a) };
      case "challenge":
        return { op, a: this.number(a, challenges) };
      case "-":
      case "inverse":
      case "power":
        return { op, a: this.number(a, index) };
      case "+":
      case "*":
        return { op, a: this.number(a, index), b: this.number(b, index) };
      default:
        throw refused(`no operation ${JSON.stringify(op)}`);
    }
  }

  piece(value: unknown): Piece {
    if (typeof value === "string") return this.bytes(value);
    const [from, to] = this.list(value, 2);
    const rest = to === null && this.longer;
    const end = rest ? this.size : this.number(to, this.size + 1);
    return [this.number(from, end + 1), rest ? undefined : end];
  }

  source(value: unknown): Source {
    if (typeof value === "number") return this.offset(value, 2);
    const [x, y] = this.list(value, 2).map((coordinate) => readWord(this.bytes(coordinate), 0));
    const found = point({ x: x ?? P, y: y ?? P });
    if (!found) throw refused("a point is not on the curve");
    return found;
  }

  secret(value: unknown): G2 {
    const [x1, x0, y1, y0] = this.list(value, 4).map((coordinate) => readWord(this.bytes(coordinate), 0));
    const coordinates = [x0, x1, y0, y1].map((coordinate) => {
      if (coordinate === undefined || coordinate >= P) throw refused("[τ]_2 is not canonical");
      return coordinate;
    }) as [bigint, bigint, bigint, bigint];
    const [a, b, c, d] = coordinates;
    const { Fp2 } = bn254.fields;
    const found = bn254.G2.Point.fromAffine({ x: Fp2.fromBigTuple([a, b]), y: Fp2.fromBigTuple([c, d]) });
    try {
      found.assertValidity();
    } catch {
      throw refused("[τ]_2 is not in the group");
    }
    return found;
  }
}

/**
 * Reads the file `Halo2UniversalVerifier.program.json` that `laminate verifier` writes: its text, or what was parsed of it.
 *
 * @throws {@link FileError} for anything else, another version, or a program that was altered.
 */
export function readProgram(json: unknown): VerifierProgram {
  const file = parsed("verifier program", json);
  if (file.magic !== MAGIC) throw new FileError("verifier program", "magic", `not a ${MAGIC}; give the file beside verifier.json`);
  if (file.version !== VERSION) {
    throw new FileError("verifier program", "version", `version ${JSON.stringify(file.version)}, this package reads version ${VERSION}`);
  }
  const program = parsed("verifier program", file.program);
  const text = `${MAGIC} ${VERSION}\n${JSON.stringify(program)}`;
  const digest = toHex(sha256(new TextEncoder().encode(text)));
  if (file.digest !== digest) throw new FileError("verifier program", "digest", "it is altered: its digest does not match");
  const parser = new Parser();
  const { opening, development } = program;
  if (opening !== "packed" && opening !== "shplonk") throw refused("an opening that is not known");
  if (typeof development !== "boolean") throw refused("`development` is no boolean");
  const instances = INSTANCES[opening];
  if (program.instances !== instances) throw refused(`${JSON.stringify(program.instances)} instances, expected ${instances}`);
  const keyWords = parser.number(program.keyWords, MOST);
  const proofLength = parser.number(program.proofLength, WORD * MOST);
  parser.longer = opening === "packed";
  // Behind a packed proof: the generator's scalar, and that of the left side.
  parser.size = WORD * (instances + keyWords) + proofLength + (parser.longer ? 2 * WORD : 0);
  const segments = parser.list(program.challenges);
  const nodes = parser.list(program.nodes);
  const index = (value: unknown) => parser.number(value, nodes.length);
  return {
    digest,
    setup: toHex(parser.bytes(program.setup)),
    development,
    opening,
    keyWords,
    proofLength,
    scalars: parser.list(program.scalars).map((at) => parser.offset(at)),
    inverses: parser.list(program.inverses).map((pair) => {
      const [a, b] = parser.list(pair, 2);
      return [parser.offset(a), parser.offset(b)] as const;
    }),
    rows: parser.node(program.rows, 0, 0),
    challenges: segments.map((segment) => parser.list(segment).map((piece) => parser.piece(piece))),
    nodes: nodes.map((node, i) => parser.node(node, i, segments.length)),
    inverted: parser.list(program.inverted).map(index),
    inverse: program.inverse === null ? undefined : parser.offset(program.inverse),
    sides: parser.list(program.sides, 2).map((side) =>
      parser.list(side).map((term) => {
        const [scalar, base] = parser.list(term, 2);
        return [index(scalar), parser.source(base)] as const;
      }),
    ),
    terms: readTerms(program.terms, parser, index),
    minusTauG2: parser.secret(program.minusTauG2),
  };
}

function readTerms(value: unknown, parser: Parser, index: (value: unknown) => number): Terms | undefined {
  if (!parser.longer) {
    if (value !== null) throw refused("terms beside limbs");
    return undefined;
  }
  const { left, from, fold } = parsed("verifier program", value);
  if (from !== parser.size) throw refused(`terms from byte ${JSON.stringify(from)} on, expected ${parser.size}`);
  return { left: parser.offset(left), from: parser.size, fold: index(fold) };
}

/** An object of a file's text, or the object itself. */
export function parsed(what: string, json: unknown): Record<string, unknown> {
  let value = json;
  if (typeof json === "string") {
    try {
      value = JSON.parse(json);
    } catch {
      throw new FileError(what, "malformed", "it is no JSON");
    }
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new FileError(what, "malformed", "expected an object");
  return value as Record<string, unknown>;
}

/** Why calldata is refused; the contract reverts without a reason. */
export type Refusal =
  | "length"
  | "not-canonical"
  | "key"
  | "not-invertible"
  | "inverse"
  | "not-a-point"
  | "terms"
  | "accumulator"
  | "pairing";

/**
 * Does what the universal verifier's contract does with its calldata: instances, verifying key, proof, and of packed proofs the terms.
 *
 * @returns `undefined` if the contract takes it, else why not.
 */
export function runProgram(program: VerifierProgram, calldata: Uint8Array): Refusal | undefined {
  if (!isLong(program, calldata.length)) return "length";
  if (program.scalars.some((at) => readWord(calldata, at) >= R)) return "not-canonical";
  const at = (offset: number) => readWord(calldata, offset) % R;
  if (program.inverses.some(([a, b]) => modR(at(a) * at(b)) !== 1n)) return "key";
  const { rows } = program;
  // As it stands, not reduced: the contract counts its halves.
  const doublings = log2(rows.op === "word" ? readWord(calldata, rows.a) : rows.op === "constant" ? rows.value : 0n);
  if (doublings === undefined) return "key";
  const values = evaluate(program, calldata, doublings);
  if (!values) return "not-invertible";
  if (program.inverse !== undefined) {
    const product = program.inverted.reduce((all, node) => modR(all * (values[node] ?? 0n)), 1n);
    if (modR(product * at(program.inverse)) !== 1n) return "inverse";
  }
  const sides: Multiples[] = [];
  for (const side of program.sides) {
    const multiples: Multiples = [];
    for (const [scalar, source] of side) {
      const base = typeof source === "number" ? readPoint(calldata, source) : source;
      if (!base) return "not-a-point";
      multiples.push([values[scalar] ?? 0n, base]);
    }
    sides.push(multiples);
  }
  const { terms } = program;
  const folded = terms ? withTerms(terms, sides, calldata, values[terms.fold] ?? 0n) : withLimbs(sides, calldata);
  if (typeof folded === "string") return folded;
  return pairing(program, folded) ? undefined : "pairing";
}

/** Whether calldata can be as long as that: exactly, or with 1 to 4096 terms. */
function isLong({ opening, keyWords, proofLength, terms }: VerifierProgram, length: number): boolean {
  if (!terms) return length === WORD * (INSTANCES[opening] + keyWords) + proofLength;
  const rest = length - terms.from;
  return rest >= TERM && rest <= TERM * MAX_TERMS && rest % TERM === 0;
}

/** log2 of a power of two that has roots of unity. */
function log2(rows: bigint): number | undefined {
  for (let k = 0; k <= 28; k++) if (rows === 1n << BigInt(k)) return k;
  return undefined;
}

/** Values of all nodes; `undefined` if one is to be inverted that is zero. */
function evaluate(program: VerifierProgram, calldata: Uint8Array, doublings: number): bigint[] | undefined {
  const challenges = draw(program, calldata);
  const values: bigint[] = [];
  const of = (index: number) => values[index] ?? 0n;
  for (const node of program.nodes) {
    let value: bigint;
    switch (node.op) {
      case "constant":
        value = node.value;
        break;
      case "word":
        value = readWord(calldata, node.a) % R;
        break;
      case "challenge":
        value = challenges[node.a] ?? 0n;
        break;
      case "-":
        value = modR(-of(node.a));
        break;
      case "+":
        value = modR(of(node.a) + of(node.b));
        break;
      case "*":
        value = modR(of(node.a) * of(node.b));
        break;
      case "inverse":
        if (of(node.a) === 0n) return undefined;
        value = bn254.fields.Fr.inv(of(node.a));
        break;
      case "power":
        value = of(node.a);
        for (let i = 0; i < doublings; i++) value = modR(value * value);
        break;
    }
    values.push(value);
  }
  return values;
}

/** The challenges: each the hash of the state and of what was absorbed since; a single word is followed by a byte 1. */
function draw(program: VerifierProgram, calldata: Uint8Array): bigint[] {
  let state = new Uint8Array();
  return program.challenges.map((segment) => {
    const pieces = segment.map((piece) => (piece instanceof Uint8Array ? piece : calldata.subarray(piece[0], piece[1])));
    const text = concat(state, ...pieces);
    state = new Uint8Array(keccak_256(text.length === WORD ? concat(text, Uint8Array.of(1)) : text));
    return readWord(state, 0) % R;
  });
}

const readPoint = (calldata: Uint8Array, at: number) => point({ x: readWord(calldata, at), y: readWord(calldata, at + WORD) });

/** A point of the accumulator, from limbs of 88, 88 and 80 bits of each coordinate; never infinity. */
function accumulated(calldata: Uint8Array, first: number): Point | undefined {
  const coordinate = (limb: number) => {
    const [low = P, middle = P, high = P] = [0, 1, 2].map((i) => readWord(calldata, WORD * (limb + i)));
    if (low >> 88n || middle >> 88n || high >> 80n) return P;
    return low | (middle << 88n) | (high << 176n);
  };
  const found = point({ x: coordinate(first), y: coordinate(first + 3) });
  return found?.is0() ? undefined : found;
}

/** Points with their scalars, to be summed up. */
type Multiples = [bigint, Point][];

/** The proof's sides with the accumulator's, whose limbs lead the calldata, folded by a hash of the four points. */
function withLimbs(sides: readonly Multiples[], calldata: Uint8Array): Point[] | Refusal {
  const [right, left] = [accumulated(calldata, 0), accumulated(calldata, 6)];
  if (!right || !left) return "accumulator";
  const [lhs = G1.ZERO, rhs = G1.ZERO] = sides.map(combination);
  const words = [lhs, rhs, right, left].flatMap((side) => {
    const { x, y } = side.is0() ? { x: 0n, y: 0n } : side.toAffine();
    return [word(x), word(y)];
  });
  const fold = readWord(keccak_256(concat(...words)), 0) % R;
  return [combination([[1n, lhs], [fold, right]]), combination([[1n, rhs], [fold, left]])];
}

/** The proof's sides with those of the terms; the generator's scalar of these is in the proof's left side already. */
function withTerms(terms: Terms, sides: readonly Multiples[], calldata: Uint8Array, fold: bigint): Point[] | Refusal {
  const [lhs = [], rhs = []] = sides;
  const points: Point[] = [];
  const sum: Multiples = [...lhs];
  for (let at = terms.from; at < calldata.length; at += TERM) {
    const base = readPoint(calldata, at);
    if (!base) return "not-a-point";
    if (base.is0()) return "terms";
    const scalar = readWord(calldata, at + 2 * WORD);
    if (scalar >= R) return "not-canonical";
    points.push(base);
    sum.push([modR(fold * scalar), base]);
  }
  const [last = G1.ZERO, before] = [points.at(-1), points.at(-2)];
  const left = readWord(calldata, terms.left);
  let other = last;
  if (left !== 0n) {
    if (!before) return "terms";
    other = combination([[1n, last], [left, before]]);
    if (other.is0()) return "terms";
  }
  return [combination(sum), combination([...rhs, [fold, other]])];
}

/** `e(lhs, [1]_2)·e(rhs, −[τ]_2) = 1`. */
function pairing(program: VerifierProgram, sides: readonly Point[]): boolean {
  const pairs = sides.map((g1, i) => ({ g1, g2: i === 0 ? bn254.G2.Point.BASE : program.minusTauG2 }));
  const product = bn254.pairingBatch(pairs.filter(({ g1 }) => !g1.is0()));
  return bn254.fields.Fp12.eql(product, bn254.fields.Fp12.ONE);
}
