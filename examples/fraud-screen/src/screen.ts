import { type Deployment, encodeSubmission, type Hex, type ProofFile } from "laminate-zkml";
import { fraudScreenAbi } from "laminate-zkml/abi";
import type { PublicClient } from "viem";
import type { Sender } from "../../shared/src/chain.js";

/** A payment as the contract holds it. */
export interface Payment {
  readonly id: bigint;
  readonly state: "open" | "settled" | "refunded";
  readonly amount: bigint;
  readonly payee: Hex;
  readonly threshold: number;
  readonly inputCommitment: Hex;
}

const STATES = ["open", "settled", "refunded"] as const;
/** Scores are fixed point: this is a probability of 1. */
export const ONE = 2 ** 14;
const HOUR = 3600n;

/** The payments contract of a deployment. */
export class Screen {
  readonly #address: Hex;

  constructor(
    readonly deployment: Deployment,
    readonly reader: PublicClient,
  ) {
    if (!deployment.fraudScreen) throw new Error("the deployment has no FraudScreen; deploy it with --screen");
    this.#address = deployment.fraudScreen.address;
  }

  /** Escrows wei until the proof, or for an hour: from now on, as a quiet chain's latest block may be long past. */
  async escrow(wallet: Sender, payee: Hex, commitment: Hex, threshold: number, value: bigint): Promise<void> {
    const model = this.deployment.models.at(-1);
    if (!model) throw new Error("no model is registered; run `laminate register`");
    const { timestamp } = await this.reader.getBlock();
    const clock = BigInt(Math.floor(Date.now() / 1000));
    const now = clock > timestamp ? clock : timestamp;
    const { request } = await this.reader.simulateContract({
      abi: fraudScreenAbi,
      address: this.#address,
      functionName: "createPayment",
      args: [payee, BigInt(model.modelId), commitment, Math.round(threshold * ONE), now + HOUR],
      value,
      account: wallet.account,
    });
    await this.#done(await wallet.writeContract(request));
  }

  /** Settles a payment with a proof. */
  async settle(wallet: Sender, payment: bigint, file: ProofFile): Promise<void> {
    const { output, proof } = encodeSubmission(file, this.deployment);
    const { request } = await this.reader.simulateContract({
      abi: fraudScreenAbi,
      address: this.#address,
      functionName: "settle",
      args: [payment, output, proof],
      account: wallet.account,
    });
    await this.#done(await wallet.writeContract(request));
  }

  /** All payments, oldest first. */
  async payments(): Promise<Payment[]> {
    const contract = { abi: fraudScreenAbi, address: this.#address } as const;
    const count = await this.reader.readContract({ ...contract, functionName: "paymentCount" });
    const payments: Payment[] = [];
    for (let id = 1n; id <= count; id++) {
      const found = await this.reader.readContract({ ...contract, functionName: "getPayment", args: [id] });
      const { amount, payee, threshold, inputCommitment } = found;
      payments.push({ id, state: STATES[found.state - 1] ?? "open", amount, payee, threshold: threshold / ONE, inputCommitment });
    }
    return payments;
  }

  async #done(hash: Hex): Promise<void> {
    const { status } = await this.reader.waitForTransactionReceipt({ hash });
    if (status !== "success") throw new Error(`transaction ${hash} failed`);
  }
}
