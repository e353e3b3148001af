# Needs Rust, Python >= 3.10, make and a C compiler. scripts/tools installs all other tools into the checkout, pinned.

SHELL := /bin/sh

# Outside the checkout, so that a fresh clone does not compile the AWS SDK again.
CARGO_TARGET_DIR ?= $(if $(XDG_CACHE_HOME),$(XDG_CACHE_HOME),$(HOME)/.cache)/portcullis/target
export CARGO_TARGET_DIR

# Cases per property; `make unit PROPTEST_CASES=256` is enough during development.
PROPTEST_CASES ?= 10000
export PROPTEST_CASES

CARGO_DENY_VERSION := 0.20.2
CFN_GUARD_VERSION := 3.2.1
MDBOOK_VERSION := 0.5.4
CARGO_MUTANTS_VERSION := 27.1.0

VENV := .tools/venv/bin
PYTEST := $(VENV)/pytest --quiet --timeout 300
# Stages of `make test` at once. Three are faster on two cores, because some stages mostly wait; two disturb each other less.
AT_ONCE ?= 2
# Programs that the Python tests start, so that they do not call cargo themselves.
BINARIES := $(CARGO_TARGET_DIR)/debug
PYTHON_SOURCES := cloudformation scripts tests dev/local-cloud dev/channel-servers dev/bench

.PHONY: help demo test prepare unit fuzz fuzz-replay lint fmt fmt-check rust-lint script-lint assemble template wheel wheel-test reports package package-host \
	binaries acceptance acceptance-switches acceptance-extreme cloud-test soak soak-short cli-test deploy undeploy docs doc-check clean tools \
	target-dir deny audit sbom supply-chain mutants coverage bench

help: ## Print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: tools target-dir ## Run the whole loop on this machine: build, deploy to the local cloud, find, close (KEEP=1 keeps it running)
	$(VENV)/python dev/local-cloud/demo.py

# What `make test` runs, $(AT_ONCE) at a time: a stage starts when the stages that it needs have ended. Seconds are a budget, for 2 cores.
# No two stages with the same word in the last column run at once: `sdk` compiles aws-sdk-ec2, which takes 7 GB.
# target      | title                                           | warm | cold | needs                             | alone
define STAGE_LIST
prepare       | the pinned tools                                |   10 |  200 |                                   |
package-host  | zips for this machine                           |  180 |  900 | prepare                           | sdk
script-lint   | lints of scripts and Python                     |   15 |   15 | prepare                           |
fmt-check     | formatting                                      |   10 |   10 | prepare                           |
template      | template                                        |   60 |  240 | prepare                           |
supply-chain  | supply chain                                    |   60 |  240 | prepare                           |
binaries      | the workspace, compiled                         |  150 | 1200 | prepare                           | sdk
coverage      | coverage                                        |   90 |  400 | prepare                           |
soak-short    | load, faults and delivery, in short             |  400 |  400 | package-host binaries             |
acceptance    | acceptance and upgrades                         |  480 |  480 | package-host binaries             |
acceptance-extreme | acceptance, the other reading of AWS             |  240 |  240 | package-host binaries             |
rust-lint     | Rust lints                                      |   90 |  500 | prepare                           | sdk
cli-test      | the CLI                                         |  200 |  200 | binaries                          |
cloud-test    | the local cloud                                 |  250 |  250 | binaries                          |
unit          | Rust tests, $(PROPTEST_CASES) cases per property               |  250 |  250 | binaries                          |
doc-check     | documentation                                   |   60 |  120 | rust-lint                         | sdk
wheel-test    | the command line without the AWS SDK, as wheel  |  100 |  200 | prepare                           |
fuzz-replay   | corpora of the fuzz targets                     |   90 |  150 | prepare                           | sdk
reports       | reports                                         |   60 |   60 | binaries                          |
endef

# The same cases at each run: what fails, fails because of the change. `make unit` alone tries others each time.
test: export PROPTEST_RNG_SEED ?= 20261130
test: export STAGES := $(STAGE_LIST)
test: ## Run everything: formatting, lints, unit, property, template and acceptance tests
	@$(or $(PYTHON),python3) scripts/run_stages.py $(AT_ONCE)

prepare: tools target-dir

unit: target-dir ## Run the unit, property and snapshot tests of the crates: make unit [PROPTEST_CASES=100000] [PROPTEST_RNG_SEED=1]
	cargo test --workspace --all-features --locked --quiet

# The crates that judge; their tests take seconds. A timeout counts as a failure, too.
MEASURED := exposure aws-events judgement

mutants: target-dir ## Run mutation tests of the judging crates: make mutants [MEASURED=exposure] [MUTANTS='--shard 0/8']
	env -u CARGO_TARGET_DIR PROPTEST_CASES=64 PROPTEST_DISABLE_FAILURE_PERSISTENCE=1 PROPTEST_MAX_SHRINK_ITERS=0 \
		nice $$(scripts/cargo-tool cargo-mutants $(CARGO_MUTANTS_VERSION)) mutants --output '$(CARGO_TARGET_DIR)' \
		--timeout 120 $(addprefix --package ,$(MEASURED)) $(MUTANTS)

# Without slow tests, which are a hundred times slower when instrumented.
coverage: target-dir ## Measure line coverage of the crates that judge and remediate; fails if any is below 95 %
	PROPTEST_CASES=64 scripts/coverage 95 $(MEASURED) remediation -- -- --skip bounded_time

fuzz: target-dir ## Fuzz with libFuzzer, FUZZ_SECONDS=600 for each of TARGETS='event …' (default: all), FUZZ_JOBS=1 at once: docs/fuzzing.md
	@FUZZ_SECONDS='$(or $(FUZZ_SECONDS),600)' FUZZ_JOBS='$(or $(FUZZ_JOBS),1)' scripts/fuzz $(TARGETS)

fuzz-replay: target-dir ## Run the corpora of the fuzz targets, and PROPTEST_CASES mutations of each, without libFuzzer
	cargo test --manifest-path dev/fuzz/Cargo.toml --locked --quiet

bench: tools target-dir ## Benchmark starts, closings, judgements, scans, findings, the responder; BENCH='functions closing' for some: docs/performance.md
	@scripts/bench $(BENCH)

lint: fmt-check rust-lint script-lint ## Check formatting and lints, without changing anything

fmt: tools ## Format Rust and Python
	cargo fmt --all
	cargo fmt --manifest-path dev/fuzz/Cargo.toml
	$(VENV)/ruff format --quiet --config tools/ruff.toml $(PYTHON_SOURCES)

fmt-check: tools
	cargo fmt --all --check
	cargo fmt --manifest-path dev/fuzz/Cargo.toml --check
	$(VENV)/ruff format --check --config tools/ruff.toml $(PYTHON_SOURCES)

rust-lint: target-dir
	cargo clippy --workspace --all-features --all-targets --locked --quiet -- -D warnings
	cargo clippy --manifest-path dev/fuzz/Cargo.toml --lib --tests --locked --quiet -- -D warnings

script-lint: tools
	$(VENV)/ruff check --quiet --config tools/ruff.toml $(PYTHON_SOURCES)
	@grep -d skip -lE '^#!/(usr/bin/env bash|bin/sh)' scripts/* .ci/* | xargs $(VENV)/shellcheck
	$(VENV)/zizmor --quiet --offline --persona pedantic .github action.yml

# Fetches the dependencies of every platform, not only those compiled here.
deny: ## Check licences, bans and sources of all dependencies
	cargo fetch --locked --quiet
	$$(scripts/cargo-tool cargo-deny $(CARGO_DENY_VERSION)) --locked --offline check licenses bans sources

audit: ## Check the dependencies for advisories; fetches the RustSec database from GitHub
	$$(scripts/cargo-tool cargo-deny $(CARGO_DENY_VERSION)) --locked check advisories

sbom: tools ## Write SBOMs of the functions and the CLI to target/sbom/, as CycloneDX
	$(VENV)/python scripts/sbom.py target/sbom

supply-chain: tools deny
	$(PYTEST) tests/supply_chain

assemble: tools ## Assemble cloudformation/portcullis.yaml from portcullis.source.yaml and documents/; run it after changing these
	$(VENV)/python scripts/assemble_template.py

template: tools ## Check the CloudFormation template with cfn-lint, cfn-guard and our own tests
	$(VENV)/python scripts/assemble_template.py --check
	$(VENV)/cfn-lint cloudformation/portcullis.yaml cloudformation/findings.yaml cloudformation/responder.yaml
	$$(scripts/cargo-tool cfn-guard $(CFN_GUARD_VERSION)) validate --rules cloudformation/guard --data cloudformation/portcullis.yaml cloudformation/findings.yaml cloudformation/responder.yaml --show-summary fail
	$(PYTEST) tests/template tests/repository

reports: tools binaries ## Test the HTML report in a headless Chromium, and the ASFF report against the model of AWS Security Hub
	$(PYTEST) tests/browser tests/reports

package: ## Build the zips of the functions in target/lambda/, for arm64 and x86_64 where possible
	scripts/package --all

package-host:
	scripts/package

# Everything at once, with the features of the tests: other features of the dependencies would compile the AWS SDK a second
# time.
binaries: target-dir
	cargo build --workspace --all-features --all-targets --locked --quiet

IN_LOCAL_CLOUD := reports acceptance acceptance-switches acceptance-extreme cloud-test soak soak-short cli-test
$(IN_LOCAL_CLOUD): export LOCAL_CLOUD_BINARY := $(BINARIES)/local-cloud
$(IN_LOCAL_CLOUD): export CHANNEL_SERVERS_BINARY := $(BINARIES)/channel-servers
$(IN_LOCAL_CLOUD): export PORTCULLIS_BINARY := $(BINARIES)/portcullis
reports: export REPORT_EXAMPLE := $(BINARIES)/examples/report

acceptance: tools package-host binaries ## Test the stack, deployed to the local cloud, and its upgrades
	$(PYTEST) tests/acceptance tests/upgrade

acceptance-switches: tools package-host binaries ## The same, and the fault tests, under every reading of AWS's documentation: eight runs, and a table
	$(VENV)/python scripts/acceptance_switches.py

# The default run is the other extreme.
acceptance-extreme: tools package-host binaries ## The tests that run documents, with every switch of the local cloud turned over
	$(VENV)/python scripts/acceptance_switches.py --extreme

cloud-test: tools binaries ## Test the local cloud itself
	$(PYTEST) tests/local_cloud

soak-short: tools package-host binaries
	$(PYTEST) tests/soak

soak: tools package-host binaries ## Run the long load and fault tests in the local cloud: hours, see docs/soak.md
	SOAK=long $(PYTEST) tests/soak

cli-test: tools binaries ## Test the CLI, on files and in the local cloud
	$(PYTEST) tests/cli tests/repository/test_action_and_hook.py

wheel: tools target-dir ## Build a wheel of the command line in target/wheels/
	$(VENV)/maturin build --release --features aws --out target/wheels

# The wheel as pip builds it from source, without the AWS SDK. It has a separate target directory, because its program has the
# same name as the one that the other tests start.
wheel-test: tools target-dir
	CARGO_TARGET_DIR='$(CARGO_TARGET_DIR)/wheel' $(PYTEST) tests/wheel

# Checked before the zips are built, which takes minutes.
ifneq (,$(filter deploy,$(MAKECMDGOALS)))
REGION := $(or $(REGION),$(AWS_REGION),$(AWS_DEFAULT_REGION))
MISSING := $(strip $(if $(BUCKET),,BUCKET) $(if $(REGION),,REGION))
$(if $(MISSING),$(error $(MISSING) missing: make deploy BUCKET=NAME REGION=REGION, with an S3 bucket in that region for the code))
endif

deploy: package ## Deploy to AWS: make deploy BUCKET=... REGION=... [STACK=portcullis] [FINDINGS=yes] [RESPONDER=yes] [PARAMETERS=file.json|'Key=Value ...'] [ARCH=...]
	@scripts/deploy --bucket '$(BUCKET)' --region '$(REGION)' --stack '$(or $(STACK),portcullis)' \
		$(if $(ARCH),--arch '$(ARCH)') $(if $(filter yes,$(FINDINGS)),--findings) $(if $(filter yes,$(RESPONDER)),--responder) $(if $(PARAMETERS),--parameters "$$PARAMETERS")

undeploy: ## Delete the stack: make undeploy REGION=... [STACK=portcullis] [RELEASE=1|KEEP=1]; lists open quarantines and exceptions first
	@scripts/undeploy --region '$(REGION)' --stack '$(or $(STACK),portcullis)' $(if $(RELEASE),--release,$(if $(KEEP),--keep))

docs: ## Build the book in docs/book
	$$(scripts/cargo-tool mdbook $(MDBOOK_VERSION)) build docs

# Checks the links between items in rustdoc. The book itself needs mdbook, which takes minutes to compile.
doc-check: target-dir
	RUSTDOCFLAGS='-D warnings' cargo doc --workspace --all-features --lib --bins --examples --no-deps --locked --quiet

tools:
	@scripts/tools

target-dir:
	@scripts/prepare-target

clean: ## Remove everything built or installed in the checkout; keeps the shared target directory
	rm -rf target .tools .local-cloud docs/book
