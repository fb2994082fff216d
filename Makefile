# Thin: each target calls one thing. `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PAGE := dashboards/dist/index.html

.PHONY: help run demo page build test lint bench chaos fuzz clean

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/make \1\t\2/' | expand -t 14

$(PAGE): $(shell find dashboards/src dashboards/index.html dashboards/package-lock.json dashboards/vite.config.ts 2>/dev/null)
	cd dashboards && npm ci --no-audit --no-fund && npm run build

page: $(PAGE) ## build the web page

build: page ## build page and binary (release)
	cargo build --release --locked -p metrosoc

run: build ## start the platform on ./data and say where to look
	target/release/metrosoc serve

demo: page ## start the platform with a simulated MetroNet of 807 sites, attacks included
	cargo build --release --locked -p metrosoc -p demo
	scripts/demo

test: ## run all tests; installs what they need
	scripts/test

lint: ## formatting, clippy, licences, page types
	scripts/lint

bench: ## measure on this machine
	scripts/bench

chaos: build ## kill the server a thousand times under load, count what is lost (KILLS=1000)
	cargo run --release --locked -p tests --example chaos

fuzz: ## run every fuzz target for a bounded time (SECONDS_EACH=30)
	scripts/fuzz

clean: ## remove build output, never data
	cargo clean
	rm -rf dashboards/dist dashboards/node_modules tests/browser/node_modules
