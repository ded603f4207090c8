#!/usr/bin/env bash
# Builds the page into dist, from where the server's crate takes it. What is up to date stays as it
# is, so that Cargo has nothing to do either.
#
#   ui/web/build.sh            build it
#   ui/web/build.sh --check    check types, run the unit tests, and build it
#   ui/web/build.sh --types    make the types of the interface from ui/openapi.json, and build it
#
# Exit status: 1 when the page is at fault; 2 when it cannot be built here, for want of Node.js or
# of the packages that it is built with. What is missing is said on standard error.
set -euo pipefail
cd "$(dirname "$0")"

# Vite's own floor.
oldest=20.19
# Where deploy/install-build-deps.sh puts one when the system's is older.
PATH=$(cd ../.. && pwd)/target/node/node_modules/.bin:$PATH
# What was built last, and from what.
stamp=node_modules/.made

main() {
    need_node
    install_packages
    case ${1:-} in
        --types) npm run --silent gen ;;
        --check)
            npm run --silent check
            npm test --silent
            ;;
    esac
    if [ "$(cat "$stamp" 2>/dev/null)" = "$(fingerprint)" ]; then
        echo "== the page is up to date"
        return
    fi
    echo "== building the page"
    npm run --silent build
    fingerprint >"$stamp"
}

need_node() {
    local version
    command -v npm >/dev/null || cannot "npm is not installed"
    version=$(node --version 2>/dev/null) || cannot "Node.js is not installed"
    printf '%s\n' "$oldest" "${version#v}" | sort --version-sort --check=quiet ||
        cannot "Node.js $oldest or newer is needed, and this is ${version#v}"
}

# npm writes its own list last, so a newer one is a whole installation of this lock.
install_packages() {
    [ node_modules/.package-lock.json -nt package-lock.json ] && return
    echo "== installing what the page is built with"
    npm ci --no-progress || cannot "its packages cannot be installed (npm ci), see above"
}

# Of every file that goes in, and of every file that came out.
fingerprint() {
    find . -type f -not -path './node_modules/*' -not -path './tests/*' -not -path './.tests/*' | LC_ALL=C sort | xargs -d '\n' sha256sum | sha256sum
}

cannot() {
    echo "the page cannot be built here: $1" >&2
    exit 2
}

main "$@"
