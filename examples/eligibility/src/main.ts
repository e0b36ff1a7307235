import {
  type BindingWords,
  type Deployment,
  type Hex,
  type Identity,
  newIdentity,
  nullifierOf,
  type PollRecord,
  readBinding,
  readDeployment,
  readIdentity,
  readMembership,
  readProof,
  verifyProof,
} from "laminate-zkml";
import { laminateActions, type Poll, pollActions, type Registry, type Vote } from "laminate-zkml/viem";
import { numberToHex, type PublicClient } from "viem";
import { compare, readerOf, Wallets } from "../../shared/src/chain.js";
import { act, button, chosen, describe, element, list, load, offer, onChange, onClick, OPEN } from "../../shared/src/page.js";
import { Ballot, type Question, readQuestion, type Root } from "./ballot.js";

const LEFT_OPEN = {
  ...OPEN,
  input: "whose values: the proof hides them, and shows that the issuer attested to them",
  credential: "that the issuer posted the root: the node says so, and the poll checks it",
};

const hex = (value: bigint) => numberToHex(value, { size: 32 });
const date = (seconds: bigint | number) => new Date(Number(seconds) * 1000).toISOString().replace(".000Z", " UTC").replace("T", " ");

function validity({ until, valid }: Root): string {
  if (until === 0n) return "never posted by the issuer";
  return valid ? `valid until ${date(until)}` : until === 1n ? "revoked by the issuer" : `expired at ${date(until)}`;
}

const select = (id: string) => element<HTMLSelectElement>(id);

class Page {
  readonly #registry: Registry;
  readonly #poll: Poll;
  readonly #ballot: Ballot;
  readonly #wallets: Wallets;
  #nullifier: bigint | undefined;
  #vote: Vote | undefined;

  constructor(
    readonly deployment: Deployment,
    readonly record: PollRecord,
    readonly question: Question,
    readonly reader: PublicClient,
  ) {
    this.#registry = reader.extend(laminateActions(deployment)).laminate;
    this.#poll = reader.extend(pollActions(deployment)).poll;
    this.#ballot = new Ballot(record, deployment, reader);
    this.#wallets = new Wallets(this.#registry);
  }

  async start(): Promise<void> {
    const { question } = this;
    element("development").hidden = !this.deployment.key.development;
    element("question").textContent = question.question;
    question.choices.forEach((text, choice) => select("choice").add(new Option(text, String(choice))));
    this.#wallets.start();
    onClick("check", "Comparing", async () => compare(this.#registry, await this.#ballot.checks()));
    onClick("make", "Making", () => this.#make());
    onChange("identity", "Reading", async () => this.#read(readIdentity, "identity"));
    onChange("member", "Reading", async () => this.#read(readMembership, "member"));
    onClick("voted", "Asking", () => this.#voted());
    onClick("prepare", "Preparing", () => this.#prepare());
    onChange("proof", "Verifying", () => this.#verify());
    onClick("send", "Voting", () => this.#send());
    onClick("refresh", "Counting", () => this.#tally());
    await this.#terms();
  }

  /** What the poll is, with what the node says of deadline and roots. */
  async #terms(): Promise<void> {
    await this.#registry.requireChain();
    const { record, deployment } = this;
    const [now, latest] = [await this.#ballot.now(), await this.#ballot.latest()];
    const closed = now >= BigInt(record.deadline);
    describe("terms", [
      ["poll", `${record.address} on chain ${deployment.chainId}`],
      [closed ? "closed since" : "open until", date(record.deadline)],
      ["model", `${deployment.key.programName}, ${record.modelId}`],
      ["issuer", record.issuer],
      ["newest root", latest ? `${hex(latest.root)}, ${validity(latest)}` : "none posted yet"],
    ]);
  }

  #make(): string {
    const made = newIdentity();
    offer("save", made.file);
    this.#holder(made);
    return "Made. Save the file, and give the issuer the identity.";
  }

  /** An identity, or a membership with the root that it is of. */
  async #read<T extends { secret: bigint }>(read: (bytes: Uint8Array) => T, id: string): Promise<string> {
    const bytes = await chosen(id);
    if (!bytes) return "";
    const found: T & Partial<Identity & { root: bigint; leaf: bigint }> = read(bytes);
    const root = found.root === undefined ? undefined : await this.#ballot.root(found.root);
    this.#holder(found, root);
    if (root && !root.valid) throw new Error(`the membership's root was ${validity(root)}: make it again with the issuer's newest tree`);
    return "Read. Nothing of it left this page.";
  }

  #holder({ secret, identity, leaf }: { secret: bigint; identity?: bigint; leaf?: bigint }, root?: Root): void {
    this.#nullifier = nullifierOf(secret, this.#poll.scope);
    button("voted").disabled = false;
    const facts: [string, string][] = [];
    if (identity !== undefined) facts.push(["identity", hex(identity)]);
    if (leaf !== undefined) facts.push(["credential", hex(leaf)]);
    if (root) facts.push(["root", `${hex(root.root)}, ${validity(root)}`]);
    describe("voter", [...facts, ["nullifier here", hex(this.#nullifier)]]);
  }

  async #voted(): Promise<string> {
    if (this.#nullifier === undefined) throw new Error("make or choose an identity first");
    const voted = await this.#poll.hasVoted(this.#nullifier);
    return voted ? "This credential has voted, says the node." : "This credential has not voted, says the node.";
  }

  /** The context of the chosen choice and sender, and what makes a proof for it. */
  async #prepare(): Promise<string> {
    const sender = select("sender").value === "anyone" ? undefined : (await this.#wallets.chosen()).account.address;
    const choice = Number(select("choice").value);
    const [scope, context] = [hex(this.#poll.scope), hex(this.#poll.contextOf(choice, sender))];
    describe("binding", [
      ["choice", this.question.choices[choice] ?? ""],
      ["sent by", sender ?? "anyone"],
      ["scope", scope],
      ["context", context],
    ]);
    element("command").textContent = [
      "laminate credential prove --identity me.identity --credential me.credential --tree group.tree -o me.member",
      `laminate prove vote --input row.csv --credential me.member --scope ${scope} --context ${context} -o vote.proof`,
    ].join("\n");
    return "Run the commands where your files are, then choose the proof.";
  }

  /** Here; the node says only whether the root is valid. */
  async #verify(): Promise<string> {
    this.#vote = undefined;
    const verdict = element("verdict");
    verdict.textContent = "";
    describe("statement", []);
    button("send").disabled = true;
    element("relay").hidden = true;
    const bytes = await chosen("proof");
    if (!bytes) return "";
    const file = readProof(bytes);
    const { deployment, record } = this;
    const model = deployment.models.find((one) => one.modelId === record.modelId);
    if (!model) throw new Error("deployment.json: it does not name the poll's model");
    const expected = { scope: this.#poll.scope, weightCommitment: model.weightCommitment };
    const found = verifyProof(file, deployment.key, expected);
    verdict.className = `verdict ${found.valid ? "holds" : "fails"}`;
    if (!found.valid) {
      verdict.textContent = "✗ refused by this page";
      throw new Error(`refused: ${found.message}`);
    }
    verdict.textContent = "✓ valid, checked by this page (native)";
    const root = await this.#ballot.root(found.binding.credential?.root ?? 0n);
    const [decision] = found.output.kind === "real" ? found.output.integers : [];
    const eligible = decision !== undefined && decision >= record.leastOutput;
    const open = found.unchecked.filter((one) => one !== "context").map((one) => LEFT_OPEN[one]);
    describe("statement", [
      ["eligible", eligible ? "yes" : "no"],
      ["root (node)", `${hex(root.root)}, ${validity(root)}`],
      ["nullifier", hex(found.binding.credential?.nullifier ?? 0n)],
      ["not checked", open.join("; ") || "nothing"],
    ]);
    if (!eligible) throw new Error("the proof holds, and says that its holder is not eligible");
    if (!root.valid) throw new Error(`the proof holds, but its root was ${validity(root)}: prove with the issuer's newest tree`);
    const { choice, sender } = await this.#bound(readBinding(file.statement.outputWords, file.output));
    this.#vote = { choice, file, ...(sender && { sender }) };
    button("send").disabled = false;
    if (sender === undefined) this.#relay(this.#vote);
    return `The proof holds: a vote for “${this.question.choices[choice]}” that ${sender ?? "anyone"} may send.`;
  }

  /** Which choice and sender a context names, of those that can be sent from here. */
  async #bound({ context }: BindingWords): Promise<{ choice: number; sender?: Hex }> {
    const choices = this.question.choices.map((_, choice) => choice);
    const anyones = choices.find((choice) => this.#poll.contextOf(choice) === context);
    if (anyones !== undefined) return { choice: anyones };
    if (select("wallet").value === "") throw new Error("the proof holds, but not for anyone who sends it: choose the wallet that it names, and the file again");
    const sender = (await this.#wallets.chosen()).account.address;
    const own = choices.find((choice) => this.#poll.contextOf(choice, sender) === context);
    if (own === undefined) throw new Error(`the proof holds, but its context is for another sender than ${sender}, or for none of this poll's choices`);
    return { choice: own, sender };
  }

  #relay(vote: Vote): void {
    const transaction = { chainId: this.deployment.chainId, to: this.record.address, data: this.#poll.calldata(vote) };
    offer("relay", new TextEncoder().encode(`${JSON.stringify(transaction, undefined, 2)}\n`));
  }

  async #send(): Promise<string> {
    if (!this.#vote) throw new Error("choose a proof first");
    const wallet = await this.#wallets.chosen();
    // By the page's node, as not every wallet passes on why a contract refuses.
    const from = readerOf(this.deployment.chainId, wallet.account);
    await from.extend(pollActions(this.deployment)).poll.simulateVote(this.#vote);
    const { hash } = await wallet.extend(pollActions(this.deployment)).poll.vote(this.#vote);
    const { status } = await this.reader.waitForTransactionReceipt({ hash });
    if (status !== "success") throw new Error(`transaction ${hash} failed`);
    await this.#tally();
    return `Voted for “${this.question.choices[this.#vote.choice]}”.`;
  }

  async #tally(): Promise<string> {
    const votes = await this.#poll.votes();
    list("tally", votes.map((count, choice) => `${this.question.choices[choice]}: ${count}`));
    await this.#terms();
    const all = votes.reduce((sum, count) => sum + count, 0n);
    return `${all} votes, says the node.`;
  }
}

void act("Loading the deployment", async () => {
  const [record, program, question] = await Promise.all([load("/deployment.json"), load("/program.json"), load("/question.json")]);
  const deployment = readDeployment(record, program);
  const { poll } = deployment;
  if (!poll) throw new Error("deployment.json: it has no poll; make one with `laminate poll deploy`");
  await new Page(deployment, poll, readQuestion(question, poll), readerOf(deployment.chainId)).start();
  return "Ready.";
});
