#!/usr/bin/env bash
# Compiles the contracts that the binary holds, so that it needs no compiler: after a change of contracts/src, of the
# circuit's gates or of the universal verifier's generator. Review the difference.
#
#   scripts/make_embedded.sh [--check]
#
# --check   only compare cli/embedded/contracts.json and Halo2UniversalVerifier.json and Halo2PackedVerifier.json in
#           aggregator/src/evm/universal with what the compiler makes
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
if [ "${1:-}" != --check ]; then export LAMINATE_BLESS=1; fi
# The workspace's selection of features, so that nothing is built twice beside the tests.
cargo test --quiet --release --locked --workspace --test embedded
