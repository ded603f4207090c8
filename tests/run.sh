#!/usr/bin/env bash
# Runs stages one after another, all of them even if one fails, and sums up at the end:
#
#   tests/run.sh probes format clippy suites
#
# The last line counts tests; a stage that failed without a failed test counts as one.
# TIDEGATE_SKIP=probes leaves out the stage of that name; the suites know their own names.
set -uo pipefail
cd "$(dirname "$0")/.."

log=$(mktemp)
trap 'rm -f "$log"' EXIT
SECONDS=0
failed_stages=()

main() {
    local name
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
        "stage_$name" 2>&1 | tee -a "$log"
        if [ "${PIPESTATUS[0]}" -ne 0 ]; then
            say "$name FAILED"
            failed_stages+=("$name")
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
    local passed failed stage
    passed=$(tests_that passed)
    failed=$(tests_that failed)
    [ ${#failed_stages[@]} -eq 0 ] || say "failed: ${failed_stages[*]}"
    for stage in ${failed_stages[@]+"${failed_stages[@]}"}; do
        case $stage in
            # Their failed tests are counted already, unless they came to none.
            suites | tidy) [ "$failed" -gt 0 ] || failed=1 ;;
            *) failed=$((failed + 1)) ;;
        esac
    done
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
}

# Sum over the result lines of all test programs.
tests_that() {
    sed -n "s/.*test result: .* \([0-9]*\) $1;.*/\1/p" "$log" | awk '{ sum += $1 } END { print sum + 0 }'
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
