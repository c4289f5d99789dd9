SHELL := bash
.SHELLFLAGS := -Eeuo pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory --no-builtin-rules

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
# nomsgpack drops a codec that nobody speaks; timetzdata carries Asia/Shanghai to machines without zone files.
TAGS := nomsgpack,timetzdata
TOOL := go tool -modfile=tools/go.mod

.PHONY: help build run test check lint race spec bench soak

help: ## show the targets
	@sed -nE 's/^([a-z]+):.*## (.*)/\1\t\2/p' $(MAKEFILE_LIST) | while IFS=$$'\t' read -r target text; do
		printf '  make %-6s %s\n' "$$target" "$$text"
	done

build: ## make bin/lianqi, a static binary
	@CGO_ENABLED=0 go build -trimpath -tags '$(TAGS)' -ldflags '-s -w -X main.version=$(VERSION)' -o bin/lianqi .

run: build ## build and serve the demonstration on 127.0.0.1:8080
	@exec bin/lianqi serve --demo

test: ## set up what the tests need (MariaDB by apt) and run them
	@scripts/setup-tests
	go test ./...

check: ## everything a change must pass: format, lint, race, fuzz, spec
	@$(MAKE) lint
	$(MAKE) race
	scripts/fuzz 3s
	scripts/spec-check

lint:
	@echo 'format, vet, lint'
	scripts/format-check
	go vet ./...
	$(TOOL) golangci-lint run

race:
	@scripts/setup-tests
	echo 'race tests'
	CGO_ENABLED=1 go test -race -short -count=1 -timeout 15m ./...

spec: ## write docs/openapi.yaml and docs/openapi-3.0.yaml
	@go run . spec

bench: ## print medians and ratios against a bare handler, on SQLite and MariaDB
	@scripts/setup-tests
	go run -tags '$(TAGS)' ./internal/bench

soak: ## the long kills, races and fuzzing: an hour or more
	@scripts/setup-tests
	SOAK=1 go test -count=1 -timeout 6h ./...
	# The race detector does not see into the processes that are killed, so their tests are left out here.
	SOAK=1 CGO_ENABLED=1 go test -race -count=1 -timeout 6h $$(go list ./... | grep -v internal/crash)
	scripts/fuzz 2m
