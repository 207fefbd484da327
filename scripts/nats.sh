#!/usr/bin/env bash
# A private NATS server with JetStream for tests, of which nothing is left but its folder.
#   nats.sh start DIR   starts it (DIR: new or empty) and prints its URL
#   nats.sh url DIR   prints the URL again
#   nats.sh stop DIR   ends the server and removes DIR
# The program comes from PATH, or from the distribution's package, unpacked into the tools folder: installed, it might start
# a service.
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

UNPACKED=$TOOLS/nats
usage() { fail "usage: nats.sh start DIR | url DIR | stop DIR"; }

# A private view of apt (own lists) needs no root and changes nothing.
unpack() {
  have apt-get && have dpkg || return 1
  local root=$UNPACKED.new apt=$UNPACKED.new/apt
  say "unpacking nats-server into $UNPACKED"
  rm -rf "$root"
  mkdir -p "$apt"/lists/partial
  local options=(-o "Dir::State::lists=$apt/lists" -o "Dir::Cache=$apt" -o "APT::Sandbox::User=$(id -un)"
    -o Acquire::Languages=none -o Acquire::Retries=2 -qq)
  {
    cd "$apt"
    # One source out of reach does not matter when the package comes from another.
    apt-get "${options[@]}" update || true
    apt-get "${options[@]}" download nats-server
    cd "$ROOT"
  } </dev/null >"$root/log" 2>&1 || { tail -n 20 "$root/log" >&2; return 1; }
  dpkg -x "$apt"/nats-server_*.deb "$root" || return 1
  rm -rf "$apt" "$UNPACKED"
  mv "$root" "$UNPACKED"
}

program() {
  have nats-server && command -v nats-server && return
  (
    lock_tools
    [ -x "$UNPACKED/usr/bin/nats-server" ] || [ -x "$UNPACKED/usr/sbin/nats-server" ] || unpack
  ) || fail "there is no nats-server and its package could not be had: install NATS"
  find "$UNPACKED/usr" -name nats-server -type f -perm -u+x | head -n 1
}

start() {
  [ -z "$(ls -A "$dir" 2>/dev/null || true)" ] || fail "$dir is not empty"
  local server port pid
  server=$(program)
  mkdir -p "$dir"
  dir=$(cd "$dir" && pwd -P)
  touch "$dir/tidepool-nats"
  # It says in a file which free port it took.
  setsid "$server" --addr 127.0.0.1 --port -1 --jetstream --store_dir "$dir/data" --ports_file_dir "$dir" \
    </dev/null >"$dir/output.log" 2>&1 &
  pid=$!
  printf '%s\n' "$pid" >"$dir/server"
  for _ in $(seq 100); do
    port=$(sed -n 's/.*nats:\/\/127\.0\.0\.1:\([0-9]*\).*/\1/p' "$dir"/nats-server_*.ports 2>/dev/null | head -n 1) || true
    if [ -n "$port" ]; then
      printf 'nats://127.0.0.1:%s\n' "$port" | tee "$dir/url"
      return
    fi
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.1
  done
  tail -n 20 "$dir/output.log" >&2
  fail "nats-server did not start"
}

stop() {
  # Never started, or stopped before: nothing there, or an empty folder.
  if [ ! -e "$dir" ] || rmdir "$dir" 2>/dev/null; then return; fi
  [ -e "$dir/tidepool-nats" ] || fail "$dir was not made by nats.sh start; it is left alone"
  local pid
  pid=$(cat "$dir/server" 2>/dev/null || true)
  # Process ids are used again: only a process that runs on this very folder is ours.
  if [ -n "$pid" ] && tr '\0' '\n' <"/proc/$pid/cmdline" 2>/dev/null | grep -qxF -- "$(cd "$dir" && pwd -P)/data"; then
    kill -KILL "$pid" 2>/dev/null || true
    while kill -0 "$pid" 2>/dev/null && ! grep -q '^State:[[:space:]]*Z' "/proc/$pid/status" 2>/dev/null; do sleep 0.05; done
  fi
  rm -rf "$dir"
}

[ $# = 2 ] || usage
dir=$2
case $1 in
  start) start ;;
  url) cat "$dir/url" 2>/dev/null || fail "no server was started in $dir" ;;
  stop) stop ;;
  *) usage ;;
esac
