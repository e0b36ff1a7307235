import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { createServer } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL("../../node_modules/@foundry-rs/", import.meta.url));

/** The binary that the repository pins; the launcher in `.bin` drops signals. */
export function anvilPath(): string | undefined {
  if (!existsSync(folder)) return undefined;
  const names = readdirSync(folder).filter((name) => name.startsWith("anvil-"));
  return names.map((name) => join(folder, name, "bin", "anvil")).find((path) => existsSync(path));
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
}

/** A chain of its own. */
export class Anvil {
  readonly url: string;
  readonly #process: ChildProcess;

  private constructor(url: string, process: ChildProcess) {
    this.url = url;
    this.#process = process;
  }

  static async start(path: string): Promise<Anvil> {
    const port = await freePort();
    const process = spawn(path, ["--port", String(port), "--hardfork", "osaka", "--silent"], { stdio: "ignore" });
    const anvil = new Anvil(`http://127.0.0.1:${port}`, process);
    for (let tries = 0; tries < 200; tries++) {
      if (process.exitCode !== null) throw new Error(`anvil ended with ${process.exitCode}`);
      try {
        await anvil.request("web3_clientVersion");
        return anvil;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
    anvil.stop();
    throw new Error("anvil does not answer");
  }

  async request(method: string, params: unknown[] = []): Promise<unknown> {
    const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
    const response = await fetch(this.url, { method: "POST", headers: { "content-type": "application/json" }, body });
    const answer = (await response.json()) as { result?: unknown; error?: { message: string; code: number; data?: unknown } };
    // With code and data, as wallets pass them on.
    if (answer.error) throw Object.assign(new Error(answer.error.message), answer.error);
    return answer.result;
  }

  stop(): void {
    this.#process.kill("SIGKILL");
  }
}

/** A node before another that answers for logs of at most so many blocks, as public nodes do; notes how many it was asked for. */
export async function limited(target: string, most: number, asked: number[]): Promise<{ url: string; stop: () => void }> {
  const server = createHttpServer(async (request, response) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const body = Buffer.concat(parts).toString();
    const { id, method, params } = JSON.parse(body) as { id: number; method: string; params: [{ fromBlock: string; toBlock: string }] };
    response.setHeader("content-type", "application/json");
    if (method === "eth_getLogs") {
      const blocks = Number(params[0].toBlock) - Number(params[0].fromBlock) + 1;
      asked.push(blocks);
      if (blocks > most) {
        response.end(JSON.stringify({ jsonrpc: "2.0", id, error: { code: -32005, message: `at most ${most} blocks` } }));
        return;
      }
    }
    const answer = await fetch(target, { method: "POST", headers: { "content-type": "application/json" }, body });
    response.end(await answer.text());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address ? address.port : 0;
  return { url: `http://127.0.0.1:${port}`, stop: () => void server.close() };
}
