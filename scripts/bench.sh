#!/usr/bin/env bash
# Runs all benchmarks but the replay, each on a private MariaDB, and keeps what they say as JSON beside the build. Beside each
# ratio stands what it was when somebody last found it good (benches/baseline.json); TIDEPOOL_BENCH_ACCEPT=1 makes those of
# each benchmark that met its targets the next ones, and the charts those that docs/performance.md shows, if all did. Fails where a
# target was missed, after all are done.
#   bench.sh
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$ROOT"

results=${CARGO_TARGET_DIR:-target}/bench
mkdir -p "$results"
# Of a benchmark that dies there is no chart, rather than one of an earlier run.
rm -f "$results"/{calls,growth,ingest,sweep}.json
missed=()
scripts/bench-calls.sh --json "$results/calls.json" || missed+=(calls)
scripts/bench-growth.sh --rounds 11 --json "$results/growth.json" || missed+=(growth)
scripts/bench-ingest.sh --rounds 3 --json "$results/ingest.json" || missed+=(ingest)
scripts/bench-sweep.sh --json "$results/sweep.json" || missed+=(sweep)
charts=$results
if [ -n "${TIDEPOOL_BENCH_ACCEPT:-}" ] && [ ${#missed[@]} = 0 ]; then charts=$PWD/docs/charts; fi
found=()
for name in calls growth ingest sweep; do [ ! -f "$results/$name.json" ] || found+=("$results/$name.json"); done
[ ${#found[@]} = 0 ] || cargo bench --locked --bench charts -- "${found[@]}" "$charts"
say "as JSON: $results, after $((SECONDS / 60)) minutes"
[ ${#missed[@]} = 0 ] || fail "what did not end well, or missed a target: ${missed[*]}"
