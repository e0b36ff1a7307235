#!/usr/bin/env bash
# Makes the generated verifier and the proof fixtures of the Foundry tests anew, after a change of the
# protocol or the circuit. Proofs are blinded, so the fixtures differ from run to run.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

export LAMINATE_CACHE="$work/cache"
"$root/scripts/generate_verifier.sh" "$root/contracts/src/generated" "$work"
make_fixtures=$("$root/scripts/build_binary.sh" make_fixtures)
"$make_fixtures" "$work" "$root/models/fraud" "$root/contracts/test/fixtures"
