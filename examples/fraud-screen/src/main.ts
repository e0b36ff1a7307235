import { commitInput, type Deployment, type ProofFile, readDeployment, readProof, verifyProof } from "laminate-zkml";
import { laminateActions, type Registry } from "laminate-zkml/viem";
import { formatEther, isAddress, isHex, parseEther, type PublicClient } from "viem";
import { compare, readerOf, Wallets } from "../../shared/src/chain.js";
import { act, button, chosen, describe, element, input, list, load, offer, onChange, onClick, OPEN } from "../../shared/src/page.js";
import { Screen } from "./screen.js";

class Page {
  readonly #registry: Registry;
  readonly #screen: Screen;
  readonly #wallets: Wallets;
  #proof: ProofFile | undefined;

  constructor(
    readonly deployment: Deployment,
    readonly reader: PublicClient,
  ) {
    this.#registry = reader.extend(laminateActions(deployment)).laminate;
    this.#screen = new Screen(deployment, reader);
    this.#wallets = new Wallets(this.#registry);
  }

  start(): void {
    const { deployment } = this;
    const { key } = deployment;
    element("development").hidden = !key.development;
    describe("deployment", [
      ["model", key.programName],
      ["program", key.universal?.registeredDigest ?? key.programDigest],
      ["registry", `${deployment.modelRegistry.address} on chain ${deployment.chainId}`],
      ["payments", deployment.fraudScreen?.address ?? ""],
    ]);
    this.#wallets.start();
    onClick("check", "Comparing", () => compare(this.#registry));
    onClick("escrow", "Escrowing", () => this.#escrow());
    onClick("ask", "Asking the registry", () => this.#ask());
    onClick("settle", "Settling", () => this.#settle());
    onClick("refresh", "Reading", () => this.#payments());
    onChange("row", "Committing", () => this.#commit());
    onChange("proof", "Verifying", () => this.#verify());
    element("status").textContent = "Ready.";
  }

  async #commit(): Promise<string> {
    const text = await input("row").files?.[0]?.text();
    const line = text?.trim().split(/\r?\n/).at(-1) ?? "";
    const committed = commitInput(this.deployment.key, [line.split(",").map(Number)]);
    input("commitment").value = committed.commitment;
    offer("download", committed.file);
    return "Committed. Save the file, then escrow.";
  }

  async #escrow(): Promise<string> {
    const [commitment, payee] = [input("commitment").value.trim(), input("payee").value.trim()];
    if (!isHex(commitment) || commitment.length !== 66) throw new Error("the commitment is no 0x and 64 hex digits; choose a row");
    if (!isAddress(payee)) throw new Error("the payee is no address");
    const [amount, threshold] = [parseEther(input("amount").value), Number(input("threshold").value)];
    if (!(threshold > 0 && threshold <= 1)) throw new Error("the score must be above 0 and at most 1");
    await this.#screen.escrow(await this.#wallets.chosen(), payee, commitment, threshold, amount);
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
    const bytes = await chosen("proof");
    if (!bytes) return "";
    const file = readProof(bytes);
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
    describe("statement", [
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
    await this.#screen.settle(await this.#wallets.chosen(), BigInt(payment), this.#proof);
    await this.#payments();
    return `Payment ${payment} is settled.`;
  }

  async #payments(): Promise<string> {
    await this.#registry.requireChain();
    const payments = await this.#screen.payments();
    const texts = payments.map(
      ({ state, amount, payee, threshold, inputCommitment }) =>
        `${state}: ${formatEther(amount)} ether to ${payee}, score below ${threshold}, input ${inputCommitment}`,
    );
    list("payments", texts);
    return payments.length === 0 ? "There are no payments." : `${payments.length} payments, says the node.`;
  }
}

void act("Loading the deployment", async () => {
  const [record, program] = await Promise.all([load("/deployment.json"), load("/program.json")]);
  const deployment = readDeployment(record, program);
  const reader = readerOf(deployment.chainId);
  new Page(deployment, reader).start();
  return "Ready.";
});
