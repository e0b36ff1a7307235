import { fromHex, type Hex, readWord, word } from "./bytes.js";
import { contextOf, scopeOf } from "./context.js";
import { encodeSubmission, encodeVote } from "./encode.js";
import { LaminateError } from "./errors.js";
import { readBinding } from "./output.js";
import type { ProofFile } from "./proof.js";
import type { Deployment, PollRecord } from "./records.js";
import { call, guarded, type Node } from "./node.js";
import { Registry } from "./registry.js";

/** A proof as a vote. */
export interface Vote {
  /** What it is for, counted from 0. */
  readonly choice: number;
  /** Whom the proof's context names as who sends it; anyone may if it is left out. */
  readonly sender?: Hex;
  readonly file: ProofFile;
}

/**
 * An anonymous poll of those whom a model finds eligible (`contracts/src/EligibilityPoll.sol`): scope and contexts for `laminate prove`,
 * votes, and what was counted. A proof is made with {@link scope} and the {@link contextOf} of its choice; whoever copies it can send it
 * for nothing else, and with a sender in its context nobody else can send it.
 */
export class Poll {
  readonly deployment: Deployment;
  readonly poll: PollRecord;
  readonly #node: Node;
  readonly #registry: Registry;

  /** @throws {@link LaminateError} `no-poll` if the deployment has none. */
  constructor(deployment: Deployment, node: Node) {
    const { poll } = deployment;
    if (!poll) throw new LaminateError("no-poll", "the deployment has no poll; make one with `laminate poll deploy`");
    this.deployment = deployment;
    this.poll = poll;
    this.#node = node;
    this.#registry = new Registry(deployment, node);
  }

  /** The scope of this poll, in which a credential has one nullifier. */
  get scope(): bigint {
    return scopeOf(this.#use);
  }

  /**
   * The context of a vote.
   *
   * @param choice Counted from 0.
   * @param sender Who must send it; anyone may if it is left out.
   * @throws {@link LaminateError} `no-choice` for a choice that the poll does not have.
   */
  contextOf(choice: number, sender?: Hex): bigint {
    const { choices } = this.poll;
    if (!Number.isInteger(choice) || choice < 0 || choice >= choices) {
      throw new LaminateError("no-choice", `the poll has choices 0 to ${choices - 1}, not ${choice}`);
    }
    return contextOf(this.#use, choice, sender);
  }

  /**
   * Calldata of a vote, in the one encoding that the contract takes.
   *
   * @throws {@link LaminateError} `other-vote` for a proof that is for another choice, sender, poll or chain; `no-choice`; `for-join`.
   */
  calldata({ choice, sender, file }: Vote): Hex {
    const [context, scope] = [this.contextOf(choice, sender), this.scope];
    const found = readBinding(file.statement.outputWords, file.output);
    if (found.context !== context || found.credential?.scope !== scope) {
      const who = sender === undefined ? "that anyone may send" : `that ${sender} sends`;
      throw new LaminateError("other-vote", `the proof is for another choice, sender, poll or chain than a vote for choice ${choice} ${who}`);
    }
    return encodeVote(choice, sender, encodeSubmission(file, this.deployment));
  }

  /** What `vote` would do now; throws {@link RevertError} if it would not count. */
  async simulateVote(vote: Vote): Promise<void> {
    await this.#read(this.calldata(vote));
  }

  /** Votes. */
  async vote(vote: Vote): Promise<{ hash: Hex }> {
    await this.simulateVote(vote);
    return { hash: await guarded(this.#node.send(this.poll.address, this.calldata(vote))) };
  }

  /** Votes for each choice. */
  async votes(): Promise<bigint[]> {
    const votes: bigint[] = [];
    for (let choice = 0; choice < this.poll.choices; choice++) {
      votes.push(readWord(fromHex(await this.#read(call("votes(uint256)", word(BigInt(choice))))), 0));
    }
    return votes;
  }

  /** Whether a credential has voted; its holder knows its nullifier (`nullifierOf(secret, poll.scope)`). */
  async hasVoted(nullifier: bigint): Promise<boolean> {
    return readWord(fromHex(await this.#read(call("voted(uint256)", word(nullifier)))), 0) === 1n;
  }

  get #use() {
    return { chainId: this.deployment.chainId, contract: this.poll.address };
  }

  async #read(data: Hex): Promise<Hex> {
    await this.#registry.requireChain();
    return guarded(this.#node.call(this.poll.address, data));
  }
}
