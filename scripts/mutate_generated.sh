#!/usr/bin/env bash
# Changes the generated and the emitted verifier one place at a time and prints what notices each change: a proof that is
# refused, or false calldata that is accepted. Fails where nothing does and no reviewed reason excuses it (the lists
# EQUIVALENT in aggregator/src/evm/forgeries.rs and aggregator/src/evm/universal/forgeries.rs). Compiles some 350
# contracts, so it is no part of scripts/test.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
exec cargo test --release --locked -p laminate-aggregator --lib -- --ignored --nocapture every_mutant_of
