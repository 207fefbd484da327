#!/usr/bin/env bash
# shellcheck disable=SC2154
# What the scripts of private, throw-away database servers share. Sourced, not run, with `daemon` set to the server's name.
# Each of them defines:
#   prepare     finds the programs
#   install     makes the first tables in $dir/data
#   client      asks the server on $port: client ARGS...
#   serve       fills `server`, the command line that serves $dir/data on 127.0.0.1:$port
usage() { fail "usage: $(basename "$0") start DIR [OPTION...] | url DIR | stop DIR"; }

# gone PID: a zombie that nobody reaps counts as gone, or stop would wait for ever in a container without an init.
gone() { ! kill -0 "$1" 2>/dev/null || grep -q '^State:[[:space:]]*Z' "/proc/$1/status" 2>/dev/null; }

# launch: one try on `port`; fails when the server ends before it answers (the port was taken meanwhile).
launch() {
  local server pid waited
  serve
  # For whoever starts it again: some servers change what the system shows of their command line.
  printf '%s\0' "${server[@]}" "${options[@]}" >"$dir/command"
  setsid "${server[@]}" "${options[@]}" </dev/null >"$dir/output.log" 2>&1 &
  pid=$!
  printf '%s\n' "$pid" >"$dir/server"
  for waited in $(seq 600); do
    # Another server may sit on the port, so the answer counts only when it comes from our own data folder.
    if [ "$(client --skip-column-names --batch --execute='SELECT @@datadir' 2>/dev/null || true)" = "$dir/data/" ]; then return; fi
    if gone "$pid"; then return 1; fi
    sleep 0.1
  done
  kill -KILL "$pid" 2>/dev/null || true
  tail -n 20 "$dir/error.log" >&2
  fail "$daemon did not answer within $((waited / 10)) seconds"
}

start() {
  [ -z "$(ls -A "$dir" 2>/dev/null || true)" ] || fail "$dir is not empty"
  mkdir -p "$dir/tmp"
  dir=$(cd "$dir" && pwd -P)
  prepare
  touch "$dir/tidepool-$daemon"
  install >"$dir/install.log" 2>&1 || { tail -n 20 "$dir/install.log" "$dir/error.log" >&2; fail "the first tables of $daemon could not be made"; }
  # Local clients alone, without a password.
  cat >"$dir/init.sql" <<'SQL'
CREATE USER IF NOT EXISTS 'root'@'127.0.0.1';
GRANT ALL ON *.* TO 'root'@'127.0.0.1' WITH GRANT OPTION;
SQL
  local try
  for try in $(seq 10); do
    # Below the range from which the system hands out ports to clients.
    port=$((20000 + RANDOM % 12000))
    if launch; then
      printf 'mysql://root@127.0.0.1:%s\n' "$port" | tee "$dir/url"
      return
    fi
    say "$daemon did not start on port $port (try $try)"
    grep -qi 'address already in use' "$dir/error.log" || break
    : >"$dir/error.log"
  done
  tail -n 20 "$dir/error.log" "$dir/output.log" >&2
  fail "$daemon could not be started"
}

stop() {
  # Never started, or stopped before: nothing there, or an empty folder.
  if [ ! -e "$dir" ] || rmdir "$dir" 2>/dev/null; then return; fi
  [ -e "$dir/tidepool-$daemon" ] || fail "$dir was not made by $(basename "$0") start; it is left alone"
  local pid
  pid=$(cat "$dir/server" 2>/dev/null || true)
  # Process ids are used again: only a process that runs on this very folder is ours.
  if [ -n "$pid" ] && { tr '\0' '\n' <"/proc/$pid/cmdline"; } 2>/dev/null | grep -qxF -- "--datadir=$(cd "$dir" && pwd -P)/data"; then
    # The data is thrown away, so no time goes into an orderly shutdown.
    kill -KILL "$pid" 2>/dev/null || true
    while ! gone "$pid"; do sleep 0.05; done
  fi
  rm -rf "$dir"
}

# main start|url|stop DIR [OPTION...]
main() {
  [ $# = 2 ] || { [ $# -gt 2 ] && [ "$1" = start ]; } || usage
  dir=$2
  # The last one of an option counts, so these win over what the script says itself.
  options=("${@:3}")
  case $1 in
    start) start ;;
    url) cat "$dir/url" 2>/dev/null || fail "no server was started in $dir" ;;
    stop) stop ;;
    *) usage ;;
  esac
}
