#!/usr/bin/env bash
# shellcheck disable=SC2034,SC2154
# How MariaDB's programs are run from wherever they are, for the scripts that start servers. Sourced, not run, after lib.sh.

# program NAME: its path in the installation `home`.
program() {
  local sub
  for sub in sbin bin scripts libexec; do
    if [ -x "$home/$sub/$1" ]; then printf '%s\n' "$home/$sub/$1" && return; fi
  done
  fail "no program $1 under $home: MariaDB's server and client programs are both needed"
}

# find_mariadb: sets `home`; `mariadbd` and `mariadb`, which begin command lines; `where`, options of the server.
find_mariadb() {
  home=$("$ROOT/scripts/mariadb-programs.sh")
  if [ -x "$home/run" ]; then
    # Packages of another suite run through their own loader, and are told where everything lies.
    local share=$home/usr/share/mariadb
    [ -d "$share/charsets" ] || share=$home/usr/share/mysql
    mariadbd=("$home/run" mariadbd) mariadb=("$home/run" mariadb)
    where=(--basedir="$home/usr" --lc-messages-dir="$share" --character-sets-dir="$share/charsets"
      --plugin-dir="$home/usr/lib/mysql/plugin")
    sql=$share
    return
  fi
  # Unpacked packages of the machine's suite bring their libraries along; for an installed server these folders do not exist.
  if [ -d "$home/lib/tidepool" ]; then export LD_LIBRARY_PATH=$home/lib/tidepool; fi
  mariadbd=("$(program mariadbd)") mariadb=("$(program mariadb)")
  where=(--basedir="$home")
}

# first_tables DATA: the tables that every server has. Those of users have root on this machine, without a password.
first_tables() {
  if [ ! -x "$home/run" ]; then
    # --rpm keeps the installer from looking up host names and from changing the owner of the system's PAM plugin.
    "$(program mariadb-install-db)" --no-defaults --rpm --user="$(id -un)" --basedir="$home" --datadir="$1" \
      --auth-root-authentication-method=normal --skip-test-db --skip-name-resolve --innodb-log-file-size=32M
    return
  fi
  # The installer would start the server without its loader; this is what it does.
  mkdir -p "$1/mysql"
  {
    printf '%s\n' 'CREATE DATABASE IF NOT EXISTS mysql;' 'USE mysql;' 'SET @auth_root_socket = NULL;'
    # Older versions still call them by MySQL's name.
    cat "$sql"/m*_system_tables.sql "$sql"/m*_performance_tables.sql "$sql"/m*_system_tables_data.sql \
      "$sql/fill_help_tables.sql" "$sql"/m*_sys_schema.sql
  } | "${mariadbd[@]}" --no-defaults "${where[@]}" --user="$(id -un)" --datadir="$1" --bootstrap --skip-networking \
    --max-allowed-packet=16M --innodb-log-file-size=32M
}

# What all throw-away servers are told. --no-defaults comes first and keeps /etc/mysql out. No fsync: the data never outlives the
# run. Awkward defaults on purpose: a table or a query that relies on the server's character set or time zone shows up.
throw_away=(--bind-address=127.0.0.1 --skip-name-resolve --max-connections=1000
  --character-set-server=latin1 --collation-server=latin1_swedish_ci --default-time-zone=+05:30
  --performance-schema=OFF --innodb-buffer-pool-size=256M --innodb-log-file-size=32M
  --innodb-flush-log-at-trx-commit=0 --innodb-doublewrite=0 --loose-innodb-flush-method=nosync
  --sync-frm=0 --loose-debug-no-sync --aria-checkpoint-interval=0)
