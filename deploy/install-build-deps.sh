#!/usr/bin/env bash
# Installs what building and testing need and this machine lacks: Debian packages, a Node.js that is
# new enough for the page, and the toolchain's rustfmt and clippy. With everything in place it
# changes nothing and takes no time.
#
# Where it cannot install (another distribution, not root) it names what to install and goes on:
# whatever then cannot run says so itself.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=(
    # a linker for Rust, and for the C of the TLS library
    gcc libc6-dev
    # the probes' compiler, see ebpf/build.sh
    rustc-web libstd-rust-web-dev-bpf llvm-22
    # what the collector and the lab call
    nftables iproute2 iputils-ping dnsutils curl tcpdump ca-certificates
    # the client made from server reflection
    python3 python3-venv
)

# What the page is built with (Vite), and what is fetched where the system's is older.
node_oldest=20.19
node_fetched=22
node_folder=$PWD/target/node
PATH=$node_folder/node_modules/.bin:$PATH

main() {
    # Often not from Debian's own packages, so it counts that they are there.
    command -v node >/dev/null || packages+=(nodejs)
    command -v npm >/dev/null || packages+=(npm)
    # The browser suite's.
    command -v chromium >/dev/null || packages+=(chromium)
    install_packages
    install_node
    install_components
}

install_packages() {
    command -v dpkg-query >/dev/null || {
        notice "not a Debian machine: packages like these are needed: ${packages[*]}"
        return
    }
    local missing
    mapfile -t missing < <(missing_packages)
    [ ${#missing[@]} -gt 0 ] || return 0
    if [ "$(id -u)" -ne 0 ]; then
        notice "not root, so these are not installed: ${missing[*]}"
        return
    fi
    echo "== installing ${missing[*]}"
    # A second apt on the machine is waited for, as on a freshly booted one.
    local apt=(apt-get -q -o DPkg::Lock::Timeout=300)
    export DEBIAN_FRONTEND=noninteractive
    "${apt[@]}" update || notice "apt could not fetch its package lists"
    local unknown=() known=() package
    for package in "${missing[@]}"; do
        if apt-cache show "$package" >/dev/null 2>&1; then known+=("$package"); else unknown+=("$package"); fi
    done
    [ ${#known[@]} -eq 0 ] || "${apt[@]}" install -y --no-install-recommends "${known[@]}" </dev/null ||
        notice "apt could not install: ${known[*]}"
    [ ${#unknown[@]} -eq 0 ] || notice "this machine's package lists do not have: ${unknown[*]}"
}

missing_packages() {
    local package
    for package in "${packages[@]}"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || echo "$package"
    done
}

# Debian 12 has Node.js 18. A newer one, from the registry that the page's packages are from too,
# then goes into the build folder, where nothing but the page's build finds it.
install_node() {
    local version
    version=$(node --version 2>/dev/null) || version=v0
    printf '%s\n' "$node_oldest" "${version#v}" | sort --version-sort --check=quiet && return
    if ! command -v npm >/dev/null; then
        notice "there is no Node.js $node_oldest or newer with npm, so the dashboard's page cannot be built: install it (https://nodejs.org)"
        return
    fi
    local arch
    case $(uname -m) in
        x86_64) arch=x64 ;;
        aarch64) arch=arm64 ;;
        *) arch=$(uname -m) ;;
    esac
    echo "== installing Node.js $node_fetched into target/node, since the system's is ${version#v}"
    npm install --silent --no-save --no-audit --no-fund --prefix "$node_folder" "node-linux-$arch@$node_fetched" ||
        notice "npm could not fetch it, so the dashboard's page cannot be built: install Node.js $node_oldest or newer (https://nodejs.org)"
}

install_components() {
    command -v cargo >/dev/null || {
        echo "there is no cargo: install Rust 1.95 or newer (https://rustup.rs)" >&2
        exit 1
    }
    local component
    for component in rustfmt clippy; do
        cargo "${component/rustfmt/fmt}" --version >/dev/null 2>&1 && continue
        if command -v rustup >/dev/null; then
            echo "== installing $component"
            rustup component add "$component"
        else
            notice "there is no $component: install the one of this Rust"
        fi
    done
}

notice() {
    echo "== notice: $*" >&2
}

main
