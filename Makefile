# The two commands are `make demo` and `make test`; both set up what is missing and say what they skipped.
# Long forms are targets of their own: bench, torture, chaos, attack, clean-root, fuzz-api, peers, clinc.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
ENV := . .ci/env
SCRIPT ?=
DATA ?=
SEED ?=

.PHONY: help setup build demo test check golden bench torture chaos attack clean-root fuzz-api peers clinc

help: ## these lines
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: ## installs what a fresh Debian machine lacks
	@./.ci/setup

build: setup ## the binary, in the profile that the tests use
	@$(ENV); ./.ci/cargo build --locked -p adjutant -p adjutant-doubles --bins

demo: build ## the main job on an example company; SCRIPT=1 runs it unattended
	@$(ENV); ./.ci/models || true; "$$CARGO_TARGET_DIR/debug/adjutant" demo $(if $(SCRIPT),--script,)

test: setup ## everything that a change must pass
	@$(ENV); ./.ci/test

check: setup ## the first half of `test`: format, lints, docs, dependencies
	@$(ENV); ./.ci/test check

golden: ## writes the golden files again; review the diff like code
	@$(ENV); ADJUTANT_GOLDEN=write INSTA_UPDATE=always cargo test --locked --workspace

bench: setup ## journal, check, reconcile and boot, as ratios in one run
	@$(ENV); cargo bench --locked -p adjutant -p adjutant-spec -p adjutant-tests

torture: build ## 200 random kill -9 rounds on the real daemon under load
	@$(ENV); ADJUTANT_ROUNDS=200 cargo test --locked --workspace --test kill -- --nocapture

chaos: setup ## 2,000 seeds of faults and crashes on the real runtime, judged by the oracle; SEED=n replays one
	@$(ENV); $(if $(SEED),ADJUTANT_SEED=$(SEED),ADJUTANT_SEEDS=2000) cargo test --locked --workspace --lib runtime::tests::chaos -- --nocapture

attack: build ## hostile mails, clients, proposals and disks against the real daemon, with its memory and answer times
	@$(ENV); cargo test --locked --workspace --test attack -- --nocapture --test-threads=1

fuzz-api: build ## the API against its own description, by schemathesis from PyPI
	@$(ENV); tests/fuzz-api "$$CARGO_TARGET_DIR/debug/adjutant"

clean-root: ## both README commands in a fresh Debian (root, debootstrap)
	@./.ci/clean-root

peers: ## what `adjutant models bench --peers` compares with, from PyPI into an environment of its own
	@models/benches/peers/setup

clinc: build ## CLINC150 beside semantic-router; DATA=data_full.json, needs `make peers`
	@$(ENV); models/benches/peers/clinc "$(DATA)" "$$CARGO_TARGET_DIR/debug/adjutant"
