#!/usr/bin/env bash
# Measures the sweep on a private MariaDB that is stopped however it ends. See benches/sweep/main.rs.
#   bench-sweep.sh [--accounts N] [--due N] [--json FILE]
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$ROOT"

folder=$(mktemp -d)
trap 'scripts/mariadb.sh stop "$folder/server"; rm -rf "$folder"' EXIT
cargo bench --locked --bench sweep --no-run
url=$(scripts/mariadb.sh start "$folder/server")
home=$(scripts/mariadb-programs.sh)
client=$(command -v "$home/bin/mariadb" || command -v mariadb)
if [ -d "$home/lib/tidepool" ]; then export LD_LIBRARY_PATH=$home/lib/tidepool; fi
port=${url##*:}
"$client" --no-defaults --host=127.0.0.1 --port="$port" --user=root --execute='CREATE DATABASE bench;
  SET GLOBAL innodb_buffer_pool_size = 2147483648' # a million accounts fit: disks are not what is measured
unset LD_LIBRARY_PATH
TIDEPOOL_BENCH_DATABASE_URL=$url/bench cargo bench --locked --bench sweep -- "$@"
