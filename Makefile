# Tenure. `make` lists what there is.

SHELL    := /bin/sh
GO       ?= go
LOCAL    := .local/bin/local
GOLANGCI := .local/bin/golangci-lint

.DEFAULT_GOAL := help
.PHONY: help run stores test test-main test-local test-kill fuzz lint fmt bench build generate clean local golangci compiler

help: ## This list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F '\t' '{ printf "  make %-10s %s\n", $$1, $$2 }'

run: local ## Start everything on this machine: stores, API, projector, worker
	@exec $(LOCAL) --follow-parent run

stores: local ## Start the stores alone, and print their addresses
	@exec $(LOCAL) --follow-parent stores

test: test-main test-local ## Run all tests, against real stores

test-main: local compiler
	@exec $(LOCAL) --follow-parent test -- $(GO) test -race ./...

test-local: compiler
	@cd local && exec $(GO) test -race ./...

N ?= 50
test-kill: local compiler ## Kill everything while clients write, N times, each with a seed of its own
	@exec $(LOCAL) --follow-parent test -- $(GO) test -race -v -count=$(N) -failfast -timeout $$(($(N) * 2 + 5))m \
		-run '^TestNothingAcknowledgedIsLostWhoeverIsKilled$$' ./cmd/internal/programs

lint: golangci ## Look for bugs and for files that are not formatted
	@main=0; $(GOLANGCI) run ./... || main=$$?; \
	cd local && ../$(GOLANGCI) run ./... && exit $$main

fmt: golangci ## Format every Go file
	$(GOLANGCI) fmt

fuzz: ## Hold the API to its own description; make fuzz SEED=7
	@exec .ci/fuzz $(SEED)

bench: local ## Measure against peers; writes .local/bench.json
	@exec $(LOCAL) --follow-parent test --on-disk -- $(GO) run ./bench

build: ## Build the programs into bin/
	$(GO) build -o bin/ ./cmd/...

generate: ## Write what is generated again
	$(GO) generate ./...

clean: ## Remove what was built and downloaded; the data of `make run` stays
	rm -rf bin .local/bin .local/log .local/bench.json .local/fuzz .local/schemathesis-*

# What runs the stores is built without asking version control, which may
# refuse to speak to this user; the build is quick when nothing changed.
local:
	@$(GO) build -C local -buildvcs=false -o ../$(LOCAL) .

# golangci-lint and all that it needs are pinned by a module of its own, so that
# the product's go.mod knows nothing of them.
golangci:
	@$(GO) build -C lint -buildvcs=false -o ../$(GOLANGCI) github.com/golangci/golangci-lint/v2/cmd/golangci-lint

# The race detector is written in C.
compiler:
	@cc=$$($(GO) env CC); command -v $${cc%% *} >/dev/null || { \
		echo "make test needs a C compiler for the race detector, and there is no $$cc: install gcc" >&2; exit 1; }
