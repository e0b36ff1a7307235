import type { EIP1193Provider } from "viem";

/** A wallet of this browser. */
export interface Wallet {
  readonly name: string;
  readonly provider: EIP1193Provider;
}

interface Announcement extends Event {
  readonly detail: { readonly info: { readonly uuid: string; readonly name: string }; readonly provider: EIP1193Provider };
}

/** Calls for every wallet that announces itself (EIP-6963), and for `window.ethereum` where none does. */
export function discover(found: (wallet: Wallet) => void): void {
  const known = new Set<string>();
  window.addEventListener("eip6963:announceProvider", (event) => {
    const { info, provider } = (event as Announcement).detail;
    if (known.has(info.uuid)) return;
    known.add(info.uuid);
    found({ name: info.name, provider });
  });
  window.dispatchEvent(new Event("eip6963:requestProvider"));
  setTimeout(() => {
    const { ethereum } = window as { ethereum?: EIP1193Provider };
    if (known.size === 0 && ethereum) found({ name: "this browser's", provider: ethereum });
  }, 300);
}
