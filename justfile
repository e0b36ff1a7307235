# `just` lists the recipes; none is needed, each is one command.

_default:
    @just --list

# The whole path on the fraud model, on an embedded chain.
demo *ARGS:
    cargo run --release -- demo {{ARGS}}

# Every check; stages: rust contracts python client generated.
test *STAGES:
    ./scripts/test {{STAGES}}

# Time, memory and size of every stage.
bench *ARGS:
    cargo run --release -- bench {{ARGS}}

# The same beside EZKL; needs .venv/peers (see scripts/bench_peers.py).
bench-peers *ARGS:
    .venv/peers/bin/python scripts/bench_peers.py --laminate "target/release/laminate bench --json" {{ARGS}}

# Format Rust and Solidity.
fmt:
    cargo fmt --all
    npx forge fmt

# Lints, and licences and advisories where cargo-deny is installed.
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets --release --locked -- -D warnings
    @if command -v cargo-deny > /dev/null; then cargo deny check; else echo "cargo-deny is not installed: skipped"; fi
