import type { Hex } from "../bytes.js";
import { line, ProverError, type ProverJob, STATES } from "./job.js";

/** What happens to a job. */
export type JobEvent =
  | { readonly kind: "state"; readonly job: ProverJob }
  /** A stage of proving, as `--progress json` tells it. */
  | { readonly kind: "progress"; readonly progress: unknown };

/** Characters of one event. */
const MOST_EVENT = 1 << 18;

/** The body of an answer, up to a bound. */
export async function bodyOf(answer: Response, most: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of chunks(answer)) {
    length += part.length;
    if (length > most) throw new ProverError("too-large", `the service answers with more than ${most} bytes`);
    parts.push(part);
  }
  const body = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    body.set(part, at);
    at += part.length;
  }
  return body;
}

/** What arrives of a body; whoever stops reading ends the request. */
async function* chunks(answer: Response, patience?: number): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = answer.body?.getReader();
  if (!reader) return;
  try {
    for (;;) {
      const { done, value } = await (patience === undefined ? reader.read() : within(reader.read(), patience));
      if (done) return;
      yield value;
    }
  } catch (error) {
    // An abort is the caller's own.
    if (error instanceof ProverError || !["TypeError", "TimeoutError"].includes((error as { name?: string } | null)?.name ?? "")) throw error;
    throw new ProverError("network", `the service's answer breaks off: ${error instanceof Error ? error.message : error}`);
  } finally {
    reader.cancel().catch(() => undefined);
  }
}

/** An answer that comes in so many milliseconds. */
export function within<T>(answer: Promise<T>, milliseconds: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout>;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new ProverError("network", "the service says nothing")), Math.max(0, milliseconds));
  });
  return Promise.race([answer, late]).finally(() => clearTimeout(timer));
}

const malformed = (what: string) => new ProverError("malformed", `the service answers with ${what}, expected a job`);

function parse(bytes: Uint8Array | string): unknown {
  try {
    return JSON.parse(typeof bytes === "string" ? bytes : new TextDecoder().decode(bytes));
  } catch {
    throw malformed("what is no JSON");
  }
}

/** Reads a job; of another than was asked for it is refused. */
export function readJob(body: Uint8Array | string, expected?: string): ProverJob {
  const json = parse(body);
  if (typeof json !== "object" || json === null) throw malformed("no object");
  const of = json as Record<string, unknown>;
  const { id, model, done, block, error } = of;
  const state = STATES.find((one) => one === of.state);
  const hash = (value: unknown): value is Hex => typeof value === "string" && /^0x[0-9a-f]{64}$/.test(value);
  if (typeof id !== "string" || !/^[0-9A-Za-z_-]{1,128}$/.test(id)) throw malformed("a job without a name");
  if (expected !== undefined && id !== expected) throw malformed(`job ${id} in the place of ${expected}`);
  if (state === undefined || typeof done !== "boolean") throw malformed("a job without a state");
  if (typeof model !== "string" || !hash(of.input_commitment)) throw malformed("a job without a model or an input commitment");
  return {
    id,
    model: line(model),
    state,
    done,
    inputCommitment: of.input_commitment,
    ...(hash(of.transaction) && { transaction: of.transaction }),
    ...(Number.isSafeInteger(block) && { block: block as number }),
    alreadyRecorded: of.already_recorded === true,
    ...(typeof error === "string" && { error: line(error) }),
  };
}

/**
 * The events of a job. Ends with the answer, or when there was no event for so many milliseconds: what keeps a connection open is none.
 *
 * @throws {@link ProverError} `malformed` for what is no stream of events, `too-large` for an event beyond all bounds.
 */
export async function* serverEvents(answer: Response, id: string, patience: number): AsyncGenerator<JobEvent, void, undefined> {
  if (!answer.headers.get("content-type")?.startsWith("text/event-stream")) {
    await answer.body?.cancel();
    throw malformed("no stream of events");
  }
  const decoder = new TextDecoder();
  let rest = "";
  let heard = Date.now();
  for await (const part of chunks(answer, patience)) {
    rest += decoder.decode(part, { stream: true });
    const blocks = rest.split(/\r?\n\r?\n/);
    rest = blocks.pop() ?? "";
    if (rest.length > MOST_EVENT) throw new ProverError("too-large", `the service sends an event of more than ${MOST_EVENT} characters`);
    for (const block of blocks) {
      const event = readEvent(block, id);
      if (!event) continue;
      heard = Date.now();
      yield event;
    }
    if (Date.now() - heard > patience) return;
  }
}

function readEvent(block: string, id: string): JobEvent | undefined {
  const field = (name: string) =>
    block
      .split(/\r?\n/)
      .filter((text) => text.startsWith(`${name}:`))
      .map((text) => text.slice(name.length + 1).replace(/^ /, ""));
  const data = field("data").join("\n");
  switch (field("event").at(-1)) {
    case "state":
      return { kind: "state", job: readJob(data, id) };
    case "progress":
      return { kind: "progress", progress: parse(data) };
    default:
      return undefined;
  }
}
