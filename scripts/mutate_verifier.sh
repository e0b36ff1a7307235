#!/usr/bin/env bash
# Leaves out the verifier's checks, one at a time, and runs tests until one fails: prints the checks that no test misses.
#
#   scripts/mutate_verifier.sh [--list] [--all] [--suite SUITE]... [PATTERN...]
#
#   --list         only prints the switches, a file and a name each
#   --suite SUITE  runs this suite instead of those that look at the switch's file: the name of a test binary, and behind
#                  an "=" a filter of its tests (multiexp, laminate_aggregator=join::)
#   --all          goes on with all other suites before a switch counts as a survivor: hours
#   PATTERN        only switches whose line of --list matches this extended regular expression
#
# The test binaries are built once, with the feature `mutants` of laminate-engine, under which the environment variable
# LAMINATE_MUTANT turns the check of that name off (engine/src/switch.rs). The command line refuses to be built with it.
# Exits with 1 if any survive. Not part of scripts/test.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

list=false
all=false
chosen=()
patterns=()
while [ $# -gt 0 ]; do
    case $1 in
        --list) list=true ;;
        --all) all=true ;;
        --suite)
            chosen+=("${2:?--suite wants a name}")
            shift
            ;;
        -h | --help)
            sed -n '2,/^set/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
            exit 0
            ;;
        -*)
            echo "mutate_verifier: unknown option $1; --help lists them" >&2
            exit 2
            ;;
        *) patterns+=(-e "$1") ;;
    esac
    shift
done

packages=(-p laminate-engine -p laminate-model -p laminate-prover -p laminate-aggregator -p laminate-tests)
features=(--features laminate-engine/mutants)

# With --examples, of which there are none, the dependencies have the features that the tests' have.
lister=$(cargo build --release "${packages[@]}" "${features[@]}" --bin list_switches --examples --message-format=json |
    sed -n 's/.*"executable":"\([^"]*\)".*/\1/p')
switches=$("$lister")
if [ ${#patterns[@]} -gt 0 ]; then
    switches=$(grep -E "${patterns[@]}" <<<"$switches") || {
        echo "mutate_verifier: no switch matches; --list prints all" >&2
        exit 2
    }
fi
if $list; then
    printf '%s\n' "$switches"
    exit 0
fi

echo "building" >&2
declare -A binary
while read -r path; do
    name=${path##*/}
    binary[${name%-*}]=$path
done < <(cargo test --release "${packages[@]}" "${features[@]}" --lib --tests --no-run --message-format=json |
    sed -n 's/.*"executable":"\([^"]*\)".*/\1/p')

# Suites that look at a file, the quickest first.
suites_of() {
    case $1 in
        model/src/ops/forest*) echo soundness_forest ;;
        model/src/ops/row_argmax.rs) echo soundness_row_argmax ;;
        model/src/ops/delay.rs | model/src/program/recurrence.rs) echo soundness_recurrent ;;
        model/src/ops/clip.rs) echo soundness_thresholds soundness_program_ops soundness_identities soundness_ranges ;;
        model/src/ops/grouped.rs) echo soundness_rows soundness_recurrent views ;;
        model/src/ops/max.rs | model/src/ops/view.rs | model/src/ops/reshape.rs | model/src/program/view.rs | model/src/layout/views.rs)
            echo views soundness_rows soundness_recurrent soundness_program_ops laminate_model
            ;;
        engine/src/maps/*) echo laminate_engine=maps:: views ;;
        model/src/artifact/*) echo laminate_model=artifact:: artifacts ;;
        model/src/credential/*) echo soundness_binding ;;
        model/src/program/*)
            echo soundness_programs soundness_program_ops soundness_sequence_programs soundness_padding soundness_columns views \
                soundness_rows soundness_forest soundness_binding laminate_model
            ;;
        model/src/ops/*)
            echo soundness_programs soundness_program_ops soundness_sequence_programs soundness_rows soundness_padding soundness_columns \
                soundness_identities soundness_ranges soundness_forgery soundness_sequence soundness_sequence_output \
                soundness_replay soundness_sequence_model soundness_forest
            ;;
        engine/src/multiexp/*) echo laminate_prover=multiexp:: multiexp ;;
        model/src/shards/*) echo soundness_shards soundness_weight_sets shards ;;
        engine/src/joint/*) echo joint soundness_tamper fs_inventory soundness_recurrent soundness_rows soundness_identities soundness_sequence soundness_sequence_output ;;
        aggregator/src/join/*) echo laminate_aggregator=join:: ;;
        aggregator/src/snark/*) echo laminate_aggregator=snark:: ;;
        *)
            echo laminate_engine laminate_model soundness_tuples soundness_statement soundness_binding soundness_tamper fs_inventory soundness_lookup soundness_boundary soundness_replay \
                soundness_identities soundness_ranges soundness_columns soundness_forgery soundness_padding soundness_sequence soundness_sequence_output \
                soundness_sequence_proof soundness_sequence_tokens soundness_sequence_model soundness_shards \
                soundness_weights soundness_forest multiexp golden
            ;;
    esac
}

# run SUITE: whether it passes. Ends it at the first test that fails: the rest would take minutes and decide nothing.
run() {
    local name=${1%%=*} filter=() failed=false lines pid line
    if [ -z "${binary[$name]:-}" ]; then
        echo "mutate_verifier: there is no suite $name; there are: ${!binary[*]}" >&2
        exit 2
    fi
    case $1 in *=*) filter=("${1#*=}") ;; esac
    exec {lines}< <(cd tests && exec timeout 3600 "${binary[$name]}" "${filter[@]}" </dev/null 2>/dev/null)
    pid=$!
    while read -r line <&"$lines"; do
        case $line in
            *"... FAILED")
                failed=true
                kill "$pid" 2>/dev/null || true
                ;;
        esac
    done
    exec {lines}<&-
    wait "$pid" && ! $failed
}

# The suites must pass with all checks on, or they would notice everything.
declare -A sound
pass_unaltered() {
    [ -n "${sound[$1]:-}" ] && return
    LAMINATE_MUTANT='' run "$1" || {
        echo "mutate_verifier: $1 fails with all checks on" >&2
        exit 2
    }
    sound[$1]=yes
}

tried=0
survivors=()
while IFS=$'\t' read -r file name; do
    tried=$((tried + 1))
    suites=("${chosen[@]}")
    if [ ${#suites[@]} -eq 0 ]; then
        read -r -a suites <<<"$(suites_of "$file")"
        if $all; then
            for other in $(printf '%s\n' "${!binary[@]}" | sort); do
                case " ${suites[*]} " in *" $other "*) ;; *) suites+=("$other") ;; esac
            done
        fi
    fi
    noticed=
    for suite in "${suites[@]}"; do
        pass_unaltered "$suite"
        if ! LAMINATE_MUTANT=$name run "$suite"; then
            noticed=$suite
            break
        fi
    done
    if [ -n "$noticed" ]; then
        printf '%s: %s: noticed by %s\n' "$file" "$name" "$noticed" >&2
    else
        printf '%s: %s: SURVIVES %s\n' "$file" "$name" "${suites[*]}"
        survivors+=("$name")
    fi
done <<<"$switches"

echo "$tried checks left out, $((tried - ${#survivors[@]})) noticed, ${#survivors[@]} survive"
[ ${#survivors[@]} -eq 0 ]
