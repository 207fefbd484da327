#!/usr/bin/env bash
# Runs a benchmark on a private MariaDB that is stopped however it ends.
#   bench-on-mariadb.sh BENCHMARK [ARGUMENT...]
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$ROOT"

[ $# -ge 1 ] || fail "usage: bench-on-mariadb.sh BENCHMARK [ARGUMENT...]"
folder=$(mktemp -d)
trap 'scripts/mariadb.sh stop "$folder/server"; rm -rf "$folder"' EXIT
cargo bench --locked --bench "$1" --no-run
# As an operator has it, not as tests want it: what was acknowledged is on the disk, all accounts fit into memory, and the
# redo log is so large that nothing has to be flushed in a hurry. A solid state disk is taken for granted.
TIDEPOOL_BENCH_SERVER_URL=$(scripts/mariadb.sh start "$folder/server" \
  --innodb-buffer-pool-size=4G --innodb-log-file-size=2G --innodb-flush-log-at-trx-commit=1 --innodb-doublewrite=1 \
  --loose-innodb-flush-method=O_DIRECT --innodb-flush-neighbors=0 --innodb-io-capacity=1000 --innodb-io-capacity-max=4000)
export TIDEPOOL_BENCH_SERVER_URL
cargo bench --locked --bench "$1" -- "${@:2}"
