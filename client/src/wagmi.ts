import { useMemo } from "react";
import { useClient, useConnectorClient } from "wagmi";
import type { Deployment } from "./records.js";
import { laminateActions, type Registry } from "./viem.js";

/**
 * The registry of a deployment, for the hooks of `laminate-zkml/react`: through the connected account's wallet where there is one on the
 * deployment's chain, and else through wagmi's transport of that chain, for reading only. Undefined where wagmi's configuration does not
 * have the chain.
 *
 * @param deployment From `readDeployment`; keep it in state or outside of components, so that it is the same object in each rendering.
 */
export function useRegistry(deployment: Deployment | undefined): Registry | undefined {
  const chainId = deployment?.chainId;
  const reader = useClient(chainId === undefined ? {} : { chainId });
  // A wallet on another chain is none for this deployment: its client does not come.
  const { data: wallet } = useConnectorClient(chainId === undefined ? {} : { chainId });
  return useMemo(() => {
    const client = wallet ?? reader;
    if (!deployment || !client) return undefined;
    return laminateActions(deployment)(client).laminate;
  }, [deployment, wallet, reader]);
}
