import { explainRevert } from "laminate-zkml";
import { BaseError, ContractFunctionRevertedError } from "viem";

/** What a wallet or contract refused, as one sentence. */
export function sentence(error: unknown): string {
  if (!(error instanceof BaseError)) return error instanceof Error ? error.message : String(error);
  const reverted = error.walk((cause) => cause instanceof ContractFunctionRevertedError);
  if (reverted instanceof ContractFunctionRevertedError && reverted.raw) return `the contract refuses: ${explainRevert(reverted.raw).message}`;
  const rejected = error.walk((cause) => (cause as { code?: number }).code === 4001);
  return rejected ? "you rejected it in the wallet; nothing was sent" : error.shortMessage;
}
