# The commands of this repository; the work is done in scripts/. `make` alone lists them.
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help

.PHONY: help test test-sqlite test-mariadb test-mariadb-11 test-mysql test-galera test-group-replication test-pool-of-one test-nats \
	lint examples helm tools clean-tools release-migrations chaos fuzz mutants bench bench-calls bench-growth bench-ingest bench-replay bench-sweep

help: ## this list
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  make \1|\2/p' $(firstword $(MAKEFILE_LIST)) | while IFS='|' read -r name text; do printf '%-26s %s\n' "$$name" "$$text"; done

test: ## everything that must be green: lint, all tests on SQLite and MariaDB, the client examples
	@scripts/test.sh

test-sqlite: ## all tests on SQLite
	@scripts/test.sh sqlite

test-mariadb: ## the integration tests on MariaDB (TIDEPOOL_TEST_DATABASE_URL=mysql://... picks another server)
	@scripts/test.sh mariadb

test-mariadb-11: ## the same on MariaDB 11.8
	@scripts/test.sh mariadb-11

test-mysql: ## the same on MySQL
	@scripts/test.sh mysql

test-galera: ## the same on one node of a Galera cluster, and what several servers do at once on all three
	@scripts/test.sh galera

test-group-replication: ## what several MySQL servers of a group do at once, each with a server of ours
	@scripts/test.sh group-replication

test-pool-of-one: ## the integration tests with a pool of one connection, on SQLite and MariaDB
	@scripts/test.sh pool-of-one

test-nats: ## publishing to NATS, on a private server: a build of its own
	@scripts/test.sh nats

lint: ## format, clippy, docs, dependencies, protos, spelling, scripts, released migrations
	@scripts/test.sh tools lint

examples: ## the Python, Node and Rust client examples against a live server
	@scripts/test.sh examples

helm: ## the Helm chart: lint, render, check against the Kubernetes schemas
	@scripts/test.sh helm

bench: ## measure calls, growth, ingest and the sweep, most of it beside the same work by hand, each on a private MariaDB, a quarter of an hour
	@scripts/bench.sh

bench-calls: ## measure claims, reads and lists on a private MariaDB, some minutes
	@scripts/bench-calls.sh

bench-growth: ## measure whether claims, pages and sweeps cost more where there is more, on a private MariaDB, some minutes
	@scripts/bench-growth.sh

bench-sweep: ## measure the sweep with a million accounts on a private MariaDB, some minutes
	@scripts/bench-sweep.sh

bench-ingest: ## measure how activities come in on a private MariaDB, some minutes
	@scripts/bench-ingest.sh

bench-replay: ## tell of a million activities twice on a private MariaDB, and compare what is stored, some minutes
	@scripts/bench-ingest.sh --replay

chaos: ## storms of random faults on SQLite and MariaDB: MINUTES=60 or ROUNDS=20, SEED=17 to have one again
	@scripts/chaos.sh

fuzz: ## give the readers of conditions, page tokens, CSV files and requests what nobody checked: MINUTES=5 each, TARGET=csv for one
	@scripts/fuzz.sh

mutants: ## change the rules of the domain step by step and see that a test notices: FILES='src/domain/limits/**', SHARD=0/4
	@scripts/mutants.sh

tools: ## fetch the checking tools into the tools folder (TIDEPOOL_TOOLS, else .tools)
	@scripts/tools.sh

clean-tools: ## remove everything that was fetched into the tools folder
	@scripts/tools.sh clean

release-migrations: ## at a release: freeze the migrations of this tree
	@scripts/release-migrations.sh
