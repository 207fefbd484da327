#!/usr/bin/env bash
# Obtains the checking tools that are not part of a Rust installation, into a local folder. Fast when they are there.
#   tools.sh         gets what is lacking
#   tools.sh clean   removes the folder with everything in it
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

if [ "${1:-}" = clean ]; then
  [ -e "$TOOLS" ] || exit 0
  # TIDEPOOL_TOOLS may point anywhere: only a folder that lock_tools has marked is removed.
  [ -e "$TOOLS/lock" ] || fail "$TOOLS does not look like a tools folder; it is left alone"
  rm -rf "$TOOLS"
  say "removed $TOOLS"
  exit
fi

have cargo || fail "cargo is needed: install Rust (https://rustup.rs)"
for component in fmt clippy; do
  (cd "$ROOT" && cargo "$component" --version) >/dev/null 2>&1 ||
    fail "cargo $component is needed: rustup component add rustfmt clippy"
done

lock_tools
python_venv "$PYTHON_TOOLS" "$ROOT/scripts/requirements.txt"
