import { type Hex, toHex } from "./bytes.js";
import { LaminateError } from "./errors.js";
import type { CommittedInput } from "./input.js";
import { pause } from "./node.js";
import { type ProofFile, readProof } from "./proof.js";
import type { VerifyingKey } from "./records.js";
import { bodyOf, type JobEvent, readJob, serverEvents, within } from "./prover/answer.js";
import { type ProverJob, ProverError } from "./prover/job.js";
import { type Expected, type Verdict, verifyProof } from "./verify.js";

export type { JobEvent } from "./prover/answer.js";
export { type JobState, ProverError, type ProverJob, type ProverReason } from "./prover/job.js";

/** What is to be proven; one of `csv`, `input` and `committed`. */
export interface ProofRequest {
  /** The model's name at the service. */
  readonly model: string;
  /** Rows as CSV. */
  readonly csv?: string;
  /** Rows or tokens, as the JSON files of `laminate prove --input`. */
  readonly input?: unknown;
  /** What `commitInput` made: the proof must state this commitment. */
  readonly committed?: CommittedInput;
  readonly context?: bigint;
  readonly scope?: bigint;
  /** The file of `laminate credential prove`. The service learns the secret in it. */
  readonly credential?: Uint8Array;
  /** Whether the service submits the proof to its registry. */
  readonly submit?: boolean;
}

export interface ProverOptions {
  /** Sent as a bearer token. */
  readonly apiKey?: string;
  /** In the place of the platform's. */
  readonly fetch?: typeof fetch;
  /** Milliseconds in which an answer must be there, and without an event after which a job is asked for instead; 45,000 by default. */
  readonly patience?: number;
  /** Milliseconds between questions; 1,000 by default. */
  readonly interval?: number;
}

export interface Abortable {
  readonly signal?: AbortSignal;
}

/** A proof that this code verified. */
export interface Proven {
  readonly file: ProofFile;
  /** The proof file as the service gave it. */
  readonly bytes: Uint8Array;
  readonly verdict: Verdict & { valid: true };
}

const PATIENCE = 45_000;
const MOST_JSON = 1 << 20;
const MOST_PROOF = 1 << 20;
/** Questions in a row that may fail because the service is away or busy. */
const FAILURES = 10;

/**
 * A prover service (`laminate serve`). Nothing that it answers is believed: a proof is verified natively before it is handed out, and must
 * be of the input, context and scope that were asked for. The service sees the input.
 *
 * ```ts
 * const prover = new ProverClient("http://127.0.0.1:8780", deployment.key);
 * const { bytes, verdict } = await prover.prove({ model: "fraud", committed: commitInput(deployment.key, [row]) });
 * ```
 */
export class ProverClient {
  readonly #url: string;
  readonly #key: VerifyingKey;
  readonly #options: ProverOptions;

  /**
   * @param url Where the service is, with a path if it has one.
   * @param key Of the model, with its verifier program.
   * @throws {@link LaminateError} `url` for what is no address of HTTP, or one with a password.
   */
  constructor(url: string, key: VerifyingKey, options: ProverOptions = {}) {
    const parsed = URL.canParse(url) ? new URL(url) : undefined;
    if (!parsed || !/^https?:$/.test(parsed.protocol) || parsed.username !== "" || parsed.search !== "" || parsed.hash !== "") {
      throw new LaminateError("url", `${JSON.stringify(url)} is no address of a prover service; expected https://HOST or http://HOST:PORT`);
    }
    this.#url = parsed.href.replace(/\/$/, "");
    this.#key = key;
    this.#options = options;
  }

  /**
   * Queues a job. With the same idempotency key and request it is the same job, so that a request whose answer was lost can be repeated.
   *
   * @throws {@link ProverError} `refused` with the service's sentence, `too-large`, `malformed`, `network`; `input` where the service committed to another.
   */
  async submit(request: ProofRequest, options: Abortable & { idempotencyKey?: string } = {}): Promise<ProverJob> {
    const given = [request.csv, request.input, request.committed].filter((one) => one !== undefined).length;
    if (given !== 1) throw new LaminateError("request", `${given} inputs, expected one of csv, input and committed`);
    const hex = (bytes: Uint8Array) => toHex(bytes).slice(2);
    const decimal = (value: bigint | undefined) => value?.toString();
    const { model, csv, input, committed, credential, context, scope, submit } = request;
    const body = {
      model,
      csv,
      input,
      committed_input: committed && hex(committed.file),
      credential: credential && hex(credential),
      context: decimal(context),
      scope: decimal(scope),
      submit,
    };
    const headers = { "content-type": "application/json", "idempotency-key": options.idempotencyKey ?? crypto.randomUUID() };
    const answer = await this.#ask("/v1/jobs", { method: "POST", headers, body: JSON.stringify(body) }, options.signal);
    const job = readJob(await bodyOf(answer, MOST_JSON));
    if (committed && job.inputCommitment.toLowerCase() !== committed.commitment.toLowerCase()) {
      throw new ProverError("input", `the service commits to input ${job.inputCommitment}, asked for was ${committed.commitment}`);
    }
    return job;
  }

  /** A job as it is now. */
  async job(id: string, options: Abortable = {}): Promise<ProverJob> {
    const answer = await this.#ask(`/v1/jobs/${encodeURIComponent(id)}`, {}, options.signal);
    return readJob(await bodyOf(answer, MOST_JSON), id);
  }

  /** Takes a queued job back; one that is being proven is refused. */
  async cancel(id: string, options: Abortable = {}): Promise<ProverJob> {
    const answer = await this.#ask(`/v1/jobs/${encodeURIComponent(id)}`, { method: "DELETE" }, options.signal);
    return readJob(await bodyOf(answer, MOST_JSON), id);
  }

  /**
   * What happens to a job until it is done: server-sent events, and where those end, fail or say nothing, its state by asking. Stages that
   * were told before a break are told again after it.
   *
   * @throws {@link ProverError} when the service is away for ten questions in a row.
   */
  async *events(id: string, options: Abortable = {}): AsyncGenerator<JobEvent, void, undefined> {
    const { patience = PATIENCE, interval = 1_000 } = this.#options;
    for (let failures = 0; ; ) {
      try {
        const answer = await this.#ask(`/v1/jobs/${encodeURIComponent(id)}/events`, {}, options.signal, true);
        for await (const event of serverEvents(answer, id, patience)) {
          yield event;
          if (event.kind === "state" && event.job.done) return;
        }
      } catch (error) {
        // The state that is asked for now tells more.
        if (!(error instanceof ProverError)) throw error;
      }
      options.signal?.throwIfAborted();
      try {
        const job = await this.job(id, options);
        yield { kind: "state", job };
        if (job.done) return;
        failures = 0;
      } catch (error) {
        if (!(error instanceof ProverError) || !error.isPassing || ++failures === FAILURES) throw error;
      }
      await pause(interval, options.signal);
    }
  }

  /** The job when it is done, whatever became of it. */
  async wait(id: string, options: Abortable & { onEvent?: (event: JobEvent) => void } = {}): Promise<ProverJob> {
    let last: ProverJob | undefined;
    for await (const event of this.events(id, options)) {
      options.onEvent?.(event);
      if (event.kind === "state") last = event.job;
    }
    if (!last) throw new ProverError("malformed", `job ${id} ended without a state`);
    return last;
  }

  /**
   * The proof of a job, verified here.
   *
   * @param expected What its statement must say, as for `verifyProof`.
   * @throws {@link ProverError} `invalid` for a proof that does not hold; `FileError` for bytes that are none.
   */
  async proof(id: string, expected: Expected = {}, options: Abortable = {}): Promise<Proven> {
    const answer = await this.#ask(`/v1/jobs/${encodeURIComponent(id)}/proof`, {}, options.signal);
    const bytes = await bodyOf(answer, MOST_PROOF);
    const file = readProof(bytes);
    const verdict = verifyProof(file, this.#key, expected);
    if (!verdict.valid) throw new ProverError("invalid", `the service's proof is refused: ${verdict.message}`);
    return { file, bytes, verdict };
  }

  /**
   * Submits a request, waits, and verifies the proof: of the input that was committed to, in the context and scope that were asked for. An
   * aborted wait leaves the job with the service.
   *
   * @throws {@link ProverError} as {@link submit} and {@link proof}; `failed` for a job that failed or was cancelled.
   */
  async prove(
    request: ProofRequest,
    options: Abortable & { idempotencyKey?: string; onEvent?: (event: JobEvent) => void; expected?: Expected } = {},
  ): Promise<Proven & { readonly job: ProverJob }> {
    const queued = await this.submit(request, options);
    const job = await this.wait(queued.id, options);
    if (job.state === "failed" || job.state === "cancelled") {
      throw new ProverError("failed", `job ${job.id} ${job.state === "failed" ? "failed" : "was cancelled"}${job.error === undefined ? "" : `: ${job.error}`}`);
    }
    const { context, scope } = request;
    const inputCommitment: Hex = request.committed?.commitment ?? queued.inputCommitment;
    const expected = { inputCommitment, ...(context !== undefined && { context }), ...(scope !== undefined && { scope }), ...options.expected };
    return { ...(await this.proof(job.id, expected, options)), job };
  }

  async #ask(path: string, request: RequestInit, signal?: AbortSignal, streams = false): Promise<Response> {
    const { apiKey, fetch: asked = fetch, patience = PATIENCE } = this.#options;
    const headers = { ...(request.headers as Record<string, string>), ...(apiKey !== undefined && { authorization: `Bearer ${apiKey}` }) };
    // Of a stream, only the head has to come in time.
    const signals = [...(signal ? [signal] : []), ...(streams ? [] : [AbortSignal.timeout(patience)])];
    let answer: Response;
    try {
      // Whoever the service names instead was not asked for, and must not be sent key and input.
      const options: RequestInit = { ...request, headers, redirect: "error", credentials: "omit", cache: "no-store", signal: AbortSignal.any(signals) };
      answer = await within(asked(this.#url + path, options), patience);
    } catch (error) {
      signal?.throwIfAborted();
      const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : error instanceof Error ? error.message : String(error);
      throw new ProverError("network", `${this.#url} does not answer, or sends elsewhere: ${cause}`);
    }
    if (!answer.ok) throw ProverError.of(answer, await bodyOf(answer, MOST_JSON));
    return answer;
  }
}
