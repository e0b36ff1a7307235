import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { LaminateError } from "./errors.js";
import { type ProofFile, readProof } from "./proof.js";
import type { VerifyingKey } from "./records.js";
import type { Inference, InferenceFilter, ModelProof, Registry, WaitOptions } from "./registry.js";
import { type Expected, type Verdict, verifyProof } from "./verify.js";

/** A text that two values have in common exactly if they say the same; for lists of dependencies. */
function textOf(value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) => (typeof member === "bigint" ? `${member}n` : member)) ?? "";
}

const errorOf = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)));

/** What {@link useVerifyProof} found. */
export type Verified =
  /** Proof or record are not there yet. */
  | { readonly status: "idle" }
  /** It came to a verdict, which may be that the proof is not valid. */
  | { readonly status: "success"; readonly file: ProofFile; readonly verdict: Verdict }
  /** The bytes are no proof file, or the record is none for native verification. */
  | { readonly status: "error"; readonly error: Error };

/**
 * Verifies a published proof natively: no node is asked. It does so while rendering, once for each proof, record and expectation; some 30 ms.
 * Keep proof and record in state, so that they are the same objects in the next rendering.
 *
 * @param proof Bytes of a proof file, or what {@link readProof} made of them.
 * @param key From `readDeployment(…).key` or `readVerifier`, with a verifier program.
 * @param expected What the statement must say, as for {@link verifyProof}.
 */
export function useVerifyProof(proof: Uint8Array | ProofFile | undefined, key: VerifyingKey | undefined, expected: Expected = {}): Verified {
  const said = textOf(expected);
  return useMemo((): Verified => {
    if (!proof || !key) return { status: "idle" };
    try {
      const file = proof instanceof Uint8Array ? readProof(proof) : proof;
      return { status: "success", file, verdict: verifyProof(file, key, expected) };
    } catch (error) {
      return { status: "error", error: errorOf(error) };
    }
  }, [proof, key, said]);
}

/** How far a submission is. */
export type Submission =
  | { readonly status: "idle" }
  /** It is simulated, or waits for the wallet. */
  | { readonly status: "signing" }
  /** It was sent; the statement is not recorded yet. */
  | { readonly status: "waiting"; readonly hash: `0x${string}`; readonly statementHash: `0x${string}` }
  /** The statement is recorded: by this transaction, or by another's with the same proof. */
  | { readonly status: "success"; readonly inference: Inference }
  /** It was refused: a `RevertError` says by which rule; or the wallet or the node failed. */
  | { readonly status: "error"; readonly error: Error };

/** What {@link useSubmitProof} gives. */
export interface SubmitProof {
  readonly submission: Submission;
  /**
   * Submits a proof and waits until its statement is recorded.
   *
   * @throws What `submission` says then, too; `busy` if another one is under way.
   */
  readonly submit: (proof: ModelProof) => Promise<Inference>;
  /** Forgets what was; whoever waits, waits no more. A transaction that was sent stays sent. */
  readonly reset: () => void;
}

/**
 * Submits proofs to a registry.
 *
 * @param registry Of `laminateActions`, `LaminateRegistry`, or `useRegistry` of `laminate-zkml/wagmi`; undefined while there is none.
 * @param options Confirmations to wait for, and how often to ask.
 */
export function useSubmitProof(registry: Registry | undefined, options: Omit<WaitOptions, "signal"> = {}): SubmitProof {
  const [submission, setSubmission] = useState<Submission>({ status: "idle" });
  const running = useRef<AbortController | undefined>(undefined);
  const latest = useRef({ registry, options });
  latest.current = { registry, options };
  useEffect(() => () => running.current?.abort(), []);

  const reset = useCallback(() => {
    running.current?.abort();
    running.current = undefined;
    setSubmission({ status: "idle" });
  }, []);

  const submit = useCallback(async (proof: ModelProof): Promise<Inference> => {
    if (running.current) throw new LaminateError("busy", "a submission is under way; wait for it, or reset");
    const stop = new AbortController();
    running.current = stop;
    const tell = (next: Submission) => {
      if (!stop.signal.aborted) setSubmission(next);
    };
    try {
      const { registry: to, options: how } = latest.current;
      if (!to) throw new LaminateError("no-registry", "there is no registry to submit to; connect a wallet");
      tell({ status: "signing" });
      const { hash, statementHash } = await to.submit(proof);
      tell({ status: "waiting", hash, statementHash });
      const inference = await to.waitForInference(statementHash, { ...how, signal: stop.signal });
      tell({ status: "success", inference });
      return inference;
    } catch (error) {
      tell({ status: "error", error: errorOf(error) });
      throw error;
    } finally {
      if (running.current === stop) running.current = undefined;
    }
  }, []);

  return { submission, submit, reset };
}

/** What {@link useInferences} gives. */
export interface Inferences {
  /** `pending` until the first answer; a later failure leaves the data of the answer before. */
  readonly status: "idle" | "pending" | "success" | "error";
  /** Statements that were recorded, oldest first, as the node says. */
  readonly inferences: readonly Inference[];
  readonly error?: Error;
  /** Asks again. */
  readonly refetch: () => void;
}

/** Without what asks again, which never changes. */
type Listed = Omit<Inferences, "refetch">;

const NOTHING: Listed = { status: "idle", inferences: [] };

/**
 * Statements that a registry recorded.
 *
 * @param registry As for {@link useSubmitProof}.
 * @param filter Which; compared by what it says.
 * @param interval Milliseconds until it asks again; never if it is left out.
 */
export function useInferences(registry: Registry | undefined, filter: InferenceFilter = {}, interval?: number): Inferences {
  const [listed, setListed] = useState<Listed>(NOTHING);
  const [turn, setTurn] = useState(0);
  const latest = useRef({ registry, filter });
  latest.current = { registry, filter };
  const place = registry && `${registry.deployment.chainId} ${registry.deployment.modelRegistry.address}`;
  const said = textOf(filter);
  const asked = `${place} ${said}`;
  const last = useRef(asked);

  useEffect(() => {
    const { registry: of, filter: which } = latest.current;
    if (!of) {
      setListed(NOTHING);
      return;
    }
    let gone = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    // What was listed of another place or by another filter is no answer to this.
    if (last.current !== asked) setListed({ status: "pending", inferences: [] });
    else setListed((before) => (before.status === "idle" ? { status: "pending", inferences: [] } : before));
    last.current = asked;
    const again = () => {
      if (interval !== undefined && !gone) timer = setTimeout(ask, interval);
    };
    const ask = () => {
      of.getInferences(which)
        .then((inferences) => !gone && setListed({ status: "success", inferences }))
        .catch((error: unknown) => !gone && setListed(({ inferences }) => ({ status: "error", inferences, error: errorOf(error) })))
        .finally(again);
    };
    ask();
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [asked, interval, turn]);

  const refetch = useCallback(() => setTurn((before) => before + 1), []);
  return { ...listed, refetch };
}
