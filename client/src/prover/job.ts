import type { Hex } from "../bytes.js";
import { LaminateError } from "../errors.js";

export const STATES = ["queued", "proving", "proven", "submitting", "submitted", "failed", "cancelled"] as const;
export type JobState = (typeof STATES)[number];

/** A job as a prover service tells of it: its word, until the proof is verified. */
export interface ProverJob {
  readonly id: string;
  readonly model: string;
  readonly state: JobState;
  /** Whether nothing more becomes of it. */
  readonly done: boolean;
  readonly inputCommitment: Hex;
  /** The transaction that submitted it. */
  readonly transaction?: Hex;
  readonly block?: number;
  /** Whether the statement stood before. */
  readonly alreadyRecorded: boolean;
  readonly error?: string;
}

/** Why a prover service is of no use. */
export type ProverReason =
  /** It does not answer, or sends elsewhere. */
  | "network"
  /** It refuses the request, with its status and sentence. */
  | "refused"
  /** It answers with more than there can be. */
  | "too-large"
  /** It answers with something else. */
  | "malformed"
  /** It is to prove another input than was asked for. */
  | "input"
  /** The job failed, or was cancelled. */
  | "failed"
  /** Its proof does not hold, or is of another statement. */
  | "invalid";

/** A text of others as one line of bounded length. */
export const line = (text: string): string => text.replace(/[\p{C}\p{Zl}\p{Zp}]+/gu, " ").slice(0, 500);

/** What a prover service did not do; `code` is `prover/` and the reason. */
export class ProverError extends LaminateError {
  readonly reason: ProverReason;
  /** Of HTTP, where it refuses. */
  readonly status?: number;
  /** Seconds after which it can be asked again, where it says so. */
  readonly retryAfter?: number;

  constructor(reason: ProverReason, message: string, refusal: { status?: number; retryAfter?: number } = {}) {
    super(`prover/${reason}`, line(message));
    this.name = "ProverError";
    this.reason = reason;
    if (refusal.status !== undefined) this.status = refusal.status;
    if (refusal.retryAfter !== undefined) this.retryAfter = refusal.retryAfter;
  }

  /** Whether the same question may be answered later. */
  get isPassing(): boolean {
    return this.reason === "network" || this.status === 429 || (this.status !== undefined && this.status >= 500);
  }

  /** Of an answer that refuses, with the sentence of its `application/problem+json`. */
  static of(answer: Response, body: Uint8Array): ProverError {
    const after = answer.headers.get("retry-after");
    const refusal = { status: answer.status, ...(after !== null && /^[0-9]{1,6}$/.test(after) && { retryAfter: Number(after) }) };
    let detail: unknown;
    if (answer.headers.get("content-type")?.startsWith("application/problem+json")) {
      try {
        detail = (JSON.parse(new TextDecoder().decode(body)) as { detail?: unknown } | null)?.detail;
      } catch {
        // Its status says enough.
      }
    }
    return new ProverError("refused", typeof detail === "string" ? detail : `the service refuses with status ${answer.status}`, refusal);
  }
}
