#!/usr/bin/env bash
# A private, throw-away MySQL server for the tests, on a free loopback port, all of it in one folder.
#   mysql.sh start DIR [OPTION...]   starts it (DIR: new or empty), with more options of mysqld, and prints its URL
#   mysql.sh url DIR   prints the URL again
#   mysql.sh stop DIR   ends the server and removes DIR
# The programs come from MYSQL_HOME, from PATH, or from scripts/mysql-programs.sh.
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
daemon=mysqld
# shellcheck source=scripts/mysql-server.sh
. "$ROOT/scripts/mysql-server.sh"
# shellcheck source=scripts/server.sh
. "$ROOT/scripts/server.sh"

prepare() { find_mysql; }

install() { first_mysql_tables "$dir/data" "$dir/error.log"; }

# Through the very address the tests will use.
client() { "${mysql[@]}" --no-defaults --host=127.0.0.1 --port="$port" --user=root --connect-timeout=5 "$@"; }

serve() {
  # shellcheck disable=SC2034,SC2154 # used by launch; set by mysql-server.sh
  server=("${mysqld[@]}" --no-defaults "${where[@]}" --user="$(id -un)" --datadir="$dir/data" --tmpdir="$dir/tmp"
    --socket="$dir/server.sock" --pid-file="$dir/mysqld.pid" --log-error="$dir/error.log"
    --port="$port" "${throw_away[@]}" --disable-log-bin --init-file="$dir/init.sql")
}

main "$@"
