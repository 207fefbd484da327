#!/usr/bin/env bash
# A private, throw-away MariaDB server for the tests, on a free loopback port, all of it in one folder.
#   mariadb.sh start DIR [OPTION...]   starts it (DIR: new or empty), with more options of mariadbd, and prints its URL
#   mariadb.sh url DIR   prints the URL again
#   mariadb.sh stop DIR   ends the server and removes DIR
# The programs come from MARIADB_HOME, from PATH, or from scripts/mariadb-programs.sh.
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
daemon=mariadbd
# shellcheck source=scripts/server.sh
. "$ROOT/scripts/server.sh"

# program NAME: its path in the installation `home`.
program() {
  local sub
  for sub in sbin bin scripts libexec; do
    if [ -x "$home/$sub/$1" ]; then printf '%s\n' "$home/$sub/$1" && return; fi
  done
  fail "no program $1 under $home: MariaDB's server and client programs are both needed"
}

prepare() {
  home=$("$ROOT/scripts/mariadb-programs.sh")
  # Unpacked packages bring their libraries along; for an installed server these folders do not exist.
  if [ -d "$home/lib/tidepool" ]; then export LD_LIBRARY_PATH=$home/lib/tidepool; fi
  mariadbd=$(program mariadbd)
  mariadb=$(program mariadb)
}

install() {
  # --rpm keeps the installer from looking up host names and from changing the owner of the system's PAM plugin.
  "$(program mariadb-install-db)" --no-defaults --rpm --user="$(id -un)" --basedir="$home" --datadir="$dir/data" \
    --auth-root-authentication-method=normal --skip-test-db --skip-name-resolve --innodb-log-file-size=32M
}

# Through the very address the tests will use.
client() { "$mariadb" --no-defaults --host=127.0.0.1 --port="$port" --user=root --connect-timeout=5 "$@"; }

serve() {
  # --no-defaults keeps /etc/mysql out. No fsync: the data never outlives the run. A folder of its own for temporary tables:
  # whichever server starts in a shared one removes those that others have open.
  # Awkward defaults on purpose: a table or a query that relies on the server's character set or time zone shows up.
  # shellcheck disable=SC2034 # used by launch
  server=("$mariadbd" --no-defaults --user="$(id -un)" --basedir="$home" --datadir="$dir/data" --tmpdir="$dir/tmp"
    --socket=./server.sock --pid-file="$dir/mariadbd.pid" --log-error="$dir/error.log"
    --bind-address=127.0.0.1 --port="$port" --skip-name-resolve --max-connections=1000
    --character-set-server=latin1 --collation-server=latin1_swedish_ci --default-time-zone=+05:30
    --performance-schema=OFF --innodb-buffer-pool-size=256M --innodb-log-file-size=32M
    --innodb-flush-log-at-trx-commit=0 --innodb-doublewrite=0 --loose-innodb-flush-method=nosync
    --sync-frm=0 --loose-debug-no-sync --aria-checkpoint-interval=0 --init-file="$dir/init.sql")
}

main "$@"
