#!/usr/bin/env bash
# Changes the rules of src/domain one small step at a time (a comparison turned round, a function that answers nothing) and runs
# their unit tests: a change that no test notices is named, and fails. .cargo/mutants.toml says which changes are none because nothing
# can come of them.
#
# The domain depends on nothing of ours, so only it is built, as the small crate of mutants/, laid out in a folder of its own.
# Settings come from the environment:
#   FILES='src/domain/limits/**'    only these; limits, circulation, retention, exceptions, the sweep, jobs, days, conditions if it is not said
#   SHARD=0/4                       only every fourth change, from the first on
#   OUT=FOLDER                      where cargo-mutants writes what it did (target/mutants if it is not said)
#   MUTANTS_FOLDER=FOLDER           where the crate is laid out and built; kept then, so that a second run builds little
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$ROOT"

if ! cargo mutants --version >/dev/null 2>&1; then
  say "installing cargo-mutants, some minutes"
  cargo install cargo-mutants --locked || fail "cargo-mutants cannot be installed; it is needed: cargo install cargo-mutants --locked"
fi

if [ -n "${MUTANTS_FOLDER:-}" ]; then
  folder=$MUTANTS_FOLDER
else
  folder=$(mktemp -d "$(fast_folder)/tidepool-mutants.XXXXXX")
  trap 'rm -rf "$folder"' EXIT
  trap 'exit 130' INT TERM HUP
fi
out=${OUT:-$ROOT/target/mutants}
mkdir -p "$folder/src" "$folder/docs" "$folder/.cargo" "$out"
rm -rf "$folder/src/domain" "$folder/proptest-regressions"
cp mutants/Cargo.toml Cargo.lock rust-toolchain.toml "$folder"
cp mutants/lib.rs "$folder/src/lib.rs"
cp .cargo/mutants.toml "$folder/.cargo"
cp -r src/domain "$folder/src"
cp -r proptest-regressions "$folder"
# A test reads it.
cp docs/conditions.md "$folder/docs"

args=(--in-place --output "$out" --no-times)
# The rules of which a mistake takes accounts away, lets too many be held, or moves the wrong ones.
rules=('limits/**' 'circulation/**' membership.rs 'retention/**' retention_plan.rs sweep.rs 'exception/**' days.rs 'days/**' breaker.rs job.rs 'job/**' 'condition/**')
if [ -n "${FILES:-}" ]; then read -ra files <<<"$FILES"; else files=("${rules[@]/#/src/domain/}"); fi
for file in "${files[@]}"; do args+=(--file "$file"); done
if [ -n "${SHARD:-}" ]; then args+=(--shard "$SHARD" --sharding round-robin); fi
# The copy is the one that is changed, and what was built of it stays good: only what a change touches is built again.
unset CARGO_TARGET_DIR
cd "$folder"
PROPTEST_CASES=${PROPTEST_CASES:-64} cargo mutants "${args[@]}"
