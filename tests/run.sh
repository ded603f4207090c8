#!/usr/bin/env bash
# Runs stages one after another, all of them even if one fails, and sums up at the end:
#
#   tests/run.sh probes web format clippy suites
#
# The last line counts tests; a stage that failed without a failed test counts as one.
# TIDEGATE_SKIP=probes leaves out the stage of that name; the suites know their own names.
set -uo pipefail
cd "$(dirname "$0")/.."

log=$(mktemp)
trap 'rm -f "$log"' EXIT
SECONDS=0
failed_stages=()
failed_without_test=0

main() {
    local name failed_tests
    for name in "$@"; do
        if ! declare -F "stage_$name" >/dev/null; then
            echo "tests/run.sh: no stage $name" >&2
            exit 2
        fi
        if skipped "$name"; then
            say "$name left out (TIDEGATE_SKIP)"
            continue
        fi
        say "$name"
        failed_tests=$(tests_that failed)
        "stage_$name" 2>&1 | tee -a "$log"
        if [ "${PIPESTATUS[0]}" -ne 0 ]; then
            say "$name FAILED"
            failed_stages+=("$name")
            [ "$(tests_that failed)" -gt "$failed_tests" ] || failed_without_test=$((failed_without_test + 1))
        fi
    done
    conclude
}

# The committed object is what its sources make.
stage_probes() {
    local code=0
    ebpf/build.sh --check || code=$?
    case $code in
        3)
            notice "another compiler than the recorded one: the suites judge the committed object"
            return 0
            ;;
        2)
            # Debian 12 has the compiler, so there it must be here.
            (. /etc/os-release && [ "$ID-${VERSION_ID:-}" = debian-12 ]) 2>/dev/null || {
                notice "the probes were not rebuilt: the suites judge the committed object"
                return 0
            }
            ;;
    esac
    return "$code"
}

# The dashboard's page: types, unit tests, sizes. What it makes is what the program embeds.
stage_web() {
    local code=0
    ui/web/build.sh --check || code=$?
    [ "$code" -ne 2 ] || notice "the program is tested without this page: TIDEGATE_SKIP=web,dashboard allows it"
    return "$code"
}

stage_format() {
    local code=0
    cargo fmt --all --check -- --files-with-diff || code=1
    cargo fmt --manifest-path ebpf/probes/Cargo.toml --check -- --files-with-diff || code=1
    [ "$code" -eq 0 ] || notice "the files above are not formatted: run make fmt"
    return "$code"
}

stage_clippy() {
    cargo clippy --workspace --all-targets --profile ci --keep-going -- -D warnings
}

stage_suites() {
    cargo test --workspace --profile ci --no-fail-fast
}

stage_tidy() {
    cargo test --profile ci --package tidegate --test tidy
}

stage_dependencies() {
    command -v cargo-deny >/dev/null || {
        notice "cargo-deny is not installed, so deny.toml was not asked (cargo install cargo-deny)"
        return 0
    }
    cargo deny --locked check licenses bans sources || return
    cargo deny fetch db >/dev/null 2>&1 || {
        notice "the advisory database cannot be fetched, so known faults of dependencies were not asked for"
        return 0
    }
    cargo deny --locked check advisories
}

conclude() {
    local passed failed
    passed=$(tests_that passed)
    failed=$(($(tests_that failed) + failed_without_test))
    [ ${#failed_stages[@]} -eq 0 ] || say "failed: ${failed_stages[*]}"
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
}

# Sum over the result lines of all test programs: Cargo's `test result: ok. 3 passed; …`, and `pass 3`
# of Node's.
tests_that() {
    sed -n "s/.*test result: .* \([0-9]*\) $1;.*/\1/p; s/^[^ ]* ${1%ed} \([0-9]*\)$/\1/p" "$log" |
        awk '{ sum += $1 } END { print sum + 0 }'
}

skipped() {
    case ",${TIDEGATE_SKIP:-}," in *",$1,"*) return 0 ;; *) return 1 ;; esac
}

say() {
    printf '== [%2d:%02d] %s\n' $((SECONDS / 60)) $((SECONDS % 60)) "$*"
}

notice() {
    echo "== notice: $*"
}

main "$@"
