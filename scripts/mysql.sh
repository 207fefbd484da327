#!/usr/bin/env bash
# A private, throw-away MySQL server for the tests, on a free loopback port, all of it in one folder.
#   mysql.sh start DIR [OPTION...]   starts it (DIR: new or empty), with more options of mysqld, and prints its URL
#   mysql.sh url DIR   prints the URL again
#   mysql.sh stop DIR   ends the server and removes DIR
# The programs come from MYSQL_HOME, from PATH, or from scripts/mysql-programs.sh.
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
daemon=mysqld
# shellcheck source=scripts/server.sh
. "$ROOT/scripts/server.sh"

prepare() {
  home=$("$ROOT/scripts/mysql-programs.sh")
  # Unpacked packages run through their own loader, which is told where everything lies.
  run=() where=(--basedir="$home")
  if [ -x "$home/run" ]; then
    run=("$home/run")
    where=(--basedir="$home/usr" --lc-messages-dir="$home/usr/share/mysql" --character-sets-dir="$home/usr/share/mysql/charsets"
      --plugin-dir="$home/usr/lib/mysql/plugin")
    mysqld=mysqld mysql=mysql
  else
    mysqld=$home/sbin/mysqld mysql=$home/bin/mysql
    [ -x "$mysqld" ] || mysqld=$home/bin/mysqld
  fi
  base=("${run[@]}" "$mysqld" --no-defaults "${where[@]}" --user="$(id -un)" --datadir="$dir/data" --log-error="$dir/error.log"
    --secure-file-priv=)
}

install() { "${base[@]}" --initialize-insecure; }

# Through the very address the tests will use.
client() { "${run[@]}" "$mysql" --no-defaults --host=127.0.0.1 --port="$port" --user=root --connect-timeout=5 "$@"; }

serve() {
  # --no-defaults keeps /etc/mysql out. No fsync: the data never outlives the run.
  # Awkward defaults on purpose: a table or a query that relies on the server's character set or time zone shows up.
  # shellcheck disable=SC2034 # used by launch
  server=("${base[@]}" --tmpdir="$dir/tmp"
    --socket="$dir/server.sock" --pid-file="$dir/mysqld.pid"
    --bind-address=127.0.0.1 --port="$port" --mysqlx=OFF --skip-name-resolve --max-connections=1000
    --character-set-server=latin1 --collation-server=latin1_swedish_ci --default-time-zone=+05:30
    --performance-schema=OFF --innodb-buffer-pool-size=256M --innodb-redo-log-capacity=64M --disable-log-bin
    --innodb-flush-log-at-trx-commit=0 --innodb-doublewrite=OFF --innodb-flush-method=nosync --init-file="$dir/init.sql")
}

main "$@"
