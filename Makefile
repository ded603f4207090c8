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
run: page ## Build page and program, and run the lab until Ctrl-C (as root)
	@echo "== building the program"
	cargo build --profile ci --workspace --bin tidegate
	$(PROGRAM) lab up --foreground

.PHONY: test
test: dependencies ## Run every suite, also those that need root
	@tests/run.sh probes web format clippy suites

.PHONY: lint
lint: ## Check format, lints, types, the shape of the tree and the dependencies
	@tests/run.sh web format clippy tidy dependencies

.PHONY: fmt
fmt: ## Format all Rust code
	cargo fmt --all
	cargo fmt --manifest-path ebpf/probes/Cargo.toml

.PHONY: gen
gen: dependencies ## Generate what is committed: protobuf code, the dashboard's interface, the probes' object
	cargo run --profile ci --package tidegate-gen
	cargo run --profile ci --package tidegate-ui --example openapi >target/openapi.json
	mv target/openapi.json ui/openapi.json
	ui/web/build.sh --types
	ebpf/build.sh

.PHONY: bench
bench: dependencies ## Print benchmarks as ratios measured in one run; BENCH="--only relay --rounds 3" for less
	cargo build --release --package tidegate --package tidegate-bench --bins
	$(or $(CARGO_TARGET_DIR),target)/release/tidegate-bench $(BENCH)

.PHONY: soak
soak: page ## Repeat all suites for SOAK_HOURS (8) or until one fails
	@tests/soak.sh

.PHONY: page
page: dependencies ## Build the dashboard's page, which goes into the program
	@ui/web/build.sh || { [ $$? -eq 2 ] && \
		echo "== notice: the dashboard has the page that was built last; without one it says how to build it" >&2; }

.PHONY: dependencies
dependencies:
	@deploy/install-build-deps.sh
