#!/usr/bin/env bash
# A private, throw-away Galera cluster for the tests: three nodes of MariaDB on free loopback ports, all of it in one folder.
#   galera.sh start DIR [OPTION...]   starts them (DIR: new or empty), with more options of mariadbd, and prints their URLs
#   galera.sh url DIR [NODE]   prints the URL of one node (1, 2, 3; the first one if none is named)
#   galera.sh urls DIR   prints those of all, a space between
#   galera.sh kill DIR NODE   ends a node at once, as a power failure would, and leaves what it has
#   galera.sh rejoin DIR NODE   starts it again on what it left; what it missed it gets from the others, who keep some of it
#   galera.sh stop DIR   ends the nodes and removes DIR
# The programs are MariaDB's of scripts/mariadb-programs.sh, if Galera's library is beside them or GALERA_PROVIDER names it; else
# those of the suite of Debian that the machine has.
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
daemon=mariadbd
# shellcheck source=scripts/mariadb-server.sh
. "$ROOT/scripts/mariadb-server.sh"
# shellcheck source=scripts/cluster.sh
. "$ROOT/scripts/cluster.sh"

find_provider() {
  local found
  for found in "${GALERA_PROVIDER:-}" "$home/usr/lib/galera/libgalera_smm.so" "$home/lib/galera/libgalera_smm.so" \
    /usr/lib/galera/libgalera_smm.so /usr/lib64/galera-4/libgalera_smm.so; do
    if [ -n "$found" ] && [ -e "$found" ]; then provider=$found && return; fi
  done
  return 1
}

prepare() {
  transfer
  find_mariadb
  find_provider && return
  [ -z "${MARIADB_HOME:-}" ] || fail "there is no libgalera_smm.so: set GALERA_PROVIDER to its path"
  TIDEPOOL_MARIADB_SUITE=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release 2>/dev/null || true)
  export TIDEPOOL_MARIADB_SUITE=${TIDEPOOL_MARIADB_SUITE:-trixie}
  find_mariadb
  find_provider || fail "there is no libgalera_smm.so under $home"
}

# A node that comes back is sent what it missed by another one itself; the script by which the two agree on that is got from here,
# since those of MariaDB need rsync or mariadb-backup. Whoever missed more than the others keep is left outside.
transfer() {
  mkdir -p "$dir/bin"
  cat >"$dir/bin/wsrep_sst_tidepool" <<'SST'
#!/bin/bash
# Says to the one that comes back from where on it will be sent the rest: the donor writes it into a file that they both see.
set -eu
role='' address='' gtid='' data='' bypass=''
while [ $# -gt 0 ]; do
  case $1 in
    --role) role=$2 && shift ;;
    --address) address=$2 && shift ;;
    --gtid) gtid=$2 && shift ;;
    --datadir) data=$2 && shift ;;
    --bypass) bypass=1 ;;
  esac
  shift
done
if [ "$role" = joiner ]; then
  position=$(cd "$data" && pwd -P)/position
  rm -f "$position"
  echo "ready $position"
  for _ in $(seq 600); do
    if [ -s "$position" ]; then exec cat "$position"; fi
    sleep 0.1
  done
  exit 110
fi
# All that there is cannot be sent in this way.
[ -n "$bypass" ] || exit 22
echo continue
echo "$gtid" >"$address.new"
mv "$address.new" "$address"
echo "done $gtid"
SST
  chmod +x "$dir/bin/wsrep_sst_tidepool"
  export PATH=$dir/bin:$PATH
}

# All nodes begin with the same data, nothing is written before they are together, and those that join are told that they know
# what the first one knows: so nothing has to be transferred, which would need rsync or mariadb-backup, and another user than root.
install() {
  first_tables "$dir/1/data"
  local node
  for node in 2 3; do cp -a "$dir/1/data" "$dir/$node/data"; done
}

client() {
  local node=$1
  shift
  "${mariadb[@]}" --no-defaults --socket="$dir/$node/data/server.sock" --user=root --connect-timeout=5 "$@"
}

serve() {
  local node=$1 base=$2
  # What a node missed is sent to the port after its own.
  local own=127.0.0.1:$((base + 10 + 2 * node))
  local group=gcomm://127.0.0.1:$((base + 12)),127.0.0.1:$((base + 14)),127.0.0.1:$((base + 16))
  server=("${mariadbd[@]}" --no-defaults "${where[@]}" --user="$(id -un)" --datadir="$dir/$node/data" --tmpdir="$dir/$node/tmp"
    --socket=./server.sock --pid-file="$dir/$node/mariadbd.pid" --log-error="$dir/$node/error.log"
    --port=$((base + node)) "${throw_away[@]}"
    --binlog-format=ROW --innodb-autoinc-lock-mode=2 --wsrep-on=ON --wsrep-provider="$provider" --wsrep-slave-threads=4
    --wsrep-cluster-name="tidepool-$base" --wsrep-cluster-address="$group" --wsrep-sst-method=skip
    --wsrep-node-name="n$node" --wsrep-node-address="$own"
    --wsrep-node-incoming-address="127.0.0.1:$((base + node))"
    --wsrep-provider-options="gmcast.listen_addr=tcp://$own;gcache.size=32M")
  if [ -n "${rejoining:-}" ]; then
    # Which of the cluster's transactions was the last that it kept: only what came after that is sent to it.
    local position
    "${server[@]}" "${options[@]}" --wsrep-recover --log-error="$dir/$node/recovery.log" >>"$dir/$node/recovery.log" 2>&1 || true
    position=$(sed -n 's/.*WSREP: Recovered position:* *//p' "$dir/$node/recovery.log" | tail -n 1)
    [ -n "$position" ] || { tail -n 20 "$dir/$node/recovery.log" >&2; fail "node $node does not know where it was"; }
    server+=(--wsrep-start-position="$position" --wsrep-sst-method=tidepool)
  elif [ "$node" = 1 ]; then
    server+=(--wsrep-new-cluster)
  else
    printf '# GALERA saved state\nversion: 2.1\nuuid:    %s\nseqno:   %s\nsafe_to_bootstrap: 0\n' \
      "$(status wsrep_cluster_state_uuid)" "$(status wsrep_last_committed)" >"$dir/$node/data/grastate.dat"
  fi
}

# status NAME: what the first node says.
status() { client 1 --skip-column-names --batch --execute="SHOW STATUS LIKE '$1'" | cut -f 2; }

# Whether the node has as many members beside it as were started before it; all of them, if it comes back.
joined() {
  local node=$1 size=${rejoining:+3} status
  status=$(client "$node" --skip-column-names --batch \
    --execute="SHOW STATUS WHERE Variable_name IN ('wsrep_local_state_comment', 'wsrep_cluster_size')" 2>/dev/null) || return 1
  grep -q 'Synced$' <<<"$status" && grep -qw "wsrep_cluster_size	${size:-$node}" <<<"$status"
}

# Written once, on all nodes.
together() { client 1 <"$dir/init.sql"; }

main "$@"
