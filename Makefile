# The commands of tickfold, listed by a bare `make`. It only puts cargo, npm and infra/setup.sh in
# order: whatever it does can be done by hand with the lines below.

.DEFAULT_GOAL := help
# Cargo and esbuild fill the cores themselves, and two set-ups at once would fight over apt.
.NOTPARALLEL:
# Cargo brings its own job server; ours, and ARGS with it, would reach the make of librdkafka.
unexport MAKEFLAGS

# Passed on to `tickfold demo`: make demo ARGS="--port 8080 --seed 7"
ARGS ?=
# What `make package` builds for: arm64 or x86-64.
ARCH ?= arm64
# Of `make deploy` and `make destroy`: the bucket of Terraform's state, where all of it is, and
# which .tfvars file of terraform/ says how big.
STATE ?=
REGION ?= us-east-1
PROFILE ?= minimal

page := functions/query/page
installed := $(page)/node_modules/.package-lock.json
dist := $(addprefix $(page)/dist/,index.html page.js page.css)
made := -name node_modules -o -name dist -o -name page.png
sources := $(shell find $(page) \( $(made) \) -prune -o -type f -print)

# This machine's, in the words of ARCH.
host := $(patsubst x86_64,x86-64,$(patsubst aarch64,arm64,$(shell uname -m)))

# Named by their packages, so that no other member adds its features to them, nor its program.
functions := $(patsubst functions/%/Cargo.toml,--package %,$(wildcard functions/*/Cargo.toml))

stack = STATE="$(STATE)" REGION="$(REGION)" PROFILE="$(PROFILE)" infra/deploy.sh

get_cargo_lambda := python3 -m venv ~/.cargo-lambda && ~/.cargo-lambda/bin/pip install \
	cargo-lambda && export PATH="$$HOME/.cargo-lambda/bin:$$PATH"

.PHONY: help demo test test-aws check page build package picture deploy deploy-check destroy \
	clean setup-build setup-test

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# Named by its binary and not by `-p tickfold`: so it shares the features, and with them every
# compiled dependency, with `make test`.
demo: setup-build page ## Everything on this machine, and a page; ARGS="--port 8080 --seed 7"
	cargo run --locked --bin tickfold -- demo $(ARGS)

test: setup-test page ## All tests
	cargo test --workspace --locked --no-fail-fast

# A feature, so that `make test` neither runs it nor says that it did; minutes long.
test-aws: setup-test page ## Deployed to moto's AWS: an object becomes rows, then all goes
	cargo test -p tests --features aws --locked --test aws -- --nocapture

check: setup-build page ## Format, lints, layering, documentation, the page's types
	cargo fmt --all --check
	npm --prefix $(page) run --silent check
	cargo clippy --workspace --all-targets --features tests/aws --locked -- -D warnings
	cargo test -p tests --test layering --locked
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked

page: $(dist) ## The page that the query function serves

build: setup-build page ## All programs, for this machine, unoptimised
	cargo build --workspace --bins --locked

package: setup-build page ## The functions as zip files for AWS Lambda; ARCH=x86-64
	@cargo lambda --version >/dev/null 2>&1 || { echo "tickfold needs cargo-lambda; run this line,\
	 then try again:" >&2; echo '$(get_cargo_lambda)'; exit 1; }
	cargo lambda build --release --locked --$(ARCH) --output-format zip $(functions)
# What this machine cannot run is timed by the same source built for it.
ifneq ($(ARCH),$(host))
	cargo build --release --locked $(functions)
endif
	@ARCH=$(ARCH) cargo bench --quiet --locked --profile dev --bench start

picture: setup-test page ## A new picture of the page, taken by its browser test
	TICKFOLD_PICTURE="$(abspath $(page)/page.png)" cargo test -p tests --test demo --locked page::

# What is missing is said before minutes of building.
deploy: deploy-check package ## Into your AWS account; STATE=bucket REGION=us-east-1 PROFILE=minimal
	@$(stack) apply

deploy-check:
	@$(stack) check

destroy: ## Out of it again, with the same STATE, REGION and PROFILE
	@$(stack) destroy

clean: ## Remove what was built
	cargo clean
	rm -rf $(page)/dist $(page)/node_modules

# Order-only where a file needs it: the set-up runs first and is never a reason to build anew.
setup-build setup-test: setup-%:
	@infra/setup.sh $*

# npm and esbuild may leave files that look older than their sources.
$(installed): $(page)/package-lock.json | setup-build
	npm --prefix $(page) ci
	@touch $@

$(dist) &: $(sources) $(installed) | setup-build
	npm --prefix $(page) run --silent build
	@touch -c $(dist)
