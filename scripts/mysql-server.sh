#!/usr/bin/env bash
# shellcheck disable=SC2034
# How MySQL's programs are run from wherever they are, for the scripts that start servers. Sourced, not run, after lib.sh.

# find_mysql: sets `mysqld` and `mysql`, which begin command lines, and `where`, options of the server.
find_mysql() {
  local home
  home=$("$ROOT/scripts/mysql-programs.sh")
  if [ -x "$home/run" ]; then
    # Unpacked packages run through their own loader, which is told where everything lies.
    mysqld=("$home/run" mysqld) mysql=("$home/run" mysql)
    where=(--basedir="$home/usr" --lc-messages-dir="$home/usr/share/mysql" --character-sets-dir="$home/usr/share/mysql/charsets"
      --plugin-dir="$home/usr/lib/mysql/plugin")
    return
  fi
  mysqld=("$home/sbin/mysqld") mysql=("$home/bin/mysql")
  where=(--basedir="$home")
  [ -x "${mysqld[0]}" ] || mysqld=("$home/bin/mysqld")
}

# first_mysql_tables DATA LOG: the tables that every server has.
first_mysql_tables() {
  "${mysqld[@]}" --no-defaults "${where[@]}" --user="$(id -un)" --datadir="$1" --log-error="$2" --secure-file-priv= \
    --disable-log-bin --initialize-insecure
}

# What all throw-away servers are told. --no-defaults comes first and keeps /etc/mysql out. No fsync: the data never outlives the
# run. Of the performance schema only what costs nothing: who waits for which lock, and who is in a group. Room in the redo log for
# all the tables that tests create, or everybody waits until it is written back. Awkward defaults on purpose: a table or a query
# that relies on the server's character set or time zone shows up.
throw_away=(--secure-file-priv= --bind-address=127.0.0.1 --mysqlx=OFF --skip-name-resolve --max-connections=1000
  --character-set-server=latin1 --collation-server=latin1_swedish_ci --default-time-zone=+05:30
  --performance-schema=ON --performance-schema-instrument=%=OFF --innodb-buffer-pool-size=256M --innodb-redo-log-capacity=512M
  --innodb-flush-log-at-trx-commit=0 --innodb-doublewrite=OFF --innodb-flush-method=nosync)
