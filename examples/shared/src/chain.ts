import type { Check, Registry } from "laminate-zkml/viem";
import {
  type Account,
  type Chain,
  createPublicClient,
  createWalletClient,
  custom,
  defineChain,
  type EIP1193Provider,
  http,
  type PublicClient,
  type Transport,
  type WalletClient,
} from "viem";
import { element, item } from "./page.js";
import { discover, type Wallet } from "./wallet.js";

declare const __RPC_URL__: string;

export type Sender = WalletClient<Transport, Chain, Account>;

function chainOf(id: number): Chain {
  const nativeCurrency = { name: "Ether", symbol: "ETH", decimals: 18 };
  return defineChain({ id, name: `chain ${id}`, nativeCurrency, rpcUrls: { default: { http: [__RPC_URL__] } } });
}

/** The node that the page was built for; with an account, what it would do from there. */
export const readerOf = (chainId: number, account?: Account): PublicClient =>
  createPublicClient({ chain: chainOf(chainId), transport: http(__RPC_URL__), pollingInterval: 500, ...(account && { account }) });

/** Wallets of this browser, in the select `wallet`. */
export class Wallets {
  readonly #wallets: Wallet[] = [];

  constructor(readonly registry: Registry) {}

  start(): void {
    discover((wallet) => {
      this.#wallets.push(wallet);
      element<HTMLSelectElement>("wallet").add(new Option(wallet.name, String(this.#wallets.length - 1)));
    });
  }

  /** The chosen one; node and wallet must be on the deployment's chain. */
  async chosen(): Promise<Sender> {
    await this.registry.requireChain();
    const wallet = this.#wallets[Number(element<HTMLSelectElement>("wallet").value || "-1")];
    if (!wallet) throw new Error("choose a wallet to send transactions");
    const transport = custom(wallet.provider as EIP1193Provider);
    const [account] = await createWalletClient({ transport }).requestAddresses();
    if (!account) throw new Error("the wallet gives no account");
    const { chainId } = this.registry.deployment;
    const client = createWalletClient({ account, chain: chainOf(chainId), transport });
    const found = await client.getChainId();
    if (found !== chainId) throw new Error(`the wallet is on chain ${found}, the deployment on chain ${chainId}; switch it`);
    return client;
  }
}

/** Compares the record with the chain, in the list `checks`. */
export async function compare(registry: Registry, more: readonly Check[] = []): Promise<string> {
  const checks = [...(await registry.checkDeployment()), ...more];
  element("checks").replaceChildren(...checks.map((check) => item(`${check.what} (${check.trust})`, check.holds)));
  const wrong = checks.filter((check) => !check.holds).length;
  if (wrong > 0) throw new Error(`${wrong} of ${checks.length} facts of the record are not so on the chain: do not rely on this deployment`);
  return `All ${checks.length} facts of the record are so on the chain.`;
}
