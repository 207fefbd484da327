#!/usr/bin/env bash
# Gives what nobody checked yet (texts of conditions, page tokens, CSV files, requests) to the code that reads it, instrumented,
# beginning with the inputs of fuzz/corpus. What goes wrong lies in fuzz/artifacts afterwards, with the command that repeats it.
# Settings come from the environment:
#   MINUTES=10        how long each target runs, 5 if it is not said
#   TARGET=request    only this one: condition, page_token, csv or request
#   MINIMISE=1        then puts into fuzz/corpus what was found, and only what adds to the rest
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$ROOT"

have rustup || fail "rustup is needed, which installs the nightly compiler that fuzzing takes: https://rustup.rs"
if ! rustup run nightly rustc --version >/dev/null 2>&1; then
  say "installing the nightly compiler"
  rustup toolchain install nightly --profile minimal || fail "the nightly compiler cannot be installed: rustup toolchain install nightly"
fi
if ! cargo fuzz --version >/dev/null 2>&1; then
  say "installing cargo-fuzz, some minutes"
  cargo install cargo-fuzz --locked || fail "cargo-fuzz cannot be installed; it is needed: cargo install cargo-fuzz --locked"
fi
have c++ || apt_install g++ || fail "a C++ compiler is needed, for libFuzzer: install the package g++"

# Built with other settings than everything else, so elsewhere.
export CARGO_TARGET_DIR=${TIDEPOOL_FUZZ_TARGET_DIR:-$ROOT/target/fuzz}
seconds=$((${MINUTES:-5} * 60))
# The versions that the product is built with.
cp Cargo.lock fuzz/Cargo.lock
# Nothing of ours is unsafe: finding new ways through the code is worth more than watching memory. Sums are checked.
fuzz() { cargo +nightly fuzz run --sanitizer none "$@"; }
options=(-max_total_time="$seconds" -max_len=16384 -timeout=20 -rss_limit_mb=2048 -print_final_stats=1)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP
for target in ${TARGET:-condition page_token csv request}; do
  [ -d "fuzz/corpus/$target" ] || fail "there is no target $target"
  say "$target, $seconds s"
  # What is found goes elsewhere: the committed inputs stay few.
  mkdir -p "$work/$target"
  fuzz "$target" "$work/$target" "fuzz/corpus/$target" -- "${options[@]}"
  if [ -n "${MINIMISE:-}" ]; then
    mkdir -p "$work/merged"
    fuzz "$target" "$work/merged" "fuzz/corpus/$target" "$work/$target" -- -merge=1 -max_len=16384
    say "$target: $(find "$work/merged" -type f | wc -l) inputs make all the difference; the smallest are in fuzz/corpus/$target"
    find "$work/merged" -type f -size -2k -printf '%s %p\n' | sort -n | head -n 60 | while read -r _ file; do cp "$file" "fuzz/corpus/$target/"; done
    rm -rf "$work/merged"
  fi
done
