#!/usr/bin/env bash
# A private, throw-away group of three MySQL servers for the tests, all of them primaries (Group Replication, multi-primary mode), on
# free loopback ports, all of it in one folder.
#   group-replication.sh start DIR [OPTION...]   starts them (DIR: new or empty), with more options of mysqld, and prints their URLs
#   group-replication.sh url DIR [NODE]   prints the URL of one server (1, 2, 3; the first one if none is named)
#   group-replication.sh urls DIR   prints those of all, a space between
#   group-replication.sh stop DIR   ends the servers and removes DIR
# The programs come from where scripts/mysql.sh gets them.
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
daemon=mysqld
# shellcheck source=scripts/mysql-server.sh
. "$ROOT/scripts/mysql-server.sh"
# shellcheck source=scripts/cluster.sh
. "$ROOT/scripts/cluster.sh"

prepare() { find_mysql; }

# All begin with the same data, but each is a server of its own.
install() {
  first_mysql_tables "$dir/1/data" "$dir/1/error.log"
  local node
  for node in 2 3; do
    cp -a "$dir/1/data" "$dir/$node/data"
    rm -f "$dir/$node/data/auto.cnf"
  done
}

client() {
  local node=$1
  shift
  "${mysql[@]}" --no-defaults --socket="$dir/$node/server.sock" --user=root --connect-timeout=5 "$@"
}

serve() {
  local node=$1 base=$2
  local address=127.0.0.1:$((base + 10 + node))
  local seeds=127.0.0.1:$((base + 11)),127.0.0.1:$((base + 12)),127.0.0.1:$((base + 13))
  server=("${mysqld[@]}" --no-defaults "${where[@]}" --user="$(id -un)" --datadir="$dir/$node/data" --tmpdir="$dir/$node/tmp"
    --socket="$dir/$node/server.sock" --pid-file="$dir/$node/mysqld.pid" --log-error="$dir/$node/error.log"
    --port=$((base + node)) "${throw_away[@]}"
    --server-id="$node" --log-bin=binlog --sync-binlog=0 --gtid-mode=ON --enforce-gtid-consistency=ON
    --report-host=127.0.0.1 --report-port=$((base + node)) --plugin-load-add=group_replication.so
    --loose-group-replication-group-name=7ea5e9d0-7001-4000-8000-000000000000 --loose-group-replication-start-on-boot=OFF
    --loose-group-replication-local-address="$address" --loose-group-replication-group-seeds="$seeds"
    --loose-group-replication-single-primary-mode=OFF --loose-group-replication-enforce-update-everywhere-checks=ON
    --loose-group-replication-recovery-get-public-key=ON --loose-group-replication-ip-allowlist=127.0.0.1/32)
}

# Makes a server that runs alone one of the group, and says whether it is.
joined() {
  local node=$1 state
  state=$(client "$node" --skip-column-names --batch --execute="SELECT MEMBER_STATE FROM performance_schema.replication_group_members
    WHERE MEMBER_ID = '' OR MEMBER_ID = @@server_uuid" 2>/dev/null) || return 1
  case $state in
    ONLINE) return ;;
    OFFLINE) join "$node" >>"$dir/$node/output.log" 2>&1 || true ;;
  esac
  return 1
}

join() {
  {
    # Users are no part of what is replicated: every server has them before.
    echo 'SET SQL_LOG_BIN = 0;'
    cat "$dir/init.sql"
    echo "SET SQL_LOG_BIN = 1; CHANGE REPLICATION SOURCE TO SOURCE_USER = 'root' FOR CHANNEL 'group_replication_recovery';"
    if [ "$1" = 1 ]; then echo 'SET GLOBAL group_replication_bootstrap_group = ON;'; fi
    echo 'START GROUP_REPLICATION;'
    if [ "$1" = 1 ]; then echo 'SET GLOBAL group_replication_bootstrap_group = OFF;'; fi
  } | client "$1"
}

together() { :; }

main "$@"
