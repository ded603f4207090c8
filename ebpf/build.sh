#!/bin/sh
# Builds the probes into ebpf/tidegate.bpf.o, the stripped object that the collector embeds.
#
#   ebpf/build.sh           build and replace the committed object
#   ebpf/build.sh --check   build and compare with the committed object
#
# Two ways, tried in this order:
#   1. Debian's rustc-web with libstd-rust-web-dev-bpf and llvm-22 (the recorded compiler);
#   2. a nightly toolchain with rust-src and bpf-linker.
# The compiler is recorded in tidegate.bpf.o.compiler. With another compiler the bytes differ,
# and --check leaves the judgement to the datapath tests (exit 3).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
target=${CARGO_TARGET_DIR:-$here/../target}/probes
sep=$(printf '\037')
remap="--remap-path-prefix=$here=/src${sep}--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo"
arch="--cfg=bpf_target_arch=\"x86_64\""

debian_rustc=$(dpkg -L rustc-web 2>/dev/null | grep 'bin/rustc$' || true)
if [ -n "$debian_rustc" ] && command -v llc-22 >/dev/null; then
    compiler="$("$debian_rustc" --version), llc $(llc-22 --version | sed -n 's/.*LLVM version //p' | tr -d ' ')"
    flags="$arch${sep}-Clinker=$here/bpf-ld${sep}-Cdebuginfo=2${sep}-Clink-arg=--btf${sep}$remap"
    (cd "$here/probes" && RUSTC=$debian_rustc RUSTC_BOOTSTRAP=1 CARGO_ENCODED_RUSTFLAGS=$flags \
        cargo build --locked --release --target bpfel-unknown-none --target-dir "$target")
elif command -v bpf-linker >/dev/null && rustup toolchain list 2>/dev/null | grep -q nightly; then
    compiler="$(rustc +nightly --version), $(bpf-linker --version)"
    flags="$arch${sep}-Cdebuginfo=2${sep}-Clink-arg=--btf${sep}$remap"
    (cd "$here/probes" && CARGO_ENCODED_RUSTFLAGS=$flags \
        cargo +nightly build --locked --release -Z build-std=core --target bpfel-unknown-none --target-dir "$target")
else
    echo "ebpf/build.sh: no compiler for the probes: install rustc-web, libstd-rust-web-dev-bpf and llvm-22 (Debian)," >&2
    echo "or a nightly toolchain with rust-src and bpf-linker" >&2
    exit 2
fi

built=$target/bpfel-unknown-none/release/tidegate
strip=$(command -v llvm-strip-22 || command -v llvm-strip)
"$strip" -g "$built" -o "$built.stripped"
# Names of functions that were not inlined hold a hash of the crate, and that one of its path.
# The object must be the same wherever it is built.
objcopy=$(command -v llvm-objcopy-22 || command -v llvm-objcopy)
readelf=$(command -v llvm-readelf-22 || command -v llvm-readelf)
"$readelf" -sW "$built.stripped" | sed -n 's/.* \(_R[^ ]*\)$/\1/p' | sort -u |
    sed 's/^\(.*\)$/\1 \1/; s/ \(.*\)Cs[0-9A-Za-z]*_\([0-9]\)/ \1C\2/' >"$built.names"
"$objcopy" --redefine-syms="$built.names" "$built.stripped"
# A bounds check that was not proven away becomes a panic function, which no verifier takes.
if "$readelf" -s "$built" | grep FUNC | grep -q panic; then
    echo "ebpf/build.sh: the object holds a panic function" >&2
    exit 1
fi

object=$here/tidegate.bpf.o
if [ "${1:-}" = --check ]; then
    if [ "$compiler" != "$(cat "$object.compiler")" ]; then
        echo "ebpf/build.sh: built with $compiler, the committed object with $(cat "$object.compiler"): bytes not compared" >&2
        exit 3
    fi
    cmp "$built.stripped" "$object" || { echo "ebpf/build.sh: the committed object is stale: run ebpf/build.sh" >&2; exit 1; }
    exit 0
fi
cp "$built.stripped" "$object"
echo "$compiler" > "$object.compiler"
