#!/usr/bin/env bash
# Changes the contracts one place at a time and prints the changes that no test notices: 0 is the goal. Takes hours, so
# it is no part of scripts/test. Options: scripts/mutation/run.py.
#
#   scripts/mutate_contracts.sh [--suite NAME] [--list] [--jobs N] [PATTERN...]
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# forge itself: the launcher in node_modules/.bin drops its exit status, and every mutant would seem to survive.
for folder in "$root"/node_modules/@foundry-rs/forge-*/bin; do
    if [ ! -d "$folder" ]; then
        echo "mutate_contracts: no forge for this platform under node_modules/@foundry-rs; run npm ci" >&2
        exit 2
    fi
    PATH=$folder:$PATH
done
export PATH PYTHONPATH="$root/scripts"
exec python3 -m mutation.run "$@"
