# The commands of this project; README.md has the first two.

SHELL := /bin/bash
.DEFAULT_GOAL := help
export CARGO_BUILD_JOBS ?= $(shell nproc)

# Program and tests share one build.
PROGRAM := $(or $(CARGO_TARGET_DIR),target)/ci/tidegate

.PHONY: help
help: ## Print this list
	@sed -n 's/^\([a-z-]*\):.*## /make \1\t/p' Makefile | expand -t 14

.PHONY: run
run: dependencies ## Build the program, and run it in the lab until Ctrl-C (as root)
	@echo "== building the program"
	cargo build --profile ci --workspace --bin tidegate
	$(PROGRAM) lab up --foreground

.PHONY: test
test: dependencies ## Run every suite, also those that need root
	@tests/run.sh probes format clippy suites

.PHONY: lint
lint: ## Check format, lints, the shape of the tree and the dependencies
	@tests/run.sh format clippy tidy dependencies

.PHONY: fmt
fmt: ## Format all Rust code
	cargo fmt --all
	cargo fmt --manifest-path ebpf/probes/Cargo.toml

.PHONY: gen
gen: dependencies ## Generate what is committed: protobuf code and the probes' object
	cargo run --profile ci --package tidegate-gen
	ebpf/build.sh

.PHONY: bench
bench: dependencies ## Print benchmarks as ratios measured in one run; BENCH="--only relay --rounds 3" for less
	cargo build --release --package tidegate --package tidegate-bench --bins
	$(or $(CARGO_TARGET_DIR),target)/release/tidegate-bench $(BENCH)

.PHONY: soak
soak: dependencies ## Repeat all suites for SOAK_HOURS (8) or until one fails
	@tests/soak.sh

.PHONY: dependencies
dependencies:
	@deploy/install-build-deps.sh
