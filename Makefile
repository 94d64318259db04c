# Cardplane. `make help` lists the targets. Each is a few lines that call go
# or a script; what they need on the machine, `make setup` installs.

.DEFAULT_GOAL := help
BIN    := build/bin
# Programs for the guest: static, small, the same bytes on every machine.
STATIC := CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '-s -w -buildid='
# The lane of `make test-guest` that must not be skipped; none unless given.
REQUIRE :=
# Where the programs of the guest are, for mkrootfs.
IN_GUEST := --agent $(BIN)/guest-agent --initrd-init $(BIN)/initrd-init --bareinit $(BIN)/bareinit

.PHONY: help setup build guest guest-own kernel host-image host-up images demo test test-unit test-guest conformance fuzz fuzz-api check generate sdk bench clean

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## install what the project needs from Debian (root; does nothing when all is there)
	@ci/setup.sh

build: ## build every program into build/bin
	@mkdir -p $(BIN)
	@go build -trimpath -buildvcs=false -o $(BIN)/ ./cardplane/cmd/... ./vmm/cmd/... ./rootfs/cmd/mkrootfs ./ci/cmd/computehost
	@$(STATIC) -o $(BIN)/guest-agent ./guest-agent/cmd/guest-agent
	@$(STATIC) -o $(BIN)/initrd-init ./rootfs/initramfs/cmd/initrd-init
	@$(STATIC) -o $(BIN)/bareinit ./rootfs/cmd/bareinit
	@mkdir -p $(BIN)/host && $(STATIC) -o $(BIN)/host/ ./vmm/cmd/vmmd ./ci/computehost/cmd/hostctl

guest: build ## build the guest's kernel, initramfs, root and disk template into build/guest/debian
	@$(BIN)/mkrootfs guest --kernel debian $(IN_GUEST)

guest-own: build kernel ## the same with our own kernel, into build/guest/own
	@$(BIN)/mkrootfs guest --kernel own $(IN_GUEST)

kernel: build ## build our own guest kernel from Debian's source (once; minutes)
	@ci/setup.sh --kernel
	@$(BIN)/mkrootfs kernel

host-image: build ## build the emulated compute host: its image, with cloud-hypervisor from PATH, and the QEMU that runs it (minutes, once)
	@$(BIN)/computehost build

host-up: host-image guest-own images ## boot a compute host in QEMU and stay until Ctrl-C
	@$(BIN)/computehost up

images: ## build the demo's and the tests' images from Debian packages
	@ci/images.sh

demo: setup guest images ## run an OCI image in its own VM and show what ran where
	@go run ./ci/cmd/demo

test: setup test-unit test-guest ## run all tests, real guests included

test-unit: ## run the tests that need no root and boot nothing
	go test -race -timeout 30m ./...

test-guest: guest images sdk ## run the tests that boot real guests, on every VMM that this machine can run
	@go run ./ci/cmd/guesttests -require '$(REQUIRE)'

conformance: build ## compile the VMM conformance suite for a machine without Go, into build/conformance
	@mkdir -p build/conformance
	@CGO_ENABLED=0 go test -c -o build/conformance/vmmtest.test ./vmm/vmmtest
	@$(STATIC) -o build/conformance/ ./vmm/vmmtest/guest ./vmm/cmd/ch-qemu

fuzz: ## run every Go fuzz target for FUZZTIME each (10s)
	@ci/fuzzgo.sh

fuzz-api: guest images ## fuzz a real cardplaned by its OpenAPI document, for a minute
	@ci/fuzz.sh

check: ## generated code fresh, OpenAPI linted, formatted, vetted, staticcheck clean, repository rules kept
	@ci/check.sh

generate: ## generate code from the OpenAPI documents
	@go generate ./openapi

sdk: generate ## generate the Go client, the TypeScript and Python SDKs, and build these into build/sdk
	@ci/sdk.sh

bench: setup guest guest-own images ## measure; ratios within one run
	@go run ./ci/cmd/bench

clean: ## remove what was built; caches outside the checkout stay
	rm -rf build
