import {
  commitInput,
  type Deployment,
  LaminateError,
  type ProofFile,
  readDeployment,
  readProof,
  type Unchecked,
  verifyProof,
} from "laminate-zkml";
import { laminateActions, type Registry } from "laminate-zkml/viem";
import {
  createPublicClient,
  createWalletClient,
  custom,
  defineChain,
  type EIP1193Provider,
  formatEther,
  http,
  isAddress,
  isHex,
  parseEther,
  type PublicClient,
} from "viem";
import { Screen, sentence } from "./screen.js";
import { discover, type Wallet } from "./wallet.js";

declare const __RPC_URL__: string;

const element = <T extends HTMLElement>(id: string): T => {
  const found = document.getElementById(id);
  if (!found) throw new Error(`no element ${id}`);
  return found as T;
};
const input = (id: string) => element<HTMLInputElement>(id);
const button = (id: string) => element<HTMLButtonElement>(id);

const OPEN: Record<Unchecked, string> = {
  weights: "whose weights: the deployment names none",
  input: "which input: compare the commitment with the payment's",
  "weight-range": "that the weights are in range: the registry asked for a proof of that",
  context: "what the proof is for: nothing here expects a context",
  credential: "in which tree the credential is, and for what it is used: nothing here expects one",
  output: "what the output is: the proof hides it",
};

function item(text: string, holds: boolean): HTMLLIElement {
  const entry = document.createElement("li");
  entry.className = holds ? "holds" : "fails";
  entry.textContent = `${holds ? "✓" : "✗"} ${text}`;
  return entry;
}

function describe(list: HTMLElement, facts: readonly (readonly [string, string])[]): void {
  const parts = facts.flatMap(([name, value]) => {
    const [term, text] = [document.createElement("dt"), document.createElement("dd")];
    term.textContent = name;
    text.textContent = value;
    return [term, text];
  });
  list.replaceChildren(...parts);
}

/** Shows what an action does and what came of it. */
async function act(what: string, action: () => Promise<string> | string): Promise<void> {
  const [status, error] = [element("status"), element("error")];
  error.textContent = "";
  status.textContent = `${what} …`;
  try {
    status.textContent = await action();
  } catch (caught) {
    status.textContent = "";
    error.textContent = caught instanceof LaminateError ? caught.message : sentence(caught);
  }
}

class Page {
  readonly #registry: Registry;
  readonly #screen: Screen;
  readonly #wallets: Wallet[] = [];
  #proof: ProofFile | undefined;

  constructor(
    readonly deployment: Deployment,
    readonly reader: PublicClient,
  ) {
    this.#registry = reader.extend(laminateActions(deployment)).laminate;
    this.#screen = new Screen(deployment, reader);
  }

  start(): void {
    const { deployment } = this;
    const { key } = deployment;
    element("development").hidden = !key.development;
    describe(element("deployment"), [
      ["model", key.programName],
      ["program", key.universal?.registeredDigest ?? key.programDigest],
      ["registry", `${deployment.modelRegistry.address} on chain ${deployment.chainId}`],
      ["payments", deployment.fraudScreen?.address ?? ""],
    ]);
    discover((wallet) => {
      this.#wallets.push(wallet);
      element<HTMLSelectElement>("wallet").add(new Option(wallet.name, String(this.#wallets.length - 1)));
    });
    const on = (id: string, what: string, action: () => Promise<string>) =>
      button(id).addEventListener("click", () => void act(what, action));
    on("check", "Comparing", () => this.#check());
    on("escrow", "Escrowing", () => this.#escrow());
    on("ask", "Asking the registry", () => this.#ask());
    on("settle", "Settling", () => this.#settle());
    on("refresh", "Reading", () => this.#payments());
    input("row").addEventListener("change", () => void act("Committing", () => this.#commit()));
    input("proof").addEventListener("change", () => void act("Verifying", () => this.#verify()));
    element("status").textContent = "Ready.";
  }

  async #check(): Promise<string> {
    const checks = await this.#registry.checkDeployment();
    element("checks").replaceChildren(...checks.map((check) => item(`${check.what} (${check.trust})`, check.holds)));
    const wrong = checks.filter((check) => !check.holds).length;
    if (wrong > 0) throw new Error(`${wrong} of ${checks.length} facts of the record are not so on the chain: do not rely on this deployment`);
    return `All ${checks.length} facts of the record are so on the chain.`;
  }

  async #commit(): Promise<string> {
    const text = await input("row").files?.[0]?.text();
    const line = text?.trim().split(/\r?\n/).at(-1) ?? "";
    const committed = commitInput(this.deployment.key, [line.split(",").map(Number)]);
    input("commitment").value = committed.commitment;
    const link = element<HTMLAnchorElement>("download");
    if (link.href) URL.revokeObjectURL(link.href);
    link.href = URL.createObjectURL(new Blob([committed.file.slice().buffer]));
    link.hidden = false;
    return "Committed. Save the file, then escrow.";
  }

  async #escrow(): Promise<string> {
    const [commitment, payee] = [input("commitment").value.trim(), input("payee").value.trim()];
    if (!isHex(commitment) || commitment.length !== 66) throw new Error("the commitment is no 0x and 64 hex digits; choose a row");
    if (!isAddress(payee)) throw new Error("the payee is no address");
    const [amount, threshold] = [parseEther(input("amount").value), Number(input("threshold").value)];
    if (!(threshold > 0 && threshold <= 1)) throw new Error("the score must be above 0 and at most 1");
    await this.#screen.escrow(await this.#wallet(), payee, commitment, threshold, amount);
    await this.#payments();
    return `Escrowed ${formatEther(amount)} ether.`;
  }

  /** Here, without a node. */
  async #verify(): Promise<string> {
    this.#proof = undefined;
    const verdict = element("verdict");
    verdict.textContent = "";
    element("statement").replaceChildren();
    for (const id of ["ask", "settle"]) button(id).disabled = true;
    const chosen = input("proof").files?.[0];
    if (!chosen) return "";
    const file = readProof(new Uint8Array(await chosen.arrayBuffer()));
    const found = verifyProof(file, this.deployment.key);
    verdict.className = `verdict ${found.valid ? "holds" : "fails"}`;
    if (!found.valid) {
      verdict.textContent = "✗ refused by this page";
      throw new Error(`refused: ${found.message}`);
    }
    verdict.textContent = "✓ valid, checked by this page (native)";
    const { statement } = file;
    const { output } = found;
    const score = output.kind === "real" ? output.values.join(", ") : output.kind === "hidden" ? "hidden" : "tokens";
    const hex = (value: bigint) => `0x${value.toString(16).padStart(64, "0")}`;
    describe(element("statement"), [
      ["score", score],
      ["input", hex(statement.inputCommitment)],
      ["weights", hex(statement.weightCommitment)],
      ["not checked", found.unchecked.map((open) => OPEN[open]).join("; ") || "nothing"],
    ]);
    this.#proof = file;
    for (const id of ["ask", "settle"]) button(id).disabled = false;
    return "The proof holds.";
  }

  async #ask(): Promise<string> {
    if (!this.#proof) throw new Error("choose a proof first");
    const found = await this.#registry.verifyOnChain({ file: this.#proof });
    if (!found.valid) throw new Error(`the registry refuses, says the node: ${found.revert.message}`);
    return `The registry takes it, says the node. Statement ${found.statementHash}.`;
  }

  async #settle(): Promise<string> {
    if (!this.#proof) throw new Error("choose a proof first");
    const payment = input("payment").value.trim();
    if (!/^[0-9]+$/.test(payment)) throw new Error("the payment is no number");
    await this.#screen.settle(await this.#wallet(), BigInt(payment), this.#proof);
    await this.#payments();
    return `Payment ${payment} is settled.`;
  }

  async #payments(): Promise<string> {
    await this.#registry.requireChain();
    const payments = await this.#screen.payments();
    const texts = payments.map((payment) => {
      const entry = document.createElement("li");
      const { state, amount, payee, threshold, inputCommitment } = payment;
      entry.textContent = `${state}: ${formatEther(amount)} ether to ${payee}, score below ${threshold}, input ${inputCommitment}`;
      return entry;
    });
    element("payments").replaceChildren(...texts);
    return payments.length === 0 ? "There are no payments." : `${payments.length} payments, says the node.`;
  }

  /** The chosen wallet, on the deployment's chain. */
  async #wallet() {
    await this.#registry.requireChain();
    const chosen = this.#wallets[Number(element<HTMLSelectElement>("wallet").value || "-1")];
    if (!chosen) throw new Error("choose a wallet to send transactions");
    const transport = custom(chosen.provider as EIP1193Provider);
    const { chainId } = this.deployment;
    const [account] = await createWalletClient({ transport }).requestAddresses();
    if (!account) throw new Error("the wallet gives no account");
    const chain = this.reader.chain ?? chainOf(chainId);
    const wallet = createWalletClient({ account, chain, transport });
    const found = await wallet.getChainId();
    if (found !== chainId) throw new Error(`the wallet is on chain ${found}, the deployment on chain ${chainId}; switch it`);
    return wallet;
  }
}

function chainOf(id: number) {
  const nativeCurrency = { name: "Ether", symbol: "ETH", decimals: 18 };
  return defineChain({ id, name: `chain ${id}`, nativeCurrency, rpcUrls: { default: { http: [__RPC_URL__] } } });
}

async function load(path: string): Promise<string> {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error(`${path}: ${answer.status}; put the deployment's files into public/`);
  return answer.text();
}

void act("Loading the deployment", async () => {
  const [record, program] = await Promise.all([load("/deployment.json"), load("/program.json")]);
  const deployment = readDeployment(record, program);
  const reader = createPublicClient({ chain: chainOf(deployment.chainId), transport: http(__RPC_URL__), pollingInterval: 500 });
  new Page(deployment, reader).start();
  return "Ready.";
});
