#!/usr/bin/env bash
# A private, throw-away MariaDB server for the tests, on a free loopback port, all of it in one folder.
#   mariadb.sh start DIR [OPTION...]   starts it (DIR: new or empty), with more options of mariadbd, and prints its URL
#   mariadb.sh url DIR   prints the URL again
#   mariadb.sh stop DIR   ends the server and removes DIR
# The programs come from MARIADB_HOME, from PATH, or from scripts/mariadb-programs.sh.
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

usage() { fail "usage: mariadb.sh start DIR [OPTION...] | url DIR | stop DIR"; }

# program NAME: its path in the installation `home`.
program() {
  local sub
  for sub in sbin bin scripts libexec; do
    if [ -x "$home/$sub/$1" ]; then printf '%s\n' "$home/$sub/$1" && return; fi
  done
  fail "no program $1 under $home: MariaDB's server and client programs are both needed"
}

# gone PID: a zombie that nobody reaps counts as gone, or stop would wait for ever in a container without an init.
gone() { ! kill -0 "$1" 2>/dev/null || grep -q '^State:[[:space:]]*Z' "/proc/$1/status" 2>/dev/null; }

# client ARGS...: through the very address the tests will use.
client() { "$mariadb" --no-defaults --host=127.0.0.1 --port="$port" --user=root --connect-timeout=5 "$@"; }

install_tables() {
  # --rpm keeps the installer from looking up host names and from changing the owner of the system's PAM plugin.
  "$(program mariadb-install-db)" --no-defaults --rpm --user="$(id -un)" --basedir="$home" --datadir="$dir/data" \
    --auth-root-authentication-method=normal --skip-test-db --skip-name-resolve --innodb-log-file-size=32M \
    >"$dir/install.log" 2>&1 || { tail -n 20 "$dir/install.log" >&2; fail "mariadb-install-db failed"; }
}

# launch: one try on `port`; fails when the server ends before it answers (the port was taken meanwhile).
launch() {
  # --no-defaults keeps /etc/mysql out. No fsync: the data never outlives the run. A folder of its own for temporary tables:
  # whichever server starts in a shared one removes those that others have open.
  # Awkward defaults on purpose: a table or a query that relies on the server's character set or time zone shows up.
  setsid "$mariadbd" --no-defaults --user="$(id -un)" --basedir="$home" --datadir="$dir/data" --tmpdir="$dir/tmp" \
    --socket=./server.sock --pid-file="$dir/mariadbd.pid" --log-error="$dir/error.log" \
    --bind-address=127.0.0.1 --port="$port" --skip-name-resolve --max-connections=1000 \
    --character-set-server=latin1 --collation-server=latin1_swedish_ci --default-time-zone=+05:30 \
    --performance-schema=OFF --innodb-buffer-pool-size=256M --innodb-log-file-size=32M \
    --innodb-flush-log-at-trx-commit=0 --innodb-doublewrite=0 --loose-innodb-flush-method=nosync \
    --sync-frm=0 --loose-debug-no-sync --aria-checkpoint-interval=0 --init-file="$dir/init.sql" "${options[@]}" \
    </dev/null >"$dir/output.log" 2>&1 &
  local pid=$! waited
  printf '%s\n' "$pid" >"$dir/server"
  for waited in $(seq 600); do
    # Another server may sit on the port, so the answer counts only when it comes from our own data folder.
    if [ "$(client --skip-column-names --batch --execute='SELECT @@datadir' 2>/dev/null || true)" = "$dir/data/" ]; then return; fi
    if gone "$pid"; then return 1; fi
    sleep 0.1
  done
  kill -KILL "$pid" 2>/dev/null || true
  tail -n 20 "$dir/error.log" >&2
  fail "mariadbd did not answer within $((waited / 10)) seconds"
}

start() {
  [ -z "$(ls -A "$dir" 2>/dev/null || true)" ] || fail "$dir is not empty"
  home=$("$ROOT/scripts/mariadb-programs.sh")
  # Unpacked packages bring their libraries along; for an installed server these folders do not exist.
  if [ -d "$home/lib/tidepool" ]; then export LD_LIBRARY_PATH=$home/lib/tidepool; fi
  mariadbd=$(program mariadbd)
  mariadb=$(program mariadb)
  mkdir -p "$dir/tmp"
  dir=$(cd "$dir" && pwd -P)
  touch "$dir/tidepool-mariadb"
  install_tables
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
    say "mariadbd did not start on port $port (try $try)"
    grep -qi 'address already in use' "$dir/error.log" || break
    : >"$dir/error.log"
  done
  tail -n 20 "$dir/error.log" "$dir/output.log" >&2
  fail "mariadbd could not be started"
}

stop() {
  # Never started, or stopped before: nothing there, or an empty folder.
  if [ ! -e "$dir" ] || rmdir "$dir" 2>/dev/null; then return; fi
  [ -e "$dir/tidepool-mariadb" ] || fail "$dir was not made by mariadb.sh start; it is left alone"
  local pid
  pid=$(cat "$dir/server" 2>/dev/null || true)
  # Process ids are used again: only a process that runs on this very folder is ours.
  if [ -n "$pid" ] && tr '\0' '\n' <"/proc/$pid/cmdline" 2>/dev/null | grep -qxF -- "--datadir=$(cd "$dir" && pwd -P)/data"; then
    # The data is thrown away, so no time goes into an orderly shutdown.
    kill -KILL "$pid" 2>/dev/null || true
    while ! gone "$pid"; do sleep 0.05; done
  fi
  rm -rf "$dir"
}

[ $# = 2 ] || { [ $# -gt 2 ] && [ "$1" = start ]; } || usage
dir=$2
# The last one of an option counts, so these win over what is said above.
options=("${@:3}")
case $1 in
  start) start ;;
  url) cat "$dir/url" 2>/dev/null || fail "no server was started in $dir" ;;
  stop) stop ;;
  *) usage ;;
esac
