#!/usr/bin/env bash
# Builds a binary of the workspace in release mode and prints its path.
#
#   scripts/build_binary.sh NAME
#
# With the packages and features of the workspace's tests, so that nothing is built twice beside them: `cargo run -p` takes
# other features of the dependencies, and so does a build without a target that may use dev-dependencies, such as an example
# (there is none, and none is needed).
set -euo pipefail

name=${1:?build_binary: which binary?}
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
path=$(cargo build --quiet --release --locked --manifest-path "$root/Cargo.toml" --workspace --bin "$name" --examples \
    --message-format=json-render-diagnostics | sed -n 's/.*"executable":"\([^"]*\)".*/\1/p')
[ -x "$path" ] || {
    echo "build_binary: no binary $name was built, but '$path'" >&2
    exit 1
}
printf '%s\n' "$path"
