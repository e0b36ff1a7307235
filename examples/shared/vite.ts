import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

// A page runs what it was served with, and talks to nobody but its server and the node in deployment.json's place.
const node = process.env.RPC_URL ?? "http://127.0.0.1:8545";
const policy = `default-src 'self'; connect-src 'self' ${node}; style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'`;

export default defineConfig({
  define: { __RPC_URL__: JSON.stringify(node) },
  // The client, which is linked to, would otherwise bring its own.
  resolve: { dedupe: ["viem"] },
  build: { target: "es2022", assetsInlineLimit: 0 },
  server: { fs: { allow: [fileURLToPath(new URL("../..", import.meta.url))] } },
  preview: { headers: { "content-security-policy": policy, "x-content-type-options": "nosniff", "referrer-policy": "no-referrer" } },
});
