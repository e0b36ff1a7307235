#!/usr/bin/env bash
# Makes the files that the TypeScript client is tested with anew, after a change of the protocol, the circuit or a format: proofs of
# the fraud model with both openings and of a join, with the records of their verifiers. Proofs are blinded, so they differ from run
# to run, and a poll with a vote in it. Then writes what this build says of altered ones.
#
#   scripts/make_client_fixtures.sh [PORT]
#
# PORT  of the chain that is made for them; 18545 by default
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
out=$root/client/test/fixtures
model=$root/models/fraud
port=${1:-18545}
program=Halo2UniversalVerifier.program.json

export LAMINATE_CACHE="$work/cache"
laminate=$("$root/scripts/build_binary.sh" laminate)
run() { "$laminate" -q "$@" > "$work/out"; }

# Starts a chain: start_chain [OPTION...]
start_chain() {
    local anvil
    anvil=$(echo "$root"/node_modules/@foundry-rs/anvil-*/bin/anvil)
    "$anvil" --port "$port" --hardfork osaka --silent "$@" &
    state=$!
    trap 'kill "$state" 2>/dev/null || true; rm -rf "$work"' EXIT
    for _ in $(seq 100); do ask web3_clientVersion > /dev/null 2>&1 && break || sleep 0.1; done
    # anvil's first account, whose key everybody knows.
    export LAMINATE_PRIVATE_KEY=ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80
    export ETH_RPC_URL=http://127.0.0.1:$port
}
# Ends it and keeps its state: end_chain FILE
end_chain() {
    ask anvil_dumpState | sed -n 's/.*"result":"\(0x[0-9a-f]*\)".*/\1/p' > "$1"
    kill "$state"
    wait "$state" || true
}

# What `laminate` does to a chain of its own, and that chain's state: with a router, as submissions then have a route, too.
chain() {
    start_chain
    run deploy "$work/verifier-packed" --screen --router -o "$work/deployment.json"
    run register "$work/fraud" --deployment "$work/deployment.json"
    cp "$work/deployment.json" "$out/deployment.json"
    end_chain "$out/state.hex"
}

# A poll on another chain, a voter's files, and two proofs of the one credential: for choice 1 by anvil's second account, and for
# choice 2 by anybody. Deadline and roots are of the chain's clock, which begins at a time that the tests set again.
poll() {
    local voter=0x70997970C51812dc3A010C7d01b50e0d17dc79C8 record=$work/poll.json
    start_chain --timestamp 1800000000
    run deploy "$work/verifier-vote" -o "$record"
    run register "$work/vote" --deployment "$record"
    run poll deploy --choices 3 --open-for 604800 --deployment "$record"
    run credential identity -o "$out/poll/me.identity"
    run credential issue "$work/vote" --input "$eligible" --identity "$(cat "$work/out")" -o "$work/voter.credential"
    run credential tree "$work/voter.credential" -o "$work/voters.tree"
    run poll post "$work/voters.tree" --valid-for 2592000 --deployment "$record"
    run credential prove --identity "$out/poll/me.identity" --credential "$work/voter.credential" --tree "$work/voters.tree" \
        -o "$out/poll/me.member"
    run poll tally --sender "$voter" --deployment "$record" --json
    vote 1 vote
    run poll tally --deployment "$record" --json
    vote 2 relayed
    cp "$record" "$out/poll/deployment.json"
    end_chain "$out/poll/state.hex"
}
# A proof for a choice of the tally that was printed last: vote CHOICE NAME
vote() {
    local scope context
    scope=$(node -p "JSON.parse(fs.readFileSync(process.argv[1])).scope" "$work/out")
    context=$(node -p "JSON.parse(fs.readFileSync(process.argv[1])).choices[process.argv[2]].context" "$work/out" "$1")
    run prove "$work/vote" --input "$eligible" --credential "$out/poll/me.member" --scope "$scope" --context "$context" -o "$out/poll/$2.proof"
}
ask() {
    curl -sf -H 'content-type: application/json' "http://127.0.0.1:$port" \
        -d "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"$1\",\"params\":[]}"
}

# Files of a proof: fixture NAME FOLDER PROOF KEY, the key a pattern in the cache.
fixture() {
    run verifier "$2" -o "$work/verifier-$1"
    cp "$3" "$out/$1.proof"
    cp "$work/verifier-$1/verifier.json" "$out/$1.verifier.json"
    cp "$work/verifier-$1/$program" "$out/$1.program.json"
    cp "$LAMINATE_CACHE"/keys/$4 "$out/$1.vkey"
}

mkdir -p "$out"
run compile "$model/fraud.onnx" --calibration "$model/calibration.csv" -o "$work/fraud"
run commit "$work/fraud" --dev-srs
run input commit "$work/fraud" --input "$model/legit.csv" -o "$work/row.input"
cp "$work/row.input" "$out/row.input"
# The packed keys last: they are the folder's from then on.
for opening in shplonk packed; do
    run setup "$work/fraud" --dev-srs --opening "$opening"
    run prove "$work/fraud" --input "$work/row.input" -o "$work/$opening.proof"
    case $opening in packed) key=*-packed.vkey ;; *) key=*-v[0-9].vkey ;; esac
    fixture "$opening" "$work/fraud" "$work/$opening.proof" "$key"
done
for input in legit fraud; do
    run prove "$work/fraud" --input "$model/$input.csv" --for-join -o "$work/$input.part"
done
before=$(ls "$LAMINATE_CACHE/keys")
run join setup "$work/both" --batch "$work/fraud" "$work/fraud" --dev-srs
run join prove "$work/both" "$work/legit.part" "$work/fraud.part" -o "$work/join.proof"
key=$(comm -13 <(echo "$before") <(ls "$LAMINATE_CACHE/keys") | grep '\.vkey$')
fixture join "$work/both" "$work/join.proof" "$key"

# A statement with everything that it can be bound to; the verifier as data is that of packed proofs.
bound=(--context --input-public --credential 20)
run compile "$model/fraud.onnx" --calibration "$model/calibration.csv" "${bound[@]}" -o "$work/bound"
run credential identity -o "$work/me.identity"
run credential issue "$work/bound" --input "$model/fraud.csv" --identity "$(cat "$work/out")" -o "$work/me.credential"
run credential tree "$work/me.credential" -o "$work/group.tree"
run credential prove --identity "$work/me.identity" --credential "$work/me.credential" --tree "$work/group.tree" -o "$work/me.member"
run commit "$work/bound" --dev-srs
run setup "$work/bound" --dev-srs --opening packed
run prove "$work/bound" --input "$model/fraud.csv" --context 77 --credential "$work/me.member" --scope 31 -o "$out/bound.proof"
run verifier "$work/bound" -o "$work/verifier-bound"
cp "$work/verifier-bound/verifier.json" "$out/bound.verifier.json"

# One that hides its output, with two public columns and public weights.
disclosed=(--output-hidden --weights-public --input-public V3,Amount)
run compile "$model/fraud.onnx" --calibration "$model/calibration.csv" "${disclosed[@]}" -o "$work/hidden"
run commit "$work/hidden" --dev-srs
run setup "$work/hidden" --dev-srs --opening packed
rm -f "$out/hidden.output"
run prove "$work/hidden" --input "$model/fraud.csv" --keep-output "$out/hidden.output" -o "$out/hidden.proof"
run verifier "$work/hidden" -o "$work/verifier-hidden"
cp "$work/verifier-hidden/verifier.json" "$out/hidden.verifier.json"
chain

# A decision that a poll counts. Its verifier's program is that of packed proofs.
elections=$root/models/eligibility eligible=$root/models/eligibility/eligible.csv
run compile "$elections/logistic.onnx" --calibration "$elections/calibration.csv" --threshold 0.5 --input-scale 0 --context --credential 20 \
    -o "$work/vote"
run commit "$work/vote" --dev-srs
run setup "$work/vote" --dev-srs --opening packed
run verifier "$work/vote" -o "$work/verifier-vote"
cmp "$work/verifier-vote/$program" "$out/packed.program.json"
rm -rf "$out/poll"
mkdir "$out/poll"
poll

LAMINATE_BLESS=1 cargo test --quiet --release --locked --workspace --bin laminate the_client
