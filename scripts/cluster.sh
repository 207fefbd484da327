#!/usr/bin/env bash
# shellcheck disable=SC2154
# What the scripts of private, throw-away clusters of three database servers share. Sourced, not run, with `daemon` set to the
# server's name. Each of them defines:
#   prepare     finds the programs
#   install     makes the first tables of all nodes, in $dir/1/data, $dir/2/data, $dir/3/data
#   serve NODE BASE   fills `server`, the command line of that node; ports from $BASE on are its own
#   client NODE ARGS...   asks that node
#   joined NODE   whether the node is one of the cluster by now
#   together    what is done once all are
NODES=(1 2 3)
usage() {
  fail "usage: $(basename "$0") start DIR [OPTION...] | url DIR [NODE] | urls DIR | kill DIR NODE | rejoin DIR NODE | stop DIR"
}

# gone PID: a zombie that nobody reaps counts as gone, or stop would wait for ever in a container without an init.
gone() { ! kill -0 "$1" 2>/dev/null || grep -q '^State:[[:space:]]*Z' "/proc/$1/status" 2>/dev/null; }

# end_node NODE: kills it, if it is alive.
end_node() {
  local pid
  pid=$(cat "$dir/$1/server" 2>/dev/null || true)
  # Process ids are used again: only a process that runs on this very folder is ours.
  if [ -n "$pid" ] && { tr '\0' '\n' <"/proc/$pid/cmdline"; } 2>/dev/null | grep -qxF -- "--datadir=$dir/$1/data"; then
    kill -KILL "$pid" 2>/dev/null || true
    while ! gone "$pid"; do sleep 0.05; done
  fi
}

# end_nodes: kills those of this folder. The data is thrown away, so no time goes into an orderly shutdown.
end_nodes() {
  local node
  for node in "${NODES[@]}"; do end_node "$node"; done
}

# launch NODE BASE: starts the node and waits until it is one of the cluster.
launch() {
  local node=$1 pid
  local -a server
  serve "$node" "$2"
  setsid "${server[@]}" "${options[@]}" </dev/null >"$dir/$node/output.log" 2>&1 &
  pid=$!
  printf '%s\n' "$pid" >"$dir/$node/server"
  for _ in $(seq 900); do
    if joined "$node"; then return; fi
    if gone "$pid"; then return 1; fi
    sleep 0.1
  done
  return 1
}

start() {
  [ -z "$(ls -A "$dir" 2>/dev/null || true)" ] || fail "$dir is not empty"
  mkdir -p "$dir"
  dir=$(cd "$dir" && pwd -P)
  prepare
  touch "$dir/tidepool-$daemon"
  # Local clients alone, without a password.
  cat >"$dir/init.sql" <<'SQL'
CREATE USER IF NOT EXISTS 'root'@'127.0.0.1';
GRANT ALL ON *.* TO 'root'@'127.0.0.1' WITH GRANT OPTION;
SQL
  local try node base
  for try in $(seq 5); do
    # Below the range from which the system hands out ports to clients.
    base=$((20000 + RANDOM % 11900))
    for node in "${NODES[@]}"; do
      rm -rf "${dir:?}/$node"
      mkdir -p "$dir/$node/tmp"
    done
    install >"$dir/install.log" 2>&1 || { tail -n 20 "$dir/install.log" >&2; fail "the first tables of $daemon could not be made"; }
    for node in "${NODES[@]}"; do launch "$node" "$base" || break; done
    if joined "$node" && [ "$node" = "${NODES[-1]}" ] && together; then
      for node in "${NODES[@]}"; do printf 'mysql://root@127.0.0.1:%s\n' $((base + node)); done >"$dir/url"
      printf '%s\n' "$base" >"$dir/base"
      printf '%s\n' "${options[@]}" >"$dir/options"
      cat "$dir/url"
      return
    fi
    say "node $node of the cluster of $daemon did not start from port $base on (try $try)"
    end_nodes
    grep -qi 'address already in use' "$dir/$node/error.log" || break
  done
  tail -n 20 "$dir/$node/error.log" "$dir/$node/output.log" >&2
  fail "the cluster of $daemon could not be started"
}

stop() {
  # Never started, or stopped before: nothing there, or an empty folder.
  if [ ! -e "$dir" ] || rmdir "$dir" 2>/dev/null; then return; fi
  [ -e "$dir/tidepool-$daemon" ] || fail "$dir was not made by $(basename "$0") start; it is left alone"
  dir=$(cd "$dir" && pwd -P)
  end_nodes
  rm -rf "$dir"
}

# rejoin NODE: starts one that was killed again, with the same options, on what it left.
rejoin() {
  # shellcheck disable=SC2034 # asked for by serve and joined
  local rejoining=1
  dir=$(cd "$dir" && pwd -P)
  mapfile -t options < <(sed '/^$/d' "$dir/options")
  prepare
  launch "$1" "$(cat "$dir/base")" && return
  tail -n 20 "$dir/$1/error.log" "$dir/$1/output.log" >&2
  fail "node $1 of the cluster of $daemon did not come back"
}

# main start|url|urls|kill|rejoin|stop DIR [OPTION...]
main() {
  [ $# -ge 2 ] || usage
  dir=$2
  # The last one of an option counts, so these win over what the script says itself.
  options=("${@:3}")
  [ "$1" = start ] || [ -s "$dir/url" ] || [ "$1" = stop ] || fail "no cluster was started in $dir"
  case $1 in
    start) start ;;
    url) sed -n "${3:-1}p" "$dir/url" ;;
    urls) paste -sd' ' "$dir/url" ;;
    kill | rejoin)
      # Each kind of cluster has its own way back.
      [ $# = 3 ] && [ "$daemon" = mariadbd ] || usage
      if [ "$1" = kill ]; then dir=$(cd "$dir" && pwd -P) && end_node "$3"; else rejoin "$3"; fi
      ;;
    stop) stop ;;
    *) usage ;;
  esac
}
