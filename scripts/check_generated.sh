#!/usr/bin/env bash
# Requires the generated verifier in the repository to be, byte for byte, what the program derives today, and the contracts
# that the binary holds to be what the compiler makes of the sources.
#
#   scripts/check_generated.sh [WORK]
#
# WORK  as for generate_verifier.sh
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT

# Keys derived here and now, not those of an earlier run.
export LAMINATE_CACHE="$fresh/cache"
"$root/scripts/generate_verifier.sh" "$fresh" ${1:+"$1"}
for file in Halo2Verifier.sol verifier.json; do
    if ! cmp "$fresh/$file" "$root/contracts/src/generated/$file"; then
        echo "check_generated: contracts/src/generated/$file is not what the program derives." >&2
        echo "Run scripts/generate_verifier.sh, review the difference, and make the proof fixtures anew." >&2
        exit 1
    fi
done
echo "The generated verifier is what the program derives."

if ! "$root/scripts/make_embedded.sh" --check; then
    echo "check_generated: the contracts in the binary are not what the compiler makes. Run scripts/make_embedded.sh." >&2
    exit 1
fi
echo "The contracts in the binary are what the compiler makes of the sources."
