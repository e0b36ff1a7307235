import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { commitInput, type JobEvent, ProverClient, ProverError, readVerifier, type VerifyingKey } from "../src/index.js";
import { bytes, HEADER, resealed, text } from "./fixtures.js";

const key = readVerifier(text("packed.verifier.json"), text("packed.program.json"));
const proof = bytes("packed.proof");
const row = readFileSync(new URL("../../models/fraud/legit.csv", import.meta.url), "utf8");
const commitment = `0x${"11".repeat(32)}`;
const job = (state: string, more: object = {}) =>
  JSON.stringify({ id: "a1", model: "fraud", state, done: ["proven", "failed"].includes(state), input_commitment: commitment, already_recorded: false, ...more });

describe("a service that is hostile, or away", () => {
  let server: Server | undefined;
  afterEach(() => {
    server?.closeAllConnections();
    server?.close();
  });

  type Answer = (request: IncomingMessage, response: ServerResponse) => void;
  /** A service that answers so; short of patience, as its tests are. */
  async function serving(answer: Answer): Promise<{ client: ProverClient; url: string; asked: string[] }> {
    const asked: string[] = [];
    server = createServer((request, response) => {
      asked.push(`${request.method} ${request.url}`);
      response.on("error", () => undefined);
      answer(request, response);
    });
    await new Promise<void>((resolve) => server?.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    const url = `http://127.0.0.1:${typeof address === "object" && address ? address.port : 0}`;
    return { client: new ProverClient(url, key, { patience: 300, interval: 10, apiKey: "secret" }), url, asked };
  }
  const json = (response: ServerResponse, body: string) => response.setHeader("content-type", "application/json").end(body);
  /** Writes until nobody listens. */
  function endless(response: ServerResponse, part: string): void {
    const more = () => {
      while (!response.destroyed && response.write(part)) {}
    };
    response.on("drain", more);
    more();
  }

  it("says what it refuses, in one line of bounded length", async () => {
    const { client } = await serving((_, response) => {
      response.writeHead(429, { "content-type": "application/problem+json", "retry-after": "10" });
      response.end(JSON.stringify({ status: 200, detail: `100 jobs wait\n\u001b[2J\u202e${"x".repeat(9999)}` }));
    });
    const error = await client.submit({ model: "fraud", csv: row }).catch((caught) => caught);
    expect(error).toBeInstanceOf(ProverError);
    expect(error).toMatchObject({ code: "prover/refused", reason: "refused", status: 429, retryAfter: 10, isPassing: true });
    expect(error.message).toMatch(/^100 jobs wait \[2J x{400,}$/);
    expect(error.message.length).toBe(500);
  });

  it("is not followed elsewhere with key and input", async () => {
    const { client, asked } = await serving((_, response) => response.writeHead(307, { location: "/elsewhere" }).end());
    await expect(client.submit({ model: "fraud", csv: row })).rejects.toMatchObject({ reason: "network" });
    expect(asked).toEqual(["POST /v1/jobs"]);
  });

  it("is read up to a bound, and waited for only so long", async () => {
    const { client } = await serving((_, response) => endless(response, "x".repeat(65_536)));
    await expect(client.job("a1")).rejects.toMatchObject({ reason: "too-large" });
    await expect(client.proof("a1")).rejects.toMatchObject({ reason: "too-large" });
    server?.removeAllListeners("request");
    server?.on("request", () => undefined);
    await expect(client.job("a1")).rejects.toMatchObject({ reason: "network" });
    server?.removeAllListeners("request");
    server?.on("request", (_, response) => response.write("{"));
    await expect(client.job("a1")).rejects.toMatchObject({ reason: "network" });
  });

  it.each([
    ["no JSON", "<html>"],
    ["no object", "null"],
    ["another job", job("proven").replace("a1", "b2")],
    ["a state that is none", job("done")],
    ["no commitment", job("proven").replace(commitment, "0x11")],
    ["a name that is a path", job("proven").replace("a1", "../models")],
  ])("is refused where a job is %s", async (_, body) => {
    const { client } = await serving((_request, response) => json(response, body));
    await expect(client.job("a1")).rejects.toMatchObject({ reason: "malformed" });
  });

  it.each<[string, (response: ServerResponse) => void]>([
    ["never says anything", (response) => response.flushHeaders()],
    ["only keeps the connection open", (response) => setInterval(() => response.write(":\n\n"), 20).unref()],
    ["sends an event without an end", (response) => endless(response, "data: x")],
    ["breaks off", (response) => response.write(": \n\n", () => response.destroy())],
    ["is no stream", (response) => response.setHeader("content-type", "text/html").end()],
    ["tells of another job", (response) => response.end(`event: state\ndata: ${job("proven").replace("a1", "b2")}\n\n`)],
  ])("is asked for the state where its stream %s", async (_, stream) => {
    const { client, asked } = await serving((request, response) => {
      if (!request.url?.endsWith("/events")) return json(response, job(asked.length > 3 ? "proven" : "proving"));
      response.setHeader("content-type", "text/event-stream");
      stream(response);
    });
    expect(await client.wait("a1")).toMatchObject({ state: "proven" });
    expect(asked).toEqual(["GET /v1/jobs/a1/events", "GET /v1/jobs/a1", "GET /v1/jobs/a1/events", "GET /v1/jobs/a1"]);
  });

  it("is given up when it stays away, and when the caller does not want to wait", async () => {
    const { client, asked } = await serving((_, response) => response.writeHead(503).end());
    await expect(client.wait("a1")).rejects.toMatchObject({ reason: "refused", status: 503 });
    expect(asked).toHaveLength(20);
    server?.removeAllListeners("request");
    server?.on("request", (_, response) => response.setHeader("content-type", "text/event-stream").flushHeaders());
    const abort = new AbortController();
    const reason = new Error("no longer wanted");
    setTimeout(() => abort.abort(reason), 50);
    await expect(client.wait("a1", { signal: abort.signal })).rejects.toBe(reason);
  });

  it("hands out no proof that does not hold, or is of something else", async () => {
    let sent: Uint8Array = proof;
    const { client } = await serving((request, response) => {
      if (request.url?.endsWith("/proof")) return response.end(sent);
      if (request.url?.endsWith("/events")) {
        return response.setHeader("content-type", "text/event-stream").end(`event: state\r\ndata: ${job("proven")}\r\n\r\n`);
      }
      json(response, job(request.method === "POST" ? "queued" : "proven"));
    });
    expect((await client.proof("a1")).verdict.valid).toBe(true);
    // The service proves another input than it committed to, or commits to another than was asked for.
    await expect(client.prove({ model: "fraud", csv: row })).rejects.toMatchObject({ reason: "invalid", message: /another input/ });
    const committed = commitInput(key, [row.trim().split("\n").at(-1)?.split(",").map(Number) ?? []]);
    await expect(client.prove({ model: "fraud", committed })).rejects.toMatchObject({ reason: "input" });
    await expect(client.proof("a1", { context: 7n })).rejects.toMatchObject({ reason: "invalid" });
    const payload = proof.slice(HEADER);
    payload[payload.length - 1] = (payload.at(-1) ?? 0) ^ 1;
    sent = resealed(proof, payload);
    await expect(client.proof("a1")).rejects.toMatchObject({ reason: "invalid" });
    sent = proof.slice(0, -1);
    await expect(client.proof("a1")).rejects.toMatchObject({ code: "file/length" });
  });

  it("is called by an address of HTTP, with one input", async () => {
    for (const url of ["file:///etc/passwd", "prover", "http://me:secret@prover", "http://prover/?key=1"]) {
      expect(() => new ProverClient(url, key)).toThrow(/no address of a prover service/);
    }
    const client = new ProverClient("http://127.0.0.1:9", key);
    await expect(client.submit({ model: "fraud" })).rejects.toMatchObject({ code: "request" });
    await expect(client.submit({ model: "fraud", csv: row })).rejects.toMatchObject({ reason: "network" });
  });
});

const root = fileURLToPath(new URL("../..", import.meta.url));
const laminate = [process.env.LAMINATE, join(process.env.CARGO_TARGET_DIR ?? join(root, "target"), "release/laminate")].find((at) => at && existsSync(at));
if (!laminate) console.log("skipped: no release build of laminate; `cargo build --release --bin laminate` makes it, or LAMINATE names one");

describe.skipIf(!laminate)("laminate serve", () => {
  let folder: string;
  let service: ChildProcess;
  let client: ProverClient;
  let own: VerifyingKey;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "laminate-prover-"));
    const model = join(root, "models/fraud");
    const run = (...words: string[]) => execFileSync(laminate ?? "", ["-q", ...words], { cwd: folder, stdio: ["ignore", "ignore", "inherit"] });
    run("compile", join(model, "fraud.onnx"), "--calibration", join(model, "calibration.csv"), "-o", "fraud");
    run("commit", "fraud", "--dev-srs");
    run("setup", "fraud", "--dev-srs");
    run("verifier", "fraud", "-o", "verifier");
    const of = (file: string) => readFileSync(join(folder, "verifier", file), "utf8");
    own = readVerifier(of("verifier.json"), of("Halo2UniversalVerifier.program.json"));
    service = spawn(laminate ?? "", ["-q", "--json", "serve", "fraud", "--listen", "127.0.0.1:0"], { cwd: folder, stdio: ["ignore", "pipe", "inherit"] });
    const url = await new Promise<string>((resolve, reject) => {
      let said = "";
      service.stdout?.on("data", (part) => {
        said += part;
        const found = /http:\/\/127\.0\.0\.1:[0-9]+/.exec(said);
        if (found) resolve(found[0]);
      });
      service.once("exit", (code) => reject(new Error(`the service ends with ${code}`)));
    });
    client = new ProverClient(url, own);
  }, 600_000);
  afterAll(() => {
    service?.kill("SIGKILL");
    if (folder) rmSync(folder, { recursive: true });
  });

  it("proves what was committed to here, tells how, and takes jobs back", async () => {
    const committed = commitInput(own, [row.trim().split("\n").at(-1)?.split(",").map(Number) ?? []]);
    const events: JobEvent[] = [];
    const proving = client.prove({ model: "fraud", committed }, { onEvent: (event) => events.push(event) });
    // Behind the other one, so that it can be taken back; sent twice, as if the first answer was lost.
    const again = { model: "fraud", csv: row };
    const [one, two] = [await client.submit(again, { idempotencyKey: "one" }), await client.submit(again, { idempotencyKey: "one" })];
    expect(two.id).toBe(one.id);
    await expect(client.submit({ ...again, csv: `${row}\n` }, { idempotencyKey: "one" })).rejects.toMatchObject({ status: 422 });
    const other = await client.submit(again);
    expect(other.id).not.toBe(one.id);
    expect(await client.cancel(other.id)).toMatchObject({ state: "cancelled", done: true });
    await expect(client.proof(other.id)).rejects.toMatchObject({ status: 409 });

    const proven = await proving;
    expect(proven.verdict.unchecked).not.toContain("input");
    expect(proven.job).toMatchObject({ state: "proven", inputCommitment: committed.commitment });
    expect(events.at(-1)).toMatchObject({ kind: "state", job: { state: "proven" } });
    expect(events.some((event) => event.kind === "progress")).toBe(true);
    await expect(client.cancel(proven.job.id)).rejects.toMatchObject({ status: 409 });
    await expect(client.submit({ model: "none", csv: row })).rejects.toMatchObject({ reason: "refused", message: /none/ });
    await expect(client.submit({ model: "fraud", csv: "1,2\n" })).rejects.toMatchObject({ status: 422 });
    await expect(client.job("0000")).rejects.toMatchObject({ status: 404 });
  }, 300_000);
});
