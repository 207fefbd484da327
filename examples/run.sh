#!/usr/bin/env bash
# Runs the Python, Node and Rust clients against a server of their own, and stops it however they end.
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../scripts/lib.sh"
cd "$ROOT"

work=$(mktemp -d "${TMPDIR:-/tmp}/tidepool-examples.XXXXXX")
server=
finish() {
  local rc=$?
  set +e
  if [ -n "$server" ]; then
    kill "$server" 2>/dev/null
    wait "$server" 2>/dev/null
  fi
  if [ "$rc" != 0 ] && [ -e "$work/server.log" ]; then tail -n 20 "$work/server.log" >&2; fi
  rm -rf "$work"
  exit "$rc"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# --- what the clients need; the lock is let go before anything runs that lives on ---
(
  lock_tools
  python_venv "$TOOLS/examples-python" "$ROOT/examples/python/requirements.txt"
  have npm || apt_install nodejs npm || fail "node and npm are needed: install the packages nodejs and npm"
  modules=$TOOLS/examples-node
  if ! cmp -s examples/node/package-lock.json "$modules/stamp"; then
    say "node packages of examples/node into $modules"
    rm -rf "$modules"
    mkdir -p "$modules"
    cp examples/node/package.json examples/node/package-lock.json "$modules"
    npm ci --prefix "$modules" --no-audit --no-fund --loglevel=error >&2
    cp examples/node/package-lock.json "$modules/stamp"
  fi
)
python=$TOOLS/examples-python/bin/python

# --- the server, on a free port ---
cargo build --quiet --locked --bin tidepool --example claim --example stream --example load
built=${CARGO_TARGET_DIR:-$ROOT/target}/debug
tidepool=("$built/tidepool" --database-url "sqlite:$work/tidepool.sqlite")
for tenant in python node rust; do TIDEPOOL__LOG__FILTER=warn "${tidepool[@]}" tenant create "$tenant" >&2; done
TIDEPOOL__LOG__FILTER=info TIDEPOOL__SERVER__DRAIN_DELAY_SECONDS=0 \
  "${tidepool[@]}" serve --listen 127.0.0.1:0 >"$work/server.log" 2>&1 &
server=$!
address=
for _ in $(seq 150); do
  address=$(sed -n 's/.*serving.*address=\([0-9.:]*\).*/\1/p' "$work/server.log" | head -n 1)
  [ -z "$address" ] || break
  kill -0 "$server" 2>/dev/null || fail "the server did not start"
  sleep 0.2
done
[ -n "$address" ] || fail "the server did not say where it listens"

# --- the clients ---
gen=$work/gen
mkdir "$gen"
"$python" -m grpc_tools.protoc -I proto --python_out="$gen" --grpc_python_out="$gen" proto/tidepool/v1/*.proto

# check NAME COMMAND...: runs a client that must say each line of `lines`. None of them waits for long.
check() {
  local name=$1 line
  shift
  printf -- '--- %s\n' "$name"
  timeout --kill-after=5 60 "$@" | tee "$work/said" || fail "the $name client failed"
  for line in "${lines[@]}"; do
    grep -qF -- "$line" "$work/said" || fail "the $name client did not say: $line"
  done
}
in_python() { check "$1" env PYTHONPATH="$gen" "$python" "examples/python/$2.py" "$address" python; }
in_node() { check "$1" env NODE_PATH="$TOOLS/examples-node/node_modules" node "examples/node/$2.js" "$address" node; }
in_rust() { check "$1" "$built/examples/$2" "http://$address" rust; }

lines=("created Mossbrook Pumps" "ben claimed Mossbrook Pumps, until 20" "RECORD_OUTCOME_RECORDED"
  "the deadline is now 20" "reason POOL_CLAIM_LIMIT_REACHED" "field new_account.account.name")
in_python Python client
in_node Node client
in_rust Rust claim
lines=("4 callers" "claim" "tell of a visit" "read" "return")
check "Rust, a load" "$built/examples/load" "http://$address" rust --callers 4 --seconds 1
lines=("told of 24 activities in 12 messages: 24 recorded" "saw the events of 12 accounts in 2 watches")
in_python "Python, streams" stream
in_node "Node, streams" stream
in_rust "Rust, streams" stream
