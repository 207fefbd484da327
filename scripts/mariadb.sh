#!/usr/bin/env bash
# A private, throw-away MariaDB server for the tests, on a free loopback port, all of it in one folder.
#   mariadb.sh start DIR [OPTION...]   starts it (DIR: new or empty), with more options of mariadbd, and prints its URL
#   mariadb.sh url DIR   prints the URL again
#   mariadb.sh stop DIR   ends the server and removes DIR
# The programs come from MARIADB_HOME, from PATH, or from scripts/mariadb-programs.sh; with TIDEPOOL_MARIADB_SUITE=trixie they are
# those of that suite of Debian.
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
daemon=mariadbd
# shellcheck source=scripts/mariadb-server.sh
. "$ROOT/scripts/mariadb-server.sh"
# shellcheck source=scripts/server.sh
. "$ROOT/scripts/server.sh"

prepare() { find_mariadb; }

install() { first_tables "$dir/data"; }

# Through the very address the tests will use.
client() { "${mariadb[@]}" --no-defaults --host=127.0.0.1 --port="$port" --user=root --connect-timeout=5 "$@"; }

serve() {
  # A folder of its own for temporary tables: whichever server starts in a shared one removes those that others have open.
  # shellcheck disable=SC2034,SC2154 # used by launch; set by mariadb-server.sh
  server=("${mariadbd[@]}" --no-defaults "${where[@]}" --user="$(id -un)" --datadir="$dir/data" --tmpdir="$dir/tmp"
    --socket=./server.sock --pid-file="$dir/mariadbd.pid" --log-error="$dir/error.log"
    --port="$port" "${throw_away[@]}" --init-file="$dir/init.sql")
}

main "$@"
