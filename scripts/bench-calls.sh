#!/usr/bin/env bash
# Measures what calls cost, and how large and quick to start the program is as it is released. See benches/calls/main.rs.
#   bench-calls.sh [--quick] [--accounts N] [--rounds N] [--json FILE]
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$ROOT"

target=${CARGO_TARGET_DIR:-target}
cargo build --release --locked --bin tidepool
# The benchmark's own build takes its place.
mkdir -p "$target/bench"
cp "$target/release/tidepool" "$target/bench/tidepool"
export TIDEPOOL_BENCH_PROGRAM=$target/bench/tidepool
scripts/bench-on-mariadb.sh calls "$@"
