#!/usr/bin/env bash
# Compiles the contracts that the binary holds, so that it needs no compiler: after a change of contracts/src, of the
# circuit's gates or of the universal verifier's generator.
#
#   scripts/make_embedded.sh [OUT]
#
# OUT   a folder for the files, to compare them; without it they go to their places in the repository
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
out=${1:-}
if [ -z "$out" ]; then
    out=$(mktemp -d)
    trap 'rm -rf "$out"' EXIT
fi
cargo run --quiet --release --locked --manifest-path "$root/Cargo.toml" -p laminate-tests --bin make_embedded -- \
    "$root" "$out"
if [ $# -eq 0 ]; then
    cp "$out/contracts.json" "$root/cli/embedded/"
    cp "$out/Halo2UniversalVerifier.json" "$root/aggregator/src/evm/universal/"
fi
