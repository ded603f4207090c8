#!/usr/bin/env bash
# Repeats all suites until SOAK_HOURS have passed or one fails: it finds what happens seldom, and
# what a round leaves behind for the next one.
set -euo pipefail
cd "$(dirname "$0")/.."

end=$((SECONDS + ${SOAK_HOURS:-8} * 3600))
before=$(ip netns list | sort)
round=0
while [ "$SECONDS" -lt "$end" ]; do
    round=$((round + 1))
    echo "== round $round"
    tests/run.sh suites
    left_behind=$(comm -13 <(echo "$before") <(ip netns list | sort))
    [ -z "$left_behind" ] || { printf 'round %d left namespaces behind:\n%s\n' "$round" "$left_behind" >&2; exit 1; }
done
echo "$round rounds passed"
