#!/usr/bin/env bash
# Runs everything that must be green, step by step, up to the first step that fails, and ends with a table that
# names each step: passed, failed, or not run. Servers it started are stopped however it ends.
#   test.sh [GROUP...]     of: tools lint sqlite mariadb pool-of-one examples helm; all of them when none is named
#   test.sh nats           publishing to NATS, which most builds are without
#   test.sh ENGINE...      the integration tests on: mysql mariadb-11 galera group-replication (docs/engines.md)
# TIDEPOOL_TEST_DATABASE_URL=mysql://... makes the steps use that server instead of a private one, and
# TIDEPOOL_TEST_DATABASE_URLS="mysql://... mysql://..." those of the clusters these nodes.
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$ROOT"
export TIDEPOOL_TOOLS=$TOOLS

# The SQLite steps must not see them; the MariaDB steps set them again.
given_url=${TIDEPOOL_TEST_DATABASE_URL:-}
given_urls=${TIDEPOOL_TEST_DATABASE_URLS:-}
unset TIDEPOOL_TEST_DATABASE_URL TIDEPOOL_TEST_DATABASE_URLS TIDEPOOL_TEST_POOL_SIZE

names=() commands=() states=() times=() reasons=()
not_run=0
# A step that lacks what it cannot get ends with 77 and says in this file why.
TIDEPOOL_WHY_NOT=$(mktemp)
export TIDEPOOL_WHY_NOT
running=-1
servers=
folder=

# Many tests wait, for a lease to expire or a process to start; others have the processors meanwhile.
export RUST_TEST_THREADS=${RUST_TEST_THREADS:-$((2 * $(nproc)))}

step() { names+=("$1"); commands+=("$2"); states+=("NOT RUN"); times+=(""); }

# --- what the steps do ---

tools() { scripts/tools.sh; }
lint() { scripts/lint.sh; }
build() { cargo test --workspace --locked --no-run && cargo build --locked --bin tidepool --example claim --example stream --example load; }
on_sqlite() { cargo test --workspace --locked; }
# With one connection every flow has to give it back before it asks for another one. What is left out runs for minutes and
# takes connections in no other way than the rest.
pool_of_one() {
  TIDEPOOL_TEST_POOL_SIZE=1 cargo test --locked --test it -- --skip month:: --skip model:: --skip inputs::crossing:: \
    --skip conditions::agreement:: --skip migrations::
}
pool_of_one_on_sqlite() { pool_of_one; }
on_mariadb() {
  # The test of a restored dump says that it was not run without it.
  TIDEPOOL_MARIADB_DUMP=$(scripts/mariadb-dump.sh || true) TIDEPOOL_TEST_DATABASE_URL=$(database_url mariadb) \
    cargo test --locked --test it
}
pool_of_one_on_mariadb() { TIDEPOOL_TEST_DATABASE_URL=$(database_url mariadb) pool_of_one; }
on_mysql() { TIDEPOOL_TEST_DATABASE_URL=$(database_url mysql) cargo test --locked --test it; }
# Tests that kill their database start one of their own, of the same suite.
on_mariadb_11() {
  MARIADB_HOME=${MARIADB_11_HOME:-} TIDEPOOL_MARIADB_SUITE=trixie TIDEPOOL_TEST_DATABASE_URL=$(database_url mariadb-11) \
    cargo test --locked --test it
}
on_one_node() { TIDEPOOL_TEST_DATABASE_URL=$(node_urls galera | cut -d ' ' -f 1) cargo test --locked --test it; }
on_all_nodes() {
  local urls
  urls=$(node_urls "$1")
  TIDEPOOL_TEST_DATABASE_URL=${urls%% *} TIDEPOOL_TEST_DATABASE_URLS=$urls cargo test --locked --test it -- "${MANY_WRITERS[@]}"
}
on_all_nodes_of_galera() { on_all_nodes galera; }
on_group_replication() { on_all_nodes group-replication; }
examples() { examples/run.sh; }
# A folder below the one that goes away in the end.
nats_server() { scripts/nats.sh start "$folder/nats"; }
lint_with_nats() { cargo clippy --workspace --all-targets --locked --features nats -- -D warnings; }
with_nats() {
  TIDEPOOL_TEST_NATS_URL=$(scripts/nats.sh url "$folder/nats") cargo test --locked --features nats --lib --test it -- nats
}
helm_chart() { scripts/helm.sh; }

# What several servers do at once; of a cluster each has a node of its own.
MANY_WRITERS=(nodes:: races:: limits:: ingest:: activities::recompute events::relay events::list)

# The script of a kind of server.
script() { case $1 in mariadb-11) echo scripts/mariadb.sh ;; *) echo "scripts/$1.sh" ;; esac; }
start_server() {
  case $given_url in
    '') "$(script "$1")" start "$servers/$1" ;;
    mysql://*) say "using the given server" ;; # its URL may hold a password
    *) fail "TIDEPOOL_TEST_DATABASE_URL must begin with mysql://" ;;
  esac
}
start_cluster() { if [ -n "$given_urls" ]; then say "using the given nodes"; else "$(script "$1")" start "$servers/$1" "${@:2}"; fi; }
mariadb_server() { start_server mariadb; }
mysql_server() { start_server mysql; }
mariadb_11_server() { MARIADB_HOME=${MARIADB_11_HOME:-} TIDEPOOL_MARIADB_SUITE=trixie start_server mariadb-11; }
# As docs/engines.md says for those who write at several nodes.
galera_cluster() { start_cluster galera --wsrep-sync-wait=1; }
group_replication_cluster() { start_cluster group-replication --loose-group-replication-consistency=BEFORE; }
database_url() { if [ -n "$given_url" ]; then printf '%s\n' "$given_url"; else "$(script "$1")" url "$servers/$1"; fi; }
node_urls() { if [ -n "$given_urls" ]; then printf '%s\n' "$given_urls"; else "$(script "$1")" urls "$servers/$1"; fi; }

# --- which steps ---

all=(tools lint sqlite mariadb pool-of-one examples helm)
groups=("$@")
[ $# -gt 0 ] || groups=("${all[@]}")
more=(nats mysql mariadb-11 galera group-replication)
for group in "${groups[@]}"; do
  [[ " ${all[*]} ${more[*]} " == *" $group "* ]] || fail "no such group of steps: $group (there are: ${all[*]} ${more[*]})"
done
wanted() { [[ " ${groups[*]} " == *" $1 "* ]]; }

if wanted tools; then step "tools" tools; fi
if wanted lint; then step "lint" lint; fi
for group in sqlite mariadb pool-of-one mysql mariadb-11 galera group-replication; do
  if wanted $group; then step "build" build && break; fi
done
if wanted sqlite; then step "all tests, SQLite" on_sqlite; fi
if wanted pool-of-one; then step "integration tests, pool of one, SQLite" pool_of_one_on_sqlite; fi
if wanted mariadb || wanted pool-of-one; then step "MariaDB server" mariadb_server; fi
if wanted mariadb; then step "integration tests, MariaDB" on_mariadb; fi
if wanted pool-of-one; then step "integration tests, pool of one, MariaDB" pool_of_one_on_mariadb; fi
if wanted mysql; then
  step "MySQL server" mysql_server
  step "integration tests, MySQL" on_mysql
fi
if wanted mariadb-11; then
  step "MariaDB 11 server" mariadb_11_server
  step "integration tests, MariaDB 11" on_mariadb_11
fi
if wanted galera; then
  step "Galera cluster" galera_cluster
  step "integration tests, one node of Galera" on_one_node
  step "several servers, all nodes of Galera" on_all_nodes_of_galera
fi
if wanted group-replication; then
  step "Group Replication" group_replication_cluster
  step "several servers, all of the group" on_group_replication
fi
if wanted examples && [ -e examples/run.sh ]; then step "client examples" examples; fi
if wanted helm; then step "helm chart" helm_chart; fi
if wanted nats; then
  step "clippy, NATS" lint_with_nats
  step "NATS server" nats_server
  step "tests with NATS" with_nats
fi
[ ${#names[@]} -gt 0 ] || fail "nothing to run: examples/run.sh does not exist"

# --- running them ---

clock() { printf '%d:%02d' $(($1 / 60)) $(($1 % 60)); }

summary() {
  local i reason
  printf '\n%-42s %-12s %6s\n' "step" "result" "time"
  for i in "${!names[@]}"; do
    reason=
    if [ "${states[$i]}" = "NOT RUN" ]; then reason="  ${reasons[$i]:-an earlier step did not pass}"; fi
    printf '%-42s %-12s %6s%s\n' "${names[$i]}" "${states[$i]}" "${times[$i]}" "$reason"
  done
}

finish() {
  local rc=$?
  set +e
  trap '' INT TERM
  if [ "$running" -ge 0 ]; then states[running]=INTERRUPTED; fi
  # The folders go away, so what the servers complained about is shown now.
  if [ "$rc" != 0 ]; then grep -rh --include=error.log '\[ERROR\]' "$servers" 2>/dev/null | tail -n 10 >&2; fi
  local kind
  for kind in "$servers"/*; do
    if [ -e "$kind" ]; then "$(script "${kind##*/}")" stop "$kind" || rc=1; fi
  done
  rm -rf "$servers"
  if [ -n "$folder" ]; then
    scripts/nats.sh stop "$folder/nats" || rc=1
    rm -rf "$folder"
  fi
  summary
  rm -f "$TIDEPOOL_WHY_NOT"
  if [ "$rc" = 0 ] && [ "$not_run" -gt 0 ]; then
    printf '%d steps passed in %s; NOT RUN: %d, see above\n' $((${#names[@]} - not_run)) "$(clock $SECONDS)" "$not_run"
  elif [ "$rc" = 0 ]; then
    printf 'all %d steps passed in %s\n' ${#names[@]} "$(clock $SECONDS)"
  else
    printf 'NOT green, after %s\n' "$(clock $SECONDS)"
  fi
  exit "$rc"
}

trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
servers=$(mktemp -d "$(fast_folder)/tidepool-servers.XXXXXX")
# Where tests put their SQLite files.
folder=$(mktemp -d "$(fast_folder)/tidepool-test.XXXXXX")
export TIDEPOOL_TEST_FOLDER=$folder

for i in "${!names[@]}"; do
  printf '\n==> %s (%d of %d)\n' "${names[$i]}" $((i + 1)) ${#names[@]}
  running=$i began=$SECONDS
  # Not in an `if`: that would switch off `set -e` inside the step.
  set +e
  (set -e; "${commands[$i]}")
  rc=$?
  set -e
  running=-1
  times[i]=$(clock $((SECONDS - began)))
  case $rc in
    0) states[i]=passed ;;
    77) states[i]="NOT RUN" reasons[i]=$(cat "$TIDEPOOL_WHY_NOT") not_run=$((not_run + 1)) ;;
    *) states[i]=FAILED; exit 1 ;;
  esac
done
