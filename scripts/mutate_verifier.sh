#!/usr/bin/env bash
# Leaves out the verifier's checks, one at a time, and runs tests until one fails: prints the checks that no test misses.
#
#   scripts/mutate_verifier.sh [--list] [--all] [--suite SUITE]... [PATTERN...]
#
#   --list         only prints the switches, a file and a name each
#   --suite SUITE  runs this suite instead of those that look at the switch's file: the name of a test binary, and behind
#                  an "=" filters of its tests (multiexp, laminate_aggregator=join::, views=wrong_,maxima)
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

# What refuses programs: seconds.
programs="soundness_programs soundness_program_ops soundness_rows=programs_that views=wrong_ soundness_recurrent=programs_whose \
    soundness_row_argmax=programs_that soundness_raw=programs_of,scales_are soundness_binding=bindings_that soundness_disclosure soundness_forest=programs_that \
    soundness_sequence_programs=programs_that,narrow,rows_of soundness_weights=malformed soundness_shards=programs_that \
    soundness_padding laminate_model"
# Forgeries of what ops state: minutes.
forgeries="soundness_rows soundness_identities soundness_ranges soundness_forgery views soundness_recurrent soundness_thresholds \
    soundness_sequence soundness_sequence_output soundness_sequence_model soundness_columns soundness_replay"

# Suites that look at a file, those for it and the quickest first.
suites_of() {
    case $1 in
        model/src/ops/forest*) echo soundness_forest=programs_that soundness_forest ;;
        model/src/ops/row_argmax.rs) echo soundness_row_argmax=programs_that soundness_row_argmax ;;
        model/src/ops/delay.rs | model/src/program/recurrence.rs) echo soundness_recurrent=programs_whose soundness_recurrent ;;
        model/src/ops/saturate.rs) echo soundness_raw ;;
        model/src/ops/clip.rs) echo soundness_program_ops soundness_thresholds soundness_rows=a_clip soundness_padding "$forgeries" ;;
        model/src/ops/*) echo "$programs $forgeries" ;;
        model/src/program/view.rs | model/src/layout/*) echo views=wrong_ "$programs" views ;;
        model/src/program/*) echo "$programs" artifacts ;;
        model/src/artifact/* | model/src/ends/*) echo laminate_model artifacts ;;
        model/src/credential/*) echo soundness_binding ;;
        model/src/lower/*) echo laminate_model soundness_weights soundness_columns soundness_ranges ;;
        model/src/shards/*) echo soundness_shards soundness_weight_sets soundness_weights shards ;;
        engine/src/maps/*) echo laminate_engine=maps:: views=wrong_ views ;;
        engine/src/lookup/*)
            echo soundness_tuples soundness_tamper=every_length fs_inventory soundness_lookup soundness_weights soundness_ranges \
                soundness_columns soundness_tamper
            ;;
        engine/src/multiexp/*) echo laminate_prover=multiexp:: multiexp ;;
        engine/src/joint/*)
            echo joint fs_inventory soundness_tamper=every_length soundness_row_argmax=one_entry,the_class soundness_tamper \
                soundness_identities soundness_sequence soundness_sequence_output
            ;;
        aggregator/src/join/*) echo laminate_aggregator=join:: ;;
        aggregator/src/snark/*) echo laminate_aggregator=snark:: laminate_aggregator=join:: ;;
        *)
            echo laminate_engine laminate_model fs_inventory soundness_tamper=every_length soundness_sequence_proof=every_length \
                soundness_statement soundness_binding soundness_disclosure soundness_sequence_tokens soundness_boundary soundness_tamper soundness_lookup \
                "$programs $forgeries" soundness_sequence_proof soundness_shards soundness_weights soundness_forest multiexp golden
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
    case $1 in *=*) IFS=, read -r -a filter <<<"${1#*=}" ;; esac
    exec {lines}< <(cd tests && exec timeout 3600 "${binary[$name]}" "${filter[@]}" </dev/null 2>/dev/null)
    pid=$!
    tested=false
    while read -r line <&"$lines"; do
        case $line in
            *"... ok") tested=true ;;
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
    LAMINATE_MUTANT='' run "$1" && $tested || {
        echo "mutate_verifier: $1 has no tests, or fails with all checks on" >&2
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
